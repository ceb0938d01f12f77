mod require_scope;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::require_scope::{RequireScope, RequireScopeFuture, RequireScopeService};
#[cfg(feature = "axum")]
pub(crate) use self::require_scope::{check as check_scope, refuse as refuse_scope};
use crate::api::{Admission, Gates, Passage};
use crate::{Rejected, VerifiedToken};

/// The gate as a [`tower_layer::Layer`], made by [`crate::Gate::layer`]. Works over `http` 1.x services whose response body can be made
/// from a `String`, axum's among them.
///
/// The service never fails. Whatever is behind the gate may: an `Err` is answered with 500 `internal_error`, tower's time-outs and load
/// shedding with 503 `unavailable` and `Retry-After` ([`crate::ExternalApi::with_temporary_errors`] for others), a panic with 500
/// ([`crate::ExternalApi::without_catching_panics`] lets it pass). Each is one event, and readable by the page. What happens after the
/// headers were sent, such as a body that fails while it is streamed, is out of reach, and so is every panic under `panic = "abort"`.
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, routing::get};
/// use tower::{ServiceBuilder, timeout::TimeoutLayer};
///
/// # fn build(gate: exeat::Gate) -> Router {
/// // No HandleErrorLayer: the gate answers what the time-out says.
/// let layers = ServiceBuilder::new().layer(gate.layer()).layer(TimeoutLayer::new(Duration::from_secs(5)));
/// Router::new().route("/points", get(async || "42")).layer(layers)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GateLayer {
    gates: Arc<Gates>,
}

impl GateLayer {
    pub(crate) fn new(gates: Arc<Gates>) -> Self {
        Self { gates }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService {
            inner,
            gates: Arc::clone(&self.gates),
        }
    }
}

/// A service behind the gate.
///
/// Always ready: preflights and refusals never wait for the inner service, which is asked for readiness only for a request it gets.
#[derive(Clone, Debug)]
pub struct GateService<S> {
    inner: S,
    gates: Arc<Gates>,
}

impl<S, B, R> Service<Request<B>> for GateService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = GateFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> GateFuture<S, B> {
        let (mut parts, body) = request.into_parts();
        let (passage, admission) = self.gates.admit(&mut parts);
        let state = match admission {
            Admission::Answer(answer) => State::Answered {
                answer: Some(answer),
            },
            Admission::Run => State::Readying {
                inner: self.inner.clone(),
                request: Some(Request::from_parts(parts, body)),
            },
            Admission::Wait { token, need } => State::Waiting {
                verdict: Box::pin(Arc::clone(&self.gates).verify_later(token, need)),
                inner: Some(self.inner.clone()),
                request: Some(Request::from_parts(parts, body)),
            },
        };
        GateFuture {
            gates: Arc::clone(&self.gates),
            passage,
            state,
        }
    }
}

pin_project! {
    /// The response future of [`GateService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct GateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        gates: Arc<Gates>,
        passage: Passage,
        #[pin]
        state: State<S, B>,
    }
}

type Verdict = Pin<Box<dyn Future<Output = Result<Arc<VerifiedToken>, Rejected>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Answered { answer: Option<Response<String>> },
        // The only boxed path: a key has to be fetched.
        Waiting { verdict: Verdict, inner: Option<S>, request: Option<Request<B>> },
        Readying { inner: S, request: Option<Request<B>> },
        Running { #[pin] future: S::Future },
    }
}

impl<S, B, R> Future for GateFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<String>,
{
    type Output = Result<Response<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (gates, passage) = (&**this.gates, this.passage);
        let step = || this.state.as_mut().advance(gates, passage, context);
        let failure = match gates.failures.guard(step) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => return Poll::Ready(Ok(response)),
            Ok(Poll::Ready(Err(error))) => gates.failures.of_error(error),
            Err(failure) => failure,
        };
        // Drops whatever the service has left half done.
        this.state.set(State::Answered { answer: None });
        Poll::Ready(Ok(gates.fail(passage, &failure).map(R::from)))
    }
}

impl<S, B, R> State<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    fn advance(
        mut self: Pin<&mut Self>,
        gates: &Gates,
        passage: &Passage,
        context: &mut Context<'_>,
    ) -> Poll<Result<Response<R>, S::Error>> {
        loop {
            let next = match self.as_mut().project() {
                StateProjection::Answered { answer } => match answer.take() {
                    Some(answer) => return Poll::Ready(Ok(answer.map(R::from))),
                    // Polled after its end, which no caller may do.
                    None => return Poll::Pending,
                },
                StateProjection::Waiting {
                    verdict,
                    inner,
                    request,
                } => {
                    let verdict = ready!(verdict.as_mut().poll(context));
                    let (Some(inner), Some(request)) = (inner.take(), request.take()) else {
                        return Poll::Pending;
                    };
                    let (mut parts, body) = request.into_parts();
                    match gates.settle(&mut parts, passage, verdict) {
                        Some(answer) => State::Answered {
                            answer: Some(answer),
                        },
                        None => State::Readying {
                            inner,
                            request: Some(Request::from_parts(parts, body)),
                        },
                    }
                }
                StateProjection::Readying { inner, request } => {
                    // Readiness is asked of the very clone that is called.
                    ready!(inner.poll_ready(context))?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    State::Running {
                        future: inner.call(request),
                    }
                }
                StateProjection::Running { future } => {
                    let mut response = ready!(future.poll(context))?;
                    gates.finish(passage, &mut response);
                    return Poll::Ready(Ok(response));
                }
            };
            self.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for GateFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateFuture")
            .field("passage", &self.passage)
            .finish_non_exhaustive()
    }
}
