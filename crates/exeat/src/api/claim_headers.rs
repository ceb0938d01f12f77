//! Claims as request headers, for what is behind and knows no tokens.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{BuildError, ExternalApi};
use crate::VerifiedToken;

impl ExternalApi {
    /// Hands a claim on as a request header, to a backend behind a proxy or a program behind CGI.
    ///
    /// The header is removed from every request that comes in, also where the backend might take another name for the same (`X_User` for
    /// `X-User`), and is set from a verified token alone. Its value is the claim's text, or its JSON unless it is a string, as UTF-8 with
    /// everything but letters, digits and `-._~@:/+` percent-encoded: decode it with `decodeURIComponent` or the like. An absent claim,
    /// `null`, and what would be longer than 4 KiB has no header.
    ///
    /// ```
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_claim_header("sub", "X-User")
    ///     .with_claim_header("tenant", "X-Tenant");
    /// assert!(api.check().is_ok());
    /// ```
    pub fn with_claim_header(mut self, claim: &str, header: &str) -> Self {
        self.claim_headers
            .push((claim.to_owned(), header.to_owned()));
        self
    }

    pub(super) fn claim_headers(&self, errors: &mut Vec<BuildError>) -> ClaimHeaders {
        let mut headers = ClaimHeaders(Vec::new());
        for (claim, given) in &self.claim_headers {
            let why = match HeaderName::try_from(given) {
                Err(_) => "is not a header name",
                Ok(name) if IN_USE.contains(&name) || is_browsers(&name) => {
                    "has a meaning of its own"
                }
                Ok(name) if headers.is_ours(&name) => "is set twice",
                Ok(name) => {
                    headers.0.push((claim.as_str().into(), name));
                    continue;
                }
            };
            errors.push(BuildError::ClaimHeader {
                name: given.clone(),
                why,
            });
        }
        headers
    }
}

/// Which claims go into which headers.
#[derive(Debug)]
pub(super) struct ClaimHeaders(Vec<(Box<str>, HeaderName)>);

impl ClaimHeaders {
    /// Removes what a stranger has sent under these names.
    pub(super) fn strip(&self, request: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let sent: Vec<_> = request
            .keys()
            .filter(|name| self.is_ours(name))
            .cloned()
            .collect();
        for name in sent {
            request.remove(name);
        }
    }

    pub(super) fn set(&self, token: &VerifiedToken, request: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let Ok(claims) = token.claims::<Map<String, Value>>() else {
            return;
        };
        for (claim, name) in &self.0 {
            if let Some(value) = claims.get(&**claim).and_then(encode) {
                request.insert(name, value);
            }
        }
    }

    fn is_ours(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(_, ours)| is_same(ours, name))
    }
}

/// Would a backend that makes variables of header names, as CGI does (RFC 3875 §4.1.18), take these for one?
fn is_same(one: &HeaderName, other: &HeaderName) -> bool {
    let fold = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            byte
        } else {
            b'-'
        }
    };
    let (one, other) = (one.as_str().bytes(), other.as_str().bytes());
    one.map(fold).eq(other.map(fold))
}

fn is_browsers(name: &HeaderName) -> bool {
    name.as_str().starts_with("sec-") || name.as_str().starts_with("access-control-")
}

fn encode(claim: &Value) -> Option<HeaderValue> {
    let text = match claim {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let encoded = utf8_percent_encode(&text, UNSAFE).to_string();
    if encoded.len() > MAX_LEN {
        tracing::debug!(target: "exeat", "a claim is too long for a header and is left out");
        return None;
    }
    HeaderValue::try_from(encoded).ok()
}

/// Most bytes of an encoded claim; servers accept 8 KiB of all headers together.
const MAX_LEN: usize = 4 * 1024;

/// Kept are RFC 3986's unreserved characters and what is common in addresses, and no separator of header lists.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b':')
    .remove(b'/')
    .remove(b'+');

/// Headers that say something else to those behind.
const IN_USE: [HeaderName; 10] = [
    AUTHORIZATION,
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    COOKIE,
    HOST,
    ORIGIN,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];
