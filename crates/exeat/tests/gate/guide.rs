//! The examples of the guide's sections on routes and on APIs that run for long.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt;

use crate::fixture::{
    PAGE, Seen, bearer, claims, claims_with, es256, from_page, pinned, plain, sign,
};

#[expect(dead_code, reason = "its main is for a terminal")]
#[path = "../../examples/routes.rs"]
mod example;

#[expect(dead_code, reason = "its main is for a terminal")]
#[path = "../../examples/long_lived.rs"]
pub(crate) mod long_lived;

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
    let statement = format!("/statements/1?access_token={read}");
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
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
        (&statement, plain("/", &link), 200, "for u-1"),
        ("/statements/1", plain("/", &link), 401, "no_token"),
        ("/nowhere", from_page(Method::GET, &[]), 401, "no_token"),
    ] {
        let seen = Seen::new(app.clone().oneshot(at(path, request)).await.unwrap()).await;
        assert_eq!(seen.status, status, "{path}");
        assert!(seen.body.contains(body), "{path}: {}", seen.body);
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_the_guide_is_read_again_and_its_stream_ends() {
    let key = es256();
    let token = sign(&key, &claims());
    let gate = pinned(&key, |api| api).await;
    let app = long_lived::routes(&gate);
    let ask = async || {
        let request = at("/events", bearer(Method::GET, &token));
        Seen::new(app.clone().oneshot(request).await.unwrap()).await
    };
    let seen = ask().await;
    assert_eq!(
        (seen.status, seen.header("access-control-allow-origin")),
        (200, PAGE)
    );
    assert!(
        seen.body.ends_with("event: expired\ndata: expired\n\n"),
        "{}",
        seen.body
    );

    // Within the leeway it opens another one, which is over at once; until the operator takes the page from the list.
    assert_eq!(ask().await.status, 200);
    let file = tempfile::NamedTempFile::new().unwrap();
    for (json, status) in [
        (r#"{"origins": ["https://other.example"]}"#, 403),
        (r#"{"origins": ["https://shop.example/"]}"#, 403),
        (r#"{"origin": ["https://shop.example"]}"#, 403),
        ("", 403),
        (r#"{"origins": ["https://shop.example"]}"#, 200),
    ] {
        std::fs::write(file.path(), json).unwrap();
        let is_right = json.contains(r#"example"]}"#) && json.contains("origins");
        assert_eq!(
            long_lived::reload(&gate, file.path()).is_ok(),
            is_right,
            "{json}"
        );
        assert_eq!(ask().await.status, status, "{json}");
    }
}
