//! RFC 9728: a client that knows only a URL finds whom to ask for a token.

use axum::Router;
use axum::body::Body;
use exeat::{ExternalApi, Gate, RequireScope};
use exeat_jose::SigningKey;
use http::{Request, Uri};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

use crate::fixture::{ISSUER, Seen, bearer, claims, es256, mirror, pinned, plain, sign};

async fn gate(key: &SigningKey, url: &str) -> Gate {
    pinned(key, |api| {
        api.with_resource(url)
            .with_supported_scopes("a:read a:write")
    })
    .await
}

fn app(gate: &Gate) -> Router {
    let nested = Router::new().route("/mcp", mirror());
    Router::new()
        .route("/", mirror())
        .route("/points", mirror())
        .route("/points/{id}", mirror())
        .layer(gate.layer())
        .nest("/v2", nested.layer(gate.layer()))
        .merge(gate.resource_metadata())
}

async fn get(app: &Router, path: &str) -> Seen {
    Seen::new(app.clone().oneshot(plain(path, &[])).await.unwrap()).await
}

/// Follows RFC 9728 §5 as a client does: from the challenge to metadata whose `resource` is the URL that was asked for (§3.3).
async fn discover(app: &Router, prefix: &str, path: &str) -> Value {
    let challenged = get(app, path).await;
    assert_eq!(challenged.status, 401, "{path}");
    let challenge = challenged.header("www-authenticate").to_owned();
    let (_, url) = challenge.split_once("resource_metadata=\"").unwrap();
    let url: Uri = url.trim_end_matches('"').parse().unwrap();
    assert_eq!(url.host(), Some("api.example"));
    let metadata = get(app, url.path()).await;
    assert_eq!(metadata.status, 200, "{url}");
    let metadata = metadata.problem();
    let asked = format!("https://api.example{prefix}{path}");
    assert_eq!(metadata["resource"], asked.trim_end_matches('/'), "{url}");
    metadata
}

#[tokio::test(start_paused = true)]
async fn every_url_that_challenges_finds_itself_in_its_metadata() {
    let key = es256();
    for (url, prefix) in [
        ("https://api.example", ""),
        ("https://api.example/", ""),
        ("https://api.example/loyalty", "/loyalty"),
    ] {
        let app = app(&gate(&key, url).await);
        for path in ["/", "/points", "/points/7", "/points/a%20b", "/v2/mcp"] {
            let metadata = discover(&app, prefix, path).await;
            assert_eq!(metadata["authorization_servers"], json!([ISSUER]));
            assert_eq!(metadata["scopes_supported"], json!(["a:read", "a:write"]));
            assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
            assert_eq!(metadata.as_object().unwrap().len(), 4);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_path_of_this_api_has_no_metadata() {
    let key = es256();
    let app = app(&gate(&key, "https://api.example/loyalty").await);
    let well_known = "/.well-known/oauth-protected-resource";
    let long = format!("{well_known}/loyalty/{}", "a".repeat(512));
    for path in [
        "",
        "/",
        "/points",
        "/loyaltypoints",
        "/loyalty/a'b",
        "/loyalty/\u{7b}x\u{7d}",
    ] {
        assert_eq!(
            get(&app, &format!("{well_known}{path}")).await.status,
            404,
            "{path}"
        );
    }
    assert_eq!(get(&app, &long).await.status, 404);
    let without = pinned(&key, |api| api).await;
    let app = Router::new().merge(without.resource_metadata());
    assert_eq!(get(&app, well_known).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_hostile_path_does_not_get_into_the_challenge() {
    let key = es256();
    let gate = gate(&key, "https://api.example").await;
    let app = Router::new()
        .route("/{*rest}", mirror())
        .layer(gate.layer());
    let long = format!("/{}", "a".repeat(513));
    for path in ["/a\"b", "/a'b", "/{x}", &long] {
        let seen = get(&app, path).await;
        assert_eq!(
            seen.header("www-authenticate"),
            "Bearer resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"",
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_the_gate_names_it_too() {
    let key = es256();
    let gate = gate(&key, "https://api.example").await;
    let app = Router::new()
        .route("/points", mirror())
        .route_layer(RequireScope::new("a:write").unwrap())
        .layer(gate.layer());
    let request = bearer(http::Method::GET, &sign(&key, &claims()));
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    let challenge = seen.header("www-authenticate");
    assert!(
        challenge.ends_with(
            "scope=\"a:write\", resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/points\""
        ),
        "{challenge}"
    );
}

#[tokio::test(start_paused = true)]
async fn any_page_may_read_it_and_a_query_route_is_told() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_resource("https://api.example")
            .with_query_token("/events", "t")
    })
    .await;
    let request = Request::get("/.well-known/oauth-protected-resource")
        .header("origin", "https://anybody.example")
        .body(Body::empty())
        .unwrap();
    let app: Router = gate.resource_metadata();
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    assert_eq!(seen.header("access-control-allow-origin"), "*");
    let metadata = seen.problem();
    assert_eq!(
        metadata["bearer_methods_supported"],
        json!(["header", "query"])
    );
    assert!(metadata.get("scopes_supported").is_none());
}

#[test]
fn only_a_url_of_an_api_is_a_resource() {
    for (url, fits) in [
        ("https://api.example", true),
        ("https://api.example/", true),
        ("https://api.example:8443/a/b", true),
        ("http://localhost:8090", true),
        ("http://127.0.0.1:8090/", true),
        ("http://[::1]:8090", true),
        ("http://api.example", false),
        ("api.example", false),
        ("https://api.example?a=b", false),
        ("https://api.example/#a", false),
        ("https://user@api.example", false),
        ("https://API.example", false),
        ("https://api.example:443", false),
        ("https://api.example/a'b", false),
        ("urn:api", false),
    ] {
        let checked = ExternalApi::new("https://market.example", "a")
            .with_resource(url)
            .check();
        assert_eq!(checked.is_ok(), fits, "{url}: {checked:?}");
    }
    let scopes = ExternalApi::new("https://market.example", "a").with_supported_scopes("a  b");
    assert!(
        scopes
            .check()
            .unwrap_err()
            .to_string()
            .starts_with("supported_scopes: ")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_the_challenge_holds_no_token_of_the_query() {
    let key = es256();
    let gate = gate(&key, "https://api.example").await;
    let mut service = gate.layer().layer(Router::new());
    let future = service.call(plain("/points?access_token=secret", &[]));
    let shown = format!("{future:?}");
    assert!(
        shown.contains("/points") && !shown.contains("secret"),
        "{shown}"
    );
}
