//! Required, optional, report-only and public: who reaches the handler, and as whom.

use axum::Router;
use axum::routing::{any, get};
use exeat::{Gate, Rejected, TokenMode, User, VerifiedClaims};
use exeat_jose::SigningKey;
use http::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{
    Answer, FakeIssuer, NOW, Seen, bearer, claims, claims_with, es256, from_page, pinned, remote,
    sign,
};

async fn gate(key: &SigningKey, mode: TokenMode) -> Gate {
    pinned(key, |api| api.with_token_mode(mode).with_realm("points")).await
}

/// One handler that may have a user at `/maybe`, one that needs one at `/points`.
async fn ask(gate: &Gate, request: http::Request<axum::body::Body>) -> Seen {
    let app = Router::new()
        .route("/points", any(async |user: User| user.sub))
        .route(
            "/maybe",
            any(async |user: Option<User>| user.map_or("nobody".to_owned(), |user| user.sub)),
        )
        .route(
            "/claims",
            any(async |claims: Option<VerifiedClaims<Value>>| claims.is_some().to_string()),
        )
        .route(
            "/why",
            any(async |user: Result<User, Rejected>| {
                user.map_or_else(|why| why.reason().to_owned(), |user| user.sub)
            }),
        )
        .layer(gate.layer());
    Seen::new(app.oneshot(request).await.unwrap()).await
}

fn to(path: &str, mut request: http::Request<axum::body::Body>) -> http::Request<axum::body::Body> {
    *request.uri_mut() = path.parse().unwrap();
    request
}

#[tokio::test(start_paused = true)]
async fn optional_and_report_only_let_in_without_a_user_whatever_is_wrong() {
    let key = es256();
    let expired = format!(
        "Bearer {}",
        sign(&key, &claims_with(&json!({ "exp": NOW - 3600 })))
    );
    let read_only = format!(
        "Bearer {}",
        sign(&key, &claims_with(&json!({ "ro": true })))
    );
    for mode in [TokenMode::Optional, TokenMode::ReportOnly] {
        let gate = gate(&key, mode).await;
        for (method, headers, status, code) in [
            (Method::GET, vec![], 401, "no_token"),
            (
                Method::GET,
                vec![("authorization", expired.as_str())],
                401,
                "expired",
            ),
            (
                Method::GET,
                vec![("authorization", "Bearer a.b.c")],
                401,
                "malformed",
            ),
            (
                Method::GET,
                vec![("authorization", "Bearer a b")],
                400,
                "bad_credentials",
            ),
            (
                Method::POST,
                vec![("authorization", &read_only)],
                403,
                "read_only_token",
            ),
        ] {
            let request = || from_page(method.clone(), &headers);
            assert_eq!(ask(&gate, to("/maybe", request())).await.body, "nobody");
            assert_eq!(ask(&gate, to("/claims", request())).await.body, "false");
            assert_eq!(ask(&gate, to("/why", request())).await.body, code);
            let seen = ask(&gate, request()).await;
            assert_eq!(seen.status, status, "{code}");
            assert_eq!(seen.problem()["code"], code);
            assert_eq!(
                seen.header("access-control-allow-origin"),
                crate::fixture::PAGE
            );
            assert!(!seen.headers.contains_key("exeat-handler") && seen.refused.is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_token_makes_a_user_in_every_mode_but_public() {
    let key = es256();
    let token = sign(&key, &claims());
    for mode in [
        TokenMode::Required,
        TokenMode::Optional,
        TokenMode::ReportOnly,
    ] {
        let gate = gate(&key, mode).await;
        for path in ["/maybe", "/points", "/why"] {
            let seen = ask(&gate, to(path, bearer(Method::GET, &token))).await;
            assert_eq!(
                (seen.status, seen.body.as_str()),
                (200, "u-1"),
                "{mode:?} {path}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_challenge_of_an_extractor_is_the_gates_own() {
    let key = es256();
    let required = ask(
        &gate(&key, TokenMode::Required).await,
        from_page(Method::GET, &[]),
    )
    .await;
    let optional = ask(
        &gate(&key, TokenMode::Optional).await,
        from_page(Method::GET, &[]),
    )
    .await;
    assert_eq!(
        required.header("www-authenticate"),
        "Bearer realm=\"points\""
    );
    for name in ["www-authenticate", "content-type", "cache-control", "vary"] {
        assert_eq!(required.header(name), optional.header(name), "{name}");
    }
    assert_eq!(required.body, optional.body);
}

#[tokio::test(start_paused = true)]
async fn required_refuses_before_the_handler() {
    let key = es256();
    let gate = gate(&key, TokenMode::Required).await;
    let seen = ask(&gate, to("/maybe", from_page(Method::GET, &[]))).await;
    assert_eq!(seen.readable_refusal(), (401, "no_token".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_nobodys_user_and_still_503_to_who_needs_one() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Silence);
    let gate = remote(&issuer, |api| api.with_token_mode(TokenMode::Optional)).await;
    let token = sign(&key, &claims());
    let seen = ask(&gate, to("/maybe", bearer(Method::GET, &token))).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "nobody"));
    let seen = ask(&gate, bearer(Method::GET, &token)).await;
    assert_eq!(seen.status, 503);
    assert!(seen.headers.contains_key("retry-after"));
    assert!(!seen.headers.contains_key("www-authenticate"));
}

#[tokio::test(start_paused = true)]
async fn the_origin_gate_has_its_own_mode() {
    let key = es256();
    for mode in [TokenMode::Optional, TokenMode::ReportOnly] {
        let gate = gate(&key, mode).await;
        let mut request = to("/maybe", from_page(Method::GET, &[]));
        request
            .headers_mut()
            .insert("origin", "https://evil.example".parse().unwrap());
        assert_eq!(
            ask(&gate, request).await.refusal(),
            (403, "origin_not_allowed".to_owned())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_report_only_says_what_it_would_have_refused() {
    let key = es256();
    for (mode, lines) in [(TokenMode::Optional, 0), (TokenMode::ReportOnly, 1)] {
        let gate = gate(&key, mode).await;
        let (log, _guard) = crate::secrecy::Log::start(tracing::Level::INFO);
        ask(&gate, to("/maybe", from_page(Method::GET, &[]))).await;
        let text = log.text();
        assert_eq!(text.lines().count(), lines, "{text}");
        if lines == 1 {
            for part in ["would be refused", "no_token", "handler_run=true"] {
                assert!(text.contains(part), "{part} is missing: {text}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_user_of_an_outer_gate_is_not_that_of_an_inner_one() {
    let (ours, theirs) = (es256(), es256());
    let outer = gate(&theirs, TokenMode::Required).await;
    let inner = gate(&ours, TokenMode::Optional).await;
    let app = Router::new()
        .route(
            "/points",
            get(async |user: Option<User>| user.is_some().to_string()),
        )
        .layer(inner.layer())
        .layer(outer.layer());
    let token = sign(&theirs, &claims());
    let seen = Seen::new(app.oneshot(bearer(Method::GET, &token)).await.unwrap()).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "false"));
}
