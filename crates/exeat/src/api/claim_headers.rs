//! Claims as request headers, for what is behind and knows no tokens.

use std::collections::HashMap;

use exeat_jose::InvalidToken;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{BuildError, ExternalApi};
use crate::{Rejected, VerifiedToken};

impl ExternalApi {
    /// Hands a claim on as a request header, to a backend behind a proxy or a program behind CGI.
    ///
    /// The header is removed from every request that comes in, also where the backend might take another name for the same (`X_User` for
    /// `X-User`), and is set from a verified token alone. Its value is the claim's text, or its JSON unless it is a string, as UTF-8 with
    /// everything but letters, digits and `-._~@:/+` percent-encoded: decode it with `decodeURIComponent` or the like. An absent claim
    /// and `null` have no header; a token whose claim would be longer than 4 KiB is refused (`bad_claim_type`).
    ///
    /// Routes under [`Gate::cors_layer`](crate::Gate::cors_layer) are not concerned: a backend that is reached through them too must not
    /// trust the header there. Use a public route of this gate instead.
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
        self.keep_from_proxies(request);
        let sent: Vec<_> = request
            .keys()
            .filter(|name| self.is_ours(name))
            .cloned()
            .collect();
        for name in sent {
            request.remove(name);
        }
    }

    /// # Errors
    /// A claim that fits into no header: what is behind would take its absence for that of the claim.
    pub(super) fn set(
        &self,
        token: &VerifiedToken,
        request: &mut HeaderMap,
    ) -> Result<(), Rejected> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Raw: a claim that is not handed on may be a number that only JSON can hold.
        let claims = token.claims::<HashMap<String, Box<RawValue>>>()?;
        let mut values = Vec::new();
        for (claim, name) in &self.0 {
            let Some(raw) = claims.get(&**claim) else {
                continue;
            };
            let value = serde_json::from_str(raw.get()).map_err(|_| UNFIT)?;
            values.extend(encode(&value)?.map(|value| (name.clone(), value)));
        }
        request.extend(values);
        Ok(())
    }

    /// Takes our names out of `Connection`: a proxy behind the gate removes the headers that are listed there (RFC 9110 §7.6.1), whoever
    /// has set them.
    fn keep_from_proxies(&self, request: &mut HeaderMap) {
        let names_ours = |option: &&[u8]| {
            HeaderName::from_bytes(option).is_ok_and(|option| self.is_ours(&option))
        };
        if !options(request).any(|option| names_ours(&option)) {
            return;
        }
        let others: Vec<_> = options(request)
            .filter(|option| !names_ours(option))
            .collect();
        let left = HeaderValue::from_bytes(&others.join(&b", "[..]));
        request.remove(CONNECTION);
        if let Ok(left) = left
            && !left.is_empty()
        {
            request.insert(CONNECTION, left);
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

fn options(request: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = request.get_all(CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| !option.is_empty())
}

fn encode(claim: &Value) -> Result<Option<HeaderValue>, Rejected> {
    let text = match claim {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let encoded = utf8_percent_encode(&text, UNSAFE).to_string();
    if encoded.len() > MAX_LEN {
        return Err(UNFIT);
    }
    HeaderValue::try_from(encoded).map(Some).map_err(|_| UNFIT)
}

const UNFIT: Rejected = Rejected::Invalid(InvalidToken::BadClaimType {
    claim: "for a header",
});

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
