//! One gate, one issuer, one point in time: the ones of `tests/vectors/tokens`, whose tokens are the seeds.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use exeat::{Detail, ExternalApi, Gate};
use exeat_jose::{
    Algorithm, AlgorithmSet, Clock, Expectations, ImportPolicy, JwkSet, NumericDate, SigningKey,
    VerifyingKey,
};

pub(crate) const ISSUER: &str = "https://market.example.com";
pub(crate) const AUDIENCE: &str = "loyalty-api";
pub(crate) const PAGE: &str = "https://shop.example";
/// Where a token may stand besides `Authorization` and `MP-Authorization`; in the query on one path alone.
pub(crate) const COOKIE_NAME: &str = "__Host-token";
pub(crate) const NAMESPACE: &str = "api.example";
pub(crate) const PATH: &str = "/events";
pub(crate) const PARAMETER: &str = "access_token";
pub(crate) const NOW: NumericDate = NumericDate::from_secs(1_800_000_000);

struct Standing;

impl Clock for Standing {
    fn now(&self) -> NumericDate {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// The keys of the vectors, and one whose private half is at hand: claims have to be signed before they are read.
pub(crate) static KEYS: LazyLock<JwkSet> = LazyLock::new(|| {
    let json = include_bytes!("../../tests/vectors/tokens/keys.json");
    let keys = JwkSet::import(json, &ImportPolicy::default()).expect("keys.json is a key set");
    let keys = keys.keys().iter().map(|key| key.jwk().clone());
    JwkSet::from_keys(
        keys.chain([SIGNING_KEY.public_jwk().clone()])
            .map(|jwk| VerifyingKey::from_jwk(jwk, Algorithm::Rs256).expect("keys.json is good")),
    )
});

pub(crate) static SIGNING_KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let (key, _) = SigningKey::generate(Algorithm::EdDsa).expect("a backend is built in");
    key
});

/// What the gate expects, spelt out.
pub(crate) fn expectations() -> Expectations {
    Expectations::new(ISSUER, AUDIENCE)
        .with_algorithms(AlgorithmSet::from_iter(Algorithm::ALL))
        .with_required_claims(&["sub"])
}

pub(crate) static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let api = ExternalApi::new(ISSUER, AUDIENCE)
        .with_algorithms(AlgorithmSet::from_iter(Algorithm::ALL))
        .with_origin(PAGE)
        .with_token_header("MP-Authorization")
        .with_token_cookie(COOKIE_NAME)
        .with_web_socket_token(NAMESPACE)
        .with_query_token(PATH, PARAMETER)
        .with_detail(Detail::Verbose)
        .with_realm("points")
        .with_static_keys(JwkSet::from_keys(KEYS.keys().iter().map(|key| {
            VerifyingKey::from_jwk(key.jwk().clone(), Algorithm::Rs256)
                .expect("it was a key before")
        })))
        .with_clock(Arc::new(Standing));
    wait(api.build()).expect("a good configuration")
});

/// Runs to the end. With pinned keys nothing waits, but looking for a key that is not there arms a timer.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
    });
    RUNTIME.block_on(future)
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a segment that exeat accepted: they have no other spelling.
pub(crate) fn decode_segment(segment: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD
        .decode(segment)
        .expect("an accepted segment is base64url");
    assert_eq!(
        base64url(&bytes),
        segment,
        "an accepted segment has another spelling"
    );
    bytes
}
