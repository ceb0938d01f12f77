//! The key set.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    answer::{self, RequestId},
    shared,
};
use crate::{
    exchange::Refused,
    issuer::Service,
    jwks::{KeySnapshot, jittered, names_tag},
};

pub(super) async fn answer(
    State(service): State<Arc<Service>>,
    id: RequestId,
    request: Request,
) -> Response {
    let response = shared(&service.public_policy, &request, &id, || {
        let snapshot = service.exchange.keys.current(service.exchange.clock.now());
        if snapshot.is_empty() {
            // An empty set would be cached, and every token refused until the cache ends.
            return answer::refusal(Refused::NoSigningKey, &id);
        }
        key_set(&service, &snapshot, request.headers())
    });
    service.exchange.meter.jwks_answered(response.status());
    response
}

fn key_set(service: &Service, snapshot: &KeySnapshot, headers: &HeaderMap) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|line| {
        line.to_str()
            .is_ok_and(|line| names_tag(line, &snapshot.etag))
    });
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        answer::body_of_type(StatusCode::OK, "application/json", snapshot.body.clone())
    };
    response
        .headers_mut()
        .insert(header::ETAG, snapshot.etag.clone());
    cache_for_max_age(service, &mut response);
    response
}

/// `Cache-Control` with the configured life, moved a little for each answer.
pub(super) fn cache_for_max_age(service: &Service, response: &mut Response) {
    let mut bytes = [0; 2];
    // Without randomness the life is 20 % shorter, which harms nobody.
    let _ = service.exchange.random.fill(&mut bytes);
    let seconds = jittered(service.jwks_max_age, u16::from_be_bytes(bytes)).as_secs();
    if let Ok(value) = HeaderValue::try_from(format!("public, max-age={seconds}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
}
