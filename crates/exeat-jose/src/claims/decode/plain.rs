//! Claims Sets as nearly every issuer writes them: no white space, no escapes, values that hold no others.

use std::{borrow::Cow, fmt};

use super::{Source, Text};
use crate::Audience;

/// The members of such a set, found at a fraction of the cost of a parser that knows all of JSON. What it takes, that parser takes too, and
/// reads alike; what it does not take is not wrong for that.
pub(super) struct Plain<'de> {
    /// From the next name, or the end, on.
    rest: &'de str,
}

/// Something that only the other parser can read, or refuse.
#[derive(Debug)]
pub(super) struct NotPlain;

impl<'de> Plain<'de> {
    pub(super) fn new(json: &'de str) -> Option<Self> {
        // Looked for in all of it at once, many bytes at a time: then a string ends where the next quotation mark is.
        let others = json.bytes().fold(0, |others, byte| {
            let is_other = byte.is_ascii_control() || byte == b'\\';
            others | u8::from(is_other)
        });
        let rest = json.strip_prefix('{').filter(|_| others == 0)?;
        Some(Self { rest })
    }

    fn take(&mut self, expected: char) -> Result<(), NotPlain> {
        self.rest = self.rest.strip_prefix(expected).ok_or(NotPlain)?;
        Ok(())
    }

    fn string(&mut self) -> Result<&'de str, NotPlain> {
        self.take('"')?;
        let end = memchr::memchr(b'"', self.rest.as_bytes()).ok_or(NotPlain)?;
        self.end_string(end)
    }

    /// As [`Self::string`], for what is so short that looking at many bytes at a time would cost more.
    fn name(&mut self) -> Result<&'de str, NotPlain> {
        self.take('"')?;
        let end = self.rest.bytes().position(|byte| byte == b'"');
        self.end_string(end.ok_or(NotPlain)?)
    }

    fn end_string(&mut self, end: usize) -> Result<&'de str, NotPlain> {
        let (text, rest) = self.rest.split_at_checked(end).ok_or(NotPlain)?;
        self.rest = rest;
        self.take('"')?;
        Ok(text)
    }

    /// To the next name, or to the end of it all.
    fn end_value(&mut self) -> Result<(), NotPlain> {
        match self.rest.strip_prefix(',') {
            Some(rest) if rest.starts_with('"') => self.rest = rest,
            _ if self.rest == "}" => {}
            _ => return Err(NotPlain),
        }
        Ok(())
    }
}

impl<'de> Source<'de> for Plain<'de> {
    type Error = NotPlain;

    fn next_name(&mut self) -> Result<Option<Text<'de>>, NotPlain> {
        if self.rest == "}" {
            return Ok(None);
        }
        let name = self.name()?;
        self.take(':')?;
        Ok(Some(Text(Cow::Borrowed(name))))
    }

    fn text(&mut self) -> Result<Cow<'de, str>, NotPlain> {
        let text = self.string()?;
        self.end_value()?;
        Ok(Cow::Borrowed(text))
    }

    fn audience(&mut self) -> Result<Audience<'de>, NotPlain> {
        self.text().map(Audience::of_one)
    }

    /// A string, a whole number or a word.
    fn raw(&mut self) -> Result<&'de str, NotPlain> {
        let value = self.rest;
        if value.starts_with('"') {
            self.string()?;
        } else {
            let digits = value.bytes().position(|byte| !byte.is_ascii_digit());
            let len = match digits {
                Some(0) => ["true", "false", "null"]
                    .into_iter()
                    .find(|word| value.starts_with(word))
                    .map(str::len),
                Some(1) => digits,
                // Nothing may follow a zero that leads.
                Some(_) if !value.starts_with('0') => digits,
                _ => None,
            };
            self.rest = len.and_then(|len| value.get(len..)).ok_or(NotPlain)?;
        }
        let len = value.len() - self.rest.len();
        self.end_value()?;
        value.get(..len).ok_or(NotPlain)
    }
}

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not plain")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, value::RawValue};

    use super::super::{decode_any, read};
    use super::*;
    use crate::Claims;

    type Raw = BTreeMap<String, Box<RawValue>>;

    fn shown<C: fmt::Debug>(claims: &Claims<'_, C>) -> String {
        let Claims {
            subject,
            jwt_id,
            custom,
            names,
            ..
        } = claims;
        format!(
            "{claims:?} {subject:?} {jwt_id:?} {custom:?} {}",
            names.len()
        )
    }

    fn plainly(json: &str) -> Option<String> {
        let claims = read::<Raw, _>(Plain::new(json)?).ok()?;
        Some(shown(&claims))
    }

    #[test]
    fn a_usual_claims_set_is_plain() {
        let json = r#"{"iss":"https://a.example","aud":"b","sub":"ä","name":"N","tenant":null,"ro":true,"iat":0,"exp":1800000000,"n":18446744073709551616}"#;
        let found = plainly(json).unwrap();
        assert_eq!(found, shown(&decode_any::<Raw>(json).unwrap()));
        assert!(plainly("{}").is_some());
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_other_parser() {
        for json in [
            "",
            "{",
            "}",
            "[]",
            "{}}",
            "{} ",
            " {}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":01}"#,
            r#"{"a":1.5}"#,
            r#"{"a":-1}"#,
            r#"{"a":1e9}"#,
            r#"{"a":tru}"#,
            r#"{"a":nulll}"#,
            r#"{"a": 1}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":"\u0061"}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":"b}"#,
            r#"{"a":"b"c}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"iss":"a","iss":"a"}"#,
            r#"{"iss":1}"#,
            r#"{"aud":["a"]}"#,
            "{a:1}",
            r#"{"a":1;"b":2}"#,
        ] {
            assert_eq!(plainly(json), None, "{json}");
        }
    }

    proptest! {
        /// Whatever is read plainly is read alike by the other parser, and what that refuses is never read plainly.
        #[test]
        fn both_parsers_read_alike(
            json in r#"\{("(iss|sub|aud|exp|nbf|iat|jti|name|a|b|ä)":(0|1|12|01|1800000000|1\.5|true|false|null|"[a-zä\\", ]{0,4}"|\[\]),?){0,5}\} ?"#,
        ) {
            if let Some(found) = plainly(&json) {
                let other = decode_any::<Raw>(&json).map(|claims| shown(&claims));
                prop_assert_eq!(other, Ok(found), "{}", json);
            }
        }

        #[test]
        fn what_serde_writes_of_flat_members_is_plain(
            members in prop::collection::btree_map("[a-z]{1,3}x", prop_oneof![
                any::<u64>().prop_map(Value::from), any::<bool>().prop_map(Value::from), "[ -!#-\\[\\]-~ä]{0,9}".prop_map(Value::from), Just(Value::Null),
            ], 0..20),
        ) {
            let json = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(plainly(&json), Some(shown(&decode_any::<Raw>(&json).unwrap())));
        }
    }
}
