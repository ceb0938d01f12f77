use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, LOCATION, ORIGIN, RETRY_AFTER, VARY};
use http::{HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;
use tracing_subscriber::fmt::MakeWriter;

use super::{CorsLayer, CorsService};
use crate::{Enforcement, Failures, Policy, PolicyConfig, Refusal};

fn layer(change: impl FnOnce(&mut PolicyConfig)) -> CorsLayer {
    let mut config = PolicyConfig {
        origins: vec!["https://shop.example".into()],
        ..PolicyConfig::default()
    };
    change(&mut config);
    CorsLayer::new(Policy::try_from(config).unwrap())
}

fn get(origin: &str) -> Request<()> {
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
    request
}

/// A handler that answers at once, or fails if it has nothing to say.
#[derive(Clone)]
struct Handler(Option<Response<String>>);

impl Service<Request<()>> for Handler {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(self.0.clone().ok_or("failed"))
    }
}

/// A service that is a function.
#[derive(Clone)]
struct Function<F>(F);

impl<F: Fn(Request<()>) -> Response<String>> Service<Request<()>> for Function<F> {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        std::future::ready(Ok((self.0)(request)))
    }
}

fn call<S>(service: &mut CorsService<S>, request: Request<()>) -> Response<String>
where
    S: Service<Request<()>, Response = Response<String>, Error: Into<Box<dyn Error + Send + Sync>>>
        + Clone,
{
    let mut context = Context::from_waker(Waker::noop());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn a_refusal_travels_in_the_extensions_of_the_answer() {
    let mut service = layer(|_| {}).layer(Handler(Some(Response::default())));
    let refused = call(&mut service, get("https://evil.net"));
    assert_eq!(
        refused.extensions().get::<Refusal>(),
        Some(&Refusal::OriginNotAllowed)
    );
    let shared = call(&mut service, get("https://shop.example"));
    assert_eq!(shared.extensions().get::<Refusal>(), None);
}

/// Panics where it is told to.
#[derive(Clone)]
struct Panicking(At);

#[derive(Clone, Copy, PartialEq)]
enum At {
    Ready,
    Call,
    Poll,
}

impl Service<Request<()>> for Panicking {
    type Response = Response<String>;
    type Error = Infallible;
    type Future =
        std::future::PollFn<fn(&mut Context<'_>) -> Poll<Result<Response<String>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(self.0 != At::Ready, "the secret of {}", "ada");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.0 != At::Call, "the secret of {}", "ada");
        std::future::poll_fn(|_| panic!("the secret of {}", "ada"))
    }
}

fn is_readable_failure(response: &Response<String>, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://shop.example"
    );
    assert_eq!(response.headers()[VARY], "Origin");
    assert!(!response.body().contains("secret"), "{}", response.body());
}

#[test]
fn an_error_of_the_inner_service_is_a_readable_answer() {
    let logged = logs_of(|| {
        let mut service = layer(|_| {}).layer(Handler(None));
        is_readable_failure(&call(&mut service, get("https://shop.example")), 500);
    });
    assert_eq!(logged.lines().count(), 1, "{logged}");
    assert!(
        logged.contains("ERROR") && logged.contains("error=\"failed\""),
        "{logged}"
    );
}

#[test]
fn a_temporary_error_is_503() {
    let failures = Failures::default().with_temporary(|_| Some(Duration::from_secs(3)));
    let mut service = layer(|_| {}).with_failures(failures).layer(Handler(None));
    let answer = call(&mut service, get("https://shop.example"));
    is_readable_failure(&answer, 503);
    assert_eq!(answer.headers()[RETRY_AFTER], "3");
}

#[test]
fn a_panic_anywhere_in_the_inner_service_is_a_readable_answer() {
    for at in [At::Ready, At::Call, At::Poll] {
        let logged = logs_of(|| {
            let mut service = layer(|_| {}).layer(Panicking(at));
            is_readable_failure(&call(&mut service, get("https://shop.example")), 500);
        });
        assert_eq!(logged.lines().count(), 1, "{logged}");
        assert!(
            logged.contains("the secret of ada") && logged.contains("panic=true"),
            "{logged}"
        );
    }
}

#[test]
fn a_panic_answers_those_who_may_not_read_it_too() {
    let mut service = layer(|_| {}).layer(Panicking(At::Call));
    let answer = call(&mut service, Request::new(()));
    assert_eq!(answer.status(), 500);
    assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[test]
#[should_panic(expected = "the secret")]
fn panics_pass_where_they_are_not_caught() {
    let failures = Failures::default().without_catching_panics();
    let mut service = layer(|_| {})
        .with_failures(failures)
        .layer(Panicking(At::Poll));
    call(&mut service, get("https://shop.example"));
}

#[test]
fn what_the_inner_service_held_is_dropped_with_its_panic() {
    let held = Arc::new(());
    let inner = {
        let held = Arc::clone(&held);
        Function(move |_| {
            let _held = Arc::clone(&held);
            panic!("scripted")
        })
    };
    let mut service = layer(|_| {}).layer(inner);
    let mut future = pin!(service.call(get("https://shop.example")));
    assert_eq!(
        Arc::strong_count(&held),
        3,
        "the service and the clone that is called"
    );
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert_eq!(Arc::strong_count(&held), 2);
}

#[test]
fn a_new_policy_holds_for_every_service_of_the_layer_and_its_clones() {
    let layer = layer(|_| {});
    let mut services = [
        layer.layer(Handler(Some(Response::default()))),
        layer.clone().layer(Handler(Some(Response::default()))),
    ];
    let policy = |origin: &str| {
        Policy::try_from(PolicyConfig {
            origins: vec![origin.into()],
            ..PolicyConfig::default()
        })
        .unwrap()
    };
    for (listed, other) in [
        ("https://new.example", "https://shop.example"),
        ("https://shop.example", "https://new.example"),
    ] {
        layer.replace_policy(policy(listed));
        assert_eq!(layer.policy().config().origins, [listed]);
        for service in &mut services {
            assert_eq!(call(service, get(listed)).status(), 200);
            assert_eq!(call(service, get(other)).status(), 403);
        }
    }
}

#[test]
fn a_request_is_finished_with_the_policy_that_admitted_it() {
    let layer = layer(|_| {});
    let mut service = layer.layer(Handler(Some(Response::default())));
    let mut under_way = pin!(service.call(get("https://shop.example")));
    layer.replace_policy(Policy::deny_all());
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = under_way.as_mut().poll(&mut context) else {
        panic!("nothing here waits");
    };
    assert_eq!(
        response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://shop.example"
    );
    assert_eq!(
        call(&mut service, get("https://shop.example")).status(),
        403
    );
}

#[test]
fn an_inner_service_that_becomes_ready_later_is_called_then() {
    /// Ready at the second time of asking, each clone for itself.
    #[derive(Clone)]
    struct Later(u8);
    impl Service<Request<()>> for Later {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<String>, Infallible>>;
        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0 += 1;
            context.waker().wake_by_ref();
            if self.0 < 2 {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            }
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert_eq!(self.0, 2, "called on the clone that was asked");
            std::future::ready(Ok(Response::new(String::new())))
        }
    }
    let mut service = layer(|_| {}).layer(Later(0));
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(service.call(get("https://shop.example")));
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(future.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_refusal_is_logged_once_with_an_escaped_origin() {
    let logged = logs_of(|| {
        let mut service = layer(|_| {}).layer(Handler(Some(Response::default())));
        let mut request = get("https://evil.net");
        request.headers_mut().insert(
            ORIGIN,
            HeaderValue::from_bytes(b"https://evil.net\"\xff").unwrap(),
        );
        call(&mut service, request);
        call(&mut service, get("https://shop.example"));
    });
    assert_eq!(logged.lines().count(), 1, "{logged}");
    for part in [
        "INFO",
        "exeat_cors",
        r#"code="origin_not_allowed""#,
        "status=403",
        "handler_run=false",
        r#"https://evil.net\"\xff"#,
    ] {
        assert!(logged.contains(part), "{part} in {logged}");
    }
}

#[test]
fn report_only_logs_that_the_handler_ran() {
    let logged = logs_of(|| {
        let mut service = layer(|config| config.enforcement = Enforcement::ReportOnly)
            .layer(Handler(Some(Response::default())));
        assert_eq!(
            call(&mut service, get("https://evil.net")).status(),
            StatusCode::OK
        );
    });
    assert!(
        logged.contains("origin_not_allowed") && logged.contains("handler_run=true"),
        "{logged}"
    );
}

#[test]
fn a_second_cors_layer_is_warned_of_once() {
    let logged = logs_of(|| {
        let mut response = Response::new(String::new());
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let mut service = layer(|_| {}).layer(Handler(Some(response)));
        for _ in 0..3 {
            call(&mut service, get("https://shop.example"));
        }
    });
    assert_eq!(logged.matches("second CORS layer").count(), 1, "{logged}");
}

#[test]
fn a_redirect_of_a_cross_origin_request_is_warned_of_once() {
    let redirecting = || {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::FOUND;
        response
            .headers_mut()
            .insert(LOCATION, HeaderValue::from_static("/elsewhere"));
        Handler(Some(response))
    };
    let logged = logs_of(|| {
        let mut service = layer(|_| {}).layer(redirecting());
        for _ in 0..3 {
            call(&mut service, get("https://shop.example"));
        }
    });
    assert_eq!(logged.matches("redirected").count(), 1, "{logged}");
    let logged = logs_of(|| {
        call(&mut layer(|_| {}).layer(redirecting()), Request::new(()));
    });
    assert_eq!(logged, "", "nothing is said where no page is concerned");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logs_of(work: impl FnOnce()) -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(written.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}
