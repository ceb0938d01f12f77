//! JSON objects read strictly: member names compared after unescaping, no name twice.

mod plain;
mod source;

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use plain::Plain;
pub(crate) use source::{Json, Source};

/// A JSON string, borrowed from the input unless it holds escapes.
pub(crate) struct Text<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The claims of RFC 7519 §4.1.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// Other names kept without the heap.
const FEW: usize = 16;

/// The member names seen so far in one object. Needs no heap for up to 16 names without escapes, besides those of registered claims.
#[derive(Clone)]
pub(crate) struct MemberNames<'de> {
    /// Those of [`REGISTERED`], a bit each: most names of a Claims Set, and compared with no other.
    registered: u8,
    few: [&'de str; FEW],
    few_len: usize,
    more: Vec<Cow<'de, str>>,
    /// Those of the names whose value is `null`; hardly ever any.
    nulls: Vec<Cow<'de, str>>,
}

impl<'de> MemberNames<'de> {
    pub(crate) fn new() -> Self {
        Self {
            registered: 0,
            few: [""; FEW],
            few_len: 0,
            more: Vec::new(),
            nulls: Vec::new(),
        }
    }

    /// Notes a name; false if it was there already.
    pub(crate) fn insert(&mut self, name: &Text<'de>) -> bool {
        let Text(name) = name;
        if let Some(bit) = registered(name) {
            let is_new = self.registered & bit == 0;
            self.registered |= bit;
            return is_new;
        }
        if self.holds(name) {
            return false;
        }
        match (name, self.few.get_mut(self.few_len)) {
            (Cow::Borrowed(name), Some(slot)) => {
                *slot = name;
                self.few_len += 1;
            }
            _ => self.more.push(name.clone()),
        }
        true
    }

    /// Notes that the value under a name is `null`.
    pub(crate) fn insert_null(&mut self, name: Cow<'de, str>) {
        self.nulls.push(name);
    }

    /// Whether the name is there with a value other than `null`.
    pub(crate) fn has_value(&self, name: &str) -> bool {
        self.contains(name) && !self.nulls.iter().any(|null| null == name)
    }

    pub(crate) fn len(&self) -> usize {
        let registered = usize::try_from(self.registered.count_ones()).unwrap_or(REGISTERED.len());
        registered + self.few_len + self.more.len()
    }

    pub(crate) fn into_owned(self) -> MemberNames<'static> {
        let few = self.few.iter().take(self.few_len).copied().map(Cow::from);
        MemberNames {
            registered: self.registered,
            few: [""; FEW],
            few_len: 0,
            more: few.chain(self.more).map(owned).collect(),
            nulls: self.nulls.into_iter().map(owned).collect(),
        }
    }

    fn contains(&self, name: &str) -> bool {
        registered(name).map_or_else(|| self.holds(name), |bit| self.registered & bit != 0)
    }

    /// Of names that are not registered.
    fn holds(&self, name: &str) -> bool {
        self.few.iter().take(self.few_len).any(|seen| *seen == name)
            || self.more.iter().any(|seen| seen == name)
    }
}

fn registered(name: &str) -> Option<u8> {
    let place = REGISTERED.iter().position(|known| *known == name)?;
    Some(1 << place)
}

pub(crate) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// The members of one object, their values not parsed yet. For what is read rarely: keys, not tokens.
pub(crate) struct RawMembers<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

impl<'de> RawMembers<'de> {
    /// More members than any JWK has.
    pub(crate) const MAX: usize = 64;

    /// Reads a whole object. The error says what is wrong with it.
    pub(crate) fn parse(json: &'de str) -> Result<Self, &'static str> {
        if !json.trim_start().starts_with('{') {
            return Err("not an object");
        }
        let Members { members, fault } =
            serde_json::from_str(json).map_err(|_| "not well-formed JSON")?;
        match fault {
            Some(fault) => Err(fault),
            None => Ok(Self(members)),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(member, _)| member == name)
    }

    /// The value as `T`, if the member is there. `null` is a value like any other: it is not "absent".
    pub(crate) fn read<T: Deserialize<'de>>(&self, name: &str) -> Option<Result<T, ()>> {
        let (_, value) = self.0.iter().find(|(member, _)| member == name)?;
        Some(serde_json::from_str(value.get()).map_err(drop))
    }
}

struct Members<'de> {
    members: Vec<(Cow<'de, str>, &'de RawValue)>,
    fault: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut names = MemberNames::new();
                let mut members = Vec::new();
                let mut fault = None;
                while let Some(name) = map.next_key()? {
                    let value = map.next_value()?;
                    if !names.insert(&name) {
                        fault = fault.or(Some("a member is there twice"));
                    } else if names.len() > RawMembers::MAX {
                        return Err(A::Error::custom("too many members"));
                    } else {
                        members.push((name.0, value));
                    }
                }
                Ok(Members { members, fault })
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests;
