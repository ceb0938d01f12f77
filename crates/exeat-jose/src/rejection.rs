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

impl InvalidToken {
    /// A stable `snake_case` name, for logs, metrics and problem bodies.
    ///
    /// ```
    /// assert_eq!(exeat_jose::InvalidToken::BadSignature.reason(), "bad_signature");
    /// ```
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed => "malformed",
            Self::BadHeader => "bad_header",
            Self::CritUnsupported => "crit_unsupported",
            Self::AlgNotAllowed => "alg_not_allowed",
            Self::TypMismatch => "typ_mismatch",
            Self::BadSignature => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IatFuture { .. } => "iat_future",
            Self::TooOld => "too_old",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim { .. } => "missing_claim",
            Self::BadClaimType { .. } => "bad_claim_type",
        }
    }
}
