//! The operator's view: its JSON, whose member names are stable.

use std::time::Duration;

use exeat::{HealthState, JwksSettings};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{
    Answer, App, FakeIssuer, ISSUER, claims_with, es256, key_set, pinned, remote, sign,
};

fn long_lived(key: &exeat_jose::SigningKey) -> String {
    sign(
        key,
        &claims_with(&json!({ "exp": crate::fixture::NOW + 1_000_000 })),
    )
}

#[tokio::test(start_paused = true)]
async fn the_json_of_health_is_this() {
    let key = es256();
    let issuer = FakeIssuer::new(&[]);
    issuer.answer(Answer::Body(
        json!({ "keys": [{ "kty": "oct", "kid": "hmac", "k": "c2VjcmV0" }, key.public_jwk()] })
            .to_string(),
    ));
    issuer.header("cache-control", "max-age=600");
    let settings = JwksSettings {
        max_stale: Duration::from_mins(5),
        ..JwksSettings::default()
    };
    let gate = remote(&issuer, |api| api.with_jwks_settings(settings)).await;
    let kid = key.key_id().as_str();
    let json = || serde_json::to_value(gate.health()).unwrap();
    let mut expected = json!({
        "state": "fresh", "degraded": false,
        "issuers": [{
            "issuer": ISSUER, "state": "fresh", "degraded": false,
            "fetched_seconds_ago": 0, "validated_seconds_ago": 0, "usable_for_seconds": 900, "epoch": 1,
            "keys": [{
                "kid": kid, "thumbprint": kid, "alg": "ES256", "invalidated": false,
                "first_used_seconds_ago": null, "last_used_seconds_ago": null,
            }],
            "refused": [{ "position": 0, "kid": "hmac", "reason": "symmetric" }],
            "last_error": null,
        }],
    });
    assert_eq!(json(), expected);

    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    sleep(Duration::from_secs(700)).await;
    let mut later = json();
    let error = later["issuers"][0]["last_error"].take();
    assert!(error.as_str().unwrap().contains("502"), "{error}");
    for (member, value) in [("state", json!("stale")), ("degraded", json!(true))] {
        expected[member] = value.clone();
        expected["issuers"][0][member] = value;
    }
    for (member, seconds) in [
        ("fetched_seconds_ago", 700),
        ("validated_seconds_ago", 700),
        ("usable_for_seconds", 200),
    ] {
        expected["issuers"][0][member] = seconds.into();
    }
    assert_eq!(later, expected);
}

#[tokio::test(start_paused = true)]
async fn a_key_shows_when_a_signature_under_it_first_and_last_held() {
    let (old, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&old, &new]);
    let gate = remote(&issuer, |api| api).await;
    let app = App::new(&gate);
    let uses = || -> Vec<_> {
        let health = gate.health();
        let keys = health.issuers[0].keys.iter();
        keys.map(|key| (key.first_used, key.last_used)).collect()
    };
    let second = Duration::from_secs(1);
    assert_eq!(uses(), [(None, None), (None, None)]);
    assert_eq!(app.with_token(&long_lived(&old)).await.status, 200);
    sleep(10 * second).await;
    assert_eq!(app.with_token(&long_lived(&old)).await.status, 200);
    sleep(5 * second).await;
    assert_eq!(uses()[0], (Some(15 * second), Some(5 * second)));
    assert_eq!(uses()[1], (None, None));

    // A forged signature is no use, and a set in which the key stays forgets nothing.
    let (kid, other) = (new.key_id().clone(), es256());
    issuer.publish([
        old.public_jwk().clone(),
        other.public_jwk().clone().with_key_id(kid),
    ]);
    gate.refresh().await.unwrap();
    let forged = long_lived(&new);
    assert_eq!(app.with_token(&forged).await.status, 401);
    issuer.publish([new.public_jwk().clone(), old.public_jwk().clone()]);
    gate.refresh().await.unwrap();
    assert_eq!(uses()[0], (None, None));
    assert_eq!(uses()[1], (Some(15 * second), Some(5 * second)));
}

#[tokio::test(start_paused = true)]
async fn pinned_keys_have_uses_but_no_ages() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    assert_eq!(
        App::new(&gate).with_token(&long_lived(&key)).await.status,
        200
    );
    let health = gate.health();
    assert_eq!(
        (health.state, health.degraded),
        (HealthState::Pinned, false)
    );
    let only = &health.issuers[0];
    assert_eq!(only.keys.len(), key_set(&[&key]).keys().len());
    assert_eq!(only.keys[0].last_used, Some(Duration::ZERO));
    assert_eq!(
        (only.fetched_ago, only.validated_ago, only.usable_for),
        (None, None, None)
    );
}
