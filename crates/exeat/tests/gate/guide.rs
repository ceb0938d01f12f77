//! The example of the guide's section on routes.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt;

use crate::fixture::{Seen, bearer, claims_with, es256, from_page, pinned, sign};

#[expect(dead_code, reason = "its main is for a terminal")]
#[path = "../../examples/routes.rs"]
mod example;

fn at(path: &str, mut request: Request<Body>) -> Request<Body> {
    *request.uri_mut() = path.parse().unwrap();
    request
}

#[tokio::test(start_paused = true)]
async fn the_routes_of_the_guide_do_what_it_says() {
    let key = es256();
    let gate = pinned(&key, example::with_loose_routes).await;
    let app = example::routes(&gate).unwrap();
    let read = sign(&key, &claims_with(&json!({ "scope": "points:read" })));
    let write = sign(&key, &claims_with(&json!({ "scope": "points:write" })));
    for (path, request, status, body) in [
        ("/prices", from_page(Method::GET, &[]), 200, "a coffee"),
        (
            "/offers/1",
            from_page(Method::GET, &[]),
            200,
            "for everybody",
        ),
        ("/offers/1", bearer(Method::GET, &read), 200, "for u-1"),
        ("/transfers", from_page(Method::POST, &[]), 401, "no_token"),
        (
            "/transfers",
            bearer(Method::POST, &read),
            403,
            "insufficient_scope",
        ),
        (
            "/transfers",
            bearer(Method::POST, &write),
            200,
            "sent by u-1",
        ),
        ("/nowhere", from_page(Method::GET, &[]), 401, "no_token"),
    ] {
        let seen = Seen::new(app.clone().oneshot(at(path, request)).await.unwrap()).await;
        assert_eq!(seen.status, status, "{path}");
        assert!(seen.body.contains(body), "{path}: {}", seen.body);
    }
}
