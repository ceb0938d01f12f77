//! The rivals' layers, set up as their documents say, each with its faster cryptographic library.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use axum::{Router, extract::FromRef, http::HeaderValue, routing::get};
use axum_jwt_auth::{Claims as Verified, Decoder, LocalDecoder};
use bench::{
    service::{PAGE, hello},
    token::{ALGORITHMS, AUDIENCE, ISSUER},
};
use jsonwebtoken_10::{Algorithm, DecodingKey, Validation, crypto::aws_lc, jwk::JwkSet};
use rivals::claims::Claims;
use tower_http::cors::CorsLayer;
use tower_oauth2_resource_server::{
    server::OAuth2ResourceServer, tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

#[derive(Clone, FromRef)]
struct State {
    decoder: Decoder<Claims>,
}

/// An extractor, and no layer. A decoder takes the keys of one algorithm, so each has a route.
pub fn axum_jwt_auth(jwks: &str) -> anyhow::Result<Router> {
    aws_lc::DEFAULT_PROVIDER
        .install_default()
        .map_err(|_| anyhow!("another provider is installed"))?;
    let set: JwkSet = serde_json::from_str(jwks)?;
    let mut app = Router::new();
    for known in ALGORITHMS {
        let alg: Algorithm = known.name().parse()?;
        let mut keys = set.keys.iter();
        let key = keys
            .find(|key| {
                key.common
                    .key_algorithm
                    .is_some_and(|is| is.to_string() == known.name())
            })
            .context("no such key")?;
        let mut validation = Validation::new(alg);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        let decoder = LocalDecoder::new(vec![DecodingKey::from_jwk(key)?], validation)?;
        let state = State {
            decoder: Arc::new(decoder),
        };
        let route = get(async |_: Verified<Claims>| "hello");
        app = app.merge(
            Router::new()
                .route(&format!("/{}", known.name()), route)
                .with_state(state),
        );
    }
    Ok(app)
}

pub async fn tower_oauth2(jwks: &str) -> anyhow::Result<Router> {
    let audiences = vec![AUDIENCE.to_owned()];
    let tenant = TenantConfiguration::static_builder(jwks)
        .audiences(&audiences)
        .claims_validation(
            ClaimsValidationSpec::new()
                .exp(true)
                .iss(ISSUER)
                .aud(&audiences),
        )
        .build()
        .map_err(|error| anyhow!("{error:?}"))?;
    let server = OAuth2ResourceServer::<Claims>::builder()
        .add_tenant(tenant)
        .build()
        .await
        .map_err(|error| anyhow!("{error:?}"))?;
    Ok(hello().layer(server.into_layer()))
}

pub fn cors() -> anyhow::Result<CorsLayer> {
    let page: HeaderValue = PAGE.parse()?;
    Ok(CorsLayer::new()
        .allow_origin([page])
        .allow_methods([
            axum::http::Method::GET,
            axum::http::Method::HEAD,
            axum::http::Method::POST,
        ])
        .allow_headers([
            axum::http::header::AUTHORIZATION,
            axum::http::header::CONTENT_TYPE,
        ]))
}
