//! Refusals of gRPC calls, as HTTP.

use axum::Router;
use axum::routing::any;
use exeat::{ExternalApi, RequireScope};
use http::Method;
use serde_json::json;
use tower::ServiceExt;

use crate::fixture::{
    Answer, App, FakeIssuer, Seen, bearer, claims, claims_with, es256, from_page, pinned, remote,
    sign,
};

fn call(
    mut request: http::Request<axum::body::Body>,
    content_type: &str,
) -> http::Request<axum::body::Body> {
    *request.method_mut() = Method::POST;
    request
        .headers_mut()
        .insert("content-type", content_type.parse().unwrap());
    request
}

fn assert_refused(seen: &Seen, status: &str, message: &str) {
    assert_eq!(seen.status, 200);
    assert_eq!(seen.header("content-type"), "application/grpc");
    assert_eq!(seen.header("grpc-status"), status);
    assert_eq!(seen.header("grpc-message"), message);
    assert_eq!(seen.header("exeat-handler"), "not-run");
    assert_eq!(seen.body, "");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_200_with_a_grpc_status() {
    let key = es256();
    let app = App::new(&pinned(&key, ExternalApi::with_grpc).await);
    let seen = app
        .send(call(from_page(Method::POST, &[]), "application/grpc"))
        .await;
    assert_refused(&seen, "16", "A bearer token is required");
    assert_eq!(seen.header("www-authenticate"), "Bearer");
    assert_eq!(seen.refused.unwrap().status, 401);

    let seen = app
        .send(call(bearer(Method::POST, "a b"), "application/grpc+proto"))
        .await;
    assert_refused(&seen, "3", "The credentials are not a bearer token");

    let read_only = sign(&key, &claims_with(&json!({ "ro": true })));
    let seen = app
        .send(call(
            bearer(Method::POST, &read_only),
            "application/grpc; x=y",
        ))
        .await;
    assert_refused(&seen, "7", "The token is read-only");

    let mut foreign = call(
        bearer(Method::POST, &sign(&key, &claims())),
        "application/grpc",
    );
    foreign
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    assert_refused(&app.send(foreign).await, "7", "origin_not_allowed");
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_unavailable() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Silence);
    let app = App::new(&remote(&issuer, ExternalApi::with_grpc).await);
    let seen = app
        .send(call(
            bearer(Method::POST, &sign(&key, &claims())),
            "application/grpc",
        ))
        .await;
    assert_refused(&seen, "14", "The token cannot be verified now");
    assert!(seen.headers.contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_the_gate_is_one_too() {
    let key = es256();
    let gate = pinned(&key, ExternalApi::with_grpc).await;
    let app = Router::new()
        .route("/points", any(async || "ran"))
        .route_layer(RequireScope::new("a").unwrap())
        .layer(gate.layer());
    let request = call(
        bearer(Method::POST, &sign(&key, &claims())),
        "application/grpc",
    );
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    assert_refused(
        &seen,
        "7",
        "The token does not grant the scope that is required",
    );
    // Or else the HTTP answer's length would promise a body.
    assert!(matches!(seen.header("content-length"), "" | "0"));
}

#[tokio::test(start_paused = true)]
async fn what_only_looks_like_grpc_gets_an_http_answer() {
    let key = es256();
    let app = App::new(&pinned(&key, ExternalApi::with_grpc).await);
    for content_type in [
        "application/grpc-web",
        "application/grpcx",
        "application/grp",
        "text/plain, application/grpc",
    ] {
        let seen = app
            .send(call(from_page(Method::POST, &[]), content_type))
            .await;
        assert_eq!(
            seen.refusal(),
            (401, "no_token".to_owned()),
            "{content_type}"
        );
    }
    let good = call(
        bearer(Method::POST, &sign(&key, &claims())),
        "application/grpc",
    );
    let seen = app.send(good).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "ran"));
    assert!(!seen.headers.contains_key("grpc-status"));
}

#[tokio::test(start_paused = true)]
async fn only_a_post_to_a_gate_that_speaks_grpc_is_answered_so() {
    let key = es256();
    // A proxy that asks a gate by status would take 200 for a yes.
    let app = App::new(&pinned(&key, |api| api).await);
    let seen = app
        .send(call(from_page(Method::POST, &[]), "application/grpc"))
        .await;
    assert_eq!(seen.refusal(), (401, "no_token".to_owned()));

    let app = App::new(&pinned(&key, ExternalApi::with_grpc).await);
    let request = from_page(Method::GET, &[("content-type", "application/grpc")]);
    let seen = app.send(request).await;
    assert_eq!(seen.refusal(), (401, "no_token".to_owned()));
}
