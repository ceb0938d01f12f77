mod decode;

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};

use crate::{InvalidToken, NumericDate};

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

    /// Reads the JWT Claims Set (RFC 7519 §4), strictly and in one pass.
    ///
    /// `C` receives every member but the seven registered ones; use `()` for none. No name may be there twice in the Claims Set,
    /// registered or not, known to `C` or not. Inside nested objects serde decides: a derived struct refuses a name twice, a map
    /// keeps the last.
    ///
    /// # Errors
    /// [`InvalidToken::BadClaimType`] for a claim of the wrong type, `null` included, or a date out of range;
    /// [`InvalidToken::MissingClaim`] for a field that `C` requires; [`InvalidToken::Malformed`] for anything that is not one JSON
    /// object in UTF-8 with at most 256 members, each name once.
    pub fn decode<C: DeserializeOwned>(&self) -> Result<Claims<C>, InvalidToken> {
        decode(self.bytes)
    }
}

/// A JWT Claims Set (RFC 7519 §4): the signature held, the policy has not been applied.
/// [`Expectations::check`](crate::Expectations::check) makes it [`Verified`](crate::Verified).
///
/// `Debug` leaves out what may be personal: `sub`, `jti` and the caller's claims.
#[derive(Clone)]
#[non_exhaustive]
pub struct Claims<C> {
    /// `iss` (§4.1.1).
    pub issuer: Option<String>,
    /// `sub` (§4.1.2).
    pub subject: Option<String>,
    /// `aud` (§4.1.3).
    pub audience: Option<Audience>,
    /// `exp` (§4.1.4).
    pub expires_at: Option<NumericDate>,
    /// `nbf` (§4.1.5).
    pub not_before: Option<NumericDate>,
    /// `iat` (§4.1.6).
    pub issued_at: Option<NumericDate>,
    /// `jti` (§4.1.7).
    pub jwt_id: Option<String>,
    /// Every other member, as the caller's type.
    pub custom: C,
    /// Which other members there are that are not `null`.
    names: CustomNames,
}

impl<C> Claims<C> {
    /// Whether the claim is there and not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        match name {
            "iss" => self.issuer.is_some(),
            "sub" => self.subject.is_some(),
            "aud" => self.audience.is_some(),
            "exp" => self.expires_at.is_some(),
            "nbf" => self.not_before.is_some(),
            "iat" => self.issued_at.is_some(),
            "jti" => self.jwt_id.is_some(),
            name => self.names.has(name),
        }
    }
}

impl<C> fmt::Debug for Claims<C> {
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

/// Names, each followed by a zero byte: one allocation for all of them. A name that itself holds one is left out; it cannot be required.
#[derive(Clone, Default)]
struct CustomNames(String);

impl CustomNames {
    fn push(&mut self, name: &str) {
        const USUALLY_ENOUGH: usize = 64;
        if !name.contains('\0') {
            if self.0.is_empty() {
                self.0.reserve(USUALLY_ENOUGH);
            }
            self.0.push_str(name);
            self.0.push('\0');
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.split_terminator('\0').any(|known| known == name)
    }
}

/// "aud" (RFC 7519 §4.1.3): one string or an array of strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audience(Vec<String>);

impl Audience {
    /// Whether `aud` is one of them, compared byte by byte.
    #[must_use]
    pub fn contains(&self, aud: &str) -> bool {
        self.0.iter().any(|known| known == aud)
    }

    /// The strings, in the order of the token.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether it is the empty array.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Audience> for Vec<String> {
    fn from(audience: Audience) -> Self {
        audience.0
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AudienceVisitor;
        impl<'de> Visitor<'de> for AudienceVisitor {
            type Value = Audience;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }
            fn visit_str<E: Error>(self, aud: &str) -> Result<Audience, E> {
                Ok(Audience(vec![aud.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Audience, A::Error> {
                let mut all = Vec::new();
                while let Some(aud) = array.next_element()? {
                    all.push(aud);
                }
                Ok(Audience(all))
            }
        }
        deserializer.deserialize_any(AudienceVisitor)
    }
}

#[cfg(test)]
mod tests;
