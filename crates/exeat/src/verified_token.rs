use std::borrow::Cow;
use std::fmt;

use exeat_jose::{Claims, Expectations, InvalidToken, NumericDate, Times, VerifiedPayload};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Rejected;

/// A token for which everything held. In the extensions of a request behind the gate as `Arc<VerifiedToken>`.
#[derive(Clone, Eq, PartialEq)]
pub struct VerifiedToken {
    /// The payload, then the claims below as they read without JSON escapes: one allocation for all.
    text: Box<str>,
    payload: Span,
    subject: Span,
    issuer: Span,
    name: Option<Span>,
    tenant: Option<Span>,
    jwt_id: Option<Span>,
    is_read_only: bool,
    times: Times,
}

/// A part of [`VerifiedToken::text`].
#[derive(Clone, Copy, Eq, PartialEq)]
struct Span {
    start: usize,
    end: usize,
}

impl VerifiedToken {
    /// The configured issuer that signed it: `iss`, also where the token may leave that out and does.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.part(self.issuer)
    }

    /// `sub`: who the token speaks for. Unique within its issuer: the same `sub` of another one is somebody else.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.part(self.subject)
    }

    /// `name`, often an e-mail address: personal, keep it out of logs.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.map(|span| self.part(span))
    }

    /// `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.map(|span| self.part(span))
    }

    /// `jti`: the name of this very token, where the issuer gives it one.
    #[must_use]
    pub fn jwt_id(&self) -> Option<&str> {
        self.jwt_id.map(|span| self.part(span))
    }

    /// `ro: true`: the token may read only. The layer refuses unsafe methods and upgrades such as WebSocket's; other callers of
    /// [`crate::Verifier::verify`] have to look.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> Option<NumericDate> {
        self.times.expires_at
    }

    /// `iat`: what was issued before a password was changed, say, can be told by it.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.times.issued_at
    }

    /// Reads the whole claims set as `T`.
    ///
    /// # Errors
    /// [`InvalidToken::BadClaimType`] when the claims are not a `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Rejected> {
        self.borrowed().claims()
    }

    /// The same token as checks see it.
    pub(crate) fn borrowed(&self) -> BorrowedToken<'_> {
        let part = |span: Option<Span>| span.map(|span| Cow::Borrowed(self.part(span)));
        BorrowedToken {
            payload: self.part(self.payload).as_bytes(),
            subject: Cow::Borrowed(self.part(self.subject)),
            issuer: Cow::Borrowed(self.part(self.issuer)),
            name: part(self.name),
            tenant: part(self.tenant),
            jwt_id: part(self.jwt_id),
            is_read_only: self.is_read_only,
            times: self.times,
        }
    }

    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// The memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    fn part(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("expires_at", &self.times.expires_at)
            .finish_non_exhaustive()
    }
}

/// A token for which everything held, borrowed from the buffer that it was decoded into ([`crate::Verifier::verify_with`]), or as the
/// application's own checks see it ([`crate::ExternalApi::with_check`]).
pub struct BorrowedToken<'b> {
    payload: &'b [u8],
    subject: Cow<'b, str>,
    issuer: Cow<'b, str>,
    name: Option<Cow<'b, str>>,
    tenant: Option<Cow<'b, str>>,
    jwt_id: Option<Cow<'b, str>>,
    is_read_only: bool,
    times: Times,
}

impl<'b> BorrowedToken<'b> {
    /// The claims that the gate reads, of the right types.
    pub(crate) fn new(
        payload: &VerifiedPayload<'b>,
        claims: Claims<'b, GateClaims<'b>>,
        expected: &Expectations,
    ) -> Result<Self, InvalidToken> {
        let times = claims.times();
        let GateClaims { name, tenant, ro } = claims.custom;
        Ok(Self {
            payload: payload.as_bytes(),
            tenant: text("tenant", tenant)?,
            subject: claims
                .subject
                .ok_or(InvalidToken::MissingClaim { claim: "sub" })?,
            // Issuers write `null` for people without a name.
            name: text("name", name.filter(|name| *name != Member::Null))?,
            is_read_only: match ro {
                None => false,
                Some(Member::Bool(answer)) => answer,
                Some(_) => return Err(InvalidToken::BadClaimType { claim: "ro" }),
            },
            // A token that may leave out its issuer, and does, is that issuer's all the same.
            issuer: claims
                .issuer
                .unwrap_or_else(|| Cow::Owned(expected.issuer().to_owned())),
            jwt_id: claims.jwt_id,
            times,
        })
    }

    /// The configured issuer that signed it: `iss`, also where the token may leave that out and does.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`: who the token speaks for. Unique within its issuer: the same `sub` of another one is somebody else.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `name`, often an e-mail address: personal, keep it out of logs.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// `jti`: the name of this very token, where the issuer gives it one.
    #[must_use]
    pub fn jwt_id(&self) -> Option<&str> {
        self.jwt_id.as_deref()
    }

    /// `ro: true`: the token may read only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> Option<NumericDate> {
        self.times.expires_at
    }

    /// `iat`: what was issued before a password was changed, say, can be told by it.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.times.issued_at
    }

    /// Reads the whole claims set as `T`, which may borrow from it.
    ///
    /// # Errors
    /// [`InvalidToken::BadClaimType`] when the claims are not a `T`.
    pub fn claims<T: Deserialize<'b>>(&self) -> Result<T, Rejected> {
        serde_json::from_slice(self.payload).map_err(|_| UNFIT_CLAIMS)
    }

    /// The same token, independent of the buffer.
    #[must_use]
    pub fn into_owned(self) -> VerifiedToken {
        // The payload has been read as JSON, so it is UTF-8.
        let payload = std::str::from_utf8(self.payload).unwrap_or_default();
        let claims = [&self.name, &self.tenant, &self.jwt_id];
        let claims_len: usize = claims.into_iter().flatten().map(|text| text.len()).sum();
        let mut text = String::with_capacity(
            payload.len() + self.issuer.len() + self.subject.len() + claims_len,
        );
        let mut push = |part: &str| {
            let start = text.len();
            text.push_str(part);
            let end = text.len();
            Span { start, end }
        };
        let payload = push(payload);
        let (issuer, subject) = (push(&self.issuer), push(&self.subject));
        let [name, tenant, jwt_id] = claims.map(|claim| claim.as_deref().map(&mut push));
        VerifiedToken {
            text: text.into_boxed_str(),
            payload,
            subject,
            issuer,
            name,
            tenant,
            jwt_id,
            is_read_only: self.is_read_only,
            times: self.times,
        }
    }
}

impl fmt::Debug for BorrowedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BorrowedToken")
            .field("expires_at", &self.times.expires_at)
            .finish_non_exhaustive()
    }
}

/// The members that the gate itself reads, of any type: a wrong one is named, not skipped.
#[derive(Deserialize)]
pub(crate) struct GateClaims<'b> {
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<Member<'b>>,
    #[serde(borrow, default, deserialize_with = "present")]
    tenant: Option<Member<'b>>,
    #[serde(borrow, default, deserialize_with = "present")]
    ro: Option<Member<'b>>,
}

/// Keeps `null` apart from absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Member<'de>>, D::Error> {
    Member::deserialize(deserializer).map(Some)
}

/// A JSON value, as far as the gate cares.
#[derive(PartialEq)]
enum Member<'b> {
    Text(Cow<'b, str>),
    Bool(bool),
    Null,
    Other,
}

impl<'de: 'b, 'b> Deserialize<'de> for Member<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, answer: bool) -> Result<Member<'de>, E> {
        Ok(Member::Bool(answer))
    }

    fn visit_unit<E>(self) -> Result<Member<'de>, E> {
        Ok(Member::Null)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Member<'de>, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Member<'de>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

fn text<'b>(
    claim: &'static str,
    member: Option<Member<'b>>,
) -> Result<Option<Cow<'b, str>>, InvalidToken> {
    match member {
        None => Ok(None),
        Some(Member::Text(text)) => Ok(Some(text)),
        Some(_) => Err(InvalidToken::BadClaimType { claim }),
    }
}

/// The claims hold, but not as the type that the handler asks for.
const UNFIT_CLAIMS: Rejected = Rejected::Invalid(InvalidToken::BadClaimType { claim: "custom" });

#[cfg(test)]
mod tests;
