//! A grant becomes claims. Pure: the time, the randomness and the key's end come in as arguments.

use std::time::Duration;

use exeat_jose::{NumericDate, Scope};
use serde::Serialize;

use crate::{
    audience::{Audience, Shape},
    session::Session,
    text::base64url,
};

/// Bytes of a `jti`: 128 bits.
pub(crate) const JTI_LEN: usize = 16;
/// Clocks that are this far behind still take a fresh token: `nbf` = `iat` − 5 s.
const NOT_BEFORE_MARGIN: Duration = Duration::from_secs(5);
/// A token with less life than this would end on its way.
pub(crate) const MIN_LIFE: Duration = Duration::from_secs(10);
/// A client renews after this part of the life.
const REFRESH_PERCENT: u64 = 70;

/// Everything that was allowed.
pub(crate) struct Grant<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a Audience,
    pub(crate) session: &'a Session,
    /// Public name of the session.
    pub(crate) sid: String,
    pub(crate) scopes: Scope,
    pub(crate) read_only: bool,
    /// At most the audience's.
    pub(crate) ttl: Duration,
}

/// The claims set of a token. Members in the order of `AppDirect`'s documentation, then ours.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(crate) struct TokenClaims<'a> {
    sub: &'a str,
    name: &'a str,
    tenant: &'a str,
    iat: u64,
    exp: u64,
    #[serde(flatten)]
    bound: Option<BoundClaims<'a>>,
}

/// What binds a token to its issuer, audience and session; a strict shape has none of it.
#[derive(Debug, Eq, PartialEq, Serialize)]
struct BoundClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    nbf: u64,
    jti: String,
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ro: Option<bool>,
}

/// Why no token can be made now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooLate {
    /// The session ends within 10 s.
    Session,
    /// The key ends within 10 s. Not the user's fault.
    Key,
}

/// When a token is made and ends, and when its client should ask for the next one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Life {
    pub(crate) issued_at: NumericDate,
    pub(crate) expires_at: NumericDate,
}

impl Life {
    /// `exp` = the least of now + ttl, the session's end and the key's end (its skew already taken off).
    pub(crate) fn clamp(
        ttl: Duration,
        session_end: NumericDate,
        key_end: Option<NumericDate>,
        now: NumericDate,
    ) -> Result<Self, TooLate> {
        let earliest = now.saturating_add(MIN_LIFE);
        if session_end < earliest {
            return Err(TooLate::Session);
        }
        if key_end.is_some_and(|end| end < earliest) {
            return Err(TooLate::Key);
        }
        let wanted = now.saturating_add(ttl).min(session_end);
        Ok(Self {
            issued_at: now,
            expires_at: key_end.map_or(wanted, |end| wanted.min(end)),
        })
    }

    pub(crate) fn expires_in(self) -> Duration {
        self.expires_at.saturating_duration_since(self.issued_at)
    }

    pub(crate) fn refresh_after(self) -> Duration {
        Duration::from_secs(self.expires_in().as_secs().saturating_mul(REFRESH_PERCENT) / 100)
    }
}

/// Writes the claims.
pub(crate) fn mint<'a>(grant: &Grant<'a>, life: Life, jti: [u8; JTI_LEN]) -> TokenClaims<'a> {
    let bound = (grant.audience.shape == Shape::Full).then(|| BoundClaims {
        iss: grant.issuer,
        aud: &grant.audience.aud,
        nbf: life.issued_at.saturating_sub(NOT_BEFORE_MARGIN).as_secs(),
        jti: base64url(&jti),
        sid: grant.sid.clone(),
        scope: grant.scopes.to_claim(),
        ro: grant.read_only.then_some(true),
    });
    TokenClaims {
        sub: &grant.session.subject,
        name: &grant.session.name,
        tenant: &grant.session.tenant,
        iat: life.issued_at.as_secs(),
        exp: life.expires_at.as_secs(),
        bound,
    }
}

#[cfg(test)]
mod tests;
