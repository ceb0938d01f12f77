//! What answers are made of: problem documents (RFC 9457), JSON bodies, bounded request bodies.

use std::{convert::Infallible, sync::Arc};

use axum::{body::Body, extract::FromRequestParts, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};

use crate::exchange::{MAX_BODY, Refused};

/// The id of this request, in its answer's `X-Request-Id` and in every error body.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get()
            .cloned()
            .unwrap_or_else(|| Self("".into())))
    }
}

/// An RFC 9457 problem document with a stable code.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    request_id: &'a str,
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    body_of_type(
        status,
        "application/json",
        serde_json::to_vec(body).unwrap_or_default(),
    )
}

/// An `application/problem+json` answer that no cache keeps.
pub(super) fn problem(status: StatusCode, code: &str, title: &str, id: &RequestId) -> Response {
    let body = Problem {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        code,
        request_id: &id.0,
    };
    let mut response = body_of_type(
        status,
        "application/problem+json",
        serde_json::to_vec(&body).unwrap_or_default(),
    );
    no_store(&mut response);
    response
}

/// A refusal as a problem document.
pub(super) fn refusal(refused: Refused, id: &RequestId) -> Response {
    let mut response = problem(refused.status(), refused.code(), refused.title(), id);
    refusal_headers(&mut response, refused);
    response
}

/// The headers that belong to a refusal in every dialect.
pub(super) fn refusal_headers(response: &mut Response, refused: Refused) {
    let headers = response.headers_mut();
    if refused.status() == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Session"),
        );
    }
    if refused == Refused::MethodNotAllowed {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(wait) = refused.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
}

/// 405 for a document that can only be read.
pub(super) fn read_only(id: &RequestId) -> Response {
    let mut response = refusal(Refused::MethodNotAllowed, id);
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(super) fn body_of_type(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

pub(super) fn no_store(response: &mut Response) {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Reads a body of at most [`MAX_BODY`] bytes.
pub(super) async fn read_body(body: Body) -> Result<Bytes, Refused> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(why) if why.is::<LengthLimitError>() => Err(Refused::TooLarge),
        Err(_) => Err(Refused::InvalidRequest("the body broke off")),
    }
}

/// Reads a JSON object. serde would also take an array of the members' values, which nobody documented and no check names.
/// `None` says nothing more: serde's message could quote the body, and with it an id.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(body).ok()
}
