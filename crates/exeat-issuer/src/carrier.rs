//! Where a session id may sit in a request.

use http::{HeaderMap, HeaderName, header};

use crate::session::SessionCredential;

/// One place a session id may come from. `body` is read by the dialect that has a body member for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Carrier {
    /// `cookie:<name>`: sent by the browser on its own, so a CSRF rule applies.
    Cookie(String),
    /// `Authorization: Session <id>`.
    AuthorizationSession,
    /// `header:<Name>`: the bare id.
    Header(HeaderName),
    /// The member `session_id` of the body.
    Body,
}

/// Two session ids in one request. Which one was meant cannot be known.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Ambiguous;

/// A session id found in the headers.
#[derive(Debug)]
pub(crate) struct Presented {
    /// `None`: text that cannot be the id of any session.
    pub(crate) credential: Option<SessionCredential>,
    /// It came in a cookie.
    pub(crate) by_cookie: bool,
}

const SCHEME: &str = "session";

impl Carrier {
    /// Parses the words of the configuration.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "authorization-session" => Some(Self::AuthorizationSession),
            "body" => Some(Self::Body),
            _ => {
                let (kind, name) = text.split_once(':')?;
                match kind {
                    "cookie" if is_token(name) => Some(Self::Cookie(name.to_owned())),
                    "header" => HeaderName::from_bytes(name.as_bytes())
                        .ok()
                        .filter(|name| *name != header::AUTHORIZATION && *name != header::COOKIE)
                        .map(Self::Header),
                    _ => None,
                }
            }
        }
    }

    /// Every session id of this carrier, as raw bytes.
    fn values<'h>(&self, headers: &'h HeaderMap) -> Vec<&'h [u8]> {
        match self {
            Self::Cookie(name) => headers
                .get_all(header::COOKIE)
                .iter()
                .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
                .filter_map(|pair| {
                    let pair = pair.trim_ascii();
                    let (key, value) =
                        pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
                    (key.trim_ascii_end() == name.as_bytes())
                        .then(|| value.strip_prefix(b"=").unwrap_or(value).trim_ascii_start())
                })
                .collect(),
            Self::AuthorizationSession => headers
                .get_all(header::AUTHORIZATION)
                .iter()
                .filter_map(|line| {
                    let (scheme, id) = line.as_bytes().split_at_checked(SCHEME.len())?;
                    let spaced = id.is_empty() || id.starts_with(b" ");
                    (scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && spaced)
                        .then(|| id.trim_ascii())
                })
                .collect(),
            Self::Header(name) => headers
                .get_all(name)
                .iter()
                .map(|line| line.as_bytes().trim_ascii())
                .collect(),
            Self::Body => Vec::new(),
        }
    }
}

/// Reads the session id from the headers, without looking it up.
///
/// # Errors
/// [`Ambiguous`] when two carriers are there, even with the same id, or one carrier twice.
pub(crate) fn from_headers(
    carriers: &[Carrier],
    headers: &HeaderMap,
) -> Result<Option<Presented>, Ambiguous> {
    let mut found = None;
    for carrier in carriers {
        for value in carrier.values(headers) {
            if found.is_some() {
                return Err(Ambiguous);
            }
            let credential = std::str::from_utf8(value)
                .ok()
                .and_then(|text| SessionCredential::try_from(text).ok());
            found = Some(Presented {
                credential,
                by_cookie: matches!(carrier, Carrier::Cookie(_)),
            });
        }
    }
    Ok(found)
}

/// RFC 9110 §5.6.2, which is also the grammar of a cookie name.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests;
