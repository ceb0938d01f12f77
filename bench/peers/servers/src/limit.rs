//! The raw check where a server makes it: between requests, with caches and branch predictors as these leave them. No layer can cost less.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
    routing::get,
};
use bench::token::ALGORITHMS;
use rivals::raw::PublicKey;

/// A "hello" for whose token has a good signature. Nothing else is looked at: no header of the token, no claim, no time.
pub fn raw_check(jwks: &str) -> anyhow::Result<Router> {
    ALGORITHMS.into_iter().try_fold(Router::new(), |app, alg| {
        let key = Arc::new(PublicKey::parse(jwks, alg)?);
        let route = get(async |_: Signed| "hello");
        let path = format!("/{}", alg.name());
        Ok(app.merge(Router::new().route(&path, route).with_state(key)))
    })
}

struct Signed;

impl FromRequestParts<Arc<PublicKey>> for Signed {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut Parts,
        key: &Arc<PublicKey>,
    ) -> Result<Self, StatusCode> {
        holds(parts, key)
            .unwrap_or(false)
            .then_some(Self)
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

fn holds(parts: &Parts, key: &PublicKey) -> anyhow::Result<bool> {
    let value = parts.headers.get(AUTHORIZATION).context("no token")?;
    let token = value
        .to_str()?
        .strip_prefix("Bearer ")
        .context("no token")?;
    key.holds(token)
}
