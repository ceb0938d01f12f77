use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::{b64token, is_tchar};
use crate::Rejected;

/// The cookie that may carry a token; a cookie-name of RFC 6265 §4.1.1.
#[derive(Debug)]
pub(crate) struct CookieName(Box<str>);

impl CookieName {
    pub(crate) fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.bytes().all(is_tchar);
        fits.then(|| Self(name.into()))
    }

    /// Its value. An empty one is a cookie that a page has cleared, and no token.
    pub(super) fn find<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, Rejected> {
        let mut found = None;
        let mut room = MAX_LEN;
        // HTTP/2 may send each pair in a line of its own (RFC 9113 §8.2.3).
        for line in headers.get_all(COOKIE) {
            room = room
                .checked_sub(line.len())
                .ok_or(Rejected::BadCredentials)?;
            for value in pairs(line).filter_map(|pair| self.value(pair)) {
                if found.replace(value).is_some() {
                    return Err(Rejected::MultipleTokens);
                }
            }
        }
        found
            .filter(|value| !value.is_empty())
            .map(b64token)
            .transpose()
    }

    /// Removes it and leaves the other cookies.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let carries = |line: &HeaderValue| pairs(line).any(|pair| self.value(pair).is_some());
        if !headers.get_all(COOKIE).iter().any(carries) {
            return;
        }
        let mut others = Vec::new();
        for line in headers.get_all(COOKIE) {
            for pair in pairs(line).filter(|pair| self.value(pair).is_none()) {
                if !others.is_empty() {
                    others.extend_from_slice(b"; ");
                }
                others.extend_from_slice(pair);
            }
        }
        headers.remove(COOKIE);
        if !others.is_empty()
            && let Ok(others) = HeaderValue::from_bytes(&others)
        {
            headers.insert(COOKIE, others);
        }
    }

    fn value<'h>(&self, pair: &'h [u8]) -> Option<&'h [u8]> {
        pair.strip_prefix(self.0.as_bytes())?.strip_prefix(b"=")
    }
}

fn pairs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

/// Most bytes of all `Cookie` lines where a cookie may carry a token: a token of 8 KiB and as much for the others.
const MAX_LEN: usize = 16 * 1024;
