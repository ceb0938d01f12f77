//! The request headers a page may set, and the bounded reading of what a preflight asks for.

use std::cmp::Ordering;

use http::{HeaderName, HeaderValue};

/// Sorted names. What goes out is always put together from these, never from the bytes that came in.
#[derive(Clone, Debug)]
pub(crate) struct RequestHeaders {
    names: Vec<HeaderName>,
    any: Option<HeaderValue>,
}

/// Why a preflight's header list is not granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotGranted {
    /// Longer, emptier or more spaced out than any browser writes it.
    Excessive,
    /// Not a list of field names.
    Malformed,
    /// A name that is not allowed.
    Name,
}

impl RequestHeaders {
    /// `names` in any order; `any` if `*` is allowed beside them.
    pub(super) fn new(mut names: Vec<HeaderName>, any: bool) -> Self {
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let any = any
            .then(|| join(std::iter::once("*").chain(names.iter().map(HeaderName::as_str))))
            .flatten();
        Self { names, any }
    }

    /// As a configuration writes them.
    pub(super) fn written(&self) -> Vec<String> {
        let any = self.any.is_some().then_some("*");
        any.into_iter()
            .chain(self.names.iter().map(HeaderName::as_str))
            .map(str::to_owned)
            .collect()
    }

    /// What to say in `Access-Control-Allow-Headers` to these lines of `Access-Control-Request-Headers`: all of them are one list (RFC 9110
    /// §5.3), read in one bounded pass; `None` if there is nothing to say.
    pub(crate) fn grant<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a HeaderValue>,
    ) -> Result<Option<HeaderValue>, NotGranted> {
        let mut asked = vec![false; self.names.len()];
        let (mut bytes, mut count, mut empty) = (0_usize, 0_usize, 0_usize);
        for line in lines {
            // One more per line for the comma that joins them, so that no number of empty lines is free.
            bytes = bytes.saturating_add(line.len()).saturating_add(1);
            if bytes > MAX_REQUEST_HEADERS_LENGTH + 1 {
                return Err(NotGranted::Excessive);
            }
            for element in line.as_bytes().split(|byte| *byte == b',') {
                let name = trim(element)?;
                if name.is_empty() {
                    empty += 1;
                } else {
                    count += 1;
                    self.mark(name, &mut asked)?;
                }
                if empty > MAX_EMPTY_ELEMENTS || count > MAX_REQUEST_HEADER_NAMES {
                    return Err(NotGranted::Excessive);
                }
            }
        }
        if count == 0 {
            return Ok(None);
        }
        if let Some(any) = &self.any {
            return Ok(Some(any.clone()));
        }
        let granted = self
            .names
            .iter()
            .zip(asked)
            .filter(|(_, asked)| *asked)
            .map(|(name, _)| name.as_str());
        Ok(join(granted))
    }

    fn mark(&self, name: &[u8], asked: &mut [bool]) -> Result<(), NotGranted> {
        let found = self
            .names
            .binary_search_by(|known| compare_ignoring_case(known.as_str().as_bytes(), name));
        match found {
            Ok(at) => {
                if let Some(mark) = asked.get_mut(at) {
                    *mark = true;
                }
                Ok(())
            }
            Err(_) if !name.iter().copied().all(is_token_byte) => Err(NotGranted::Malformed),
            Err(_) if self.any.is_some() => Ok(()),
            Err(_) => Err(NotGranted::Name),
        }
    }
}

/// Cuts optional white space off both ends, as much as a polite intermediary adds and no more.
fn trim(element: &[u8]) -> Result<&[u8], NotGranted> {
    let trimmed = element.trim_ascii();
    // `trim_ascii` also takes form feed and the like; a header value holds none of them.
    if element.len() - trimmed.len() > MAX_WHITE_SPACE {
        Err(NotGranted::Excessive)
    } else {
        Ok(trimmed)
    }
}

/// Field names are case-insensitive (RFC 9110 §5.1); `known` is in lower case.
fn compare_ignoring_case(known: &[u8], name: &[u8]) -> Ordering {
    known
        .iter()
        .copied()
        .cmp(name.iter().map(u8::to_ascii_lowercase))
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let names: Vec<&str> = names.collect();
    HeaderValue::from_str(&names.join(",")).ok()
}

/// A byte of a token (RFC 9110 §5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Longest `Access-Control-Request-Headers`, in bytes, all lines joined with commas.
pub const MAX_REQUEST_HEADERS_LENGTH: usize = 1024;
/// Most names in `Access-Control-Request-Headers`, repeated ones counted.
pub const MAX_REQUEST_HEADER_NAMES: usize = 64;
/// Most empty elements in `Access-Control-Request-Headers` (RFC 9110 §5.6.1.2 asks for "a reasonable number").
pub const MAX_EMPTY_ELEMENTS: usize = 16;
/// Most white space around one element of `Access-Control-Request-Headers`, in bytes.
pub const MAX_WHITE_SPACE: usize = 16;
