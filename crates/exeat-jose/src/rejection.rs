use std::time::Duration;

/// Why a token is not valid: RFC 6750 §3.1's `invalid_token`. Each is the sender's fault; none holds bytes of the token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Longer than [`CompactJws::MAX_LEN`](crate::CompactJws::MAX_LEN).
    #[error("token is {len} bytes long, over the limit of {max}")]
    TooLarge {
        /// Bytes of the token.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not three base64url segments, or the payload is not a JSON object without duplicate members.
    #[error("malformed token")]
    Malformed,
    /// Over 1 KiB or 16 members, not a JSON object, a member twice or of the wrong type, no `alg`, or `zip`, `enc`, `b64: false`.
    #[error("bad JOSE header")]
    BadHeader,
    /// `crit` (RFC 7515 §4.1.11) is present. No extension is implemented, so nothing in it can be understood.
    #[error("critical header parameter not understood")]
    CritUnsupported,
    /// `alg` is not in the allow-list, or is not the algorithm of the key.
    #[error("algorithm not allowed")]
    AlgNotAllowed,
    /// `typ` (RFC 7515 §4.1.9) is not one that the policy expects.
    #[error("typ not expected")]
    TypMismatch,
    /// The signature does not hold under the key.
    #[error("signature does not match")]
    BadSignature,
    /// `now` is not before `exp` plus the leeway (RFC 7519 §4.1.4).
    #[error("expired {} s ago", .late_by.as_secs())]
    Expired {
        /// From `exp` to `now`.
        late_by: Duration,
    },
    /// `nbf` (RFC 7519 §4.1.5) is after `now` plus the leeway.
    #[error("not valid for another {} s", .early_by.as_secs())]
    NotYetValid {
        /// From `now` to `nbf`.
        early_by: Duration,
    },
    /// `iat` (RFC 7519 §4.1.6) is after `now` plus the leeway.
    #[error("issued {} s in the future", .early_by.as_secs())]
    IatFuture {
        /// From `now` to `iat`.
        early_by: Duration,
    },
    /// From `iat` to `exp` it is longer than the configured maximum.
    #[error("lifetime over the maximum")]
    TooOld,
    /// `iss` is not exactly the expected issuer (RFC 7519 §4.1.1).
    #[error("wrong issuer")]
    WrongIssuer,
    /// `aud` does not hold the expected audience (RFC 7519 §4.1.3).
    #[error("wrong audience")]
    WrongAudience,
    /// A required claim is absent.
    #[error("claim {claim} is missing")]
    MissingClaim {
        /// Its name.
        claim: &'static str,
    },
    /// A claim has the wrong JSON type, or is a date out of range. `null` is a wrong type, never "absent".
    #[error("claim {claim} has the wrong type")]
    BadClaimType {
        /// Its name; `custom claims` where the type that reads them does not say.
        claim: &'static str,
    },
}

/// The classes with what is said about each; `reason`, `description` and `CLASSES` come from this one list.
macro_rules! classes {
    ($($class:pat => $reason:literal, $description:literal;)+) => {
        impl InvalidToken {
            /// Reason and description of every class, for documentation and dashboards.
            pub const CLASSES: &'static [(&'static str, &'static str)] = &[$(($reason, $description)),+];

            /// A stable `snake_case` name, for logs, metrics and problem bodies.
            ///
            /// ```
            /// assert_eq!(exeat_jose::InvalidToken::BadSignature.reason(), "bad_signature");
            /// ```
            #[must_use]
            pub const fn reason(&self) -> &'static str {
                match self {
                    $($class => $reason,)+
                }
            }

            /// The fixed sentence that the sender may read, such as an `error_description` (RFC 6750 §3). No value of the token and none
            /// of the configuration; nothing to escape in a quoted-string.
            #[must_use]
            pub const fn description(&self) -> &'static str {
                match self {
                    $($class => $description,)+
                }
            }
        }
    };
}

classes! {
    Self::TooLarge { .. } => "too_large", "The token is too large";
    Self::Malformed => "malformed", "The token is malformed";
    Self::BadHeader => "bad_header", "The token header is invalid";
    Self::CritUnsupported => "crit_unsupported", "The token needs an extension that is not supported";
    Self::AlgNotAllowed => "alg_not_allowed", "The token algorithm is not allowed";
    Self::TypMismatch => "typ_mismatch", "The token type is not accepted";
    Self::BadSignature => "bad_signature", "The token signature is invalid";
    Self::Expired { .. } => "expired", "The token expired";
    Self::NotYetValid { .. } => "not_yet_valid", "The token is not valid yet";
    Self::IatFuture { .. } => "iat_future", "The token was issued in the future";
    Self::TooOld => "too_old", "The token lifetime is too long";
    Self::WrongIssuer => "wrong_issuer", "The token issuer is not accepted";
    Self::WrongAudience => "wrong_audience", "The token is meant for another audience";
    Self::MissingClaim { .. } => "missing_claim", "The token lacks a required claim";
    Self::BadClaimType { .. } => "bad_claim_type", "A claim of the token has the wrong type";
}
