//! The one table from a refusal to its answers (RFC 6750 §3.1, RFC 9728 §5.1, gRPC status codes).

use http::StatusCode;

use super::Rejected;

/// What is said about one class of refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) fault: Fault,
    pub(super) reason: &'static str,
    pub(super) sentence: &'static str,
}

/// Whose fault it is and of which kind: this alone decides the status, in HTTP as in gRPC, and whether the client is challenged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// No credentials: the client learns which are wanted.
    NoToken,
    /// The request is wrong, whatever the token.
    Request,
    /// The token is not valid: another one may be.
    Token,
    /// A valid token that does not permit this. No challenge: a client that is challenged fetches a new token, and that would not help.
    Forbidden,
    /// A valid token that grants too little; one with the scope that the challenge names may do.
    Scope,
    /// The issuer's or the network's. No challenge: the token may be good.
    Keys,
    /// Ours.
    Internal,
}

/// What `WWW-Authenticate` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Challenge {
    /// It is not sent.
    Absent,
    /// Which credentials are wanted, without an `error`.
    Bare,
    /// This `error` of RFC 6750 §3.1.
    Error(&'static str),
}

impl Fault {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NoToken | Self::Token => StatusCode::UNAUTHORIZED,
            Self::Request => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::Scope => StatusCode::FORBIDDEN,
            Self::Keys => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) const fn challenge(self) -> Challenge {
        match self {
            Self::NoToken => Challenge::Bare,
            Self::Request => Challenge::Error("invalid_request"),
            Self::Token => Challenge::Error("invalid_token"),
            Self::Scope => Challenge::Error("insufficient_scope"),
            Self::Forbidden | Self::Keys | Self::Internal => Challenge::Absent,
        }
    }

    pub(super) const fn grpc_status(self) -> u8 {
        match self {
            Self::NoToken | Self::Token => UNAUTHENTICATED,
            Self::Request => INVALID_ARGUMENT,
            Self::Forbidden | Self::Scope => PERMISSION_DENIED,
            Self::Keys => UNAVAILABLE,
            Self::Internal => INTERNAL,
        }
    }
}

/// The table; what an invalid token is told stands beside [`exeat_jose::InvalidToken`].
macro_rules! classes {
    ($($class:pat => $fault:ident, $reason:literal, $sentence:literal;)+) => {
        impl Rejected {
            pub(super) const fn class(&self) -> Class {
                match self {
                    Self::Invalid(invalid) => Class {
                        fault: Fault::Token,
                        reason: invalid.reason(),
                        sentence: invalid.description(),
                    },
                    $($class => Class { fault: Fault::$fault, reason: $reason, sentence: $sentence },)+
                }
            }
        }

        #[cfg(test)]
        pub(super) const CLASSES: &[Class] =
            &[$(Class { fault: Fault::$fault, reason: $reason, sentence: $sentence }),+];
    };
}

classes! {
    Self::NoToken => NoToken, "no_token", "A bearer token is required";
    Self::MultipleTokens => Request, "multiple_tokens", "The request carries more than one token";
    Self::BadCredentials => Request, "bad_credentials", "The credentials are not a bearer token";
    Self::UnknownIssuer => Token, "unknown_issuer", "The token issuer is not one of those accepted";
    Self::UnknownKey => Token, "unknown_key", "The token was signed with an unknown key";
    Self::Revoked => Token, "revoked", "The token was revoked";
    Self::TenantNotAllowed => Forbidden, "tenant_not_allowed", "The tenant of the token is not served here";
    Self::OriginTenantMismatch => Forbidden, "origin_tenant_mismatch", "The tenant of the token may not be used from this origin";
    Self::ReadOnlyToken => Forbidden, "read_only_token", "The token is read-only";
    Self::Csrf => Forbidden, "csrf", "A token in a cookie needs an allowed origin";
    Self::InsufficientScope { .. } => Scope, "insufficient_scope", "The token does not grant the scope that is required";
    Self::KeysUnavailable { .. } => Keys, "keys_unavailable", "The token cannot be verified now";
    Self::Internal => Internal, "internal_error", "Internal error";
}

// https://grpc.io/docs/guides/status-codes/
const INVALID_ARGUMENT: u8 = 3;
const PERMISSION_DENIED: u8 = 7;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;
const UNAUTHENTICATED: u8 = 16;
