//! What verifying takes from the heap. Warm: the header of the issuer is known and the thread has verified before.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::{Pending, pending};
use std::task::{Context, Waker};

use allocation_counter::{AllocationInfo, measure};
use exeat::exeat_jose::{
    Algorithm, AlgorithmSet, Clock, ImportPolicy, JwkSet, PayloadBuf, SigningKey, SystemClock, Typ,
};
use exeat::{ExternalApi, Gate, Rejected};
use futures_util::FutureExt;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::{Layer, Service};

const ISSUER: &str = "https://market.example";
const AUDIENCE: &str = "loyalty-api";

/// The algorithms whose verification takes no heap in the library: ring's RSA does.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

fn key(alg: Algorithm) -> SigningKey {
    SigningKey::generate(alg).unwrap().0
}

fn token(key: &SigningKey, claims: &Value) -> String {
    key.sign(Typ::Jwt, claims).unwrap().into_string()
}

fn claims(subject: &str) -> Value {
    let now = SystemClock.now().as_secs();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "name": "ada@example.com", "tenant": "T1", "jti": "j-1",
        "iat": now, "nbf": now, "exp": now + 3600, "scope": "points:read", "ro": false,
    })
}

fn gate(key: &SigningKey, change: impl FnOnce(ExternalApi) -> ExternalApi) -> Gate {
    let keys = json!({ "keys": [key.public_jwk()] }).to_string();
    let keys = JwkSet::import(keys.as_bytes(), &ImportPolicy::default()).unwrap();
    let api = ExternalApi::new(ISSUER, AUDIENCE)
        .with_algorithms(Algorithm::ALL.into_iter().collect::<AlgorithmSet>())
        .with_static_keys(keys);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(change(api).build()).unwrap()
}

/// What `run` takes once it has run.
fn warm(mut run: impl FnMut()) -> AllocationInfo {
    run();
    run();
    measure(run)
}

#[test]
fn the_direct_path_takes_none_with_borrowed_claims() {
    for alg in ALGORITHMS {
        let key = key(alg);
        let verifier = gate(&key, ExternalApi::without_token_cache)
            .verifier()
            .clone();
        let token = token(&key, &claims("u-1"));
        let mut buffer = PayloadBuf::new();
        let heap = warm(|| {
            let verdict = verifier.verify_with(&token, &mut buffer).now_or_never();
            assert_eq!(verdict.unwrap().unwrap().subject(), "u-1");
        });
        assert_eq!(heap.count_total, 0, "{}", alg.name());
    }
}

#[test]
fn an_escape_in_a_claim_takes_a_few() {
    let key = key(Algorithm::Es256);
    let verifier = gate(&key, ExternalApi::without_token_cache)
        .verifier()
        .clone();
    let token = token(&key, &claims("a \"quoted\" name"));
    let mut buffer = PayloadBuf::new();
    let heap = warm(|| {
        let verdict = verifier.verify_with(&token, &mut buffer).now_or_never();
        assert_eq!(verdict.unwrap().unwrap().subject(), "a \"quoted\" name");
    });
    // The parser's scratch space, which grows, and the text.
    assert!((1..=4).contains(&heap.count_total), "{}", heap.count_total);
}

#[test]
fn a_hit_in_the_token_cache_takes_none() {
    let key = key(Algorithm::Es256);
    let verifier = gate(&key, |api| {
        api.with_revocation(|token| token.jwt_id() != Some("j-1"))
            .with_check(|token| token.name().map(|_| ()).ok_or(Rejected::Internal))
    })
    .verifier()
    .clone();
    let token = token(&key, &claims("u-1"));
    let heap = warm(|| {
        let verdict = verifier.verify(&token).now_or_never();
        assert_eq!(verdict.unwrap().unwrap().subject(), "u-1");
    });
    assert_eq!(heap.count_total, 0);
}

#[test]
fn a_refusal_before_the_signature_takes_none() {
    let key = key(Algorithm::Es256);
    let verifier = gate(&key, |api| api).verifier().clone();
    let good = token(&key, &claims("u-1"));
    let (_, rest) = good.split_once('.').unwrap();
    let header = |json: &str| {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(json))
    };
    // A thumbprint has 43 characters; longer names than 46 are kept on the heap.
    let long = "k".repeat(46);
    for (token, reason) in [
        ("a".repeat(620), "malformed"),
        ("a.b".to_owned(), "malformed"),
        ("a".repeat(8193), "too_large"),
        (format!("*{good}"), "malformed"),
        (header(r#"{"alg":"none"}"#), "alg_not_allowed"),
        (header(r#"{"alg":"HS256","kid":"k"}"#), "alg_not_allowed"),
        (
            header(r#"{"alg":"ES256","crit":["x"]}"#),
            "crit_unsupported",
        ),
        (
            header(r#"{"alg":"ES256","typ":"dpop+jwt"}"#),
            "typ_mismatch",
        ),
        (header(r#"{"alg":"ES256","kid":"unknown"}"#), "unknown_key"),
        (
            header(&format!(r#"{{"alg":"ES256","kid":"{long}"}}"#)),
            "unknown_key",
        ),
    ] {
        let heap = warm(|| {
            let verdict = verifier.verify(&token).now_or_never().unwrap();
            assert_eq!(verdict.unwrap_err().reason(), reason);
        });
        assert_eq!(heap.count_total, 0, "{reason}: {token:.40}");
    }
}

/// Takes requests and never answers: the measurement ends at the handler's door.
#[derive(Clone)]
struct Door;

impl Service<Request<()>> for Door {
    type Response = Response<String>;
    type Error = std::convert::Infallible;
    type Future = Pending<Result<Response<String>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let token = request
            .extensions()
            .get::<std::sync::Arc<exeat::VerifiedToken>>();
        assert_eq!(token.unwrap().subject(), "u-1");
        pending()
    }
}

#[test]
fn the_layer_takes_at_most_two_on_a_hit() {
    let key = key(Algorithm::Es256);
    let gate = gate(&key, |api| api);
    let mut service = gate.layer().layer(Door);
    let authorization = format!("Bearer {}", token(&key, &claims("u-1")));
    let request = || {
        let mut request = Request::new(());
        let value = authorization.parse().unwrap();
        request.headers_mut().insert("authorization", value);
        // Servers and routers put things there too.
        request.extensions_mut().insert("a server's own");
        Some(request)
    };
    let mut requests = [request(), request(), request()].into_iter();
    let heap = warm(|| {
        let request = requests.next().flatten().unwrap();
        let mut answer = std::pin::pin!(service.call(request));
        let polled = answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    });
    assert!(heap.count_total <= 2, "{}", heap.count_total);
}

/// The JSON parser boxes its errors: one small allocation is what a stranger can cause.
#[test]
fn a_header_that_is_no_json_takes_one() {
    let key = key(Algorithm::Es256);
    let verifier = gate(&key, |api| api).verifier().clone();
    let heap = warm(|| {
        let verdict = verifier.verify("bm9uc2Vuc2U.e30.AA").now_or_never();
        assert_eq!(verdict.unwrap().unwrap_err().reason(), "bad_header");
    });
    assert_eq!(heap.count_total, 1);
    assert!(heap.bytes_total <= 64, "{}", heap.bytes_total);
}

#[test]
fn ten_thousand_cached_tokens_fit_in_16_mib() {
    const FITTING: usize = 10_000;
    let key = key(Algorithm::EdDsa);
    // As long as an RS256 token of the usual claims.
    let padding = "p".repeat(140);
    let tokens: Vec<_> = (0..FITTING + 2_000)
        .map(|number| {
            let mut claims = claims(&format!("u-{number}"));
            claims["padding"] = json!(padding);
            token(&key, &claims)
        })
        .collect();
    assert!(tokens[0].len() >= 620, "{}", tokens[0].len());
    let verify = |gate: &Gate, token: &String| {
        let verdict = gate.verifier().verify(token).now_or_never();
        verdict.unwrap().unwrap();
    };
    let mut kept = None;
    let heap = measure(|| {
        let gate = kept.insert(gate(&key, |api| api));
        for token in &tokens {
            verify(gate, token);
        }
    });
    println!(
        "{} bytes for {} tokens of {} bytes",
        heap.bytes_max,
        tokens.len(),
        tokens[0].len()
    );
    assert!(heap.bytes_max <= 16 << 20, "{}", heap.bytes_max);

    let gate = gate(&key, |api| api);
    for token in &tokens[..FITTING] {
        verify(&gate, token);
    }
    let hits = tokens[..FITTING]
        .iter()
        .filter(|token| measure(|| verify(&gate, token)).count_total == 0);
    // All of them, but for some that found a full set or the rounding of the bound.
    assert!(hits.count() > FITTING - 100);
}
