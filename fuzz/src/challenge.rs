//! Input: a letter for the method, then the headers of a request (see `request`). What the whole layer answers must be readable by a
//! client that knows only the RFCs.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use exeat::{Refused, VerifiedToken};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tower::{Layer, Service};

use super::fixture::{GATE, wait};
use super::request::{NAMED, headers};

pub fn run(input: &[u8]) {
    let Some((method, lines)) = input.split_first() else {
        return;
    };
    let method = match method {
        b'p' => Method::POST,
        b'o' => Method::OPTIONS,
        b'd' => Method::DELETE,
        _ => Method::GET,
    };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.headers_mut() = headers(lines);
    let sent = request.headers().clone();
    let mut service = GATE
        .layer()
        .layer(tower::service_fn(async |request: Request<Body>| {
            let verified = request.extensions().get::<Arc<VerifiedToken>>();
            assert!(
                verified.is_some(),
                "the handler ran without a verified token"
            );
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    let Ok(response) = wait(service.call(request));
    let (parts, body) = response.into_parts();
    let Some(refused) = parts.extensions.get::<Refused>() else {
        assert!(!parts.headers.contains_key("exeat-handler"));
        return;
    };
    assert_eq!(refused.status, parts.status);
    let header = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
    assert_eq!(header("exeat-handler"), Some(&b"not-run"[..]));
    assert_eq!(header("cache-control"), Some(&b"no-store"[..]));
    assert!(
        !parts.headers.contains_key(RETRY_AFTER),
        "no key is ever missing here"
    );
    let challenges: Vec<_> = parts.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    assert!(challenges.len() <= 1);
    let challenge = challenges.first().map(|challenge| {
        let text = challenge.to_str().expect("a challenge is visible ASCII");
        Bearer::parse(text).unwrap_or_else(|| panic!("{text:?} is no challenge"))
    });
    let error = challenge
        .as_ref()
        .and_then(|challenge| challenge.param("error"));
    match parts.status {
        // Refused before anybody looked for a token.
        StatusCode::BAD_REQUEST if refused.code == "multiple_origin" => {
            assert!(challenge.is_none());
        }
        StatusCode::BAD_REQUEST => assert_eq!(error, Some("invalid_request")),
        StatusCode::UNAUTHORIZED if refused.code == "no_token" => {
            assert!(challenge.is_some() && error.is_none());
        }
        StatusCode::UNAUTHORIZED => assert_eq!(error, Some("invalid_token")),
        StatusCode::FORBIDDEN => assert!(error.is_none_or(|error| error == "insufficient_scope")),
        status => panic!("{status} is no refusal of a token"),
    }
    repeats_nothing(&sent, &parts.headers);
    if parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|is| is == "application/problem+json")
    {
        let body = wait(axum::body::to_bytes(body, 64 * 1024)).expect("it is short");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem is JSON");
        assert_eq!(problem.get("code"), Some(&refused.code.into()));
        assert_eq!(problem.get("status"), Some(&parts.status.as_u16().into()));
    }
}

/// Nothing of a credential comes back.
fn repeats_nothing(sent: &HeaderMap, answered: &HeaderMap) {
    let credentials = sent
        .get_all("authorization")
        .iter()
        .chain(sent.get_all(NAMED));
    for credential in credentials.filter_map(|value| value.to_str().ok()) {
        for word in credential.split(' ').filter(|word| word.len() > 24) {
            let repeats = answered
                .values()
                .any(|value| value.to_str().is_ok_and(|value| value.contains(word)));
            assert!(!repeats, "an answer repeats {word:?}");
        }
    }
}

/// A challenge (RFC 9110 §11.6.1) of the scheme Bearer with the parameters of RFC 6750 §3.
struct Bearer(Vec<(String, String)>);

impl Bearer {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix("Bearer")?;
        let mut params: Vec<(String, String)> = Vec::new();
        if rest.is_empty() {
            return Some(Self(params));
        }
        rest = rest.strip_prefix(' ')?;
        loop {
            let (name, value) = rest.split_once("=\"")?;
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let (value, after) = value.split_once('"')?;
            // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E, so that no value ever needs a backslash.
            let is_value = value
                .bytes()
                .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            let once = params.iter().all(|(known, _)| known != name);
            if !is_name || !is_value || !once {
                return None;
            }
            params.push((name.to_owned(), value.to_owned()));
            match after {
                "" => return Some(Self(params)),
                after => rest = after.strip_prefix(", ")?,
            }
        }
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}
