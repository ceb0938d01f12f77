//! What fails behind the gate instead of answering: cases 111 to 114 of the CORS specification.

use std::convert::Infallible;
use std::error::Error;
use std::future::{pending, poll_fn, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::middleware::{self, Next};
use axum::routing::{any, get, post};
use exeat::{ExternalApi, Gate};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tracing::Level;

use crate::fixture::{PAGE, Seen, bearer, claims, es256, from_page, pinned, sign};
use crate::secrecy::Log;

/// A gate and a token for it.
async fn gate(change: impl FnOnce(ExternalApi) -> ExternalApi) -> (Gate, String) {
    let key = es256();
    (pinned(&key, change).await, sign(&key, &claims()))
}

/// What the page sees of a service behind the gate, called with a valid token.
async fn seen<S>(service: S, token: &str) -> Seen
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let Ok(response) = service.oneshot(bearer(Method::GET, token)).await;
    Seen::new(response).await
}

/// Readable by the page, hardened, kept nowhere, and silent about the cause.
fn assert_failure(seen: &Seen, status: u16, code: &str) {
    assert_eq!(seen.status, status, "{seen:?}");
    assert_eq!(seen.header("access-control-allow-origin"), PAGE);
    assert_eq!(seen.header("vary"), "Origin");
    assert_eq!(seen.header("content-type"), "application/problem+json");
    assert_eq!(seen.header("cache-control"), "no-store");
    assert_eq!(seen.header("x-content-type-options"), "nosniff");
    assert_eq!(seen.header("exeat-handler"), "", "the handler may have run");
    assert_eq!(seen.header("www-authenticate"), "", "no new token helps");
    let problem = seen.problem();
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&code.into(), &status.into())
    );
    assert_eq!(problem.as_object().unwrap().len(), 4);
    assert!(!seen.body.contains("secret"), "{}", seen.body);
    assert!(seen.refused.is_none(), "no refusal of ours");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_tower_service_is_a_readable_500() {
    let (gate, token) = gate(|api| api).await;
    let failing = tower::service_fn(|_: Request<Body>| ready(Err::<Response<Body>, _>("secret")));
    let (log, _guard) = Log::start(Level::INFO);
    let seen = seen(gate.layer().layer(failing), &token).await;
    let logged = log.text();
    assert_failure(&seen, 500, "internal_error");
    let events: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("ERROR"))
        .collect();
    assert_eq!(events.len(), 1, "{logged}");
    assert!(events[0].contains("error=\"secret\""), "{logged}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_is_a_readable_500() {
    #[derive(Clone)]
    struct Broken;
    impl Service<Request<Body>> for Broken {
        type Response = Response<Body>;
        type Error = Box<dyn Error + Send + Sync>;
        type Future = std::future::Pending<Result<Response<Body>, Self::Error>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err("secret".into()))
        }
        fn call(&mut self, _: Request<Body>) -> Self::Future {
            unreachable!("never ready")
        }
    }
    let (gate, token) = gate(|api| api).await;
    assert_failure(
        &seen(gate.layer().layer(Broken), &token).await,
        500,
        "internal_error",
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_out_of_tower_needs_no_error_handler_in_axum() {
    let (gate, token) = gate(|api| api).await;
    let layers = ServiceBuilder::new()
        .layer(gate.layer())
        .layer(TimeoutLayer::new(Duration::from_secs(5)));
    let app = Router::new()
        .route("/points", get(async || pending::<()>().await))
        .layer(layers);
    let (log, _guard) = Log::start(Level::INFO);
    let seen = seen(app, &token).await;
    let logged = log.text();
    assert_failure(&seen, 503, "unavailable");
    assert_eq!(seen.header("retry-after"), "1");
    assert!(
        logged.contains("WARN") && !logged.contains("ERROR"),
        "{logged}"
    );
}

#[tokio::test(start_paused = true)]
async fn load_that_is_shed_is_a_readable_503_and_preflights_are_answered_all_the_same() {
    let (gate, token) = gate(|api| api).await;
    let layers = ServiceBuilder::new()
        .layer(gate.layer())
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    // As `axum::serve` does: until it has a state, a router makes the layers anew, and the limit with them, for each request.
    let app = Router::new()
        .route("/points", get(async || pending::<()>().await))
        .layer(layers)
        .with_state(());
    let mut first = Box::pin(app.clone().oneshot(bearer(Method::GET, &token)));
    assert!(
        first.as_mut().now_or_never().is_none(),
        "it has the one place"
    );
    let second = seen(app.clone(), &token).await;
    assert_failure(&second, 503, "unavailable");
    assert_eq!(second.header("retry-after"), "1");
    let preflight = from_page(Method::OPTIONS, &[("access-control-request-method", "GET")]);
    assert_eq!(app.clone().oneshot(preflight).await.unwrap().status(), 204);
    let refused = Seen::new(app.oneshot(from_page(Method::GET, &[])).await.unwrap()).await;
    assert_eq!(refused.readable_refusal(), (401, "no_token".into()));
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_makes_requests_wait_and_nothing_else() {
    let (gate, token) = gate(|api| api).await;
    let layers = ServiceBuilder::new()
        .layer(gate.layer())
        .layer(ConcurrencyLimitLayer::new(1));
    let (go, wait) = tokio::sync::watch::channel(false);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go)
                .await
                .map(|_| "done")
                .unwrap_or_default()
        }
    };
    let app = Router::new()
        .route("/points", get(handler))
        .layer(layers)
        .with_state(());
    let mut first = Box::pin(app.clone().oneshot(bearer(Method::GET, &token)));
    let mut second = Box::pin(app.oneshot(bearer(Method::GET, &token)));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(runs.load(Ordering::Relaxed), 1, "one at a time");
    go.send(true).unwrap();
    for response in [first.await.unwrap(), second.await.unwrap()] {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_application_are_temporary_where_it_says_so() {
    let (gate, token) = gate(|api| {
        api.with_temporary_errors(|error| {
            let error = error.downcast_ref::<io::Error>()?;
            (error.kind() == io::ErrorKind::TimedOut).then_some(Duration::from_millis(1500))
        })
    })
    .await;
    for (kind, status, code, retry_after) in [
        (io::ErrorKind::TimedOut, 503, "unavailable", "2"),
        (io::ErrorKind::Other, 500, "internal_error", ""),
    ] {
        let failing = tower::service_fn(move |_: Request<Body>| {
            ready(Err::<Response<Body>, _>(io::Error::from(kind)))
        });
        let seen = seen(gate.layer().layer(failing), &token).await;
        assert_failure(&seen, status, code);
        assert_eq!(seen.header("retry-after"), retry_after);
    }
    // What is known anyway stays known.
    let slow = ServiceBuilder::new()
        .layer(gate.layer())
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    assert_failure(&seen(slow, &token).await, 503, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_handler_is_a_readable_500() {
    async fn handler() -> &'static str {
        tokio::task::yield_now().await;
        let name = "ada";
        panic!("the secret of {name}")
    }
    let (gate, token) = gate(|api| api).await;
    let app = Router::new()
        .route("/points", get(handler))
        .layer(gate.layer());
    let (log, _guard) = Log::start(Level::INFO);
    let seen = seen(app, &token).await;
    let logged = log.text();
    assert_failure(&seen, 500, "internal_error");
    assert!(
        logged.contains("error=\"the secret of ada\" panic=true"),
        "{logged}"
    );
    assert_eq!(logged.matches("ERROR").count(), 1, "{logged}");
}

/// Panics where it is told to, and counts its clones by what they share.
#[derive(Clone)]
struct Panicking {
    in_ready: bool,
    in_call: bool,
    held: Arc<()>,
}

impl Service<Request<Body>> for Panicking {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Unpin>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(!self.in_ready, "secret");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(!self.in_call, "secret");
        let held = Arc::clone(&self.held);
        Box::new(poll_fn(move |_| {
            panic!("secret {}", Arc::strong_count(&held))
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_anywhere_in_the_service_is_a_readable_500_and_drops_it() {
    let (gate, token) = gate(|api| api).await;
    for (in_ready, in_call) in [(true, false), (false, true), (false, false)] {
        let held = Arc::new(());
        let mut service = gate.layer().layer(Panicking {
            in_ready,
            in_call,
            held: Arc::clone(&held),
        });
        let mut future = Box::pin(service.call(bearer(Method::GET, &token)));
        assert_eq!(Arc::strong_count(&held), 3);
        let Ok(response) = future.as_mut().now_or_never().expect("nothing waits");
        assert_failure(&Seen::new(response).await, 500, "internal_error");
        assert_eq!(
            Arc::strong_count(&held),
            2,
            "the clone and its future are gone"
        );
        // The next request gets a clone of its own.
        let Ok(response) = service.call(bearer(Method::GET, &token)).await;
        assert_eq!(response.status(), 500);
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "secret")]
async fn a_panic_passes_where_it_is_not_caught() {
    let (gate, token) = gate(ExternalApi::without_catching_panics).await;
    let service = gate.layer().layer(Panicking {
        in_ready: false,
        in_call: true,
        held: Arc::default(),
    });
    seen(service, &token).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_the_gate_and_answers_itself_is_readable_too() {
    let (gate, token) = gate(|api| api).await;
    let limited = async |_: Request<Body>, _: Next| {
        let mut response = Response::new(Body::from("slow down"));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response
            .headers_mut()
            .insert("retry-after", HeaderValue::from(7));
        response
    };
    let app = Router::new()
        .route(
            "/limited",
            any(async || "").layer(middleware::from_fn(limited)),
        )
        .route(
            "/upload",
            post(async |_: Bytes| "").layer(DefaultBodyLimit::max(4)),
        )
        .layer(gate.layer());
    for (method, path, status) in [
        ("GET", "/limited", 429),
        ("POST", "/upload", 413),
        ("GET", "/nowhere", 404),
        ("GET", "/upload", 405),
    ] {
        let mut request = bearer(method.parse().unwrap(), &token).map(|_| Body::from("too long"));
        *request.uri_mut() = path.parse().unwrap();
        let seen = Seen::new(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(seen.status, status, "{path}");
        assert_eq!(seen.header("access-control-allow-origin"), PAGE, "{path}");
        assert_eq!(seen.header("vary"), "Origin", "{path}");
        if status == 429 {
            assert_eq!(seen.header("retry-after"), "7");
            assert!(
                seen.header("access-control-expose-headers")
                    .contains("retry-after")
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_grpc_call_is_one_its_client_can_read() {
    let (gate, token) = gate(ExternalApi::with_grpc).await;
    let failing = tower::service_fn(|_: Request<Body>| ready(Err::<Response<Body>, _>("secret")));
    let mut request = bearer(Method::POST, &token);
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", grpc);
    let Ok(response) = gate.layer().layer(failing).oneshot(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "13");
    assert_eq!(response.headers()["grpc-message"], "Internal error");
}

#[tokio::test(start_paused = true)]
async fn open_routes_answer_for_what_fails_behind_them() {
    let (gate, token) = gate(|api| api).await;
    let slow = ServiceBuilder::new()
        .layer(gate.cors_layer())
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let seen = seen(slow, &token).await;
    assert_eq!((seen.status, seen.header("retry-after")), (503, "1"));
    assert_eq!(seen.header("access-control-allow-origin"), PAGE);
}
