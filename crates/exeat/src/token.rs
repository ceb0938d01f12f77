mod cookie;
mod query;
mod source;
mod subprotocol;

use std::fmt;

use exeat_jose::{CompactJws, InvalidToken};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) use self::cookie::CookieName;
pub(crate) use self::query::QueryParameter;
pub(crate) use self::source::{Carrier, Presented, Sources};
pub(crate) use self::subprotocol::TokenSubprotocol;
use crate::Rejected;

/// The one bearer token of a request (RFC 6750 §2.1): b64token syntax, at most [`CompactJws::MAX_LEN`] bytes, nothing else checked.
#[derive(Clone, Copy)]
pub struct BearerToken<'h>(&'h str);

impl<'h> BearerToken<'h> {
    /// Looks in `Authorization` and, if given, in one more header, where the token may stand bare or behind `Bearer `.
    ///
    /// `Ok(None)`: no token. Another scheme in `Authorization` is no token.
    ///
    /// ```
    /// use exeat::BearerToken;
    /// let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, "bearer abc".parse().unwrap())]);
    /// assert_eq!(BearerToken::from_headers(&headers, None).unwrap().unwrap().as_str(), "abc");
    /// ```
    ///
    /// # Errors
    /// [`Rejected::MultipleTokens`] for two tokens or two lines of one header, [`Rejected::BadCredentials`] for what is not a
    /// b64token, [`InvalidToken::TooLarge`].
    pub fn from_headers(
        headers: &'h HeaderMap,
        token_header: Option<&HeaderName>,
    ) -> Result<Option<Self>, Rejected> {
        let authorization = presented(headers)?.map(b64token).transpose()?;
        let named = match token_header
            .map(|name| single(headers, name))
            .transpose()?
            .flatten()
        {
            Some(value) => Some(b64token(
                strip_bearer(value.as_bytes()).unwrap_or(value.as_bytes()),
            )?),
            None => None,
        };
        match (authorization, named) {
            (Some(_), Some(_)) => Err(Rejected::MultipleTokens),
            (one, other) => Ok(one.or(other).map(Self)),
        }
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &'h str {
        self.0
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerToken")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Rejected> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() {
        Err(Rejected::MultipleTokens)
    } else {
        Ok(first)
    }
}

/// What stands in `Authorization` where a bearer token should.
fn presented(headers: &HeaderMap) -> Result<Option<&[u8]>, Rejected> {
    let Some(value) = single(headers, &AUTHORIZATION)? else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    if let Some(token) = strip_bearer(bytes) {
        return Ok(Some(token));
    }
    // auth-scheme is a token (RFC 9110 §11.4); whatever follows is its owner's business.
    let scheme = bytes
        .split(|byte| !is_tchar(*byte))
        .next()
        .unwrap_or_default();
    let ends_well = bytes.get(scheme.len()).is_none_or(|byte| *byte == b' ');
    if scheme.is_empty() || scheme.eq_ignore_ascii_case(BEARER) || !ends_well {
        Err(Rejected::BadCredentials)
    } else {
        Ok(None)
    }
}

/// What follows `Bearer` and at least one space.
fn strip_bearer(bytes: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = bytes.split_at_checked(BEARER.len())?;
    let token = rest.strip_prefix(b" ")?;
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| token.trim_ascii_start())
}

/// 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
fn b64token(bytes: &[u8]) -> Result<&str, Rejected> {
    if bytes.len() > CompactJws::MAX_LEN {
        return Err(InvalidToken::TooLarge {
            len: bytes.len(),
            max: CompactJws::MAX_LEN,
        }
        .into());
    }
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let (body, _) = bytes
        .split_at_checked(bytes.len() - padding)
        .ok_or(Rejected::BadCredentials)?;
    if body.is_empty() || !are_b64token_chars(body) {
        return Err(Rejected::BadCredentials);
    }
    std::str::from_utf8(bytes).map_err(|_| Rejected::BadCredentials)
}

/// Every byte is looked at and none decides alone: so the compiler compares many at a time, and a good token costs as much as a bad one.
fn are_b64token_chars(bytes: &[u8]) -> bool {
    let others = bytes.iter().fold(0, |others, byte| {
        let fits =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        others | u8::from(!fits)
    });
    others == 0
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const BEARER: &[u8] = b"Bearer";

#[cfg(test)]
mod tests;
