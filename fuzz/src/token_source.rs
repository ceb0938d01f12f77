//! Input: the headers and the query of a request (see `request`). What is found in the headers for tokens is judged twice, through the gate
//! and step by step; then the whole request goes through the layer, with every place enabled where a token may stand.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use exeat::{BearerToken, Refused, Rejected, VerifiedToken};
use exeat_jose::{CompactJws, InvalidToken, PayloadBuf};
use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower::ServiceExt;

use super::fixture::{
    COOKIE_NAME, GATE, KEYS, NAMESPACE, NOW, PARAMETER, PATH, decode_segment, expectations, wait,
};
use super::request::{NAMED, headers, uri};

pub fn run(input: &[u8]) {
    let headers = headers(input);
    match BearerToken::from_headers(&headers, Some(&NAMED)) {
        Ok(Some(token)) => {
            stands_alone(token.as_str(), &headers);
            judge(token.as_str());
        }
        Ok(None) => {
            assert!(
                !headers.contains_key(&NAMED),
                "what the named header holds is a token"
            );
            let bearer = headers
                .get(AUTHORIZATION)
                .is_some_and(|value| is_bearer(value.as_bytes()));
            assert!(!bearer, "a bearer credential is a token");
        }
        Err(Rejected::MultipleTokens) => {
            let lines = lines(&headers).count();
            assert!(lines > 1, "{lines} line");
        }
        Err(why) => {
            assert!(
                matches!(why.reason(), "bad_credentials" | "too_large"),
                "{why}"
            );
            assert!(
                lines(&headers).next().is_some(),
                "refused without a credential"
            );
        }
    }
    // Whether another header is looked at may add tokens, and never removes one.
    if let Ok(Some(token)) = BearerToken::from_headers(&headers, None) {
        let both = BearerToken::from_headers(&headers, Some(&NAMED));
        assert!(
            both.is_err()
                || both.is_ok_and(|both| both.is_some_and(|both| both.as_str() == token.as_str()))
        );
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri(input);
    *request.headers_mut() = headers;
    one_token_whatever_carries_it(request);
}

/// The handler runs for one token alone, and sees it nowhere but in a header that is made for it.
fn one_token_whatever_carries_it(request: Request<Body>) {
    static APP: LazyLock<Router> = LazyLock::new(|| {
        let handler = async |request: Request<Body>| {
            assert!(request.extensions().get::<Arc<VerifiedToken>>().is_some());
            assert_eq!(elsewhere(&request), 0, "the handler sees the token");
        };
        Router::new().route(PATH, any(handler)).layer(GATE.layer())
    });
    let bearers = lines(request.headers())
        .filter(|line| is_bearer(line))
        .count();
    let named = request.headers().get_all(NAMED).iter();
    let named = named.filter(|line| !is_bearer(line.as_bytes())).count();
    let carried = bearers + named + elsewhere(&request);
    let answer = wait(APP.clone().oneshot(request)).expect("a router cannot fail");
    match answer.extensions().get::<Refused>() {
        None => assert_eq!(carried, 1, "the handler ran"),
        Some(refused) if refused.code == "no_token" => assert_eq!(carried, 0),
        Some(refused) if refused.code == "internal_error" => panic!("an error of ours"),
        Some(_) => {}
    }
}

/// How many tokens a request carries where no header is made for them. A cookie without a value is none.
fn elsewhere(request: &Request<Body>) -> usize {
    let entries = |name: HeaderName, between: u8, prefix: String| {
        let lines = request.headers().get_all(name);
        let entries = lines
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == between))
            .map(<[u8]>::trim_ascii);
        entries
            .filter(|entry| entry.len() > prefix.len() && entry.starts_with(prefix.as_bytes()))
            .count()
    };
    let cookies = entries(COOKIE, b';', format!("{COOKIE_NAME}="));
    let prefix = format!("base64url.bearer.authorization.{NAMESPACE}.");
    let subprotocols = entries(SEC_WEBSOCKET_PROTOCOL, b',', prefix);
    let query = request.uri().query().unwrap_or_default();
    let names = query
        .split('&')
        .filter_map(|pair| pair.split('=').next().map(decoded));
    cookies + subprotocols + names.filter(|name| name == PARAMETER.as_bytes()).count()
}

/// Without percent-encoding (RFC 3986 §2.1).
fn decoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, after) = match byte {
            Some(byte) if first == b'%' => (byte, after.get(2..).unwrap_or_default()),
            _ => (first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let authorization = headers.get_all(AUTHORIZATION).iter();
    authorization
        .chain(headers.get_all(NAMED))
        .map(HeaderValue::as_bytes)
}

fn is_bearer(value: &[u8]) -> bool {
    value
        .get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

fn stands_alone(token: &str, headers: &HeaderMap) {
    assert!((1..=CompactJws::MAX_LEN).contains(&token.len()));
    let body = token.trim_end_matches('=');
    assert!(!body.is_empty());
    assert!(
        body.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
    );
    let credentials: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
    assert!(credentials.len() <= 1 && headers.get_all(NAMED).iter().count() <= 1);
    let carriers = lines(headers).filter(|line| {
        line.ends_with(token.as_bytes()) && (line.len() == token.len() || is_bearer(line))
    });
    assert!(carriers.count() >= 1, "the token stands in no header");
}

/// The gate and its steps agree, and what they accept has one spelling.
fn judge(token: &str) {
    let by_gate = wait(GATE.verifier().verify(token));
    let by_steps = step_by_step(token);
    match (by_gate, by_steps) {
        (Ok(verified), Ok(subject)) => {
            assert_eq!(verified.subject(), subject);
            assert_eq!(token.split('.').map(decode_segment).count(), 3);
        }
        (Err(gate), Err(steps)) => {
            // With no key to try, the steps stop where the gate looks at the claims for a better answer.
            let same = gate.reason() == steps.map_or("unknown_key", |why| why.reason());
            assert!(same || steps_have_no_key(token), "{gate}");
        }
        // The gate reads name, tenant and ro besides.
        (
            Err(Rejected::Invalid(InvalidToken::BadClaimType { .. } | InvalidToken::Malformed)),
            Ok(_),
        ) => {}
        (gate, steps) => panic!("gate {:?}, step by step {steps:?}", gate.err()),
    }
}

/// `Err(None)`: no key of the set is the one.
fn step_by_step(token: &str) -> Result<String, Option<InvalidToken>> {
    let expected = expectations();
    let jws = CompactJws::parse(token)?.decode_header(&expected)?;
    let header = jws.untrusted_header();
    let mut refused = None;
    let mut buffer = PayloadBuf::new();
    for key in KEYS.select(header.key_id(), header.algorithm()) {
        match jws.verify(key, &mut buffer) {
            Ok(payload) => {
                let verified = expected.check(payload.decode::<()>()?, NOW)?;
                return Ok(verified.subject.as_deref().unwrap_or_default().to_owned());
            }
            Err(why) => refused = Some(why),
        }
    }
    Err(refused)
}

fn steps_have_no_key(token: &str) -> bool {
    step_by_step(token) == Err(None)
}
