//! A token that was verified before is asked everything that may have changed since; and the application's own checks.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeat::{ExternalApi, JwksSettings, Rejected, TokenCacheSize};
use exeat_jose::PayloadBuf;
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, Answer, App, FakeIssuer, ISSUER, NOW, claims, claims_with, es256, pinned, remote,
    sign,
};

const CACHES: [fn(ExternalApi) -> ExternalApi; 2] = [|api| api, ExternalApi::without_token_cache];

#[tokio::test(start_paused = true)]
async fn the_same_token_is_the_same_answer() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let token = sign(&key, &claims());
    let first = gate.verifier().verify(&token).await.unwrap();
    let second = gate.verifier().verify(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second), "found, not verified again");

    let gate = pinned(&key, ExternalApi::without_token_cache).await;
    let first = gate.verifier().verify(&token).await.unwrap();
    let second = gate.verifier().verify(&token).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second), "verified again");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_reused_for_less_than_five_minutes() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let token = sign(&key, &claims_with(&json!({ "exp": NOW + 3600 })));
    let first = gate.verifier().verify(&token).await.unwrap();
    sleep(Duration::from_millis(299_999)).await;
    let second = gate.verifier().verify(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    sleep(Duration::from_millis(1)).await;
    let third = gate.verifier().verify(&token).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_in_the_cache_at_the_same_second() {
    let key = es256();
    for cache in CACHES {
        let gate = pinned(&key, cache).await;
        let app = App::new(&gate);
        let token = sign(&key, &claims_with(&json!({ "exp": NOW + 60 })));
        assert_eq!(app.with_token(&token).await.status, 200);
        sleep(Duration::from_secs(89)).await;
        assert_eq!(app.with_token(&token).await.status, 200);
        sleep(Duration::from_secs(1)).await;
        let refusal = app.with_token(&token).await.refusal();
        assert_eq!(refusal, (401, "expired".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_key_refuses_a_token_that_was_just_accepted() {
    let key = es256();
    for cache in CACHES {
        let gate = pinned(&key, cache).await;
        let app = App::new(&gate);
        let token = sign(&key, &claims());
        assert_eq!(app.with_token(&token).await.status, 200);
        assert_eq!(gate.invalidate(key.key_id()), 1);
        let refusal = app.with_token(&token).await.refusal();
        assert_eq!(refusal, (401, "unknown_key".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_rotated_away_takes_its_cached_tokens_with_it() {
    let (old, new) = (es256(), es256());
    for cache in CACHES {
        let issuer = FakeIssuer::new(&[&old]);
        let gate = remote(&issuer, cache).await;
        let app = App::new(&gate);
        let token = sign(&old, &claims());
        assert_eq!(app.with_token(&token).await.status, 200);
        issuer.publish([new.public_jwk().clone()]);
        gate.refresh().await.unwrap();
        let refusal = app.with_token(&token).await.refusal();
        assert_eq!(refusal, (401, "unknown_key".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_too_old_are_503_for_a_cached_token_too() {
    let key = es256();
    for cache in CACHES {
        let issuer = FakeIssuer::new(&[&key]);
        let gate = remote(&issuer, |api| {
            cache(api).with_jwks_settings(JwksSettings {
                lifetime: Duration::from_mins(1),
                max_stale: Duration::ZERO,
                ..JwksSettings::default()
            })
        })
        .await;
        let app = App::new(&gate);
        let token = sign(&key, &claims_with(&json!({ "exp": NOW + 3600 })));
        assert_eq!(app.with_token(&token).await.status, 200);
        issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
        sleep(Duration::from_secs(61)).await;
        let refusal = app.with_token(&token).await.refusal();
        assert_eq!(refusal, (503, "keys_unavailable".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_refused_at_its_next_use() {
    let key = es256();
    for cache in CACHES {
        let revoked: Arc<Mutex<HashSet<String>>> = Arc::default();
        let list = Arc::clone(&revoked);
        let gate = pinned(&key, |api| {
            cache(api).with_revocation(move |token| {
                let list = list.lock().unwrap();
                token.jwt_id().is_none_or(|id| list.contains(id))
            })
        })
        .await;
        let app = App::new(&gate);
        let token = sign(&key, &claims());
        assert_eq!(app.with_token(&token).await.status, 200);
        revoked.lock().unwrap().insert("j-1".to_owned());
        let seen = app.with_token(&token).await;
        assert_eq!(seen.readable_refusal(), (401, "revoked".to_owned()));
        assert!(seen.header("www-authenticate").contains("invalid_token"));
        let nameless = sign(&key, &claims_with(&json!({ "jti": null })));
        assert_eq!(app.with_token(&nameless).await.refusal().1, "revoked");
        revoked.lock().unwrap().clear();
        assert_eq!(app.with_token(&token).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_applications_check_is_asked_last_and_at_every_use() {
    let key = es256();
    let other = es256();
    for cache in CACHES {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let gate = pinned(&key, |api| {
            cache(api)
                .with_tenants(["T1"])
                .with_revocation(|token| token.subject() == "revoked")
                .with_check(move |token| {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(token.issuer(), ISSUER);
                    if token.name() == Some("ada@example.com") {
                        Ok(())
                    } else {
                        Err(Rejected::TenantNotAllowed)
                    }
                })
        })
        .await;
        let app = App::new(&gate);
        for changes in [
            json!({ "exp": NOW - 60 }),
            json!({ "iss": "https://other.example" }),
            json!({ "aud": "other" }),
            json!({ "tenant": "T2" }),
            json!({ "sub": "revoked" }),
        ] {
            let token = sign(&key, &claims_with(&changes));
            assert!(app.with_token(&token).await.status >= 401);
        }
        let forged = app.with_token(&sign(&other, &claims())).await;
        assert_eq!(forged.status, 401);
        assert_eq!(
            asked.load(Ordering::Relaxed),
            0,
            "asked before all else held"
        );

        let token = sign(&key, &claims());
        for _ in 0..3 {
            assert_eq!(app.with_token(&token).await.status, 200);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        let token = sign(&key, &claims_with(&json!({ "name": "eve@example.com" })));
        let refusal = app.with_token(&token).await.refusal();
        assert_eq!(refusal, (403, "tenant_not_allowed".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_over_the_maximum_is_refused_and_one_of_exactly_it_is_not() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_max_lifetime(Duration::from_mins(5))).await;
    let app = App::new(&gate);
    let living = |secs: u64| sign(&key, &claims_with(&json!({ "exp": NOW + secs })));
    assert_eq!(app.with_token(&living(300)).await.status, 200);
    let refusal = app.with_token(&living(301)).await.refusal();
    assert_eq!(refusal, (401, "too_old".to_owned()));
    let undated = sign(&key, &claims_with(&json!({ "iat": null })));
    assert_eq!(app.with_token(&undated).await.refusal().1, "missing_claim");
}

#[tokio::test(start_paused = true)]
async fn settings_out_of_range_are_named() {
    let api = || ExternalApi::new(ISSUER, AUDIENCE);
    for (api, setting) in [
        (
            api().with_max_lifetime(Duration::from_millis(999)),
            "max_lifetime",
        ),
        (
            api().with_max_lifetime(Duration::from_hours(366 * 24 + 1)),
            "max_lifetime",
        ),
        (
            api().with_token_cache(TokenCacheSize {
                max_entries: 0,
                max_bytes: 1 << 20,
            }),
            "token_cache",
        ),
    ] {
        let errors = api.check().unwrap_err();
        assert!(errors.to_string().starts_with(setting), "{errors}");
        assert_eq!(errors.iter().count(), 1);
    }
    let edge = api()
        .with_max_lifetime(Duration::from_secs(1))
        .with_token_cache(TokenCacheSize {
            max_entries: 1,
            max_bytes: 256 << 10,
        });
    assert!(edge.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_borrowed_token_is_judged_by_its_signature_each_time() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Slow(Duration::from_secs(3)));
    let gate = remote(&issuer, |api| api).await;
    assert!(!gate.is_ready());
    let mut buffer = PayloadBuf::new();
    let token = sign(&key, &claims());
    {
        // This waits for the first keys.
        let verified = gate.verifier().verify_with(&token, &mut buffer).await;
        let verified = verified.unwrap();
        assert_eq!(verified.subject(), "u-1");
        assert_eq!(verified.tenant(), Some("T1"));
    }
    issuer.answer(Answer::Keys);
    let forged = sign(&es256(), &claims());
    let refused = gate.verifier().verify_with(&forged, &mut buffer).await;
    assert_eq!(refused.unwrap_err().reason(), "unknown_key");
    let again = gate.verifier().verify_with(&token, &mut buffer).await;
    assert_eq!(again.unwrap().into_owned().name(), Some("ada@example.com"));
}
