//! The check at start, on stacks that are right and on stacks as people build them by mistake (case 114).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use exeat::{Gate, SelfCheckError, TokenMode};
use exeat_cors::{Credentials, Enforcement, PolicyConfig};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

use crate::fixture::{PAGE, es256, pinned};

async fn gate() -> Gate {
    pinned(&es256(), |api| api).await
}

async fn never() -> StatusCode {
    panic!("a self-check runs no handler")
}

fn routes() -> Router {
    Router::new().route("/points", get(never))
}

fn app(gate: &Gate) -> Router {
    routes().layer(gate.layer())
}

#[tokio::test]
async fn a_router_inside_the_gate_passes_and_no_handler_runs() {
    let gate = gate().await;
    assert_eq!(gate.self_check(&app(&gate), "/points").await, Ok(()));
}

#[tokio::test]
async fn what_is_no_path_is_told() {
    let gate = gate().await;
    for path in ["", "points", "/points list", "https://shop.example/points"] {
        assert_eq!(
            gate.self_check(&app(&gate), path).await,
            Err(SelfCheckError::Path {
                path: path.to_owned()
            })
        );
    }
}

#[tokio::test]
async fn every_kind_of_policy_passes() {
    for origins in [
        &["https://*.mp.example"][..],
        &["http://localhost:*"],
        &["moz-extension://*"],
        &["chrome-extension://abcdefghijklmnopabcdefghijklmnop", PAGE],
        &["*"],
    ] {
        let key = es256();
        let gate = pinned(&key, |api| {
            api.with_policy(PolicyConfig {
                origins: origins.iter().map(ToString::to_string).collect(),
                methods: vec!["PUT".to_owned()],
                ..PolicyConfig::default()
            })
        });
        let gate = gate.await;
        assert_eq!(
            gate.self_check(&app(&gate), "/points").await,
            Ok(()),
            "{origins:?}"
        );
    }
    // Without any origin, nobody may call.
    let gate = exeat::ExternalApi::new(crate::fixture::ISSUER, crate::fixture::AUDIENCE)
        .with_static_keys(crate::fixture::key_set(&[&es256()]))
        .build()
        .await
        .unwrap();
    assert_eq!(gate.self_check(&app(&gate), "/points").await, Ok(()));
    // That a stranger is not let in says little: a service without any gate does not either.
    let ungated = Router::new().route("/points", get(async || "open"));
    let found = gate.self_check(&ungated, "/points").await;
    let status = StatusCode::OK;
    let path = "/points".to_owned();
    assert_eq!(found, Err(SelfCheckError::NotRefused { path, status }));
}

#[tokio::test]
async fn a_route_that_needs_no_token_is_not_run_either() {
    let open = pinned(&es256(), |api| api.with_route("/points", TokenMode::Public)).await;
    assert_eq!(open.self_check(&app(&open), "/points").await, Ok(()));
    let unenforced = pinned(&es256(), |api| {
        api.with_route("/points", TokenMode::Public)
            .with_reported_origins("/points")
    })
    .await;
    let any = Router::new().route("/points", axum::routing::any(never));
    let stack = any.layer(unenforced.layer());
    assert_eq!(unenforced.self_check(&stack, "/points").await, Ok(()));
    let key = es256();
    let reported = pinned(&key, |api| {
        api.with_token_mode(TokenMode::ReportOnly)
            .with_policy(PolicyConfig {
                origins: vec![PAGE.to_owned()],
                enforcement: Enforcement::ReportOnly,
                ..PolicyConfig::default()
            })
    });
    let reported = reported.await;
    assert_eq!(
        reported.self_check(&app(&reported), "/points").await,
        Ok(())
    );
}

async fn found(stack: &Router) -> SelfCheckError {
    let gate = gate().await;
    gate.self_check(stack, "/points").await.unwrap_err()
}

#[tokio::test]
async fn a_layer_before_the_routes_is_found() {
    let gate = gate().await;
    let stack = Router::new().layer(gate.layer()).merge(routes());
    let error = gate.self_check(&stack, "/points").await.unwrap_err();
    let (path, status) = ("/points".to_owned(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(error, SelfCheckError::NotAround { path, status });
    assert_eq!(
        error.to_string(),
        "/points: the preflight is answered with 405 Method Not Allowed, so the gate is not around this route: add .layer(gate.layer()) after the routes, since axum applies a layer only to routes that are there"
    );
}

#[tokio::test]
async fn a_route_that_was_merged_outside_is_found_by_its_path() {
    let gate = gate().await;
    let outside = Router::new().route("/orders", get(async || "outside"));
    let stack = app(&gate).merge(outside);
    assert_eq!(gate.self_check(&stack, "/points").await, Ok(()));
    let error = gate.self_check(&stack, "/orders").await.unwrap_err();
    assert!(matches!(error, SelfCheckError::NotAround { .. }), "{error}");
}

async fn authenticate(request: Request, next: Next) -> Response {
    if request.headers().contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

#[tokio::test]
async fn authentication_in_front_is_found() {
    let stack = app(&gate().await).layer(from_fn(authenticate));
    let error = found(&stack).await;
    assert!(
        matches!(error, SelfCheckError::Authentication { .. }),
        "{error}"
    );
}

/// The usual cure for the above, which makes the 401 of every expired token unreadable.
#[tokio::test]
async fn authentication_in_front_that_lets_options_pass_is_found() {
    let skips = async |request: Request, next: Next| {
        if request.method() == Method::OPTIONS {
            return next.run(request).await;
        }
        authenticate(request, next).await
    };
    let error = found(&app(&gate().await).layer(from_fn(skips))).await;
    assert_eq!(
        error.to_string(),
        "/points: the page cannot read the 401 Unauthorized, because the answer has no Access-Control-Allow-Origin: something in front of the gate answers itself or removes CORS headers"
    );
}

#[tokio::test]
async fn another_cors_layer_in_front_is_found() {
    for (cors, difference) in [
        (
            CorsLayer::permissive(),
            "status 200 OK and not 204 No Content",
        ),
        (
            CorsLayer::very_permissive(),
            "status 200 OK and not 204 No Content",
        ),
    ] {
        let SelfCheckError::OtherCors {
            difference: found, ..
        } = found(&app(&gate().await).layer(cors)).await
        else {
            panic!("another error");
        };
        assert_eq!(found, difference);
    }
    let tamper = async |mut response: Response| {
        let max_age = http::header::ACCESS_CONTROL_MAX_AGE;
        response
            .headers_mut()
            .insert(max_age, HeaderValue::from_static("60"));
        response
    };
    let error = found(&app(&gate().await).layer(map_response(tamper))).await;
    assert!(
        error.to_string().contains("(access-control-max-age: 60)"),
        "{error}"
    );
}

/// Behind the gate it does no harm: the gate removes what it writes.
#[tokio::test]
async fn another_cors_layer_behind_passes() {
    let gate = gate().await;
    let stack = routes().layer(CorsLayer::permissive()).layer(gate.layer());
    assert_eq!(gate.self_check(&stack, "/points").await, Ok(()));
}

#[tokio::test]
async fn doubled_headers_are_found() {
    let again = async |mut response: Response| {
        response
            .headers_mut()
            .append(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static(PAGE));
        response
    };
    let error = found(&app(&gate().await).layer(map_response(again))).await;
    let (path, header) = ("/points".to_owned(), ACCESS_CONTROL_ALLOW_ORIGIN);
    assert_eq!(error, SelfCheckError::Doubled { path, header });
}

#[tokio::test]
async fn a_vary_that_is_gone_is_found() {
    let without = async |mut response: Response| {
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept-encoding"));
        response
    };
    let error = found(&app(&gate().await).layer(map_response(without))).await;
    assert_eq!(
        error,
        SelfCheckError::NoVary {
            path: "/points".to_owned()
        }
    );
}

#[tokio::test]
async fn a_redirect_in_front_is_found() {
    let redirect = async |request: Request, next: Next| {
        if request.uri().path().ends_with('/') {
            return next.run(request).await;
        }
        Redirect::permanent(&format!("{}/", request.uri().path())).into_response()
    };
    let error = found(&app(&gate().await).layer(from_fn(redirect))).await;
    assert!(
        error
            .to_string()
            .contains("308 Permanent Redirect) to /points/"),
        "{error}"
    );
}

#[tokio::test]
async fn whoever_lets_strangers_in_is_found() {
    let lets_in = async |request: Request, next: Next| {
        let origin = request.headers().get(ORIGIN).cloned();
        let asks = request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        match origin {
            Some(origin) if asks && origin != PAGE => {
                let any = http::header::ACCESS_CONTROL_ALLOW_HEADERS;
                let allow = HeaderValue::from_static("authorization");
                [(ACCESS_CONTROL_ALLOW_ORIGIN, origin), (any, allow)].into_response()
            }
            _ => next.run(request).await,
        }
    };
    let error = found(&app(&gate().await).layer(from_fn(lets_in))).await;
    assert_eq!(
        error.to_string(),
        "/points: a page of https://exeat-check.invalid, which is not listed, may call: something in front of the gate answers preflights for any origin"
    );
}

#[tokio::test]
async fn an_answer_in_place_of_the_gates_refusal_is_found() {
    let cached = async |request: Request, next: Next| {
        if request.method() == Method::GET {
            return [(ACCESS_CONTROL_ALLOW_ORIGIN, PAGE)].into_response();
        }
        next.run(request).await
    };
    let error = found(&app(&gate().await).layer(from_fn(cached))).await;
    let (path, status) = ("/points".to_owned(), StatusCode::OK);
    assert_eq!(error, SelfCheckError::NotRefused { path, status });
}

#[tokio::test]
async fn a_preflight_that_fails_otherwise_is_found() {
    let busy = async || StatusCode::SERVICE_UNAVAILABLE;
    let stack = Router::new().route("/points", axum::routing::any(busy));
    let error = found(&stack).await;
    assert!(matches!(error, SelfCheckError::Preflight { .. }), "{error}");
}

#[tokio::test]
async fn a_service_that_fails_and_a_path_that_is_none_are_named() {
    let gate = gate().await;
    let fails = tower::service_fn(async |_: Request<Body>| Err::<Response, _>("out of memory"));
    let error = gate.self_check(&fails, "/points").await.unwrap_err();
    assert!(
        error.to_string().ends_with("network error: out of memory"),
        "{error}"
    );
    let error = gate.self_check(&app(&gate), "no path").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"no path\" is not the path of a request"
    );
}

/// A service that is no router, with readiness of its own.
#[tokio::test]
async fn any_service_of_tower_can_be_checked() {
    let gate = pinned(&es256(), |api| {
        api.with_policy(PolicyConfig {
            origins: vec![PAGE.to_owned()],
            credentials: Credentials::Include,
            ..PolicyConfig::default()
        })
    })
    .await;
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let stack = tower::ServiceBuilder::new()
        .map_request(move |request: Request<Body>| {
            seen.fetch_add(1, Ordering::Relaxed);
            request
        })
        .service(app(&gate).boxed_clone());
    assert_eq!(gate.self_check(&stack, "/points").await, Ok(()));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_route_outside_the_gate_is_tried_with_the_safest_method() {
    let gate = pinned(&es256(), |api| {
        api.with_policy(PolicyConfig {
            origins: vec![PAGE.to_owned()],
            methods: ["DELETE", "GET"].map(str::to_owned).into(),
            ..PolicyConfig::default()
        })
    })
    .await;
    // The same preflights as behind the gate itself.
    let app = Router::new()
        .route("/points", get(async || "open").delete(never))
        .layer(gate.cors_layer());
    let status = StatusCode::OK;
    let path = "/points".to_owned();
    let found = gate.self_check(&app, "/points").await;
    assert_eq!(found, Err(SelfCheckError::NotRefused { path, status }));
}
