//! Reads a Claims Set in one pass: registered members are taken out as they come, the others go to the caller's type.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Audience, Claims};
use crate::{
    InvalidToken, NumericDate,
    members::{Json, MemberNames, Plain, Source},
};

/// The most members of a Claims Set.
pub(super) const MAX_MEMBERS: usize = 256;

/// Stands for a claim whose name the caller's type does not know.
pub(super) const SOME_CUSTOM_CLAIM: &str = "custom claims";

pub(crate) fn decode<'b, C: Deserialize<'b>>(
    payload: &'b [u8],
) -> Result<Claims<'b, C>, InvalidToken> {
    let json = std::str::from_utf8(payload).map_err(|_| InvalidToken::Malformed)?;
    // What is wrong with the others is found out below.
    if let Some(Ok(claims)) = Plain::new(json).map(read) {
        return Ok(claims);
    }
    decode_any(json)
}

/// With a parser that knows all of JSON.
fn decode_any<'b, C: Deserialize<'b>>(json: &'b str) -> Result<Claims<'b, C>, InvalidToken> {
    let mut refusal = InvalidToken::Malformed;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let claims = deserializer.deserialize_map(ClaimsVisitor {
        refusal: &mut refusal,
        custom: PhantomData,
    });
    match claims {
        Ok(claims) => deserializer
            .end()
            .map(|()| claims)
            .map_err(|_| InvalidToken::Malformed),
        // Anything else is broken JSON, whatever claim it stands in.
        Err(error) if error.is_data() => Err(refusal),
        Err(_) => Err(InvalidToken::Malformed),
    }
}

struct ClaimsVisitor<'r, C> {
    /// Why, if the result is an error of serde's kind "data". The type of serde's error cannot carry it.
    refusal: &'r mut InvalidToken,
    custom: PhantomData<C>,
}

impl<'de, C: Deserialize<'de>> Visitor<'de> for ClaimsVisitor<'_, C> {
    type Value = Claims<'de, C>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWT Claims Set")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Claims<'de, C>, A::Error> {
        match read(Json(map)) {
            Ok(claims) => Ok(claims),
            Err(ClaimsError::Json { error, claim }) => {
                *self.refusal = InvalidToken::BadClaimType { claim };
                Err(error)
            }
            Err(ClaimsError::Refused(why)) => {
                *self.refusal = why;
                Err(de::Error::custom("claims refused"))
            }
        }
    }
}

fn read<'de, C: Deserialize<'de>, S: Source<'de>>(
    source: S,
) -> Result<Claims<'de, C>, ClaimsError<S::Error>> {
    let mut members = Members {
        source,
        names: MemberNames::new(),
        registered: Registered::default(),
        fields: &[],
        current: Cow::Borrowed(""),
        refusal: None,
    };
    let custom = C::deserialize(CustomDeserializer(&mut members))?;
    members.skip_rest()?;
    if let Some(why) = members.refusal {
        return Err(ClaimsError::Refused(why));
    }
    let claims = members.registered;
    Ok(Claims {
        issuer: claims.issuer,
        subject: claims.subject,
        audience: claims.audience,
        expires_at: claims.expires_at,
        not_before: claims.not_before,
        issued_at: claims.issued_at,
        jwt_id: claims.jwt_id,
        custom,
        names: members.names,
    })
}

#[derive(Default)]
struct Registered<'de> {
    issuer: Option<Cow<'de, str>>,
    subject: Option<Cow<'de, str>>,
    audience: Option<Audience<'de>>,
    expires_at: Option<NumericDate>,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
    jwt_id: Option<Cow<'de, str>>,
}

/// The members of the Claims Set as the caller's type sees them: without the registered ones.
struct Members<'de, S> {
    source: S,
    names: MemberNames<'de>,
    registered: Registered<'de>,
    /// The field names of the caller's struct: where the name of a wrong claim can be had for `'static`.
    fields: &'static [&'static str],
    /// The member whose value comes next.
    current: Cow<'de, str>,
    /// The first rule that was broken. The caller's type is told, and may think nothing of it: a default in place of any error, say.
    refusal: Option<InvalidToken>,
}

impl<'de, S: Source<'de>> Members<'de, S> {
    /// The next name that is not registered. Registered members before it are read.
    fn next_custom(&mut self) -> Result<Option<Cow<'de, str>>, ClaimsError<S::Error>> {
        let next = self.find_custom();
        self.note(next)
    }

    /// Remembers what a result refuses.
    fn note<T>(
        &mut self,
        result: Result<T, ClaimsError<S::Error>>,
    ) -> Result<T, ClaimsError<S::Error>> {
        result.inspect_err(|error| {
            self.refusal.get_or_insert_with(|| match error {
                ClaimsError::Json { claim, .. } => InvalidToken::BadClaimType { claim },
                ClaimsError::Refused(why) => why.clone(),
            });
        })
    }

    fn find_custom(&mut self) -> Result<Option<Cow<'de, str>>, ClaimsError<S::Error>> {
        while let Some(name) = self.source.next_name().map_err(custom_claim)? {
            if !self.names.insert(&name) || self.names.len() > MAX_MEMBERS {
                return Err(ClaimsError::Refused(InvalidToken::Malformed));
            }
            match &*name.0 {
                "iss" => self.registered.issuer = Some(self.text("iss")?),
                "sub" => self.registered.subject = Some(self.text("sub")?),
                "aud" => {
                    let audience = self.source.audience().map_err(in_claim("aud"))?;
                    self.registered.audience = Some(audience);
                }
                "exp" => self.registered.expires_at = Some(self.date("exp")?),
                "nbf" => self.registered.not_before = Some(self.date("nbf")?),
                "iat" => self.registered.issued_at = Some(self.date("iat")?),
                "jti" => self.registered.jwt_id = Some(self.text("jti")?),
                _ => return Ok(Some(name.0)),
            }
        }
        Ok(None)
    }

    fn text(&mut self, claim: &'static str) -> Result<Cow<'de, str>, ClaimsError<S::Error>> {
        self.source.text().map_err(in_claim(claim))
    }

    /// A number too large for any type is broken JSON to the parser; to us it is a date of the wrong type.
    fn date(&mut self, claim: &'static str) -> Result<NumericDate, ClaimsError<S::Error>> {
        let value = self.source.raw().map_err(in_claim(claim))?;
        // What nearly every issuer writes: digits alone, too few to leave the range. It is JSON already, so no zero leads.
        if value.len() <= 11
            && let Some(secs) = value.bytes().try_fold(0, |secs, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| secs * 10 + u64::from(digit - b'0'))
            })
        {
            return Ok(NumericDate::from_secs(secs));
        }
        serde_json::from_str(value)
            .map_err(|_| ClaimsError::Refused(InvalidToken::BadClaimType { claim }))
    }

    /// The caller's type may stop before the end; the rules hold for the rest too.
    fn skip_rest(&mut self) -> Result<(), ClaimsError<S::Error>> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, S: Source<'de>> MapAccess<'de> for Members<'de, S> {
    type Error = ClaimsError<S::Error>;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        let Some(name) = self.next_custom()? else {
            return Ok(None);
        };
        self.current = name.clone();
        let key = match name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(name.into_deserializer()),
        };
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        let value = self.source.raw().map_err(custom_claim);
        let value = self.note(value)?;
        if value == "null" {
            self.names.insert_null(self.current.clone());
        }
        seed.deserialize(&mut serde_json::Deserializer::from_str(value))
            .map_err(|error| {
                let field = self.fields.iter().find(|field| **field == self.current);
                let claim = field.copied().unwrap_or(SOME_CUSTOM_CLAIM);
                ClaimsError::Refused(if error.is_data() {
                    InvalidToken::BadClaimType { claim }
                } else {
                    InvalidToken::Malformed
                })
            })
    }
}

/// The Claims Set as a value of the caller's type: a map, or nothing at all.
struct CustomDeserializer<'m, 'de, S>(&'m mut Members<'de, S>);

impl<'de, S: Source<'de>> Deserializer<'de> for CustomDeserializer<'_, 'de, S> {
    type Error = ClaimsError<S::Error>;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(self.0)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.fields = fields;
        visitor.visit_map(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.skip_rest()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf seq tuple tuple_struct map enum identifier
    }
}

/// What stops the reading: an error of the JSON parser under us, or a refusal of ours.
#[derive(Debug)]
enum ClaimsError<E> {
    Json { error: E, claim: &'static str },
    Refused(InvalidToken),
}

fn in_claim<E>(claim: &'static str) -> impl FnOnce(E) -> ClaimsError<E> {
    move |error| ClaimsError::Json { error, claim }
}

fn custom_claim<E>(error: E) -> ClaimsError<E> {
    in_claim(SOME_CUSTOM_CLAIM)(error)
}

impl<E: fmt::Display> fmt::Display for ClaimsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { error, .. } => fmt::Display::fmt(error, f),
            Self::Refused(why) => why.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ClaimsError<E> {}

impl<E: fmt::Debug + fmt::Display> de::Error for ClaimsError<E> {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        let claim = SOME_CUSTOM_CLAIM;
        Self::Refused(InvalidToken::BadClaimType { claim })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Refused(InvalidToken::MissingClaim { claim: field })
    }

    /// Two spellings of one field, by serde's `alias`.
    fn duplicate_field(_field: &'static str) -> Self {
        Self::Refused(InvalidToken::Malformed)
    }
}
