//! Objects as nearly every issuer writes them: no white space, no escapes, values that hold no others.

use std::{borrow::Cow, fmt};

use super::{Source, Text};
use crate::Audience;

/// The members of such an object, found at a fraction of the cost of a parser that knows all of JSON. What it takes, that parser takes too, and
/// reads alike; what it does not take is not wrong for that.
pub(crate) struct Plain<'de> {
    /// From the next name, or the end, on.
    rest: &'de str,
}

/// Something that only the other parser can read, or refuse.
#[derive(Debug)]
pub(crate) struct NotPlain;

impl<'de> Plain<'de> {
    pub(crate) fn new(json: &'de str) -> Option<Self> {
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
