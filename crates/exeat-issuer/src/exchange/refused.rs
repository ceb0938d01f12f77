//! Why an exchange was refused, and what the sender may learn of it.

use std::time::Duration;

use http::StatusCode;

/// A refusal. Each has one status, one stable code and one sentence; none names a session, a user or an origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    // The sender's fault.
    TooLarge,
    MethodNotAllowed,
    UnsupportedMediaType,
    MultipleOrigin,
    OriginNotAllowed,
    FetchMetadata,
    AmbiguousSession,
    CsrfHeaderMissing,
    /// What is wrong with the body.
    InvalidRequest(&'static str),
    UnknownAudience,
    InvalidScope,
    NoSession,
    SessionExpired,
    SessionRevoked,
    AudienceNotAllowed,
    ScopeDenied,
    // Upstream's.
    SessionSourceUnavailable,
    // Ours.
    NoSigningKey,
    TokenTooLarge,
    Internal,
}

/// How long a client should wait after a 503.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

impl Refused {
    /// Status, code and title. The codes are part of the interface: they do not change.
    const fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the request body is too large",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this method is not allowed here",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send one Content-Type: application/json",
            ),
            Self::MultipleOrigin => (
                StatusCode::BAD_REQUEST,
                "multiple_origin",
                "more than one Origin header",
            ),
            Self::OriginNotAllowed => (
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "this origin may not ask for tokens",
            ),
            Self::FetchMetadata => (
                StatusCode::FORBIDDEN,
                "fetch_metadata",
                "a request from another site needs an allowed Origin",
            ),
            Self::AmbiguousSession => (
                StatusCode::BAD_REQUEST,
                "ambiguous_session",
                "more than one session id in the request",
            ),
            Self::CsrfHeaderMissing => (
                StatusCode::FORBIDDEN,
                "csrf_header_missing",
                "a request with a session cookie needs the CSRF header",
            ),
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", what),
            Self::UnknownAudience => (
                StatusCode::BAD_REQUEST,
                "unknown_audience",
                "no such audience",
            ),
            Self::InvalidScope => (
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                "the audience does not know this scope",
            ),
            Self::NoSession => (
                StatusCode::UNAUTHORIZED,
                "no_session",
                "no session: sign in",
            ),
            Self::SessionExpired => (
                StatusCode::UNAUTHORIZED,
                "session_expired",
                "the session has ended: sign in again",
            ),
            Self::SessionRevoked => (
                StatusCode::UNAUTHORIZED,
                "session_revoked",
                "the session was revoked: sign in again",
            ),
            Self::AudienceNotAllowed => (
                StatusCode::FORBIDDEN,
                "audience_not_allowed",
                "this session may not use this audience",
            ),
            Self::ScopeDenied => (
                StatusCode::FORBIDDEN,
                "scope_denied",
                "this session has none of the scopes asked for",
            ),
            Self::SessionSourceUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "session_source_unavailable",
                "sessions cannot be looked up now",
            ),
            Self::NoSigningKey => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no_signing_key",
                "no key can sign now",
            ),
            Self::TokenTooLarge => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "token_too_large",
                "the token would be too large",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "something failed here",
            ),
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.words().0
    }

    pub(crate) const fn code(self) -> &'static str {
        self.words().1
    }

    pub(crate) const fn title(self) -> &'static str {
        self.words().2
    }

    /// GraphQL's `extensions.code`: `Unauthenticated` for every 401, else the code in upper camel case.
    pub(crate) fn graphql_code(self) -> String {
        if self.status() == StatusCode::UNAUTHORIZED {
            return "Unauthenticated".to_owned();
        }
        self.code()
            .split('_')
            .flat_map(|word| {
                word.chars().enumerate().map(|(place, letter)| {
                    if place == 0 {
                        letter.to_ascii_uppercase()
                    } else {
                        letter
                    }
                })
            })
            .collect()
    }

    /// For answers that an outage caused.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER)
    }
}
