mod known;

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::{
    Algorithm, Expectations, InvalidToken, KeyId, base64url,
    members::{Json, MemberNames, Plain, Source},
};

pub use known::KnownHeaders;

/// A JOSE header (RFC 7515 §4) whose `alg`, `crit` and `typ` passed the policy, but whose signature has not been checked.
///
/// `jwk`, `jku`, `x5u` and `x5c` are never read: a token may not bring its own key.
#[derive(Clone, Debug)]
pub struct UntrustedHeader {
    alg: Algorithm,
    kid: Option<KeyId>,
    typ: Option<Typ>,
}

impl UntrustedHeader {
    /// The longest header, in bytes after base64url decoding.
    pub const MAX_LEN: usize = 1024;

    /// The most members a header may have.
    pub const MAX_MEMBERS: usize = 16;

    /// `alg`, which the expectations allow.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// `kid`, if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.kid.as_ref()
    }

    /// `typ`, if there is one.
    #[must_use]
    pub fn typ(&self) -> Option<Typ> {
        self.typ
    }

    /// Decodes a header segment on the stack and applies the header rules, cheapest first.
    pub(crate) fn decode(segment: &str, expected: &Expectations) -> Result<Self, InvalidToken> {
        // The decoder asks for whole groups of three bytes.
        let mut buffer = [0; Self::MAX_LEN.next_multiple_of(3)];
        if segment.len() > (Self::MAX_LEN * 4).div_ceil(3) {
            return Err(InvalidToken::BadHeader);
        }
        let bytes =
            base64url::decode_into(segment, &mut buffer).map_err(|_| InvalidToken::Malformed)?;
        let json = std::str::from_utf8(bytes).map_err(|_| InvalidToken::BadHeader)?;
        let members = RawHeader::parse(json).ok_or(InvalidToken::BadHeader)?;
        let alg = match members.alg {
            Member::Value(alg) => alg,
            Member::Unknown => return Err(InvalidToken::AlgNotAllowed),
            Member::Absent => return Err(InvalidToken::BadHeader),
        };
        if !expected.algorithms().contains(alg) {
            return Err(InvalidToken::AlgNotAllowed);
        }
        if members.crit {
            return Err(InvalidToken::CritUnsupported);
        }
        if members.transformed {
            return Err(InvalidToken::BadHeader);
        }
        let typ = match members.typ {
            Member::Value(typ) => Some(typ),
            Member::Absent => None,
            Member::Unknown => return Err(InvalidToken::TypMismatch),
        };
        let kid = members.kid;
        let header = Self { alg, kid, typ };
        header.check(expected)?;
        Ok(header)
    }

    /// The rules that depend on the expectations.
    pub(crate) fn check(&self, expected: &Expectations) -> Result<(), InvalidToken> {
        if !expected.algorithms().contains(self.alg) {
            Err(InvalidToken::AlgNotAllowed)
        } else if !expected.typ().accepts(self.typ) {
            Err(InvalidToken::TypMismatch)
        } else {
            Ok(())
        }
    }
}

/// A "typ" that exeat knows (RFC 7515 §4.1.9): compared without regard to case, the prefix `application/` may be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Typ {
    /// `JWT` (RFC 7519 §5.1).
    Jwt,
    /// `at+jwt`, an OAuth 2.0 access token (RFC 9068 §2.1).
    AccessToken,
}

impl Typ {
    /// The text that goes into a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AccessToken => "at+jwt",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        const PREFIX: &str = "application/";
        let short = match name.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => name,
        };
        [Self::Jwt, Self::AccessToken]
            .into_iter()
            .find(|typ| short.eq_ignore_ascii_case(typ.name()))
    }
}

/// What a header member says, where a value outside our list is a finding and not a fault of the JSON.
#[derive(Debug, Default)]
enum Member<T> {
    #[default]
    Absent,
    Value(T),
    Unknown,
}

impl<T> From<Option<T>> for Member<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Value)
    }
}

#[derive(Debug, Default)]
struct RawHeader {
    alg: Member<Algorithm>,
    kid: Option<KeyId>,
    typ: Member<Typ>,
    crit: bool,
    /// `zip`, `enc` or `b64: false`: the payload is not what the signature input shows.
    transformed: bool,
}

impl RawHeader {
    fn parse(json: &str) -> Option<Self> {
        // What is wrong with the others is found out below.
        if let Some(Ok(header)) = Plain::new(json).map(Self::read) {
            return Some(header);
        }
        Self::parse_any(json)
    }

    /// With a parser that knows all of JSON. Unknown members are skipped without being built; the skipping needs no recursion, so nesting
    /// costs nothing.
    fn parse_any(json: &str) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_str(json);
        let header = json.deserialize_map(HeaderVisitor).ok()?;
        json.end().ok()?;
        Some(header)
    }

    fn read<'de, S: Source<'de>>(mut source: S) -> Result<Self, HeaderError<S::Error>> {
        let mut names = MemberNames::new();
        let mut header = Self::default();
        while let Some(name) = source.next_name()? {
            if !names.insert(&name) || names.len() > UntrustedHeader::MAX_MEMBERS {
                return Err(HeaderError::Refused);
            }
            match &*name.0 {
                "alg" => header.alg = Algorithm::from_name(&source.text()?).into(),
                "kid" => {
                    let kid = KeyId::try_from(&*source.text()?);
                    header.kid = Some(kid.map_err(|_| HeaderError::Refused)?);
                }
                "typ" => header.typ = Typ::from_name(&source.text()?).into(),
                "b64" => match source.raw()? {
                    "true" => {}
                    "false" => header.transformed = true,
                    _ => return Err(HeaderError::Refused),
                },
                "crit" => {
                    source.raw()?;
                    header.crit = true;
                }
                "zip" | "enc" => {
                    source.raw()?;
                    header.transformed = true;
                }
                _ => {
                    source.raw()?;
                }
            }
        }
        Ok(header)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawHeader, A::Error> {
        RawHeader::read(Json(map)).map_err(|error| match error {
            HeaderError::Json(error) => error,
            HeaderError::Refused => {
                A::Error::custom("a member twice, of a wrong kind, or too many members")
            }
        })
    }
}

/// What stops the reading: an error of the parser under us, or a rule.
#[derive(Debug)]
enum HeaderError<E> {
    Json(E),
    Refused,
}

impl<E> From<E> for HeaderError<E> {
    fn from(error: E) -> Self {
        Self::Json(error)
    }
}

#[cfg(test)]
mod tests;
