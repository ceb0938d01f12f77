use std::time::Duration;

use exeat_jose::InvalidToken;
use http::StatusCode;

/// Why a request was refused by the token gate.
///
/// By fault: the sender's (400, 401, 403), the issuer's or the network's (503), ours (500). Only the sender's 401 tells a client to
/// fetch a new token; an outage never does.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The request carries no token where this API looks for one.
    #[error("no token")]
    NoToken,
    /// More than one token, or more than one line of a header that carries one.
    #[error("more than one token")]
    MultipleTokens,
    /// Not the syntax of RFC 6750 §2.1.
    #[error("bad credential syntax")]
    BadCredentials,
    /// The token is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// The issuer does not publish the key that the token names.
    #[error("unknown key")]
    UnknownKey,
    /// The token's `tenant` is not one that this API serves.
    #[error("tenant not allowed")]
    TenantNotAllowed,
    /// The token's `tenant` may not be used from the origin of the request ([`exeat_cors::PolicyConfig::tenants`]). Readable by the page,
    /// and no reason to fetch a new token.
    #[error("tenant not allowed from this origin")]
    OriginTenantMismatch,
    /// A token with `ro: true` and a method that is not safe (RFC 9110 §9.2.1).
    #[error("read-only token")]
    ReadOnlyToken,
    /// The token could not be judged, because signing keys are missing. Not the sender's fault.
    #[error("signing keys unavailable ({why})")]
    KeysUnavailable {
        /// What is missing.
        why: KeysUnavailable,
        /// When another attempt makes sense.
        retry_after: Duration,
    },
    /// Our own mistake, such as an extractor without the layer.
    #[error("internal error")]
    Internal,
}

/// Which keys are missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysUnavailable {
    /// No key set was fetched yet.
    #[error("never fetched")]
    Cold,
    /// The last key set is too old to be used.
    #[error("too old")]
    Expired,
    /// The token names a key that is not in the set, and whether the issuer has published it could not be found out.
    #[error("unknown key, not looked up")]
    MissUnresolved,
}

impl Rejected {
    /// Stable name of the class: the `code` of the problem body.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::MultipleTokens => "multiple_tokens",
            Self::BadCredentials => "bad_credentials",
            Self::Invalid(invalid) => invalid.reason(),
            Self::UnknownKey => "unknown_key",
            Self::TenantNotAllowed => "tenant_not_allowed",
            Self::OriginTenantMismatch => "origin_tenant_mismatch",
            Self::ReadOnlyToken => "read_only_token",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::Internal => "internal_error",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::MultipleTokens | Self::BadCredentials => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::Invalid(_) | Self::UnknownKey => StatusCode::UNAUTHORIZED,
            Self::TenantNotAllowed | Self::OriginTenantMismatch | Self::ReadOnlyToken => {
                StatusCode::FORBIDDEN
            }
            Self::KeysUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// True when the same request may succeed later, unchanged.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::KeysUnavailable { .. })
    }

    /// The fixed sentence of the class: all that a sender learns. No value of the token and none of the configuration.
    pub(crate) const fn sentence(&self) -> &'static str {
        match self {
            Self::NoToken => "A bearer token is required",
            Self::MultipleTokens => "The request carries more than one token",
            Self::BadCredentials => "The credentials are not a bearer token",
            Self::Invalid(invalid) => invalid_sentence(invalid),
            Self::UnknownKey => "The token was signed with an unknown key",
            Self::TenantNotAllowed => "The tenant of the token is not served here",
            Self::OriginTenantMismatch => {
                "The tenant of the token may not be used from this origin"
            }
            Self::ReadOnlyToken => "The token is read-only",
            Self::KeysUnavailable { .. } => "The token cannot be verified now",
            Self::Internal => "Internal error",
        }
    }
}

const fn invalid_sentence(invalid: &InvalidToken) -> &'static str {
    match invalid {
        InvalidToken::TooLarge { .. } => "The token is too large",
        InvalidToken::Malformed => "The token is malformed",
        InvalidToken::BadHeader => "The token header is invalid",
        InvalidToken::CritUnsupported => "The token needs an extension that is not supported",
        InvalidToken::AlgNotAllowed => "The token algorithm is not allowed",
        InvalidToken::TypMismatch => "The token type is not accepted",
        InvalidToken::BadSignature => "The token signature is invalid",
        InvalidToken::Expired { .. } => "The token expired",
        InvalidToken::NotYetValid { .. } => "The token is not valid yet",
        InvalidToken::IatFuture { .. } => "The token was issued in the future",
        InvalidToken::TooOld => "The token lifetime is too long",
        InvalidToken::WrongIssuer => "The token issuer is not accepted",
        InvalidToken::WrongAudience => "The token is meant for another audience",
        InvalidToken::MissingClaim { .. } => "The token lacks a required claim",
        InvalidToken::BadClaimType { .. } => "A claim of the token has the wrong type",
        _ => "The token is invalid",
    }
}

#[cfg(test)]
mod tests;
