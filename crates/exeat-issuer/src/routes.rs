//! The routes of both listeners.

mod admin;
mod answer;
mod graphql;
mod health;
mod jwks;
mod metadata;
mod token;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    middleware::{self, Next},
    response::Response,
    routing::any,
};
use exeat_cors::Policy;
use http::{HeaderName, HeaderValue, Method, header};
use tracing::Instrument as _;

use crate::{
    config::Alias,
    exchange::{Csrf, Door},
    issuer::Service,
    text::hex,
};
pub(crate) use graphql::TokenSchema;

use answer::RequestId;

const TOKEN: &str = "/v1/token";
const GRAPHQL: &str = "/graphql";
const JWKS: &str = "/.well-known/jwks.json";
const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID_METADATA: &str = "/.well-known/openid-configuration";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const ADMIN_SESSIONS: &str = "/admin/v1/sessions";

const BUILT_IN_PATHS: [&str; 7] = [
    TOKEN,
    GRAPHQL,
    JWKS,
    OAUTH_METADATA,
    OPENID_METADATA,
    LIVEZ,
    READYZ,
];

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of a request id.
const REQUEST_ID_LEN: usize = 16;

/// Every path that the public listener answers by itself, under an issuer with this path. An alias cannot take them.
pub(crate) fn own_paths(issuer_path: &str) -> Vec<String> {
    let inserted = [OAUTH_METADATA, OPENID_METADATA].map(|name| format!("{name}{issuer_path}"));
    BUILT_IN_PATHS
        .iter()
        .flat_map(|path| at_root_and_below(path, issuer_path))
        .chain(inserted)
        .collect()
}

/// Where a path of this service is answered.
pub(crate) fn at_root_and_below(path: &str, issuer_path: &str) -> [String; 2] {
    [path.to_owned(), format!("{issuer_path}{path}")]
}

/// The public listener.
///
/// An issuer with a path (`https://host/tenant`) answers at the root and below its path, so that it works behind a proxy that strips the
/// path and behind one that does not; its metadata is also at RFC 8414's place, with the path inserted after the well-known name.
pub(crate) fn public(service: &Arc<Service>) -> Router {
    let path = &service.issuer.path;
    let mut router = endpoints(service);
    if !path.is_empty() {
        router = router
            .merge(Router::new().nest(path, endpoints(service)))
            .route(&format!("{OAUTH_METADATA}{path}"), any(metadata::answer))
            .route(&format!("{OPENID_METADATA}{path}"), any(metadata::answer));
    }
    router
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(service),
            with_request_id,
        ))
        .with_state(Arc::clone(service))
}

/// The admin listener.
pub(crate) fn admin(service: &Arc<Service>) -> Router {
    Router::new()
        .route(ADMIN_SESSIONS, any(admin::sessions))
        .route(LIVEZ, any(health::live))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(service),
            with_request_id,
        ))
        .with_state(Arc::clone(service))
}

/// `any` everywhere: the handlers refuse a method themselves, at its place in their order.
fn endpoints(service: &Arc<Service>) -> Router<Arc<Service>> {
    let open_door = Door {
        audience: None,
        csrf: Csrf::Header,
    };
    let mut router = Router::new()
        .route(
            TOKEN,
            any(move |State(service), id, request| token::answer(service, open_door, id, request)),
        )
        .route(
            GRAPHQL,
            any(move |State(service), id, request| {
                graphql::answer(service, open_door, id, request)
            }),
        )
        .route(JWKS, any(jwks::answer))
        .route(OAUTH_METADATA, any(metadata::answer))
        .route(OPENID_METADATA, any(metadata::answer))
        .route(LIVEZ, any(health::live))
        .route(READYZ, any(health::ready));
    for alias in &service.aliases {
        router = match alias {
            Alias::Jwks { path } => router.route(path, any(jwks::answer)),
            Alias::GraphQl { path, audience } => {
                let door = Door {
                    audience: Some(*audience),
                    csrf: Csrf::WaivedForOwnOrigin,
                };
                router.route(
                    path,
                    any(move |State(service), id, request| {
                        graphql::answer(service, door, id, request)
                    }),
                )
            }
        };
    }
    router
}

/// Every answer carries an id made here; one that a request brings is not believed. Every event on the way to it carries the id and the
/// caller's address, if the server has told it.
async fn with_request_id(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut bytes = [0; REQUEST_ID_LEN];
    if service.exchange.random.fill(&mut bytes).is_err() {
        tracing::error!("no randomness for a request id");
    }
    let id = hex(&bytes);
    let client = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| service.trusted_proxies.client(peer.ip(), request.headers()));
    let span = tracing::info_span!(
        "issuer.answer",
        request_id = id,
        client = client.map(tracing::field::display)
    );
    request
        .extensions_mut()
        .insert(RequestId(id.as_str().into()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Answers a public document under a `*` policy: preflights and refusals by the decision, reading requests by `serve`, others with 405.
fn shared(
    policy: &Policy,
    request: &Request,
    id: &RequestId,
    serve: impl FnOnce() -> Response,
) -> Response {
    let decision = exeat_cors::decide(policy, request.method(), request.headers());
    if let Some(answer) = decision.answer(policy) {
        return answer.map(Body::from);
    }
    let mut response = if reads(request) {
        serve()
    } else {
        answer::read_only(id)
    };
    decision.finish(policy, response.headers_mut());
    response
}

fn reads(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}
