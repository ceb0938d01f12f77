//! A token in the URL of a route that allows it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use exeat::{ExternalApi, Gate, TokenMode};
use exeat_jose::SigningKey;
use http::Request;
use serde_json::json;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::fixture::{
    AUDIENCE, Answer, FakeIssuer, ISSUER, NOW, PAGE, Seen, claims, claims_with, es256, mirror,
    mirrored, pinned, plain, remote, sign,
};

async fn gate(key: &SigningKey) -> Gate {
    pinned(key, |api| api.with_query_token("/events", "access_token")).await
}

async fn ask(gate: &Gate, uri: &str) -> Seen {
    mirrored(gate, "/events", plain(uri, &[("origin", PAGE)])).await
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_and_leaves_the_uri() {
    let key = es256();
    let gate = gate(&key).await;
    let token = sign(&key, &claims());
    for (query, left) in [
        (format!("access_token={token}"), "/events"),
        (
            format!("from=3&access_token={token}&to=a%20b"),
            "/events?from=3&to=a%20b",
        ),
        (format!("access%5ftoken={token}&from=3"), "/events?from=3"),
        (format!("&&access_token={token}&"), "/events?&&"),
    ] {
        let seen = ask(&gate, &format!("/events?{query}")).await;
        assert_eq!(seen.header("cache-control"), "no-store");
        assert_eq!(seen.header("referrer-policy"), "no-referrer");
        let seen = seen.problem();
        assert_eq!(seen["user"], "u-1", "{query}");
        assert_eq!(seen["uri"], left);
        assert_eq!(seen["original_uri"], left);
    }
}

#[tokio::test(start_paused = true)]
async fn other_routes_do_not_read_it() {
    let key = es256();
    let gate = gate(&key).await;
    let token = sign(&key, &claims());
    let app = Router::new()
        .route("/points", mirror())
        .route("/events/{id}", mirror())
        .fallback(mirror())
        .layer(gate.layer());
    for path in ["/points", "/events/1", "/nowhere", "/events/", "//events"] {
        let request = plain(&format!("{path}?access_token={token}"), &[]);
        let seen = Seen::new(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(seen.refusal(), (401, "no_token".to_owned()), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_nested_route_is_named_with_its_whole_path() {
    let key = es256();
    let token = sign(&key, &claims());
    let gate = pinned(&key, |api| api.with_query_token("/api/events", "t")).await;
    let request = || plain(&format!("/api/events?t={token}"), &[]);
    let inside = Router::new().route("/events", mirror()).layer(gate.layer());
    let around = Router::new().route("/events", mirror());
    for app in [
        Router::new().nest("/api", inside),
        Router::new().nest("/api", around).layer(gate.layer()),
    ] {
        let seen = Seen::new(app.oneshot(request()).await.unwrap()).await;
        let seen = seen.problem();
        assert_eq!(
            (&seen["user"], &seen["original_uri"]),
            (&"u-1".into(), &"/api/events".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_queries_are_refused_and_not_kept() {
    let key = es256();
    let gate = gate(&key).await;
    let token = sign(&key, &claims());
    for (query, status, code) in [
        (
            format!("access_token={token}&access_token={token}"),
            400,
            "multiple_tokens",
        ),
        (
            format!("access_token={token}&access%5Ftoken=a"),
            400,
            "multiple_tokens",
        ),
        ("access_token".to_owned(), 400, "bad_credentials"),
        ("access_token=".to_owned(), 400, "bad_credentials"),
        (
            format!("access_token={}", token.replace('.', "%2E")),
            400,
            "bad_credentials",
        ),
        (
            format!("access_token=Bearer%20{token}"),
            400,
            "bad_credentials",
        ),
        (
            format!("access_token={}", "a".repeat(8193)),
            401,
            "too_large",
        ),
        (format!("Access_Token={token}"), 401, "no_token"),
        (format!("access_token[]={token}"), 401, "no_token"),
        (format!("x;access_token={token}"), 401, "no_token"),
        ("access_token=a.b.c".to_owned(), 401, "malformed"),
    ] {
        let seen = ask(&gate, &format!("/events?{query}")).await;
        assert_eq!(
            seen.readable_refusal(),
            (status, code.to_owned()),
            "{query}"
        );
        assert_eq!(seen.header("referrer-policy"), "no-referrer");
        assert!(!seen.body.contains("access_token") && !seen.body.contains(&token));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_in_the_query_and_in_a_header_are_two() {
    let key = es256();
    let token = sign(&key, &claims());
    let bearer = format!("Bearer {token}");
    let request = plain(
        &format!("/events?access_token={token}"),
        &[("authorization", &bearer)],
    );
    let seen = mirrored(&gate(&key).await, "/events", request).await;
    assert_eq!(seen.refusal(), (400, "multiple_tokens".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn case_103_a_page_that_has_the_url_cannot_have_it_opened_by_an_image() {
    let key = es256();
    let gate = gate(&key).await;
    let uri = format!("/events?access_token={}", sign(&key, &claims()));
    let image = ["cross-site", "no-cors", "image"];
    let names = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];
    let headers: Vec<_> = names.into_iter().zip(image).collect();
    let seen = mirrored(&gate, "/events", plain(&uri, &headers)).await;
    assert_eq!(seen.refusal(), (403, "fetch_metadata".to_owned()));
    assert_eq!(seen.header("referrer-policy"), "no-referrer");
}

#[tokio::test(start_paused = true)]
async fn an_absolute_uri_keeps_its_authority() {
    let key = es256();
    let token = sign(&key, &claims());
    let uri = format!("http://api.example:8080/events?access_token={token}&a=b");
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let seen = mirrored(&gate(&key).await, "/events", request)
        .await
        .problem();
    assert_eq!(seen["uri"], "http://api.example:8080/events?a=b");
}

/// Good for an hour, and issued this long before the clock starts.
fn aged(key: &SigningKey, secs: u64) -> String {
    sign(
        key,
        &claims_with(&json!({ "iat": NOW - secs, "nbf": NOW - secs, "exp": NOW + 3600 })),
    )
}

fn expired() -> (u16, String) {
    (401, "expired".to_owned())
}

#[tokio::test(start_paused = true)]
async fn case_124_a_token_in_the_query_is_at_most_five_minutes_old_cached_or_not() {
    let key = es256();
    for cache in [|api| api, ExternalApi::without_token_cache] {
        let gate = pinned(&key, |api| {
            cache(api).with_query_token("/events", "access_token")
        })
        .await;
        let token = aged(&key, 0);
        let uri = format!("/events?access_token={token}");
        assert_eq!(ask(&gate, &uri).await.status, 200);
        sleep(Duration::from_mins(5)).await;
        assert_eq!(ask(&gate, &uri).await.status, 200, "exactly the maximum");
        sleep(Duration::from_secs(1)).await;
        let seen = ask(&gate, &uri).await;
        assert_eq!(seen.readable_refusal(), expired());
        assert_eq!(seen.header("referrer-policy"), "no-referrer");
        let challenge = seen.header("www-authenticate");
        assert!(
            challenge.starts_with(r#"Bearer error="invalid_token""#),
            "clients fetch a new one: {challenge}"
        );
        let header = [("authorization", &*format!("Bearer {token}"))];
        let seen = mirrored(&gate, "/events", plain("/events", &header)).await;
        assert_eq!(seen.status, 200, "good for as long as it says in a header");
    }
}

#[tokio::test(start_paused = true)]
async fn the_age_is_the_gates_to_set_and_needs_a_date() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_query_token("/events", "access_token")
            .with_query_token_max_age(Duration::from_mins(1))
    })
    .await;
    let refusal = async |token: &str| {
        let seen = ask(&gate, &format!("/events?access_token={token}")).await;
        (seen.status != 200).then(|| seen.readable_refusal())
    };
    assert_eq!(refusal(&aged(&key, 60)).await, None);
    assert_eq!(refusal(&aged(&key, 61)).await, Some(expired()));
    let ahead = sign(&key, &claims_with(&json!({ "iat": NOW + 30 })));
    assert_eq!(refusal(&ahead).await, None, "within the leeway");
    let undated = sign(&key, &claims_with(&json!({ "iat": null })));
    let missing = (401, "missing_claim".to_owned());
    assert_eq!(refusal(&undated).await, Some(missing));
}

#[tokio::test(start_paused = true)]
async fn the_age_counts_when_the_wait_for_keys_is_over() {
    let key = es256();
    for (age, expected) in [(298, None), (299, None), (300, Some(expired()))] {
        let issuer = FakeIssuer::new(&[&es256()]);
        let gate = remote(&issuer, |api| {
            api.with_query_token("/events", "access_token")
        })
        .await;
        issuer.publish([key.public_jwk().clone()]);
        issuer.answer(Answer::Slow(Duration::from_secs(1)));
        let uri = format!("/events?access_token={}", aged(&key, age));
        let asked = issuer.asked();
        let seen = ask(&gate, &uri).await;
        assert_eq!(issuer.asked(), asked + 1);
        let refusal = (seen.status != 200).then(|| seen.readable_refusal());
        assert_eq!(refusal, expected, "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_token_is_needed_an_old_one_is_none() {
    let key = es256();
    for mode in [TokenMode::Optional, TokenMode::ReportOnly] {
        let gate = pinned(&key, |api| {
            api.with_query_token("/events", "access_token")
                .with_route("/events", mode)
        })
        .await;
        for (age, user) in [(300, json!("u-1")), (301, json!(null))] {
            let uri = format!("/events?access_token={}", aged(&key, age));
            let seen = ask(&gate, &uri).await;
            assert_eq!((seen.status, &seen.problem()["user"]), (200, &user));
        }
    }
}

#[test]
fn the_age_has_a_range() {
    for (max, fits) in [
        (Duration::ZERO, false),
        (Duration::from_millis(999), false),
        (Duration::from_secs(1), true),
        (Duration::from_hours(24), true),
        (Duration::from_secs(24 * 3600 + 1), false),
    ] {
        let api = ExternalApi::new(ISSUER, AUDIENCE).with_query_token_max_age(max);
        let checked = api.check().map_err(|errors| errors.to_string());
        assert_eq!(checked.is_ok(), fits, "{max:?}");
        if let Err(text) = checked {
            assert!(text.starts_with("query_token_max_age: "), "{text}");
        }
    }
}
