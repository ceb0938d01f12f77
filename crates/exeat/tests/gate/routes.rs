//! The table of looser routes: found by what the router matched, and never by a path.

use axum::Router;
use axum::routing::get;
use exeat::{ExternalApi, Gate, TokenMode, User};
use exeat_jose::SigningKey;
use tower::{Layer, ServiceExt};

use crate::fixture::{PAGE, Seen, claims, es256, mirror, pinned, plain, sign};

async fn gate(key: &SigningKey) -> Gate {
    pinned(key, |api| {
        api.with_route("/prices", TokenMode::Public)
            .with_route("/offers/{id}", TokenMode::Optional)
            .with_route("/api/prices", TokenMode::Public)
    })
    .await
}

async fn status(app: &Router, path: &str) -> u16 {
    let response = app.clone().oneshot(plain(path, &[])).await.unwrap();
    response.status().as_u16()
}

fn routes() -> Router {
    Router::new()
        .route("/prices", mirror())
        .route("/offers/{id}", mirror())
        .route("/offers/{id}/accept", mirror())
        .route("/points", mirror())
}

#[tokio::test(start_paused = true)]
async fn a_named_route_is_looser_and_no_other() {
    let key = es256();
    let app = routes().fallback(mirror()).layer(gate(&key).await.layer());
    for (path, expected) in [
        ("/prices", 200),
        ("/prices?x=/points", 200),
        ("/offers/1", 200),
        ("/offers/prices", 200),
        ("/points", 401),
        ("/offers/1/accept", 401),
        // None of these is matched, so each is refused and not guessed at.
        ("/prices/", 401),
        ("//prices", 401),
        ("/PRICES", 401),
        ("/%70rices", 401),
        ("/prices/..%2fpoints", 401),
        ("/points/../prices", 401),
        ("/offers/", 401),
        ("/", 401),
        ("/nowhere", 401),
        ("/{id}", 401),
    ] {
        assert_eq!(status(&app, path).await, expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn nested_routers_and_their_fallbacks_keep_to_the_whole_path() {
    let key = es256();
    let gate = gate(&key).await;
    let inner = || {
        Router::new()
            .route("/prices", mirror())
            .route("/points", mirror())
            .fallback(mirror())
    };
    for app in [
        Router::new().nest("/api", inner()).layer(gate.layer()),
        Router::new().nest("/api", inner().layer(gate.layer())),
        Router::new().nest_service("/api", inner().layer(gate.layer())),
        Router::new()
            .nest("/api", Router::new().merge(inner()))
            .layer(gate.layer()),
    ] {
        for (path, expected) in [
            ("/api/prices", 200),
            ("/api/points", 401),
            ("/api/nowhere", 401),
            ("/api", 401),
        ] {
            assert_eq!(status(&app, path).await, expected, "{path}");
        }
    }
    let elsewhere = Router::new().nest("/v2", inner()).layer(gate.layer());
    assert_eq!(
        status(&elsewhere, "/v2/prices").await,
        401,
        "the path is another"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_nested_has_no_matched_path() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_route("/files", TokenMode::Public)).await;
    let service = tower::service_fn(async |_: axum::extract::Request| {
        Ok::<_, std::convert::Infallible>(axum::response::Response::new(axum::body::Body::empty()))
    });
    let app = Router::new().nest_service("/files", gate.layer().layer(service));
    assert_eq!(status(&app, "/files/prices").await, 401);
}

#[tokio::test(start_paused = true)]
async fn without_a_router_the_strictest_mode_holds() {
    let key = es256();
    for (default, route, expected) in [
        (TokenMode::Required, TokenMode::Public, 401),
        (TokenMode::Optional, TokenMode::Public, 200),
        (TokenMode::Optional, TokenMode::Required, 401),
    ] {
        let gate = pinned(&key, |api| {
            api.with_token_mode(default).with_route("/prices", route)
        })
        .await;
        // The layer is around the router, and so before it.
        let app = gate.layer().layer(Router::new().route("/prices", mirror()));
        let response = app.oneshot(plain("/prices", &[])).await.unwrap();
        assert_eq!(response.status(), expected, "{default:?} {route:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_route_looks_for_no_token() {
    let key = es256();
    let gate = gate(&key).await;
    let app = Router::new()
        .route("/prices", mirror())
        .route("/api/prices", get(async |user: User| user.sub))
        .layer(gate.layer());
    let bearer = format!("Bearer {}", sign(&key, &claims()));
    for credentials in ["Bearer a b", bearer.as_str()] {
        let request = plain("/prices", &[("authorization", credentials)]);
        let seen = Seen::new(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(
            (seen.status, &seen.problem()["user"]),
            (200, &serde_json::Value::Null)
        );
    }
    let request = plain("/api/prices", &[("authorization", &bearer)]);
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    assert_eq!(
        (seen.status, &seen.problem()["code"]),
        (500, &"internal_error".into())
    );
    assert!(!seen.headers.contains_key("www-authenticate"));
}

#[tokio::test(start_paused = true)]
async fn a_stricter_route_covers_every_route_of_a_mount() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_token_mode(TokenMode::Optional)
            .with_route("/admin", TokenMode::Required)
            .with_route("/admin/login", TokenMode::Optional)
            .with_route("/", TokenMode::Required)
    })
    .await;
    let service = || Router::new().fallback(mirror());
    let open = || Router::new().route("/administrators", mirror());
    for app in [
        open().nest_service("/admin", service()).layer(gate.layer()),
        open()
            .layer(gate.layer())
            .nest_service("/admin", gate.layer().layer(service())),
    ] {
        for (path, expected) in [
            ("/admin", 401),
            ("/admin/", 401),
            ("/admin//", 401),
            ("/admin/x", 401),
            ("/administrators", 200),
        ] {
            assert_eq!(status(&app, path).await, expected, "{path}");
        }
    }
    let named = Router::new()
        .route("/admin/login", mirror())
        .route("/admin/login/again", mirror())
        .route("/", mirror())
        .layer(gate.layer());
    for (path, expected) in [
        ("/admin/login", 200),
        ("/admin/login/again", 401),
        ("/", 401),
    ] {
        assert_eq!(status(&named, path).await, expected, "{path}");
    }
}

#[test]
fn every_mistake_in_the_table_is_reported_at_once() {
    let api = ExternalApi::new("https://market.example", "a")
        .with_token_mode(TokenMode::Public)
        .with_route("prices", TokenMode::Public)
        .with_route("/a/:id", TokenMode::Optional)
        .with_route("/b/*rest", TokenMode::Optional)
        .with_route("/c/{id", TokenMode::Optional)
        .with_route("/d/{x}", TokenMode::Optional)
        .with_route("/d/{y}", TokenMode::Optional)
        .with_route("/e", TokenMode::Optional)
        .with_route("/e", TokenMode::Public)
        .with_query_token("/f", "a b")
        .with_query_token("/g", "t")
        .with_query_token("/g", "u")
        .with_query_token("/h", "t")
        .with_route("/h", TokenMode::Public)
        .without_fetch_metadata("downloads")
        .without_fetch_metadata("/i/:id")
        .with_route("", TokenMode::Optional);
    let errors = api.check().unwrap_err();
    let text = errors.to_string();
    assert_eq!(errors.iter().count(), 13, "{text}");
    for path in [
        "prices",
        "/a/:id",
        "/b/*rest",
        "/c/{id",
        "/d/{y}",
        "/e",
        "/f",
        "/g",
        "/h",
        "downloads",
        "/i/:id",
        "",
    ] {
        assert!(
            text.contains(&format!("route {path:?}: ")),
            "{path}: {text}"
        );
    }
    assert!(text.contains("token_mode"), "{text}");
}

#[test]
fn good_tables_are_accepted() {
    let api = ExternalApi::new("https://market.example", "a")
        .with_route("/", TokenMode::Public)
        .with_route("/a/{id}", TokenMode::Optional)
        .with_route("/a/b", TokenMode::Public)
        .with_route("/c/{*rest}", TokenMode::ReportOnly)
        .with_route("/d", TokenMode::Optional)
        .with_query_token("/d", "access_token")
        .without_fetch_metadata("/d")
        .without_fetch_metadata("/e/{id}");
    assert!(api.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_origin_gate_reports_on_a_named_route_and_enforces_on_every_other() {
    let key = es256();
    let gate = pinned(&key, |api| api.with_reported_origins("/legacy/{*path}")).await;
    let app = Router::new()
        .route("/legacy/{*path}", get(async || ""))
        .route("/points", get(async || ""))
        .layer(gate.layer());
    let token = format!("Bearer {}", sign(&key, &claims()));
    for (method, path, origins, preflight, status) in [
        (
            "GET",
            "/legacy/points",
            &["https://evil.example"][..],
            false,
            200,
        ),
        (
            "GET",
            "/legacy/points",
            &["https://evil.example", PAGE],
            false,
            200,
        ),
        (
            "GET",
            "/legacy/../points",
            &["https://evil.example"],
            false,
            200,
        ),
        ("GET", "/points", &["https://evil.example"], false, 403),
        ("GET", "/nowhere", &["https://evil.example"], false, 403),
        (
            "OPTIONS",
            "/legacy/points",
            &["https://evil.example"],
            true,
            403,
        ),
        (
            "OPTIONS",
            "/legacy/points",
            &["https://evil.example", PAGE],
            true,
            400,
        ),
    ] {
        let mut headers = vec![("authorization", token.as_str())];
        headers.extend(origins.iter().map(|origin| ("origin", *origin)));
        if preflight {
            headers.push(("access-control-request-method", "GET"));
        }
        let mut request = plain(path, &headers);
        *request.method_mut() = method.parse().unwrap();
        let seen = Seen::new(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(seen.status, status, "{method} {path} {origins:?}");
        assert_eq!(
            seen.header("access-control-allow-origin"),
            "",
            "never shared"
        );
    }
}
