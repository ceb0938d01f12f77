use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use bytes::Bytes;
use exeat_jose::{Algorithm, ImportPolicy, SigningKey, SystemClock};
use http::{Request, Response};
use serde_json::json;

use super::*;
use crate::HttpGet;
use crate::jwks::{Target, Wanted};

struct Counted(String, Arc<AtomicUsize>);

#[async_trait]
impl HttpGet for Counted {
    async fn get(&self, _: Request<()>) -> Result<Response<Bytes>, FetchError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(self.0.clone().into()))
    }
}

/// A source over one published key, and how often it was fetched.
async fn source() -> (KeySource, Arc<AtomicUsize>) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().0;
    let asked = Arc::new(AtomicUsize::new(0));
    let http = Counted(
        json!({ "keys": [key.public_jwk()] }).to_string(),
        Arc::clone(&asked),
    );
    let target = Target::from_jwks_uri("https://issuer.example/jwks", false).unwrap();
    let settings = JwksSettings::default();
    let fetcher = Fetcher::new(
        Arc::new(http),
        target,
        ImportPolicy::default(),
        settings.timeout,
    );
    let source = KeySource::remote(
        fetcher,
        settings,
        Arc::new(SystemClock),
        KeyMeter::new("https://issuer.example"),
    );
    source.ready().await;
    (source, asked)
}

fn other_key() -> Wanted {
    Wanted {
        kid: Some(KeyId::try_from("other").unwrap()),
        alg: Algorithm::Es256,
    }
}

#[tokio::test]
async fn a_request_that_finds_no_place_to_wait_starts_the_fetch_it_paid_for() {
    let (source, asked) = source().await;
    let mut finished = source.shared.finished.subscribe();
    let need = Need::Key {
        wanted: other_key(),
        epoch: 1,
    };
    {
        let _everybody = source.shared.waiters.acquire_many(1024).await.unwrap();
        assert!(matches!(
            source.resolve(&need).await,
            Resolution::Unavailable {
                why: KeysUnavailable::MissUnresolved,
                ..
            }
        ));
    }
    tokio::time::timeout(Duration::from_secs(5), finished.changed())
        .await
        .expect("nobody woke the owner")
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_need_that_a_newer_set_may_meet_costs_no_fetch() {
    let (source, asked) = source().await;

    // Judged against the set before this one: what has come meanwhile is looked at first.
    let wanted = other_key();
    for need in [
        Need::Keys,
        Need::Key {
            wanted: wanted.clone(),
            epoch: 0,
        },
        Need::NewerKey { epoch: 0 },
    ] {
        assert!(
            matches!(source.resolve(&need).await, Resolution::LookAgain),
            "{need:?}"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let unmet = |epoch| Need::Key {
        wanted: wanted.clone(),
        epoch,
    };
    assert!(matches!(
        source.resolve(&unmet(1)).await,
        Resolution::LookAgain
    ));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert!(matches!(
        source.resolve(&unmet(2)).await,
        Resolution::Settled
    ));
}
