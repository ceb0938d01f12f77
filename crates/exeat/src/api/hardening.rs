//! Headers that keep browsers from doing more with an answer than a program that reads it would.

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{BuildError, ExternalApi};

impl ExternalApi {
    /// Leaves one of the hardening headers out. By default each answer that has none of its own gets
    ///
    /// | header | value | against |
    /// | --- | --- | --- |
    /// | `X-Content-Type-Options` | `nosniff` | data that is run as a script |
    /// | `Content-Security-Policy` | `default-src 'none'; frame-ancestors 'none'`; never on `text/html` | data that is shown as a page or framed |
    /// | `Cross-Origin-Resource-Policy` | `same-origin` | embedding with `<img>` or `<script>`; pages that CORS allows read it all the same |
    /// | `Referrer-Policy` | `no-referrer` | URLs told to others |
    ///
    /// Handlers that have reasons of their own set the header themselves. Answers to preflights have none of them.
    ///
    /// ```
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .without_hardening("cross-origin-resource-policy");
    /// assert!(api.check().is_ok());
    /// ```
    pub fn without_hardening(mut self, header: &str) -> Self {
        self.without_hardening.push(header.to_owned());
        self
    }

    pub(super) fn hardening(&self, errors: &mut Vec<BuildError>) -> Hardening {
        let mut headers = HEADERS.to_vec();
        for name in &self.without_hardening {
            let before = headers.len();
            headers.retain(|(held, _)| !held.as_str().eq_ignore_ascii_case(name));
            if headers.len() == before {
                errors.push(BuildError::Hardening { name: name.clone() });
            }
        }
        Hardening(headers)
    }
}

/// The headers that are on.
#[derive(Debug)]
pub(super) struct Hardening(Vec<(HeaderName, HeaderValue)>);

impl Hardening {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn apply(&self, response: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if *name == CONTENT_SECURITY_POLICY && is_page(response) {
                continue;
            }
            // A map that is full holds 32,768 headers, and goes without.
            if let Ok(entry) = response.try_entry(name) {
                let _ = entry.or_try_insert(value.clone());
            }
        }
    }
}

/// A page has a policy of its own, or works because it has none.
fn is_page(response: &HeaderMap) -> bool {
    const HTML: &[u8] = b"text/html";
    response
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..HTML.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(HTML))
}

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];
