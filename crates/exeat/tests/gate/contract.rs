//! The contract kit: it passes on the gate, and says what is wrong with stacks as people build them by mistake.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use exeat::testkit::{BrokenContract, BrowserContract, FakeIssuer, assert_browser_contract};
use exeat::{ExternalApi, Gate};
use exeat_cors::{Credentials, Enforcement, Policy, PolicyConfig};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, COOKIE,
    RETRY_AFTER, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use tower::limit::ConcurrencyLimitLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::fixture::{AUDIENCE, ISSUER, PAGE};

fn config() -> PolicyConfig {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    PolicyConfig {
        origins: owned(&[PAGE, "https://*.mp.example"]),
        methods: owned(&["GET", "POST", "PUT", "PATCH"]),
        ..PolicyConfig::default()
    }
}

struct Stack {
    gate: Gate,
    policy: Arc<Policy>,
    token: String,
}

impl Stack {
    async fn new(change: impl FnOnce(&mut PolicyConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        let api = ExternalApi::new(ISSUER, AUDIENCE).with_policy(config);
        let gate = issuer.connect(api).build().await.unwrap();
        Self {
            policy: gate.policy(),
            token: issuer.token().bearer(),
            gate,
        }
    }

    fn contract(&self) -> BrowserContract<'_> {
        BrowserContract::new(&self.policy)
            .with_path("/points")
            .with_token(&self.token)
    }

    fn request(&self, method: Method, path: &str, body: String) -> http::Request<String> {
        http::Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, &self.token)
            .body(body)
            .unwrap()
    }

    async fn broken(&self, stack: &Router) -> BrokenContract {
        self.contract().check(stack).await.unwrap_err()
    }
}

fn routes() -> Router {
    let limited = async || (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "7")]);
    Router::new()
        .route("/points", any(async || "42"))
        .route("/only-get", get(async || "42"))
        .route(
            "/echo",
            post(async |body: String| body).layer(DefaultBodyLimit::max(8)),
        )
        .route("/busy", get(limited))
        .route("/forbidden", get(async || StatusCode::FORBIDDEN))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panic", get(panics))
        .route("/slow", get(slow))
        .route("/away", get(async || StatusCode::SERVICE_UNAVAILABLE))
}

async fn panics() -> StatusCode {
    panic!("scripted")
}

async fn slow() -> StatusCode {
    tokio::time::sleep(Duration::from_secs(10)).await;
    StatusCode::OK
}

/// The sentence of a request, or all of them.
#[track_caller]
fn says(broken: &BrokenContract, sentence: &str) {
    assert!(
        broken.breaches().any(|breach| breach == sentence),
        "{broken}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_one_liner_passes_on_a_router_behind_the_gate() {
    let stack = Stack::new(|_| {}).await;
    let app = routes().layer(stack.gate.layer());
    assert_browser_contract(&app, &stack.policy).await;
    let checks = BrowserContract::new(&stack.policy)
        .check(&app)
        .await
        .unwrap();
    assert!(checks >= 60, "{checks}");
}

/// 200, 401, 403, 404, 405, 413, 429, 500, 503, a panic and a time-out.
#[tokio::test(start_paused = true)]
async fn every_status_of_a_stack_behind_the_gate_is_readable() {
    let stack = Stack::new(|_| {}).await;
    let in_time = tower::timeout::TimeoutLayer::new(Duration::from_secs(1));
    let app = tower::ServiceBuilder::new()
        .layer(stack.gate.layer())
        .layer(in_time)
        .layer(ConcurrencyLimitLayer::new(1))
        .service(routes());
    let mut contract = stack.contract();
    for (name, method, path, status) in [
        ("forbidden", Method::GET, "/forbidden", 403),
        ("not found", Method::GET, "/nowhere", 404),
        ("method not allowed", Method::POST, "/only-get", 405),
        ("too large", Method::POST, "/echo", 413),
        ("rate limited", Method::GET, "/busy", 429),
        ("broken", Method::GET, "/broken", 500),
        ("panics", Method::GET, "/panic", 500),
        ("away", Method::GET, "/away", 503),
        ("slow", Method::GET, "/slow", 503),
    ] {
        let body = if status == 413 {
            "x".repeat(9)
        } else {
            String::new()
        };
        let status = StatusCode::from_u16(status).unwrap();
        contract = contract.with_request(name, status, stack.request(method, path, body));
    }
    let checks = contract
        .check(&app)
        .await
        .unwrap_or_else(|broken| panic!("{broken}"));
    assert!(checks >= 250, "{checks}");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_policy_passes() {
    let with = |origins: &[&str], change: fn(&mut PolicyConfig)| {
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        Stack::new(move |config| {
            config.origins = origins;
            change(config);
        })
    };
    for stack in [
        with(&["https://*.mp.example", PAGE], |config| {
            config.credentials = Credentials::Include;
        })
        .await,
        with(
            &[
                "http://localhost:*",
                "moz-extension://*",
                "safari-web-extension://*",
            ],
            |config| {
                config.credentials = Credentials::Include;
            },
        )
        .await,
        with(
            &["chrome-extension://abcdefghijklmnopabcdefghijklmnop"],
            |config| {
                config.request_headers = vec!["*".to_owned(), "authorization".to_owned()];
            },
        )
        .await,
        with(&["*"], |config| config.expose_headers.clear()).await,
        with(&[PAGE], |config| {
            config.enforcement = Enforcement::ReportOnly;
        })
        .await,
        with(&[PAGE], |config| {
            config.own_origins = vec!["http://shop.example".to_owned()];
        })
        .await,
    ] {
        let app = routes().layer(stack.gate.layer());
        stack.contract().assert(&app).await;
    }
}

/// The gate removes what it writes.
#[tokio::test(start_paused = true)]
async fn another_cors_layer_behind_the_gate_does_no_harm() {
    let stack = Stack::new(|_| {}).await;
    let app = routes()
        .layer(CorsLayer::very_permissive())
        .layer(stack.gate.layer());
    stack.contract().assert(&app).await;
}

#[tokio::test(start_paused = true)]
async fn another_cors_layer_in_front_is_told() {
    let stack = Stack::new(|_| {}).await;
    let inside = routes().layer(stack.gate.layer());
    let broken = stack
        .broken(&inside.clone().layer(CorsLayer::permissive()))
        .await;
    says(
        &broken,
        "preflight of https://exeat-check.invalid for GET: the browser would send the request, which the policy does not allow: something outside the gate answers preflights; remove it",
    );
    let allowed = AllowOrigin::exact(HeaderValue::from_static("https://another.example"));
    let broken = stack
        .broken(&inside.layer(CorsLayer::new().allow_origin(allowed)))
        .await;
    says(
        &broken,
        "without a token, from https://shop.example: the page would see a network error instead of 401 Unauthorized: Access-Control-Allow-Origin is https://another.example, which is not the page's origin; another CORS layer outside the gate answers for it: remove it",
    );
}

#[tokio::test(start_paused = true)]
async fn a_cors_layer_that_only_decorates_is_told_to_run_what_strangers_ask() {
    let stack = Stack::new(|_| {}).await;
    let list = AllowOrigin::list([HeaderValue::from_static(PAGE)]);
    let cors = CorsLayer::new()
        .allow_origin(list)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH])
        .allow_headers([AUTHORIZATION, http::header::CONTENT_TYPE]);
    let broken = stack.broken(&routes().layer(cors)).await;
    says(
        &broken,
        "POST with a token, from https://exeat-check.invalid: this page is not listed, and the request is done all the same (200 OK): a browser only hides the answer. The gate is not around this route",
    );
    says(
        &broken,
        "preflight of https://exeat-check.invalid for GET: it is refused, and access-control-allow-methods tells what would not be: another CORS layer answers; remove it",
    );
}

async fn authenticate(request: Request, next: Next) -> Response {
    if request.headers().contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

#[tokio::test(start_paused = true)]
async fn authentication_outside_is_told() {
    let stack = Stack::new(|_| {}).await;
    let app = routes()
        .layer(stack.gate.layer())
        .layer(from_fn(authenticate));
    let broken = stack.broken(&app).await;
    says(
        &broken,
        "preflight of https://shop.example for PUT: the page would see a network error, and its request would not be sent: the preflight is answered with 401 Unauthorized, and the answer has no Access-Control-Allow-Origin; authentication stands outside the gate, and preflights carry no credentials: put it inside",
    );
    says(
        &broken,
        "without a token, from https://shop.example: the page would see a network error instead of 401 Unauthorized: the answer has no Access-Control-Allow-Origin; authentication stands outside the gate: put it inside",
    );
}

#[tokio::test(start_paused = true)]
async fn a_rate_limiter_outside_is_told() {
    let stack = Stack::new(|_| {}).await;
    let limit = async |request: Request, next: Next| {
        if request.uri().path() == "/busy" && request.method() != Method::OPTIONS {
            return StatusCode::TOO_MANY_REQUESTS.into_response();
        }
        next.run(request).await
    };
    let app = routes().layer(stack.gate.layer()).layer(from_fn(limit));
    let busy = stack.request(Method::GET, "/busy", String::new());
    let contract =
        stack
            .contract()
            .with_request("rate limited", StatusCode::TOO_MANY_REQUESTS, busy);
    says(
        &contract.check(&app).await.unwrap_err(),
        "rate limited, from https://shop.example: the page would see a network error instead of 429 Too Many Requests: the answer has no Access-Control-Allow-Origin; the rate limiter stands outside the gate: put it inside",
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_vary_is_told() {
    let stack = Stack::new(|_| {}).await;
    let without = async |mut response: Response| {
        response.headers_mut().remove(VARY);
        response
    };
    let app = routes()
        .layer(stack.gate.layer())
        .layer(map_response(without));
    says(
        &stack.broken(&app).await,
        "GET with a token, from https://shop.example: a cache would hand this answer to pages of other origins: Vary does not name Origin; something outside the gate removes or replaces it",
    );
}

#[tokio::test(start_paused = true)]
async fn reflected_origins_are_told() {
    let stack = Stack::new(|_| {}).await;
    let reflect = CorsLayer::new().allow_origin(AllowOrigin::mirror_request());
    let app = routes().layer(stack.gate.layer()).layer(reflect);
    says(
        &stack.broken(&app).await,
        "without a token, from null: this page is not listed and would read the 403 Forbidden: something outside the gate reflects origins or allows *; remove it",
    );
}

#[tokio::test(start_paused = true)]
async fn an_asterisk_with_credentials_is_told() {
    let stack = Stack::new(|config| config.credentials = Credentials::Include).await;
    let both = async |mut response: Response| {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        response
    };
    let app = routes().layer(stack.gate.layer()).layer(map_response(both));
    says(
        &stack.broken(&app).await,
        "GET with a token, from https://shop.example: a page that sends credentials would see a network error, and the policy allows them: another CORS layer outside the gate answers, or removes Access-Control-Allow-Credentials",
    );
}

#[tokio::test(start_paused = true)]
async fn a_layer_before_the_routes_is_told() {
    let stack = Stack::new(|_| {}).await;
    let app = Router::new()
        .layer(stack.gate.layer())
        .route("/points", get(async || "42"));
    let broken = stack.broken(&app).await;
    says(
        &broken,
        "preflight of https://shop.example for GET: the page would see a network error, and its request would not be sent: the preflight is answered with 405 Method Not Allowed, and the answer has no Access-Control-Allow-Origin; the gate is not around this route: add its layer after the routes",
    );
    says(
        &broken,
        "without a token, with two Origin lines: it is done (200 OK), though nobody knows which page asked: the gate is not around this route",
    );
}

#[tokio::test(start_paused = true)]
async fn a_redirect_outside_is_told() {
    let stack = Stack::new(|_| {}).await;
    let redirect = async |request: Request, next: Next| {
        if request.uri().path() == "/points" {
            return Redirect::permanent("/points/").into_response();
        }
        next.run(request).await
    };
    let app = routes().layer(stack.gate.layer()).layer(from_fn(redirect));
    let broken = stack.broken(&app).await;
    says(
        &broken,
        "preflight of https://exeat-check.mp.example for GET: the page would see a network error, and its request would not be sent: the preflight is answered with 308 Permanent Redirect, and the answer has no Access-Control-Allow-Origin; it is redirected, and browsers do not follow: put redirects, such as of trailing slashes, inside the gate",
    );
}

#[tokio::test(start_paused = true)]
async fn doubled_headers_are_told() {
    let stack = Stack::new(|_| {}).await;
    let again = async |mut response: Response| {
        let origin = HeaderValue::from_static(PAGE);
        response
            .headers_mut()
            .append(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response
    };
    let app = routes()
        .layer(stack.gate.layer())
        .layer(map_response(again));
    says(
        &stack.broken(&app).await,
        "GET with a token, from https://shop.example: the page would see a network error instead of 200 OK: Access-Control-Allow-Origin has more than one value: https://shop.example, https://shop.example; something outside the gate, such as a second CORS layer or a proxy, adds CORS headers too: remove it",
    );
}

#[tokio::test(start_paused = true)]
async fn what_panics_fails_or_hangs_outside_is_told() {
    let stack = Stack::new(|_| {}).await;
    let app = routes().layer(stack.gate.layer());
    let panics = from_fn(async |request: Request, next: Next| {
        assert!(request.uri().path() != "/panic", "scripted");
        next.run(request).await
    });
    let request = stack.request(Method::GET, "/panic", String::new());
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let contract = stack.contract().with_request("panics", status, request);
    says(
        &contract
            .check(&app.clone().layer(panics))
            .await
            .unwrap_err(),
        "panics, from https://shop.example: the page would see a network error: the service panics and its server closes the connection; what panics stands outside the gate, which would answer 500: put it inside",
    );

    let hangs = from_fn(async |request: Request, next: Next| {
        if request.uri().path() == "/slow" {
            std::future::pending::<()>().await;
        }
        next.run(request).await
    });
    let request = stack.request(Method::GET, "/slow", String::new());
    let contract = stack
        .contract()
        .with_request("slow", StatusCode::SERVICE_UNAVAILABLE, request);
    says(
        &contract.check(&app.layer(hangs)).await.unwrap_err(),
        "slow, from https://shop.example: the page would see a network error: no answer comes, and the page waits until its user leaves; put a time-out inside the gate",
    );

    let fails = tower::service_fn(async |_: Request<Body>| Err::<Response, _>("out of memory"));
    says(
        &BrowserContract::new(&stack.policy)
            .check(&fails)
            .await
            .unwrap_err(),
        "preflight of https://shop.example for GET: the page would see a network error: the service fails (out of memory) and its server closes the connection; what fails stands outside the gate, which would answer: put it inside",
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_limit_outside_is_told_and_headers_that_are_not_exposed() {
    let stack = Stack::new(|_| {}).await;
    let limit = async |request: Request, next: Next| {
        if request.uri().path() == "/echo" {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        let mut response = next.run(request).await;
        response
            .headers_mut()
            .remove(http::header::ACCESS_CONTROL_EXPOSE_HEADERS);
        response
    };
    let app = routes().layer(stack.gate.layer()).layer(from_fn(limit));
    let large = stack.request(Method::POST, "/echo", "x".repeat(9));
    let busy = stack.request(Method::GET, "/busy", String::new());
    let contract = stack
        .contract()
        .with_request("too large", StatusCode::PAYLOAD_TOO_LARGE, large)
        .with_request("rate limited", StatusCode::TOO_MANY_REQUESTS, busy);
    let broken = contract.check(&app).await.unwrap_err();
    says(
        &broken,
        "too large, from https://shop.example: the page would see a network error instead of 413 Payload Too Large: the answer has no Access-Control-Allow-Origin; the body limit stands outside the gate: put it inside",
    );
    says(
        &broken,
        "rate limited, from https://shop.example: the page would read the 429 Too Many Requests and not its retry-after, which the policy exposes: something outside the gate removes Access-Control-Expose-Headers",
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_path_fails_the_test() {
    let stack = Stack::new(|_| {}).await;
    for (path, is_path) in [
        ("/", true),
        ("/points?page=2", true),
        ("", false),
        ("points", false),
        ("/points list", false),
        ("https://shop.example/points", false),
    ] {
        let with_path = AssertUnwindSafe(|| BrowserContract::new(&stack.policy).with_path(path));
        let outcome = catch_unwind(with_path);
        let message = outcome
            .err()
            .map(|panic| *panic.downcast::<String>().unwrap());
        let expected = (!is_path).then(|| {
            format!("the path of a browser contract: {path:?} is not the path of a request")
        });
        assert_eq!(message, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_below_a_path_is_below_it_without_its_query() {
    let stack = Stack::new(|_| {}).await;
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let record = {
        let seen = Arc::clone(&seen);
        move |request: Request, next: Next| {
            seen.lock().unwrap().insert(request.uri().to_string());
            next.run(request)
        }
    };
    let app = routes().layer(stack.gate.layer()).layer(from_fn(record));
    stack
        .contract()
        .with_path("/points?page=2")
        .assert(&app)
        .await;
    let expected = ["/points?page=2", "/points/exeat-check-no-such-path"];
    assert_eq!(
        *seen.lock().unwrap(),
        HashSet::from(expected.map(str::to_owned))
    );
}

/// It is about pages: that a token is needed is for other tests to show.
#[tokio::test(start_paused = true)]
async fn routes_without_a_token_gate_keep_the_contract() {
    let stack = Stack::new(|_| {}).await;
    let app = routes().layer(stack.gate.cors_layer());
    stack.contract().assert(&app).await;
}

/// No page can set one, and its browser sends it.
#[tokio::test(start_paused = true)]
async fn a_token_in_a_cookie_is_sent_as_a_browser_would() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    let api = ExternalApi::new(ISSUER, AUDIENCE)
        .with_policy(config())
        .with_token_cookie("token");
    let gate = issuer.connect(api).build().await.unwrap();
    let cookie = format!("token={}", issuer.token().mint());
    let request = http::Request::get("/points").header(COOKIE, cookie);
    BrowserContract::new(&gate.policy())
        .with_request(
            "with a cookie",
            StatusCode::OK,
            request.body(String::new()).unwrap(),
        )
        .assert(&routes().layer(gate.layer()))
        .await;
}

/// A request that does not lead where the test says proves nothing.
#[tokio::test(start_paused = true)]
async fn another_status_than_the_named_one_is_told() {
    let stack = Stack::new(|_| {}).await;
    let app = routes().layer(stack.gate.layer());
    let request = stack.request(Method::GET, "/points", String::new());
    let contract =
        stack
            .contract()
            .with_request("rate limited", StatusCode::TOO_MANY_REQUESTS, request);
    let broken = contract.check(&app).await.unwrap_err();
    says(
        &broken,
        "rate limited, from https://shop.example: it is answered with 200 OK and not with 429 Too Many Requests, so that nothing is known about 429 Too Many Requests: mend the request of this test",
    );
    assert_eq!(
        broken.breaches().count(),
        2,
        "one for each origin, and nothing else: {broken}"
    );
    assert!(
        broken
            .to_string()
            .starts_with("the browser contract is broken: 2 of "),
        "{broken}"
    );
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the browser contract is broken")]
async fn the_assertion_fails_a_test() {
    let stack = Stack::new(|_| {}).await;
    assert_browser_contract(&routes(), &stack.policy).await;
}
