//! The decision as a tower layer.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arc_swap::ArcSwap;
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Decision, Failure, Failures, FetchMetadata, Policy, decide, decide_by_origin, loggable_origin,
};

/// Applies a [`Policy`] to a service over `http` 1.x whose response body can be made from a `String`, axum's among them.
///
/// Goes around everything that answers requests, authentication first of all: what is outside answers without CORS headers, and pages
/// cannot read that. With axum, add it after the routes, since `Router::layer` covers only what is there.
///
/// A response that was refused here has the [`Refusal`](crate::Refusal) in its extensions, and each refusal is one event of target `exeat_cors`.
/// The service never fails: an `Err` or a panic of the inner one is answered, logged and readable by the page ([`Failures`]), so that
/// time-outs and load shedding may stand inside as they are.
///
/// Clones share the policy: [`Self::replace_policy`] changes that of every clone and of every service made from one.
#[derive(Clone, Debug)]
pub struct CorsLayer {
    policy: Arc<ArcSwap<Policy>>,
    failures: Failures,
    fetch_metadata: FetchMetadata,
}

impl CorsLayer {
    /// A layer for this policy, which cannot be wrong any more.
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            policy: Arc::new(ArcSwap::new(policy.into())),
            failures: Failures::default(),
            fetch_metadata: FetchMetadata::Narrow,
        }
    }

    /// For routes that pages of other sites may link to or embed, whatever the policy says of [`FetchMetadata`]: pages, images,
    /// downloads, where a log-in elsewhere comes back to.
    #[must_use]
    pub fn without_fetch_metadata(mut self) -> Self {
        self.fetch_metadata = FetchMetadata::Ignore;
        self
    }

    /// How errors and panics of the inner service are answered.
    #[must_use]
    pub fn with_failures(mut self, failures: Failures) -> Self {
        self.failures = failures;
        self
    }

    /// The policy that the next request is held against.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Holds every request from now on against this policy, at once and without a restart. Requests under way are finished with the policy
    /// that they were admitted by. A configuration that is wrong never gets here: keep the policy there is, and say so.
    ///
    /// ```
    /// use exeat_cors::{CorsLayer, Policy, PolicyConfig};
    ///
    /// # fn reload(layer: &CorsLayer, config: PolicyConfig) {
    /// match Policy::try_from(config) {
    ///     Ok(policy) => layer.replace_policy(policy),
    ///     Err(errors) => eprintln!("the old policy stays: {errors}"),
    /// }
    /// # }
    /// ```
    pub fn replace_policy(&self, policy: impl Into<Arc<Policy>>) {
        self.policy.store(policy.into());
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = CorsService<S>;

    fn layer(&self, inner: S) -> CorsService<S> {
        CorsService {
            inner,
            layer: self.clone(),
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
    layer: CorsLayer,
}

impl<S, B, R> Service<Request<B>> for CorsService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = CorsFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> CorsFuture<S, B> {
        let policy = self.layer.policy();
        let decide = match self.layer.fetch_metadata {
            FetchMetadata::Narrow => decide,
            FetchMetadata::Ignore => decide_by_origin,
        };
        let decision = decide(&policy, request.method(), request.headers());
        record(&policy, &decision, request.headers());
        let state = match decision.answer(&policy) {
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
            policy,
            failures: self.layer.failures.clone(),
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
        failures: Failures,
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
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<String>,
{
    type Output = Result<Response<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (policy, decision) = (&**this.policy, &*this.decision);
        let step = || this.state.as_mut().advance(policy, decision, context);
        let failure = match this.failures.guard(step) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => return Poll::Ready(Ok(response)),
            Ok(Poll::Ready(Err(error))) => this.failures.of_error(error),
            Err(failure) => failure,
        };
        // Drops whatever the service has left half done.
        this.state.set(State::Answered { answer: None });
        record_failure(&failure);
        let mut answer = failure.answer();
        decision.finish(policy, answer.headers_mut());
        Poll::Ready(Ok(answer.map(R::from)))
    }
}

impl<S, B, R> State<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    fn advance(
        mut self: Pin<&mut Self>,
        policy: &Policy,
        decision: &Decision,
        context: &mut Context<'_>,
    ) -> Poll<Result<Response<R>, S::Error>> {
        loop {
            let future = match self.as_mut().project() {
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
                    decision.warn_of_redirect(policy, response.status(), response.headers());
                    decision.finish(policy, response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
            };
            self.set(State::Running { future });
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

/// The one event of a failure. A person must look at a bug; what passes by itself is a sign of too much work.
fn record_failure(failure: &Failure) {
    let (code, error, panic) = (failure.code(), failure.message(), failure.is_panic());
    if failure.is_temporary() {
        tracing::warn!(target: "exeat_cors", code, error, "the service behind the layer gave no response");
    } else {
        tracing::error!(target: "exeat_cors", code, error, panic, "the service behind the layer gave no response");
    }
}
