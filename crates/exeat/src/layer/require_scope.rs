use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use exeat_jose::{InvalidScope, InvalidToken, Scope};
use http::{Extensions, HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use serde::Deserialize;
use tower_layer::Layer;
use tower_service::Service;

use crate::api::NoUser;
use crate::challenge::{Answers, EXEAT_HANDLER, Place, RefusedInside, record};
use crate::{Refused, Rejected};

/// Requires scopes of the verified token (its claim `scope`, RFC 8693 §4.2), inside the gate: for single routes. For single handlers there is
/// the extractor [`Scoped`](crate::Scoped).
///
/// A token that lacks one is answered with 403 `insufficient_scope`, and the challenge names what is required (RFC 6750 §3.1). A request
/// without a user, which only an optional route has, is answered as the gate would have. Outside a gate it is 500.
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use exeat::RequireScope;
///
/// # fn build(gate: exeat::Gate) -> Result<Router, exeat::exeat_jose::InvalidScope> {
/// let app = Router::new()
///     .route("/points/transfer", post(|| async { "sent" }))
///     .route_layer(RequireScope::new("points:write")?)
///     .route("/points", get(|| async { "42" }))
///     .layer(gate.layer());
/// # Ok(app)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequireScope {
    scope: Arc<Scope>,
}

impl RequireScope {
    /// All of these, with one space between them.
    ///
    /// # Errors
    /// [`InvalidScope`], for an empty text too.
    pub fn new(scope: &str) -> Result<Self, InvalidScope> {
        Scope::parse(scope).map(|scope| Self {
            scope: Arc::new(scope),
        })
    }
}

impl<S> Layer<S> for RequireScope {
    type Service = RequireScopeService<S>;

    fn layer(&self, inner: S) -> RequireScopeService<S> {
        RequireScopeService {
            inner,
            scope: Arc::clone(&self.scope),
        }
    }
}

/// A service behind [`RequireScope`].
#[derive(Clone, Debug)]
pub struct RequireScopeService<S> {
    inner: S,
    scope: Arc<Scope>,
}

impl<S, B, R> Service<Request<B>> for RequireScopeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireScopeFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match check(&self.scope, request.extensions()) {
            Ok(()) => State::Running {
                future: self.inner.call(request),
            },
            Err(rejected) => State::Refused {
                answer: Some(refuse(rejected, Some(Scope::clone(&self.scope)), true)),
            },
        };
        RequireScopeFuture { state }
    }
}

pin_project! {
    /// The response future of [`RequireScopeService`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct RequireScopeFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, R> {
        Refused { answer: Option<Response<R>> },
        Running { #[pin] future: F },
    }
}

impl<F, R, E> Future for RequireScopeFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            // Empty only if polled after its end, which no caller may do.
            StateProjection::Refused { answer } => answer
                .take()
                .map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer))),
            StateProjection::Running { future } => future.poll(context),
        }
    }
}

/// The answer of a place that requires this scope. The gate completes it.
pub(crate) fn refuse<R: From<String>>(
    rejected: Rejected,
    scope: Option<Scope>,
    is_before_handler: bool,
) -> Response<R> {
    let place = Place {
        scope: scope.as_ref(),
        ..Place::default()
    };
    let mut response = Answers::default().refuse(&rejected, &place);
    record(
        rejected.reason(),
        rejected.status(),
        None,
        &HeaderMap::new(),
    );
    if !is_before_handler {
        response.headers_mut().remove(EXEAT_HANDLER);
        response.extensions_mut().remove::<Refused>();
    }
    response.extensions_mut().insert(RefusedInside {
        rejected,
        scope,
        is_before_handler,
    });
    response
}

/// Does the token of this request grant all of it?
pub(crate) fn check(scope: &Scope, request: &Extensions) -> Result<(), Rejected> {
    let token = NoUser::or_token(request)?;
    let granted = token
        .claims::<Granted>()
        .map_err(|_| InvalidToken::BadClaimType { claim: "scope" })?;
    if scope.is_covered_by(&granted.scope) {
        Ok(())
    } else {
        Err(Rejected::InsufficientScope {
            scope: scope.clone(),
        })
    }
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    scope: String,
}
