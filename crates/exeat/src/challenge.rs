//! What a refused request is answered with: RFC 6750 §3 challenge, RFC 9457 body.

pub(crate) mod grpc;

use exeat_cors::{Failure, loggable_origin};
use exeat_jose::{Algorithm, AlgorithmSet, InvalidToken, Scope, TypPolicy};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::Rejected;
use crate::rejection::Challenge;

/// In the extensions of a response that the gate made itself: the handler has not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// The status of the response; for a gRPC call, whose responses are 200, what it would be otherwise.
    pub status: StatusCode,
    /// The `code` of its problem body.
    pub code: &'static str,
}

/// How much a refused sender learns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Detail {
    /// The fixed sentence of the class (see [`Rejected`]).
    #[default]
    Terse,
    /// And what this API expects: issuer, audience, algorithms, the name of a claim. Never a value of the token. For development, or
    /// where those who call may know the configuration.
    Verbose,
}

/// What the configuration of a gate adds to its refusals. The default is for refusals that no gate sees.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) detail: Detail,
    /// Fits into a quoted-string.
    pub(crate) realm: Option<Box<str>>,
    pub(crate) issuer: Box<str>,
    pub(crate) audience: Option<Box<str>>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) typ: TypPolicy,
    /// What one of them expects is not what another does: it is then not told.
    pub(crate) has_several_issuers: bool,
}

/// What is known where a request is refused.
#[derive(Debug, Default)]
pub(crate) struct Place<'a> {
    /// What is required there.
    pub(crate) scope: Option<&'a Scope>,
    /// Where the metadata of the resource are (RFC 9728 §5.1). Quotable.
    pub(crate) resource_metadata: Option<String>,
}

impl Answers {
    /// The whole answer.
    pub(crate) fn refuse<B: From<String>>(
        &self,
        rejected: &Rejected,
        place: &Place<'_>,
    ) -> Response<B> {
        let (status, code) = (rejected.status(), rejected.reason());
        let expected = self.expected(rejected);
        let problem = Problem {
            r#type: "about:blank",
            title: rejected.sentence(),
            status: status.as_u16(),
            code,
            detail: expected.as_deref(),
        };
        // Strings and a number: this cannot fail.
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = self.challenge(rejected, place, expected.as_deref()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Rejected::KeysUnavailable { retry_after, .. } = rejected {
            // Rounded up: a client that waits as told is not early.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        mark(&mut response, code);
        response
    }

    /// `WWW-Authenticate` (RFC 6750 §3).
    fn challenge(
        &self,
        rejected: &Rejected,
        place: &Place<'_>,
        expected: Option<&str>,
    ) -> Option<HeaderValue> {
        let mut parameters = Parameters::default();
        let error = match rejected.challenge() {
            Challenge::Absent => return None,
            Challenge::Bare => None,
            Challenge::Error(error) => Some(error),
        };
        parameters.add("realm", self.realm.as_deref());
        parameters.add("error", error);
        if error.is_some() {
            let sentence = rejected.sentence();
            match expected.filter(|expected| expected.bytes().all(is_quotable)) {
                Some(expected) => {
                    parameters.add(
                        "error_description",
                        Some(&format!("{sentence}. {expected}")),
                    );
                }
                None => parameters.add("error_description", Some(sentence)),
            }
        }
        let scope = match rejected {
            Rejected::InsufficientScope { scope } => Some(scope),
            // Better said with the first challenge than in a second one.
            Rejected::NoToken => place.scope,
            _ => None,
        };
        parameters.add("scope", scope.and_then(Scope::to_claim).as_deref());
        parameters.add("resource_metadata", place.resource_metadata.as_deref());
        HeaderValue::try_from(parameters.0).ok()
    }

    /// What would have been right, if the sender may know.
    fn expected(&self, rejected: &Rejected) -> Option<String> {
        if self.detail == Detail::Terse {
            return None;
        }
        let Rejected::Invalid(invalid) = rejected else {
            return None;
        };
        match invalid {
            InvalidToken::WrongAudience
            | InvalidToken::AlgNotAllowed
            | InvalidToken::TypMismatch
                if self.has_several_issuers =>
            {
                None
            }
            InvalidToken::WrongIssuer => Some(format!("Expected issuer: {}", self.issuer)),
            InvalidToken::WrongAudience => Some(match &self.audience {
                Some(audience) => format!("Expected audience: {audience}"),
                None => "Expected: no audience".to_owned(),
            }),
            InvalidToken::AlgNotAllowed => {
                let names: Vec<_> = self.algorithms.iter().map(Algorithm::name).collect();
                Some(format!("Expected algorithm: {}", names.join(", ")))
            }
            InvalidToken::TypMismatch => Some(format!("Expected typ: {}", self.typ)),
            InvalidToken::MissingClaim { claim } | InvalidToken::BadClaimType { claim } => {
                Some(format!("The claim: {claim}"))
            }
            InvalidToken::TooLarge { max, .. } => Some(format!("At most {max} bytes")),
            _ => None,
        }
    }
}

/// May this byte stand in a quoted-string without an escape, and in `error_description` (RFC 6750 §3)?
pub(crate) const fn is_quotable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// A challenge that grows; values are quotable.
struct Parameters(String);

impl Parameters {
    fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            let separator = if self.0.len() == SCHEME.len() {
                " "
            } else {
                ", "
            };
            for part in [separator, name, "=\"", value, "\""] {
                self.0.push_str(part);
            }
        }
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self(SCHEME.to_owned())
    }
}

/// RFC 9457, with our `code`.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// In the extensions of a response that an extractor or a layer behind the gate refused with: the gate completes it with what it
/// alone knows.
#[derive(Clone, Debug)]
pub(crate) struct RefusedInside {
    pub(crate) rejected: Rejected,
    /// What the refusing place requires.
    pub(crate) scope: Option<Scope>,
    /// Nothing has run that a retry would repeat.
    pub(crate) is_before_handler: bool,
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
    // For a span of the application that declares the field; nothing happens in any other.
    tracing::Span::current().record("exeat.reason", code);
    // An operator who forgot an origin, or whose page misspells a method, must see it without turning anything on.
    if code == "origin_not_allowed" || hint.is_some() {
        tracing::info!(target: "exeat", code, status, %origin, handler_run = false, hint, "refused");
    } else {
        tracing::debug!(target: "exeat", code, status, %origin, handler_run = false, "refused");
    }
}

/// The one event of a refusal that something behind the gate returns, which may have done something before.
#[cfg(feature = "axum")]
pub(crate) fn record_inside(code: &'static str, status: StatusCode) {
    tracing::Span::current().record("exeat.reason", code);
    tracing::debug!(target: "exeat", code, status = status.as_u16(), "refused behind the gate");
}

/// The one event of a failure behind the gate. A person must look at a bug; what passes by itself is a sign of too much work.
pub(crate) fn record_failure(failure: &Failure) {
    let (code, error, panic) = (failure.code(), failure.message(), failure.is_panic());
    tracing::Span::current().record("exeat.reason", code);
    if failure.is_temporary() {
        tracing::warn!(target: "exeat", code, error, "no response from behind the gate");
    } else {
        tracing::error!(target: "exeat", code, error, panic, "no response from behind the gate");
    }
}

/// The one event of what would have been refused if a mode did not let it pass.
pub(crate) fn report(code: &'static str, request: &HeaderMap) {
    let origin = loggable_origin(request);
    tracing::info!(target: "exeat", code, %origin, handler_run = true, "would be refused");
}

const SCHEME: &str = "Bearer";

/// Takes back what was said of a body that is replaced: a layer behind the gate may have compressed it or given it a length and a tag.
pub(crate) fn forget_body(headers: &mut HeaderMap) {
    for name in [
        CONTENT_LENGTH,
        CONTENT_ENCODING,
        TRANSFER_ENCODING,
        ETAG,
        LAST_MODIFIED,
        ACCEPT_RANGES,
    ] {
        headers.remove(name);
    }
}

pub(crate) const EXEAT_HANDLER: HeaderName = HeaderName::from_static("exeat-handler");
