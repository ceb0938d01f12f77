//! The external API: an ordinary axum app behind exeat's gate. It knows the issuer's URL and nothing else of it.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Extension, Json, Router, middleware::from_fn_with_state, response::IntoResponse, routing::get,
};
use exeat::{ExternalApi, User};
use serde::Serialize;

use super::{
    AUDIENCE, Sites,
    api_log::{self, ApiLog, HandlerRan},
    people,
};

/// The API's only resource.
pub(super) const POINTS_PATH: &str = "/points";

/// The guarded app, with a log around it that sees what the gate refused.
///
/// # Errors
/// When the gate's configuration is wrong.
pub(super) async fn router(sites: &Sites, log: Arc<ApiLog>) -> anyhow::Result<Router> {
    let gate = ExternalApi::new(&sites.marketplace, AUDIENCE)
        .with_origin(&sites.marketplace)
        .with_tenants([people::SERVED_TENANT])
        .build()
        .await
        .context("the API's gate cannot be built")?;
    let guarded = Router::new()
        .route(POINTS_PATH, get(points))
        .layer(gate.layer());
    // Before the log, which is for what visitors do.
    gate.self_check(&guarded, POINTS_PATH)
        .await
        .context("the gate is not around the API")?;
    Ok(guarded
        .route("/readyz", get(async move || gate.readiness()))
        .layer(from_fn_with_state(log, api_log::record)))
}

#[derive(Serialize)]
struct Account {
    sub: String,
    name: Option<String>,
    tenant: Option<String>,
    points: u32,
}

/// Only reached with a verified user.
async fn points(user: User) -> impl IntoResponse {
    let points = people::points_of(&user.sub).unwrap_or_default();
    let answer = Account {
        sub: user.sub,
        name: user.name,
        tenant: user.tenant,
        points,
    };
    (Extension(HandlerRan), Json(answer))
}
