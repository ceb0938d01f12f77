mod class;

use std::time::Duration;

use exeat_jose::{InvalidToken, Scope};
use http::StatusCode;

pub(crate) use self::class::Challenge;

/// Why a request was refused by the token gate.
///
/// By fault: the sender's (400, 401, 403), the issuer's or the network's (503), ours (500). Only the sender's 401 tells a client to
/// fetch a new token; an outage never does.
///
#[doc = include_str!("rejection/answers.md")]
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
    /// The token's `iss` is none of the configured issuers. Of gates with several; with one it is [`InvalidToken::WrongIssuer`].
    #[error("unknown issuer")]
    UnknownIssuer,
    /// The issuer does not publish the key that the token names.
    #[error("unknown key")]
    UnknownKey,
    /// The application says that the token is revoked ([`crate::ExternalApi::with_revocation`]).
    #[error("revoked")]
    Revoked,
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
    /// The token came in a cookie, and nothing says that a page of ours has sent the request: neither an allowed `Origin` nor
    /// `Sec-Fetch-Site: same-origin`.
    #[error("token in a cookie without a known page")]
    Csrf,
    /// The token does not grant what the route requires ([`crate::RequireScope`]).
    #[error("insufficient scope, needs {scope}")]
    InsufficientScope {
        /// All that the route requires.
        scope: Scope,
    },
    /// The token could not be judged, because signing keys are missing. Not the sender's fault.
    #[error("signing keys unavailable")]
    KeysUnavailable {
        /// What is missing.
        #[source]
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
        self.class().reason
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.class().fault.status()
    }

    /// The status of the answer to a gRPC call.
    ///
    /// ```
    /// assert_eq!(exeat::Rejected::NoToken.grpc_status(), 16); // UNAUTHENTICATED
    /// ```
    #[must_use]
    pub const fn grpc_status(&self) -> u8 {
        self.class().fault.grpc_status()
    }

    /// True when the same request may succeed later, unchanged.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::KeysUnavailable { .. })
    }

    /// The fixed sentence of the class: all that a sender learns. No value of the token and none of the configuration.
    pub(crate) const fn sentence(&self) -> &'static str {
        self.class().sentence
    }

    pub(crate) const fn challenge(&self) -> Challenge {
        self.class().fault.challenge()
    }
}

#[cfg(test)]
mod tests;
