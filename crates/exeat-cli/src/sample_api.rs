//! `exeat sample-api`: an external API behind the gate, for trying it against any issuer.
//!
//! An unknown path is behind the gate too: strangers do not learn which paths there are, and a page that may call can read its 404.
//! `/public` takes no token but has the gate's CORS policy; the probes, `/healthz` and `/metrics` have neither, since no page asks them.

mod options;

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use exeat::{Gate, HealthState, VerifiedClaims};
use serde::Serialize;
use serde_json::value::RawValue;

use self::options::Options;
use crate::{
    args::SampleApiArgs,
    failure::Failure,
    listener::{self, Limits, Listener},
    shutdown::Shutdown,
    telemetry::Metrics,
};

/// Bytes of a body that `/echo` takes.
const MAX_ECHO: usize = 64 * 1024;
/// A route that asks for a token.
const GUARDED: &str = "/whoami";

/// Runs until SIGTERM or SIGINT, then finishes the requests in flight. An issuer that cannot be reached is no reason not to start.
///
/// # Errors
/// `Configuration` with every wrong option; others when the address cannot be listened on.
pub(crate) async fn run(args: &SampleApiArgs) -> Result<(), Failure> {
    let Options { listen, api } =
        Options::try_from(args).map_err(|problems| Failure::Configuration {
            source: "the options of sample-api".to_owned(),
            problems,
        })?;
    let shutdown = Shutdown::on_signal()?;
    let listener = Listener::bind("sample-api", listen)
        .await
        .map_err(anyhow::Error::from)?;
    let metrics = Metrics::install()?;
    let gate = api.build().await.context("the gate cannot be built")?;
    let router = router(&gate).merge(metrics.router(|| ()));
    // Every API that stands behind the gate can do this: a layer in the wrong place is found now, and not by the first browser.
    gate.self_check(&router, GUARDED)
        .await
        .context("the gate is not where it should be")?;
    listener::announce(listener.name(), listener.url()).context("stdout cannot be written")?;
    if !gate.is_ready() {
        tokio::spawn(tell_of_keys(gate.clone()));
    }
    listener.serve(router, Limits::default(), shutdown).await;
    tracing::info!("stopped");
    Ok(())
}

/// The gate has said that it starts without keys, and why; this is the good news.
async fn tell_of_keys(gate: Gate) {
    gate.ready().await;
    tracing::info!("the keys of the issuer are here");
}

fn router(gate: &Gate) -> Router {
    let guarded = Router::new()
        .route(GUARDED, get(whoami))
        .route("/echo", post(echo).layer(DefaultBodyLimit::max(MAX_ECHO)))
        .fallback(async || problem(StatusCode::NOT_FOUND, "not_found", "There is nothing here."))
        .layer(gate.layer());
    let public = Router::new()
        .route("/public", get(async || "no token was asked for\n"))
        .layer(gate.cors_layer());
    guarded
        .merge(public)
        .route("/livez", get(async || Json(Live { status: "live" })))
        .route("/readyz", get(ready).with_state(gate.clone()))
        .route("/healthz", get(health).with_state(gate.clone()))
        .layer(axum::middleware::map_response(without_sniffing))
}

/// The claims as they were signed.
async fn whoami(VerifiedClaims(claims): VerifiedClaims<Box<RawValue>>) -> Json<Box<RawValue>> {
    Json(claims)
}

/// The body as it came. No browser makes a page of it: the content type is not guessed, and a page would be a sandbox without scripts.
async fn echo(headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is longer than 64 KiB.",
            );
        }
        Err(_) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                "The body cannot be read.",
            );
        }
    };
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .cloned()
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let sandbox = "default-src 'none'; frame-ancestors 'none'; sandbox";
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(sandbox),
        ),
    ];
    (headers, body).into_response()
}

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    keys: HealthState,
}

/// Asks the gate: without usable keys every token would be a 503.
async fn ready(State(gate): State<Gate>) -> impl IntoResponse {
    let (code, status) = if gate.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let keys = gate.health().state;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (code, no_store, Json(Ready { status, keys }))
}

/// Which keys are held, which were refused and why, and how the last fetch ended. A real API keeps it from strangers: it may name hosts.
async fn health(State(gate): State<Gate>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(gate.health()))
}

/// RFC 9457, with the members that the gate's refusals have.
#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
}

fn problem(status: StatusCode, code: &'static str, title: &'static str) -> Response {
    let body = Json(Problem {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        code,
    });
    let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, content_type, body).into_response()
}

async fn without_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
mod tests;
