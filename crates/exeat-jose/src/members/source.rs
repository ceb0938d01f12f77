//! The members of an object one after another, whoever parses it.

use std::{borrow::Cow, fmt};

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::Text;
use crate::Audience;

/// Where the members come from, in their order: a name, then its value in the form that is asked for.
pub(crate) trait Source<'de> {
    type Error: fmt::Debug + fmt::Display;

    fn next_name(&mut self) -> Result<Option<Text<'de>>, Self::Error>;

    fn text(&mut self) -> Result<Cow<'de, str>, Self::Error>;

    fn audience(&mut self) -> Result<Audience<'de>, Self::Error>;

    /// The value as it is written.
    fn raw(&mut self) -> Result<&'de str, Self::Error>;
}

/// The members that a parser of JSON gives.
pub(crate) struct Json<A>(pub(crate) A);

impl<'de, A: MapAccess<'de>> Source<'de> for Json<A> {
    type Error = A::Error;

    fn next_name(&mut self) -> Result<Option<Text<'de>>, A::Error> {
        self.0.next_key()
    }

    fn text(&mut self) -> Result<Cow<'de, str>, A::Error> {
        self.0.next_value::<Text<'de>>().map(|Text(text)| text)
    }

    fn audience(&mut self) -> Result<Audience<'de>, A::Error> {
        self.0.next_value()
    }

    fn raw(&mut self) -> Result<&'de str, A::Error> {
        self.0.next_value::<&RawValue>().map(RawValue::get)
    }
}
