//! `POST /v1/token`: the native dialect.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use exeat_cors::Decision;
use http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};

use super::answer::{self, RequestId};
use crate::{
    carrier::{Carrier, Presented},
    exchange::{self, Door, ExchangeRequest, Issued, Refused},
    issuer::Service,
    session::WrittenId,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    audience: Option<String>,
    scope: Option<String>,
    /// Seconds.
    ttl: Option<u64>,
    claims_profile: Option<String>,
    session_id: Option<WrittenId>,
}

#[derive(Serialize)]
struct TokenAnswer<'a> {
    token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    issued_at: u64,
    server_time: u64,
    audience: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    refresh_after: u64,
}

pub(super) async fn answer(
    service: Arc<Service>,
    door: Door,
    id: RequestId,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let exchange = &service.exchange;
    let decision = exchange.decide(&parts.method, &parts.headers);
    if let Some(preflight) = preflight(&decision, &service) {
        return preflight;
    }
    let run = run(&service, door, &parts, &decision, body);
    let mut response = match exchange.observed(run).await {
        Ok(issued) => respond(&issued),
        Err(refused) => answer::refusal(refused, &id),
    };
    answer::no_store(&mut response);
    decision.finish(&exchange.policy, response.headers_mut());
    response
}

/// A preflight ends here; a refusal waits for its place in the pipeline's order.
pub(super) fn preflight(decision: &Decision, service: &Service) -> Option<Response> {
    let refused = matches!(decision, Decision::Refuse(refusal) if !refusal.is_preflight());
    if refused {
        None
    } else {
        decision
            .answer(&service.exchange.policy)
            .map(|answer| answer.map(Body::from))
    }
}

async fn run(
    service: &Service,
    door: Door,
    parts: &Parts,
    decision: &Decision,
    body: Body,
) -> Result<Issued, Refused> {
    let exchange = &service.exchange;
    let body = answer::read_body(body).await?;
    let admitted = exchange.admit(parts, decision, door)?;
    let request: TokenRequest =
        answer::object(&body).ok_or(Refused::InvalidRequest("the body is not a token request"))?;
    let session = match request.session_id {
        None => None,
        Some(_) if !exchange.carriers.contains(&Carrier::Body) => {
            return Err(Refused::InvalidRequest(
                "a session id in the body is not taken here",
            ));
        }
        Some(id) => Some(Presented {
            credential: id.parse().ok(),
            by_cookie: false,
        }),
    };
    let ttl = request.ttl.map(exchange::requested_ttl).transpose()?;
    let request = ExchangeRequest {
        audience: request.audience,
        scope: request.scope,
        ttl,
        profile: request.claims_profile,
        session,
    };
    exchange.issue(admitted, request).await
}

fn respond(issued: &Issued) -> Response {
    let now = issued.life.issued_at.as_secs();
    answer::json(
        StatusCode::OK,
        &TokenAnswer {
            token: issued.token.as_str(),
            token_type: "Bearer",
            expires_in: issued.life.expires_in().as_secs(),
            issued_at: now,
            server_time: now,
            audience: &issued.audience,
            scope: issued.scope.as_deref(),
            refresh_after: issued.life.refresh_after().as_secs(),
        },
    )
}
