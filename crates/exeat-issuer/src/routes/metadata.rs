//! RFC 8414 and OpenID Connect Discovery metadata, from one struct. It names only what exists.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use exeat_jose::Algorithm;
use http::StatusCode;
use serde::Serialize;

use super::{
    JWKS,
    answer::{self, RequestId},
    jwks::cache_for_max_age,
    shared,
};
use crate::issuer::Service;

#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    jwks_uri: String,
    /// Required by both documents and never empty; what is issued here is nearest to an ID token. Kubernetes and GitHub say the same.
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    /// Of the keys that are published now.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    claims_supported: [&'static str; 10],
}

pub(super) async fn answer(
    State(service): State<Arc<Service>>,
    id: RequestId,
    request: Request,
) -> Response {
    shared(&service.public_policy, &request, &id, || {
        let snapshot = service.exchange.keys.current(service.exchange.clock.now());
        let issuer = &service.issuer.text;
        let mut response = answer::json(
            StatusCode::OK,
            &Metadata {
                issuer,
                jwks_uri: format!("{issuer}{JWKS}"),
                response_types_supported: ["id_token"],
                subject_types_supported: ["public"],
                id_token_signing_alg_values_supported: snapshot
                    .algs
                    .iter()
                    .copied()
                    .map(Algorithm::name)
                    .collect(),
                claims_supported: [
                    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "name", "tenant",
                ],
            },
        );
        cache_for_max_age(&service, &mut response);
        response
    })
}
