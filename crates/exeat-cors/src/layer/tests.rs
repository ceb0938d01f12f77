use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, LOCATION, ORIGIN};
use http::{HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;
use tracing_subscriber::fmt::MakeWriter;

use super::{CorsLayer, CorsService};
use crate::{Enforcement, Policy, PolicyConfig, Refusal};

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

fn call(
    service: &mut CorsService<Handler>,
    request: Request<()>,
) -> Result<Response<String>, &'static str> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn a_refusal_travels_in_the_extensions_of_the_answer() {
    let mut service = layer(|_| {}).layer(Handler(Some(Response::default())));
    let refused = call(&mut service, get("https://evil.net")).unwrap();
    assert_eq!(
        refused.extensions().get::<Refusal>(),
        Some(&Refusal::OriginNotAllowed)
    );
    let shared = call(&mut service, get("https://shop.example")).unwrap();
    assert_eq!(shared.extensions().get::<Refusal>(), None);
}

#[test]
fn an_error_of_the_inner_service_passes_through() {
    let mut service = layer(|_| {}).layer(Handler(None));
    assert_eq!(
        call(&mut service, get("https://shop.example")).unwrap_err(),
        "failed"
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
        call(&mut service, request).unwrap();
        call(&mut service, get("https://shop.example")).unwrap();
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
            call(&mut service, get("https://evil.net"))
                .unwrap()
                .status(),
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
            call(&mut service, get("https://shop.example")).unwrap();
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
            call(&mut service, get("https://shop.example")).unwrap();
        }
    });
    assert_eq!(logged.matches("redirected").count(), 1, "{logged}");
    let logged = logs_of(|| {
        call(&mut layer(|_| {}).layer(redirecting()), Request::new(())).unwrap();
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
