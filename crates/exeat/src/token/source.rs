use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::{BearerToken, CookieName, QueryParameter, TokenSubprotocol, b64token, presented};
use crate::Rejected;

/// Where a gate looks for a token besides `Authorization`. Only what is enabled here is read, counted and removed.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) header: Option<HeaderName>,
    pub(crate) cookie: Option<CookieName>,
    pub(crate) subprotocol: Option<TokenSubprotocol>,
}

/// What a request presents as its token.
#[derive(Clone, Debug)]
pub(crate) enum Presented<'r> {
    /// Has the syntax of one.
    Token(Cow<'r, str>),
    /// Nobody has looked yet: a token that is known by all its bytes needs no look.
    Unread(&'r [u8]),
}

impl Presented<'_> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Token(token) => token.as_bytes(),
            Self::Unread(bytes) => bytes,
        }
    }

    /// # Errors
    /// [`Rejected::BadCredentials`] or `TooLarge` for what is no token.
    pub(crate) fn read(&self) -> Result<&str, Rejected> {
        match self {
            Self::Token(token) => Ok(token),
            Self::Unread(bytes) => b64token(bytes),
        }
    }
}

/// What carried the token, where that decides what else must hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Carrier {
    /// Sent by a program that holds the token.
    Program,
    /// Sent by the browser on its own: the page behind the request must be known (CSRF).
    Cookie,
}

impl Sources {
    /// The one token of a request.
    ///
    /// # Errors
    /// [`Rejected::MultipleTokens`] for more than one, whatever carries them; otherwise as [`BearerToken::from_headers`].
    pub(crate) fn find<'r>(
        &self,
        parts: &'r Parts,
        query: Option<&QueryParameter>,
    ) -> Result<Option<(Presented<'r>, Carrier)>, Rejected> {
        if self.are_default() && query.is_none() {
            let found = presented(&parts.headers)?;
            return Ok(found.map(|bytes| (Presented::Unread(bytes), Carrier::Program)));
        }
        let found = self.find_among(parts, query)?;
        Ok(found.map(|(token, carrier)| (Presented::Token(token), carrier)))
    }

    /// Only `Authorization` is read.
    fn are_default(&self) -> bool {
        self.header.is_none() && self.cookie.is_none() && self.subprotocol.is_none()
    }

    fn find_among<'r>(
        &self,
        parts: &'r Parts,
        query: Option<&QueryParameter>,
    ) -> Result<Option<(Cow<'r, str>, Carrier)>, Rejected> {
        let headers = &parts.headers;
        let mut found = BearerToken::from_headers(headers, self.header.as_ref())?
            .map(|token| (Cow::Borrowed(token.0), Carrier::Program));
        if let Some(cookie) = &self.cookie {
            let token = cookie.find(headers)?;
            add(
                &mut found,
                token.map(|token| (token.into(), Carrier::Cookie)),
            )?;
        }
        if let Some(subprotocol) = &self.subprotocol {
            let token = subprotocol.find(headers)?;
            add(
                &mut found,
                token.map(|token| (token.into(), Carrier::Program)),
            )?;
        }
        if let Some(parameter) = query {
            let token = parameter.find(&parts.uri)?;
            add(
                &mut found,
                token.map(|token| (token.into(), Carrier::Program)),
            )?;
        }
        Ok(found)
    }

    /// Takes the tokens out of what a handler sees and could pass on by mistake: an answer echoes a subprotocol, a log has cookies.
    /// The header that a token was meant for stays.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        if let Some(cookie) = &self.cookie {
            cookie.strip(headers);
        }
        if let Some(subprotocol) = &self.subprotocol {
            subprotocol.strip(headers);
        }
    }

    /// Takes the token's subprotocol out of an answer that selects it. The handler has not seen it; something in front of it may have.
    pub(crate) fn strip_echo(&self, response: &mut HeaderMap) {
        if let Some(subprotocol) = &self.subprotocol {
            subprotocol.strip(response);
        }
    }
}

fn add<T>(found: &mut Option<T>, token: Option<T>) -> Result<(), Rejected> {
    match (&found, token) {
        (_, None) => Ok(()),
        (Some(_), Some(_)) => Err(Rejected::MultipleTokens),
        (None, token) => {
            *found = token;
            Ok(())
        }
    }
}
