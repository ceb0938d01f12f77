mod require_scope;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub use self::require_scope::{RequireScope, RequireScopeService};
use crate::api::{Admission, Gates, Passage, may_write};
use crate::{Rejected, VerifiedToken};

/// The gate as a [`tower_layer::Layer`], made by [`crate::Gate::layer`]. Works over `http` 1.x services whose response body can be made
/// from a `String`, axum's among them.
///
/// An `Err` of the inner service passes through untouched and without CORS headers: put what fails (timeouts, load shedding) behind
/// something that answers, as axum's `HandleErrorLayer` does.
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
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = GateFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
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
                verdict: Box::pin(Arc::clone(&self.gates).verify_later(
                    may_write(&parts),
                    passage.decision().clone(),
                    token,
                    need,
                )),
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
    R: From<String>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
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
                    match this.gates.settle(&mut parts, this.passage, verdict) {
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
                    this.gates.finish(this.passage, &mut response);
                    return Poll::Ready(Ok(response));
                }
            };
            this.state.set(next);
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
