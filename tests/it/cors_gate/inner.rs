//! What stands behind the gate in a vector.

use std::{
    convert::Infallible,
    future::{Ready, pending},
    panic::resume_unwind,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest as _, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
    routing::{any, post},
};
use exeat::{Gate, RequireScope, VerifiedToken};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Request};
use serde::Deserialize;
use tokio::sync::Mutex;
use tower::{
    BoxError, Service, ServiceBuilder, limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};

/// What it does other than answer, or before.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Behaviour {
    /// The handler panics while it is polled.
    Panics,
    /// The service panics when it is called.
    PanicsInCall,
    /// A layer around the handler ends with an error.
    Fails,
    /// The handler never answers, and a time-out is around it.
    TimesOut,
    /// There is no room for a single request.
    ShedsLoad,
    /// There is room for one.
    LimitsConcurrency,
    /// Bodies have at most four bytes.
    LimitsBodies,
    /// There is no route.
    HasNoRoute,
    /// The route takes POST alone.
    TakesPost,
    /// The route needs the scope `points:write`.
    RequiresScope,
    /// The handler sends events until the token is over, and then says so.
    Streams,
}

/// Everything that a handler is asked, and what it answers.
#[derive(Clone)]
struct Stage {
    gate: Gate,
    behaves: Option<Behaviour>,
    answer: http::Response<String>,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

/// The finished stack.
pub(super) fn router(
    behaves: Option<Behaviour>,
    gate: &Gate,
    answer: http::Response<String>,
    seen: &Arc<Mutex<Vec<HeaderMap>>>,
) -> anyhow::Result<Router> {
    let stage = Stage {
        gate: gate.clone(),
        behaves,
        answer,
        seen: Arc::clone(seen),
    };
    // With a state, as it is served: the limits of a layer are then those of all requests.
    let everywhere = Router::new()
        .route("/", any(handle))
        .fallback(handle)
        .with_state(stage.clone());
    let layers = ServiceBuilder::new().layer(gate.layer());
    Ok(match behaves {
        None | Some(Behaviour::Panics | Behaviour::Streams) => everywhere.layer(layers),
        Some(Behaviour::PanicsInCall) => Router::new().fallback_service(PanicsInCall).layer(layers),
        Some(Behaviour::Fails) => everywhere
            .layer(layers.and_then(async |_: Response| Err::<Response, BoxError>("secret".into()))),
        Some(Behaviour::TimesOut) => {
            everywhere.layer(layers.layer(TimeoutLayer::new(Duration::from_millis(1))))
        }
        Some(Behaviour::ShedsLoad) => everywhere.layer(
            layers
                .layer(LoadShedLayer::new())
                .layer(ConcurrencyLimitLayer::new(0)),
        ),
        Some(Behaviour::LimitsConcurrency) => {
            everywhere.layer(layers.layer(ConcurrencyLimitLayer::new(1)))
        }
        Some(Behaviour::LimitsBodies) => everywhere.layer(DefaultBodyLimit::max(4)).layer(layers),
        Some(Behaviour::HasNoRoute) => Router::new()
            .route("/elsewhere", any(handle))
            .with_state(stage)
            .layer(layers),
        Some(Behaviour::TakesPost) => Router::new()
            .route("/", post(handle))
            .with_state(stage)
            .layer(layers),
        Some(Behaviour::RequiresScope) => everywhere
            .layer(RequireScope::new("points:write")?)
            .layer(layers),
    })
}

async fn handle(State(stage): State<Stage>, request: Request<Body>) -> Response {
    let mut headers = request.headers().clone();
    if let Ok(uri) = HeaderValue::try_from(request.uri().to_string()) {
        headers.insert("uri", uri);
    }
    let token = request.extensions().get::<Arc<VerifiedToken>>().cloned();
    if stage.behaves == Some(Behaviour::LimitsBodies)
        && let Err(too_long) = Bytes::from_request(request, &()).await
    {
        return too_long.into_response();
    }
    stage.seen.lock().await.push(headers);
    match (stage.behaves, token) {
        (Some(Behaviour::Panics), _) => resume_unwind(Box::new("secret")),
        (Some(Behaviour::TimesOut), _) => pending().await,
        (Some(Behaviour::Streams), Some(token)) => {
            let events = stream::pending().take_until(stage.gate.expiry(&token));
            let last = stream::once(async {
                Ok::<_, Infallible>(Event::default().event("expired").data("expired"))
            });
            Sse::new(events.chain(last)).into_response()
        }
        _ => stage.answer.map(Body::from),
    }
}

#[derive(Clone)]
struct PanicsInCall;

impl Service<Request<Body>> for PanicsInCall {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        resume_unwind(Box::new("secret"))
    }
}
