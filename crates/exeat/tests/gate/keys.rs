//! Discovery, rotation, unknown keys.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use exeat::{ExternalApi, FetchError, Gate, HealthState, HttpGet};
use exeat_jose::{KeyId, SigningKey};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fixture::{
    Answer, App, FakeIssuer, ISSUER, TestClock, claims, claims_with, es256, only_issuer, remote,
    sign,
};

/// Kept fresh for a day, so that only what a test causes is fetched.
async fn quiet(issuer: &Arc<FakeIssuer>) -> Gate {
    issuer.header("cache-control", "max-age=86400");
    let settings = exeat::JwksSettings {
        max_lifetime: Duration::from_hours(24),
        ..exeat::JwksSettings::default()
    };
    remote(issuer, |api| api.with_jwks_settings(settings)).await
}

fn long_lived(key: &SigningKey) -> String {
    sign(
        key,
        &claims_with(&json!({ "exp": crate::fixture::NOW + 1_000_000 })),
    )
}

#[tokio::test(start_paused = true)]
async fn keys_are_there_when_build_returns() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let gate = quiet(&issuer).await;
    assert!(gate.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_of_a_set_is_dropped_with_its_reason_and_harms_no_other() {
    let key = es256();
    let issuer = FakeIssuer::new(&[]);
    issuer.answer(Answer::Body(
        json!({ "keys": [{ "kty": "oct", "kid": "hmac", "k": "c2VjcmV0" }, key.public_jwk()] })
            .to_string(),
    ));
    let gate = quiet(&issuer).await;
    let refused = only_issuer(&gate).refused;
    assert_eq!(
        (
            refused.len(),
            refused[0].position,
            refused[0].kid.as_deref()
        ),
        (1, 0, Some("hmac"))
    );
    assert_eq!(
        App::new(&gate).with_token(&long_lived(&key)).await.status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn the_request_for_keys_becomes_conditional_and_304_prolongs() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Unchanged);
    issuer.header("etag", "\"v1\"");
    issuer.header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    let gate = remote(&issuer, |api| api).await;
    sleep(Duration::from_mins(10)).await;
    assert!(issuer.asked() >= 2);
    assert!(!issuer.request(0).1.contains_key("if-none-match"));
    let (_, headers) = issuer.request(1);
    assert_eq!(headers["if-none-match"], "\"v1\"");
    assert_eq!(
        headers["if-modified-since"],
        "Thu, 01 Jan 2026 00:00:00 GMT"
    );
    let health = only_issuer(&gate);
    assert_eq!((health.state, health.epoch), (HealthState::Fresh, 1));
    assert!(health.fetched_ago.unwrap() > health.validated_ago.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_key_published_after_the_fetch_is_found_on_its_first_use() {
    let (old, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&old]);
    let app = App::new(&quiet(&issuer).await);
    issuer.publish([old.public_jwk().clone(), new.public_jwk().clone()]);
    assert_eq!(app.with_token(&long_lived(&new)).await.status, 200);
    assert_eq!(app.with_token(&long_lived(&old)).await.status, 200);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_requests_for_a_new_key_cause_one_fetch() {
    let (old, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&old]);
    let app = App::new(&quiet(&issuer).await);
    issuer.publish([new.public_jwk().clone()]);
    issuer.answer(Answer::Slow(Duration::from_millis(300)));
    let token = long_lived(&new);
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (app, token) = (app.clone(), token.clone());
            tokio::spawn(async move { app.with_token(&token).await.status })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_does_not_cancel_the_fetch() {
    let (old, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&old]);
    let gate = quiet(&issuer).await;
    issuer.publish([new.public_jwk().clone()]);
    issuer.answer(Answer::Slow(Duration::from_millis(300)));
    let token = long_lived(&new);
    let waiting = gate.verifier().verify(&token);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), waiting)
            .await
            .is_err()
    );
    sleep(Duration::from_millis(300)).await;
    assert_eq!(only_issuer(&gate).epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn strangers_with_random_kids_cause_two_fetches_and_harm_nobody() {
    let (key, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let seen = app.with_token(&long_lived(&es256())).await;
        statuses.push(seen.status);
        if seen.status == 503 {
            assert_eq!(seen.header("retry-after"), "10");
        }
        assert_eq!(app.with_token(&long_lived(&key)).await.status, 200);
    }
    assert_eq!(statuses, [401, 401, 503, 503, 503, 503]);
    assert_eq!(issuer.asked(), 3);
    // A key that is published meanwhile is accepted as soon as the budget allows, and 503 said when.
    issuer.publish([key.public_jwk().clone(), new.public_jwk().clone()]);
    assert_eq!(app.with_token(&long_lived(&new)).await.status, 503);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(app.with_token(&long_lived(&new)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_can_not_pass_never_causes_a_fetch() {
    let (key, stranger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    for (changes, code) in [
        (json!({ "exp": crate::fixture::NOW - 30 }), "expired"),
        (json!({ "iss": "https://else.example" }), "wrong_issuer"),
        (json!({ "aud": "else" }), "wrong_audience"),
    ] {
        assert_eq!(
            app.with_token(&sign(&stranger, &claims_with(&changes)))
                .await
                .readable_refusal(),
            (401, code.to_owned())
        );
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_401_once_a_fetch_has_shown_that_it_does_not_exist() {
    let (key, stranger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    for _ in 0..3 {
        assert_eq!(
            app.with_token(&long_lived(&stranger))
                .await
                .readable_refusal(),
            (401, "unknown_key".to_owned())
        );
    }
    assert_eq!(issuer.asked(), 2, "the answer is remembered");
    issuer.publish([key.public_jwk().clone(), stranger.public_jwk().clone()]);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        app.with_token(&long_lived(&stranger)).await.status,
        200,
        "and forgotten after 30 s"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_503_while_the_issuer_is_down() {
    let (key, stranger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    assert_eq!(
        app.with_token(&long_lived(&stranger))
            .await
            .readable_refusal(),
        (503, "keys_unavailable".to_owned())
    );
    assert_eq!(app.with_token(&long_lived(&key)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_under_an_old_kid_is_found_once_in_five_minutes() {
    let (old, new) = (es256(), es256());
    let issuer = FakeIssuer::new(&[]);
    let kid = new.key_id().clone();
    issuer.publish([old.public_jwk().clone().with_key_id(kid.clone())]);
    let app = App::new(&quiet(&issuer).await);
    issuer.publish([new.public_jwk().clone().with_key_id(kid.clone())]);
    assert_eq!(app.with_token(&long_lived(&new)).await.status, 200);
    assert_eq!(issuer.asked(), 2);

    issuer.publish([old.public_jwk().clone().with_key_id(kid)]);
    let tampered = long_lived(&new).replace("ey", "eY");
    assert_eq!(app.with_token(&tampered).await.status, 401);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_stays_401_while_the_issuer_is_down() {
    let (known, forger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[]);
    issuer.publish([known
        .public_jwk()
        .clone()
        .with_key_id(forger.key_id().clone())]);
    let app = App::new(&quiet(&issuer).await);
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..3 {
        assert_eq!(
            app.with_token(&long_lived(&forger))
                .await
                .readable_refusal(),
            (401, "bad_signature".to_owned())
        );
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_key_is_refused_at_once_and_after_every_fetch() {
    let (bad, good) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&bad, &good]);
    let gate = quiet(&issuer).await;
    let app = App::new(&gate);
    assert_eq!(gate.invalidate(&KeyId::try_from("nobody").unwrap()), 0);
    assert_eq!(app.with_token(&long_lived(&bad)).await.status, 200);
    assert_eq!(gate.invalidate(bad.key_id()), 1);
    assert_eq!(
        app.with_token(&long_lived(&bad)).await.readable_refusal(),
        (401, "unknown_key".to_owned())
    );
    gate.refresh().await.unwrap();
    assert_eq!(app.with_token(&long_lived(&bad)).await.status, 401);
    assert_eq!(app.with_token(&long_lived(&good)).await.status, 200);
    assert_eq!(
        only_issuer(&gate)
            .keys
            .iter()
            .filter(|key| key.invalidated)
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_kid_of_an_invalidated_key_may_come_back_with_another_key() {
    let (stolen, new) = (es256(), es256());
    let kid = new.key_id().clone();
    let issuer = FakeIssuer::new(&[]);
    issuer.publish([stolen.public_jwk().clone().with_key_id(kid.clone())]);
    let gate = quiet(&issuer).await;
    let app = App::new(&gate);
    assert_eq!(gate.invalidate(&kid), 1);
    issuer.publish([new.public_jwk().clone()]);
    assert_eq!(app.with_token(&long_lived(&new)).await.status, 200);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_room_of_1024_is_full_for_the_next() {
    let (key, stranger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let gate = quiet(&issuer).await;
    issuer.answer(Answer::Slow(Duration::from_secs(1)));
    let token = long_lived(&stranger);
    let waiting: Vec<_> = (0..1024)
        .map(|_| {
            let (gate, token) = (gate.clone(), token.clone());
            tokio::spawn(async move { gate.verifier().verify(&token).await.unwrap_err().reason() })
        })
        .collect();
    sleep(Duration::from_millis(1)).await;
    let start = tokio::time::Instant::now();
    assert_eq!(
        gate.verifier().verify(&token).await.unwrap_err().reason(),
        "keys_unavailable"
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    for call in waiting {
        assert_eq!(call.await.unwrap(), "unknown_key");
    }
}

/// Metadata and keys by URL; everything else is 404.
struct Site(Mutex<Vec<(&'static str, Value)>>);

#[async_trait]
impl HttpGet for Site {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let page = self
            .0
            .lock()
            .unwrap()
            .iter()
            .find(|(url, _)| request.uri() == url)
            .map(|(_, page)| page.to_string());
        let status = if page.is_some() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        let mut response = Response::new(Bytes::from(page.unwrap_or_default()));
        *response.status_mut() = status;
        Ok(response)
    }
}

async fn discovered(issuer: &str, pages: Vec<(&'static str, Value)>) -> Gate {
    ExternalApi::new(issuer, "api")
        .with_clock(Arc::new(TestClock::new()))
        .with_http_client(Arc::new(Site(Mutex::new(pages))))
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_are_discovered_by_rfc_8414_and_by_openid_connect() {
    let key = es256();
    let keys = (
        "https://keys.example/k?v=1",
        json!({ "keys": [key.public_jwk()] }),
    );
    let metadata =
        |issuer: &str| json!({ "issuer": issuer, "jwks_uri": keys.0, "grant_types_supported": [] });
    for (issuer, url) in [
        (
            "https://as.example",
            "https://as.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://as.example",
            "https://as.example/.well-known/openid-configuration",
        ),
        (
            "https://as.example/t/1",
            "https://as.example/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://as.example/t/1",
            "https://as.example/t/1/.well-known/openid-configuration",
        ),
        (
            "https://as.example/t/",
            "https://as.example/.well-known/oauth-authorization-server/t",
        ),
    ] {
        let gate = discovered(issuer, vec![(url, metadata(issuer)), keys.clone()]).await;
        assert!(
            gate.is_ready(),
            "{url}: {:?}",
            only_issuer(&gate).last_error
        );
    }
}

#[tokio::test(start_paused = true)]
async fn moved_keys_are_found_after_an_hour_and_at_once_when_the_old_place_fails() {
    const METADATA: &str = "https://as.example/.well-known/oauth-authorization-server";
    let (old, new) = (es256(), es256());
    let metadata = |uri: &str| {
        (
            METADATA,
            json!({ "issuer": "https://as.example", "jwks_uri": uri }),
        )
    };
    let place = |uri: &'static str, key: &SigningKey| (uri, json!({ "keys": [key.public_jwk()] }));
    let kid = |gate: &Gate| only_issuer(gate).keys.first().unwrap().kid.clone().unwrap();
    for (old_stays, patience) in [
        (true, Duration::from_mins(70)),
        (false, Duration::from_mins(10)),
    ] {
        let site = Arc::new(Site(Mutex::new(vec![
            metadata("https://a.example/k"),
            place("https://a.example/k", &old),
        ])));
        let gate = ExternalApi::new("https://as.example", "api")
            .with_clock(Arc::new(TestClock::new()))
            .with_http_client(site.clone())
            .build()
            .await
            .unwrap();
        assert_eq!(kid(&gate), old.key_id().as_str());
        let mut pages = vec![
            metadata("https://b.example/k"),
            place("https://b.example/k", &new),
        ];
        if old_stays {
            pages.push(place("https://a.example/k", &old));
        }
        *site.0.lock().unwrap() = pages;
        sleep(patience).await;
        assert_eq!(kid(&gate), new.key_id().as_str(), "{old_stays}");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_issuer_or_with_unsafe_keys_is_refused() {
    let key = es256();
    let pages = |issuer: &str, uri: &'static str| {
        vec![
            (
                "https://as.example/.well-known/oauth-authorization-server",
                json!({ "issuer": issuer, "jwks_uri": uri }),
            ),
            (uri, json!({ "keys": [key.public_jwk()] })),
        ]
    };
    for (issuer, uri, ready) in [
        ("https://as.example", "https://as.example/k", true),
        ("https://as.example", "http://127.0.0.1:9/k", true),
        ("https://as.example", "http://[::1]:9/k", true),
        ("https://as.example", "http://localhost/k", true),
        ("https://as.example/", "https://as.example/k", false),
        ("https://AS.example", "https://as.example/k", false),
        ("https://as.example", "http://as.example/k", false),
        (
            "https://as.example",
            "http://localhost.evil.example/k",
            false,
        ),
        ("https://as.example", "file:///etc/passwd", false),
        ("https://as.example", "https://user@as.example/k", false),
    ] {
        let gate = discovered("https://as.example", pages(issuer, uri)).await;
        assert_eq!(
            gate.is_ready(),
            ready,
            "{issuer} {uri}: {:?}",
            only_issuer(&gate).last_error
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_part_of_a_request_gets_into_the_url_of_the_keys() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    app.with_token(&long_lived(&es256())).await;
    for number in 0..issuer.asked() {
        let (url, headers) = issuer.request(number);
        assert_eq!(url, crate::fixture::JWKS_URI);
        assert!(
            headers
                .keys()
                .all(|name| ["accept", "if-none-match", "if-modified-since"]
                    .contains(&name.as_str()))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_kid_passes_with_exactly_one_key_of_its_algorithm() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (one, other) = (es256(), es256());
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    let unsigned = format!(
        "{}.{payload}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#),
        URL_SAFE_NO_PAD.encode([0; 64])
    );
    for (keys, code) in [
        (vec![&one], "bad_signature"),
        (vec![&one, &other], "unknown_key"),
    ] {
        let gate = ExternalApi::new(ISSUER, "loyalty-api")
            .with_clock(Arc::new(TestClock::new()))
            .with_static_keys(crate::fixture::key_set(&keys))
            .build()
            .await
            .unwrap();
        assert_eq!(
            gate.verifier()
                .verify(&unsigned)
                .await
                .unwrap_err()
                .reason(),
            code
        );
    }
}

/// The token under another header, which no signature covers.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_known_kid_under_another_algorithm_is_an_unknown_key_like_any_other() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    let odd = with_header(
        &long_lived(&key),
        &json!({ "alg": "RS256", "kid": key.key_id().as_str() }),
    );
    // The issuer cannot be asked: nobody is logged out.
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..3 {
        assert_eq!(app.with_token(&odd).await.refusal().0, 503);
        assert_eq!(app.with_token(&long_lived(&key)).await.status, 200);
    }
    assert_eq!(issuer.asked(), 2);
    issuer.answer(Answer::Keys);
    sleep(Duration::from_secs(30)).await;
    for _ in 0..3 {
        assert_eq!(
            app.with_token(&odd).await.refusal(),
            (401, "unknown_key".to_owned())
        );
    }
    assert_eq!(issuer.asked(), 3, "the fetch that says so");
}

#[tokio::test(start_paused = true)]
async fn a_token_without_kid_that_several_keys_may_have_signed_costs_one_fetch() {
    let (one, other) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&one, &other]);
    let app = App::new(&quiet(&issuer).await);
    let kidless = with_header(&long_lived(&one), &json!({ "alg": "ES256" }));
    for _ in 0..3 {
        assert_eq!(app.with_token(&kidless).await.refusal().1, "unknown_key");
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_content_type_makes_no_key_set_and_unmakes_none() {
    let key = es256();
    for (name, body, fits) in [
        ("application/jwk-set+json", None, true),
        ("application/json; charset=utf-8", None, true),
        ("text/plain", None, true),
        ("text/html", None, true),
        ("application/jwk-set+json", Some("<html>"), false),
    ] {
        let issuer = FakeIssuer::new(&[&key]);
        issuer.header("content-type", name);
        if let Some(body) = body {
            issuer.answer(Answer::Body(body.to_owned()));
        }
        assert_eq!(quiet(&issuer).await.is_ready(), fits, "{name} {body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_of_64_keys_is_taken_and_one_of_65_is_a_failed_fetch() {
    let key = es256();
    let named = |number: usize| {
        let kid = KeyId::try_from(number.to_string().as_str()).unwrap();
        key.public_jwk().clone().with_key_id(kid)
    };
    let issuer = FakeIssuer::new(&[]);
    issuer.publish((0..64).map(named));
    let gate = quiet(&issuer).await;
    assert_eq!(only_issuer(&gate).keys.len(), 64);
    issuer.publish((0..65).map(named));
    assert!(matches!(
        *gate.refresh().await.unwrap_err(),
        FetchError::KeySet(_)
    ));
    assert_eq!(only_issuer(&gate).keys.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn age_shortens_a_lifetime_and_a_304_brings_a_new_one() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Unchanged);
    issuer.header("etag", "\"v1\"");
    issuer.header("cache-control", "max-age=1000");
    issuer.header("age", "400");
    let settings = exeat::JwksSettings {
        max_stale: Duration::ZERO,
        ..exeat::JwksSettings::default()
    };
    let gate = remote(&issuer, |api| api.with_jwks_settings(settings)).await;
    let usable = |gate: &Gate| only_issuer(gate).usable_for.unwrap().as_secs();
    assert_eq!(usable(&gate), 600);
    issuer.header("cache-control", "max-age=2000");
    issuer.header("age", "0");
    gate.refresh().await.unwrap();
    assert_eq!((usable(&gate), only_issuer(&gate).epoch), (2000, 1));
    // What is not said any more does not hold any more.
    issuer.header("cache-control", "no-cache");
    gate.refresh().await.unwrap();
    assert_eq!((usable(&gate), only_issuer(&gate).epoch), (600, 1));
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_rfc_8414_comes_first_and_openid_connect_only_without_it() {
    const OAUTH: &str = "https://as.example/.well-known/oauth-authorization-server";
    const OPENID: &str = "https://as.example/.well-known/openid-configuration";
    let (first, second) = (es256(), es256());
    let metadata = |url, uri: &str| {
        (
            url,
            json!({ "issuer": "https://as.example", "jwks_uri": uri }),
        )
    };
    let pages = |with_oauth: bool| {
        let mut pages = vec![
            metadata(OPENID, "https://as.example/2"),
            (
                "https://as.example/1",
                json!({ "keys": [first.public_jwk()] }),
            ),
            (
                "https://as.example/2",
                json!({ "keys": [second.public_jwk()] }),
            ),
        ];
        if with_oauth {
            pages.push(metadata(OAUTH, "https://as.example/1"));
        }
        pages
    };
    for (with_oauth, key) in [(true, &first), (false, &second)] {
        let gate = discovered("https://as.example", pages(with_oauth)).await;
        let kid = only_issuer(&gate).keys.remove(0).kid;
        assert_eq!(kid.as_deref(), Some(key.key_id().as_str()));
    }
}
