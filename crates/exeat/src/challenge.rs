//! What a refused request is answered with: RFC 6750 §3 challenge, RFC 9457 body.

use std::borrow::Cow;

use exeat_cors::loggable_origin;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::Rejected;

/// In the extensions of a response that the gate made itself: the handler has not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// The status of the response.
    pub status: StatusCode,
    /// The `code` of its problem body.
    pub code: &'static str,
}

impl Rejected {
    /// `WWW-Authenticate` (RFC 6750 §3). `None` where a new token would not help: a client that is challenged fetches one.
    pub(crate) fn challenge(&self) -> Option<Cow<'static, str>> {
        let error = match self {
            Self::NoToken => return Some("Bearer".into()),
            Self::MultipleTokens | Self::BadCredentials => "invalid_request",
            Self::Invalid(_) | Self::UnknownKey => "invalid_token",
            Self::TenantNotAllowed
            | Self::OriginTenantMismatch
            | Self::ReadOnlyToken
            | Self::KeysUnavailable { .. }
            | Self::Internal => return None,
        };
        Some(
            format!(
                "Bearer error=\"{error}\", error_description=\"{}\"",
                self.sentence()
            )
            .into(),
        )
    }

    /// The whole answer.
    pub(crate) fn to_response<B: From<String>>(&self) -> Response<B> {
        let (status, code) = (self.status(), self.reason());
        let body = serde_json::json!({ "type": "about:blank", "title": self.sentence(), "status": status.as_u16(), "code": code });
        let mut response = Response::new(B::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = self
            .challenge()
            .and_then(|challenge| HeaderValue::try_from(&*challenge).ok())
        {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::KeysUnavailable { retry_after, .. } = self {
            // Rounded up: a client that waits as told is not early.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        mark(&mut response, code);
        response
    }
}

/// Marks a response as ours: nothing behind the gate has run, so that even a POST may be sent again.
pub(crate) fn mark<B>(response: &mut Response<B>, code: &'static str) {
    let status = response.status();
    response.extensions_mut().insert(Refused { status, code });
    response
        .headers_mut()
        .insert(EXEAT_HANDLER, HeaderValue::from_static("not-run"));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// The one event of a refusal; `hint` is what its sender's developer has overlooked.
pub(crate) fn record(
    code: &'static str,
    status: StatusCode,
    hint: Option<&'static str>,
    request: &HeaderMap,
) {
    let (origin, status) = (loggable_origin(request), status.as_u16());
    // An operator who forgot an origin, or whose page misspells a method, must see it without turning anything on.
    if code == "origin_not_allowed" || hint.is_some() {
        tracing::info!(target: "exeat", code, status, %origin, handler_run = false, hint, "refused");
    } else {
        tracing::debug!(target: "exeat", code, status, %origin, handler_run = false, "refused");
    }
}

pub(crate) const EXEAT_HANDLER: HeaderName = HeaderName::from_static("exeat-handler");
