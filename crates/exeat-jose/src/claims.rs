mod decode;

use std::{borrow::Cow, fmt, iter};

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::{
    InvalidToken, NumericDate,
    members::{MemberNames, Text, owned},
};

pub(crate) use decode::decode;

/// The bytes of a payload whose signature held. Only [`UntrustedJws::verify`](crate::UntrustedJws::verify) makes one:
///
/// ```compile_fail
/// let forged = exeat_jose::VerifiedPayload::new(b"{}");
/// ```
/// ```compile_fail
/// let forged = exeat_jose::VerifiedPayload { bytes: b"{}" };
/// ```
#[derive(Clone, Copy)]
pub struct VerifiedPayload<'b> {
    bytes: &'b [u8],
}

impl<'b> VerifiedPayload<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// The payload as it was signed.
    #[must_use]
    pub fn as_bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Reads the JWT Claims Set (RFC 7519 §4), strictly and in one pass. Strings are borrowed from the payload unless they hold JSON
    /// escapes: a claims set without escapes, with one audience and at most 16 members takes no heap.
    ///
    /// `C` receives every member but the seven registered ones; use `()` for none. No name may be there twice in the Claims Set,
    /// registered or not, known to `C` or not. Inside nested objects serde decides: a derived struct refuses a name twice, a map
    /// keeps the last.
    ///
    /// # Errors
    /// [`InvalidToken::BadClaimType`] for a claim of the wrong type, `null` included, or a date out of range;
    /// [`InvalidToken::MissingClaim`] for a field that `C` requires; [`InvalidToken::Malformed`] for anything that is not one JSON
    /// object in UTF-8 with at most 256 members, each name once.
    pub fn decode<C: Deserialize<'b>>(&self) -> Result<Claims<'b, C>, InvalidToken> {
        decode(self.bytes)
    }
}

/// A JWT Claims Set (RFC 7519 §4): the signature held, the policy has not been applied.
/// [`Expectations::check`](crate::Expectations::check) makes it [`Verified`](crate::Verified).
///
/// `Debug` leaves out what may be personal: `sub`, `jti` and the caller's claims.
#[derive(Clone)]
#[non_exhaustive]
pub struct Claims<'b, C> {
    /// `iss` (§4.1.1).
    pub issuer: Option<Cow<'b, str>>,
    /// `sub` (§4.1.2).
    pub subject: Option<Cow<'b, str>>,
    /// `aud` (§4.1.3).
    pub audience: Option<Audience<'b>>,
    /// `exp` (§4.1.4).
    pub expires_at: Option<NumericDate>,
    /// `nbf` (§4.1.5).
    pub not_before: Option<NumericDate>,
    /// `iat` (§4.1.6).
    pub issued_at: Option<NumericDate>,
    /// `jti` (§4.1.7).
    pub jwt_id: Option<Cow<'b, str>>,
    /// Every other member, as the caller's type.
    pub custom: C,
    names: MemberNames<'b>,
}

impl<C> Claims<'_, C> {
    /// The dates.
    #[must_use]
    pub fn times(&self) -> Times {
        Times {
            expires_at: self.expires_at,
            not_before: self.not_before,
            issued_at: self.issued_at,
        }
    }

    /// The same claims, independent of the payload.
    #[must_use]
    pub fn into_owned(self) -> Claims<'static, C> {
        Claims {
            issuer: self.issuer.map(owned),
            subject: self.subject.map(owned),
            audience: self.audience.map(Audience::into_owned),
            expires_at: self.expires_at,
            not_before: self.not_before,
            issued_at: self.issued_at,
            jwt_id: self.jwt_id.map(owned),
            custom: self.custom,
            names: self.names.into_owned(),
        }
    }

    /// Whether the claim is there and not `null`. A registered claim that is `null` has been refused.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.has_value(name)
    }
}

impl<C> fmt::Debug for Claims<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("expires_at", &self.expires_at)
            .field("not_before", &self.not_before)
            .field("issued_at", &self.issued_at)
            .finish_non_exhaustive()
    }
}

/// The dates of a Claims Set: what has to be judged again whenever a checked token is used again, with
/// [`Expectations::check_times`](crate::Expectations::check_times).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Times {
    /// `exp` (RFC 7519 §4.1.4).
    pub expires_at: Option<NumericDate>,
    /// `nbf` (§4.1.5).
    pub not_before: Option<NumericDate>,
    /// `iat` (§4.1.6).
    pub issued_at: Option<NumericDate>,
}

/// "aud" (RFC 7519 §4.1.3): one string or an array of strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audience<'b> {
    first: Option<Cow<'b, str>>,
    /// Most tokens have one audience: the others alone need the heap.
    rest: Vec<Cow<'b, str>>,
}

impl<'b> Audience<'b> {
    pub(crate) fn of_one(aud: Cow<'b, str>) -> Self {
        Self {
            first: Some(aud),
            rest: Vec::new(),
        }
    }
}

impl Audience<'_> {
    /// Whether `aud` is one of them, compared byte by byte.
    #[must_use]
    pub fn contains(&self, aud: &str) -> bool {
        self.iter().any(|known| known == aud)
    }

    /// The strings, in the order of the token.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.first.iter().chain(&self.rest).map(|aud| &**aud)
    }

    /// Whether it is the empty array.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The same audience, independent of the payload.
    #[must_use]
    pub fn into_owned(self) -> Audience<'static> {
        Audience {
            first: self.first.map(owned),
            rest: self.rest.into_iter().map(owned).collect(),
        }
    }
}

impl From<Audience<'_>> for Vec<String> {
    fn from(audience: Audience<'_>) -> Self {
        let all = audience.first.into_iter().chain(audience.rest);
        all.map(Cow::into_owned).collect()
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Audience<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;
        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }
            fn visit_borrowed_str<E: Error>(self, aud: &'de str) -> Result<Audience<'de>, E> {
                Ok(Audience::of_one(Cow::Borrowed(aud)))
            }
            fn visit_str<E: Error>(self, aud: &str) -> Result<Audience<'de>, E> {
                Ok(Audience::of_one(Cow::Owned(aud.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Audience<'de>, A::Error> {
                let first = array.next_element::<Text<'de>>()?.map(|Text(aud)| aud);
                let rest = iter::from_fn(|| array.next_element::<Text<'de>>().transpose());
                let rest = rest
                    .map(|aud| aud.map(|Text(aud)| aud))
                    .collect::<Result<_, _>>()?;
                Ok(Audience { first, rest })
            }
        }
        deserializer.deserialize_any(AudienceVisitor)
    }
}

#[cfg(test)]
mod tests;
