//! The layer as a tower service: readiness, clones, errors of the inner service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Method, Request, Response};
use tower::{Layer, Service, ServiceExt};

use crate::fixture::{Seen, bearer, claims, es256, from_page, pinned, sign};

/// Insists on being polled ready before each call, on the very clone that is called.
struct Strict {
    polled: bool,
    polls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            polled: false,
            polls: Arc::clone(&self.polls),
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polled = true;
        self.polls.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.polled),
            "called without having been ready"
        );
        ready(Ok(Response::new(Body::empty())))
    }
}

/// Never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<Body>> for Busy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("never ready")
    }
}

#[tokio::test(start_paused = true)]
async fn the_inner_service_is_polled_ready_on_the_clone_that_is_called() {
    let key = es256();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut service = pinned(&key, |api| api).await.layer().layer(Strict {
        polled: false,
        polls: Arc::clone(&polls),
    });
    let token = sign(&key, &claims());
    for _ in 0..3 {
        assert_eq!(
            service
                .ready()
                .await
                .unwrap()
                .call(bearer(Method::GET, &token))
                .await
                .unwrap()
                .status(),
            200
        );
    }
    assert_eq!(polls.load(Ordering::Relaxed), 3);
    service
        .ready()
        .await
        .unwrap()
        .call(from_page(Method::GET, &[]))
        .await
        .unwrap();
    assert_eq!(
        polls.load(Ordering::Relaxed),
        3,
        "a refusal asks nothing of the inner service"
    );
}

#[tokio::test(start_paused = true)]
async fn preflights_and_refusals_do_not_wait_for_a_busy_service() {
    let key = es256();
    let service = pinned(&key, |api| api).await.layer().layer(Busy);
    let refused = service
        .clone()
        .oneshot(from_page(Method::GET, &[]))
        .await
        .unwrap();
    assert_eq!(Seen::new(refused).await.status, 401);
    let preflight = from_page(Method::OPTIONS, &[("access-control-request-method", "GET")]);
    assert_eq!(service.oneshot(preflight).await.unwrap().status(), 204);
}
