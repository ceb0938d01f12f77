//! The decision as a tower layer.

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Decision, Policy, decide, loggable_origin};

/// Applies a [`Policy`] to a service over `http` 1.x whose response body can be made from a `String`, axum's among them.
///
/// Goes around everything that answers requests, authentication first of all: what is outside answers without CORS headers, and pages
/// cannot read that. With axum, add it after the routes, since `Router::layer` covers only what is there.
///
/// A response that was refused here has the [`Refusal`](crate::Refusal) in its extensions, and each refusal is one event of target `exeat_cors`.
/// An `Err` of the inner service passes through and carries no headers; turn errors into responses inside.
#[derive(Clone, Debug)]
pub struct CorsLayer {
    policy: Arc<Policy>,
}

impl CorsLayer {
    /// A layer for this policy, which cannot be wrong any more.
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            policy: policy.into(),
        }
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = CorsService<S>;

    fn layer(&self, inner: S) -> CorsService<S> {
        CorsService {
            inner,
            policy: Arc::clone(&self.policy),
        }
    }
}

/// A service behind a [`CorsLayer`].
///
/// Always ready: preflights and refusals are answered while the inner service is busy. It is asked for readiness only for a request that
/// reaches it, on the very clone that is then called.
#[derive(Clone, Debug)]
pub struct CorsService<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S, B, R> Service<Request<B>> for CorsService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = CorsFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> CorsFuture<S, B> {
        let decision = decide(&self.policy, request.method(), request.headers());
        record(&self.policy, &decision, request.headers());
        let state = match decision.answer(&self.policy) {
            Some(mut answer) => {
                if let Decision::Refuse(refusal) = &decision {
                    answer.extensions_mut().insert(refusal.clone());
                }
                State::Answered {
                    answer: Some(answer),
                }
            }
            None => State::Readying {
                inner: self.inner.clone(),
                request: Some(request),
            },
        };
        CorsFuture {
            policy: Arc::clone(&self.policy),
            decision,
            state,
        }
    }
}

pin_project! {
    /// The response future of [`CorsService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CorsFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        policy: Arc<Policy>,
        decision: Decision,
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Answered { answer: Option<Response<String>> },
        Readying { inner: S, request: Option<Request<B>> },
        Running { #[pin] future: S::Future },
    }
}

impl<S, B, R> Future for CorsFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.state.as_mut().project() {
                StateProjection::Answered { answer } => {
                    // Empty only if polled after its end, which no caller may do.
                    return answer
                        .take()
                        .map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer.map(R::from))));
                }
                StateProjection::Readying { inner, request } => {
                    ready!(inner.poll_ready(context))?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    inner.call(request)
                }
                StateProjection::Running { future } => {
                    let mut response = ready!(future.poll(context))?;
                    this.decision.warn_of_redirect(
                        this.policy,
                        response.status(),
                        response.headers(),
                    );
                    this.decision.finish(this.policy, response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
            };
            this.state.set(State::Running { future });
        }
    }
}

impl<S, B> fmt::Debug for CorsFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorsFuture")
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}

/// One event for each refusal, enforced or not. Info, because an operator who has forgotten an origin looks for exactly this.
fn record(policy: &Policy, decision: &Decision, headers: &HeaderMap) {
    let (refusal, handler_run) = match decision {
        Decision::Refuse(refusal) => (refusal, false),
        Decision::Report(refusal) => (refusal, true),
        _ => return,
    };
    tracing::info!(
        target: "exeat_cors",
        code = refusal.code(),
        status = refusal.status().as_u16(),
        origin = %loggable_origin(headers),
        handler_run,
        hint = decision.hint(policy, headers),
        "cross-origin request refused"
    );
}
