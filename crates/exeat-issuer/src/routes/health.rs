//! Is the process alive, and can it exchange?

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use serde::Serialize;

use super::{
    answer::{self, RequestId},
    reads,
};
use crate::{exchange::Refused, issuer::Service};

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// 200 as long as the process answers.
pub(super) async fn live(id: RequestId, request: Request) -> Response {
    respond(&request, &id, Ok("live"))
}

/// 200 when a token could be made: a key signs for every audience's algorithm, and the session source answers. Else 503 with the reason.
pub(super) async fn ready(
    State(service): State<Arc<Service>>,
    id: RequestId,
    request: Request,
) -> Response {
    let state = service.readiness().await.map(|()| "ready");
    respond(&request, &id, state)
}

fn respond(request: &Request, id: &RequestId, state: Result<&'static str, Refused>) -> Response {
    if !reads(request) {
        return answer::read_only(id);
    }
    match state {
        Ok(status) => {
            let mut response = answer::json(StatusCode::OK, &Status { status });
            answer::no_store(&mut response);
            response
        }
        Err(refused) => answer::refusal(refused, id),
    }
}
