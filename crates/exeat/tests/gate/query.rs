//! A token in the URL of a route that allows it.

use axum::Router;
use axum::body::Body;
use exeat::Gate;
use exeat_jose::SigningKey;
use http::Request;
use tower::ServiceExt;

use crate::fixture::{PAGE, Seen, claims, es256, mirror, mirrored, pinned, plain, sign};

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
