//! Input: the headers of a request (see `request`). What is found in them is judged twice, through the gate and step by step.

use exeat::{BearerToken, Rejected};
use exeat_jose::{CompactJws, InvalidToken, PayloadBuf};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::fixture::{GATE, KEYS, NOW, decode_segment, expectations, wait};
use super::request::{NAMED, headers};

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
