//! Routes that require a scope.

use axum::Router;
use axum::routing::any;
use exeat::{Gate, RequireScope, RequiredScope, Scoped, TokenMode, User};
use http::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{PAGE, Seen, bearer, claims_with, es256, from_page, pinned, sign};

async fn ask(gate: &Gate, request: http::Request<axum::body::Body>) -> Seen {
    let app = Router::new()
        .route("/points", any(async || "ran"))
        .route_layer(RequireScope::new("points:read points:write").unwrap())
        .layer(gate.layer());
    Seen::new(app.oneshot(request).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_token_passes_with_every_scope_and_fails_with_one_missing() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_realm("points")).await;
    for (scope, passes) in [
        (json!("points:read points:write"), true),
        (json!("a points:write b points:read"), true),
        (json!("points:read"), false),
        (json!("points:read points:write2"), false),
        (json!("points:read,points:write"), false),
        (json!(""), false),
        (Value::Null, false),
    ] {
        let token = sign(&key, &claims_with(&json!({ "scope": scope })));
        let seen = ask(&gate, bearer(Method::POST, &token)).await;
        if passes {
            assert_eq!((seen.status, seen.body.as_str()), (200, "ran"), "{scope}");
            continue;
        }
        assert_eq!(
            seen.readable_refusal(),
            (403, "insufficient_scope".to_owned()),
            "{scope}"
        );
        assert_eq!(
            seen.header("www-authenticate"),
            "Bearer realm=\"points\", error=\"insufficient_scope\", error_description=\"The token does not grant the scope that \
             is required\", scope=\"points:read points:write\""
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_of_another_type_is_a_bad_token() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    for scope in [json!(["points:read", "points:write"]), json!(7), json!({})] {
        let token = sign(&key, &claims_with(&json!({ "scope": scope })));
        let seen = ask(&gate, bearer(Method::GET, &token)).await;
        assert_eq!(
            seen.readable_refusal(),
            (401, "bad_claim_type".to_owned()),
            "{scope}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn it_tightens_an_optional_route_and_says_at_once_what_is_wanted() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_token_mode(TokenMode::Optional)).await;
    let seen = ask(&gate, from_page(Method::GET, &[])).await;
    assert_eq!(seen.readable_refusal(), (401, "no_token".to_owned()));
    assert_eq!(
        seen.header("www-authenticate"),
        "Bearer scope=\"points:read points:write\""
    );
    let token = sign(
        &key,
        &claims_with(&json!({ "scope": "points:write points:read" })),
    );
    assert_eq!(ask(&gate, bearer(Method::GET, &token)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn outside_a_gate_it_is_our_mistake() {
    let app = Router::new()
        .route("/points", any(async || "ran"))
        .route_layer(RequireScope::new("a").unwrap());
    let seen = Seen::new(app.oneshot(from_page(Method::GET, &[])).await.unwrap()).await;
    assert_eq!(
        (seen.status, &seen.problem()["code"]),
        (500, &"internal_error".into())
    );
    assert!(!seen.headers.contains_key("www-authenticate"));
}

#[test]
fn what_is_no_scope_cannot_be_required() {
    for wrong in ["", " ", "a  b", "a\"b", "é"] {
        assert!(RequireScope::new(wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_nothing_of_the_body_that_it_replaces() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let described = async |mut response: axum::response::Response| {
        for (name, value) in [
            ("content-encoding", "gzip"),
            ("content-length", "7"),
            ("etag", "\"1\""),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    };
    let app = Router::new()
        .route("/points", any(async || "ran"))
        .route_layer(RequireScope::new("points:read").unwrap())
        .layer(axum::middleware::map_response(described))
        .layer(gate.layer());
    let token = sign(&key, &claims_with(&json!({})));
    let response = app.oneshot(bearer(Method::GET, &token)).await.unwrap();
    let seen = Seen::new(response).await;
    assert_eq!(seen.refusal(), (403, "insufficient_scope".to_owned()));
    for name in ["content-encoding", "etag"] {
        assert_eq!(seen.header(name), "", "{name}");
    }
    // axum's own, of the new body.
    assert_eq!(seen.header("content-length"), seen.body.len().to_string());
}

struct Writes;

impl RequiredScope for Writes {
    const SCOPE: &'static str = "points:read points:write";
}

struct Wrong;

impl RequiredScope for Wrong {
    const SCOPE: &'static str = "points:read  points:write";
}

async fn transfer(_: Scoped<Writes>, user: User) -> String {
    user.sub
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_require_a_scope_by_type() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_route("/optional", TokenMode::Optional)).await;
    let app = Router::new()
        .route("/points", any(transfer))
        .route("/optional", any(transfer))
        .route("/wrong", any(async |_: Scoped<Wrong>| ""))
        .layer(gate.layer())
        .route("/outside", any(transfer));
    let challenge = r#"Bearer error="insufficient_scope", error_description="The token does not grant the scope that is required", scope="points:read points:write""#;
    let wanted = r#"Bearer scope="points:read points:write""#;
    let all = json!("points:write other points:read");
    for (path, scope, status, challenge) in [
        ("/points", Some(all.clone()), 200, ""),
        ("/points", Some(json!("points:read")), 403, challenge),
        ("/points", Some(Value::Null), 403, challenge),
        ("/optional", Some(all.clone()), 200, ""),
        ("/optional", None, 401, wanted),
        ("/wrong", Some(all.clone()), 500, ""),
        ("/outside", Some(all), 500, ""),
    ] {
        let mut request = match &scope {
            Some(scope) => bearer(
                Method::POST,
                &sign(&key, &claims_with(&json!({ "scope": scope }))),
            ),
            None => from_page(Method::POST, &[]),
        };
        *request.uri_mut() = path.parse().unwrap();
        let seen = Seen::new(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(seen.status, status, "{path} {scope:?}");
        assert_eq!(
            seen.header("www-authenticate"),
            challenge,
            "{path} {scope:?}"
        );
        assert_eq!(
            seen.header("exeat-handler"),
            "",
            "other extractors may have run"
        );
        if path != "/outside" {
            assert_eq!(seen.header("access-control-allow-origin"), PAGE, "{path}");
        }
    }
}
