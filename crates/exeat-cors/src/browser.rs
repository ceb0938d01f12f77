//! The other half of the protocol: what a browser sends for a page, and whether the page may read the answer.

mod forbidden;
mod safelist;
#[cfg(test)]
mod tests;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Serialize, Serializer};

use crate::Credentials;
use crate::policy::is_token_byte;

pub(crate) use forbidden::{is_forbidden_method, is_forbidden_name};

/// A cross-origin request as a page makes it with `fetch`, and the browser's judgement of the answers: a small model of the Fetch standard
/// that shares nothing with [`decide`](crate::decide()), so that each can be tried against the other.
///
/// ```
/// use exeat_cors::{Blocked, PageRequest};
/// use http::{HeaderMap, HeaderValue, Method, StatusCode, header::AUTHORIZATION};
///
/// let page = PageRequest::new(HeaderValue::from_static("https://shop.example"), Method::GET)
///     .with_header(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
/// let preflight = page.preflight().ok_or("a token makes a browser ask first")?;
/// assert_eq!(preflight["access-control-request-headers"], "authorization");
///
/// // What a server without CORS says to that:
/// let blocked = page.check_preflight(StatusCode::METHOD_NOT_ALLOWED, &HeaderMap::new());
/// assert_eq!(blocked, Err(Blocked::NoAllowOrigin));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Debug)]
pub struct PageRequest {
    origin: HeaderValue,
    method: Method,
    headers: HeaderMap,
    left_out: Vec<HeaderName>,
    credentials: Credentials,
}

impl PageRequest {
    /// A request of a page of this origin, without headers of its own and without credentials. DELETE, GET, HEAD, OPTIONS, POST and PUT are
    /// upper-cased, as browsers do, and `patch` is not (<https://fetch.spec.whatwg.org/#concept-method-normalize>).
    #[must_use]
    pub fn new(origin: HeaderValue, method: Method) -> Self {
        let normalized = NORMALIZED
            .iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(method.as_str()))
            .cloned();
        Self {
            origin,
            method: normalized.unwrap_or(method),
            headers: HeaderMap::new(),
            left_out: Vec::new(),
            credentials: Credentials::Omit,
        }
    }

    /// With a header that the page sets; without it, if browsers keep it for themselves, as they do without a word
    /// (<https://fetch.spec.whatwg.org/#forbidden-request-header>; [`Self::hints`] says so).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        if forbidden::is_forbidden_header(&name, value.as_bytes()) {
            if !self.left_out.contains(&name) {
                self.left_out.push(name);
            }
            return self;
        }
        // A token is for nobody's log.
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
        self.headers.append(name, value);
        self
    }

    /// With the page's `credentials` (`withCredentials` of an `XMLHttpRequest`). `same-origin`, the default of `fetch`, is
    /// [`Credentials::Omit`] for a request to another origin.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// The page that a preflight speaks for, as far as the preflight tells.
    pub(crate) fn behind_preflight(headers: &HeaderMap) -> Option<Self> {
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut page = Self::new(headers.get(ORIGIN)?.clone(), Method::GET);
        // As it was sent: no browser lets `put` through, and nothing here mends it.
        page.method = Method::from_bytes(method.as_bytes()).ok()?;
        for line in headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            for name in line.as_bytes().split(|byte| *byte == b',') {
                let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) else {
                    continue;
                };
                // No header is safelisted with a quotation mark in its value, and none that is safelisted is asked for. No page sends more
                // of them than a map can hold.
                let value = HeaderValue::from_static("\"");
                page.headers.try_append(name, value).ok()?;
            }
        }
        Some(page)
    }

    /// The page's origin.
    #[must_use]
    pub fn origin(&self) -> &HeaderValue {
        &self.origin
    }

    /// The method as it is sent.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Is this a method that no page can use? Then nothing is sent, whatever a server allows: `fetch` throws
    /// (<https://fetch.spec.whatwg.org/#forbidden-method>).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        is_forbidden_method(self.method.as_str().as_bytes())
    }

    /// The headers that the page sets in vain.
    pub(crate) fn left_out(&self) -> &[HeaderName] {
        &self.left_out
    }

    /// The page's credentials mode.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials
    }

    /// The headers of the `OPTIONS` that is sent first; `None` if the browser does not ask before it sends
    /// (<https://fetch.spec.whatwg.org/#cors-preflight-fetch-0>), or sends nothing at all ([`Self::is_forbidden`]).
    #[must_use]
    pub fn preflight(&self) -> Option<HeaderMap> {
        let names = safelist::unsafe_names(&self.headers);
        let asks = !is_safelisted(&self.method) || !names.is_empty();
        if !asks || self.is_forbidden() {
            return None;
        }
        let mut headers = self.metadata();
        let method = HeaderValue::from_str(self.method.as_str()).ok()?;
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, method);
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
            let names = HeaderValue::from_str(&names.join(",")).ok()?;
            headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, names);
        }
        Some(headers)
    }

    /// The headers of the request itself.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.extend(self.metadata());
        headers
    }

    /// What browsers say about every such request (Fetch `#append-a-request-origin-header`, Fetch Metadata §2).
    fn metadata(&self) -> HeaderMap {
        HeaderMap::from_iter([
            (ORIGIN, self.origin.clone()),
            (SEC_FETCH_SITE, HeaderValue::from_static("cross-site")),
            (SEC_FETCH_MODE, HeaderValue::from_static("cors")),
            (SEC_FETCH_DEST, HeaderValue::from_static("empty")),
        ])
    }

    /// Does this answer to the preflight let the browser send the request?
    ///
    /// # Errors
    /// Why the page sees a network error instead (<https://fetch.spec.whatwg.org/#cors-preflight-fetch-0>, step 7).
    pub fn check_preflight(&self, status: StatusCode, answer: &HeaderMap) -> Result<(), Blocked> {
        self.check(answer)?;
        if !status.is_success() {
            return Err(Blocked::PreflightStatus(status));
        }
        let methods = list(answer, &ACCESS_CONTROL_ALLOW_METHODS)?;
        let names = list(answer, &ACCESS_CONTROL_ALLOW_HEADERS)?;
        // To a page that sends credentials, `*` is the name of one thing.
        let is_any =
            |allowed: &[&str]| self.credentials == Credentials::Omit && allowed.contains(&WILDCARD);
        let method = self.method.as_str();
        if !is_safelisted(&self.method) && !methods.contains(&method) && !is_any(&methods) {
            return Err(Blocked::Method(self.method.clone()));
        }
        for name in safelist::unsafe_names(&self.headers) {
            let is_named = names
                .iter()
                .any(|it| it.eq_ignore_ascii_case(name.as_str()));
            // https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
            if !is_named && (name == AUTHORIZATION || !is_any(&names)) {
                return Err(Blocked::Header(name));
            }
        }
        Ok(())
    }

    /// May the page read this answer, whatever its status?
    ///
    /// # Errors
    /// Why the page sees a network error instead (<https://fetch.spec.whatwg.org/#concept-cors-check>).
    pub fn check(&self, answer: &HeaderMap) -> Result<(), Blocked> {
        let with_credentials = self.credentials == Credentials::Include;
        let allowed = value(answer, &ACCESS_CONTROL_ALLOW_ORIGIN).ok_or(Blocked::NoAllowOrigin)?;
        if allowed == WILDCARD.as_bytes() && !with_credentials {
            return Ok(());
        }
        if allowed == WILDCARD.as_bytes() {
            return Err(Blocked::AnyOriginWithCredentials);
        }
        if allowed != self.origin.as_bytes() {
            let value = allowed.escape_ascii().to_string();
            return Err(if allowed.contains(&b',') {
                Blocked::SeveralAllowOrigin { value }
            } else {
                Blocked::OtherAllowOrigin { value }
            });
        }
        if with_credentials
            && value(answer, &ACCESS_CONTROL_ALLOW_CREDENTIALS).as_deref() != Some(b"true")
        {
            return Err(Blocked::NoAllowCredentials);
        }
        Ok(())
    }

    /// May the page read this header of an answer that passed [`check`](Self::check)?
    /// (<https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name>)
    #[must_use]
    pub fn can_read(&self, name: &HeaderName, answer: &HeaderMap) -> bool {
        if FORBIDDEN_TO_READ.contains(&name.as_str()) {
            return false;
        }
        let exposed = list(answer, &ACCESS_CONTROL_EXPOSE_HEADERS).unwrap_or_default();
        ALWAYS_READABLE.contains(&name.as_str())
            || exposed
                .iter()
                .any(|it| it.eq_ignore_ascii_case(name.as_str()))
            || (self.credentials == Credentials::Omit && exposed.contains(&WILDCARD))
    }
}

/// Why a browser shows a page a network error and nothing else.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Blocked {
    /// Nobody may read it.
    #[error("the answer has no Access-Control-Allow-Origin")]
    NoAllowOrigin,
    /// Somebody else may read it.
    #[error("Access-Control-Allow-Origin is {value}, which is not the page's origin")]
    OtherAllowOrigin {
        /// What it says, escaped.
        value: String,
    },
    /// One value is wanted, and lines are joined before they are compared.
    #[error("Access-Control-Allow-Origin has more than one value: {value}")]
    SeveralAllowOrigin {
        /// What it says, lines joined, escaped.
        value: String,
    },
    /// `*` is for pages that send no credentials (<https://fetch.spec.whatwg.org/#cors-protocol-and-credentials>).
    #[error(
        "Access-Control-Allow-Origin is *, which does not count for a page that sends credentials"
    )]
    AnyOriginWithCredentials,
    /// The page sends credentials; the answer must allow that with exactly `true`.
    #[error(
        "the page sends credentials, and the answer has no Access-Control-Allow-Credentials: true"
    )]
    NoAllowCredentials,
    /// An answer to a preflight must have an ok status, 200 to 299; it is not redirected either.
    #[error("the preflight is answered with {0}, and only 200 to 299 will do")]
    PreflightStatus(StatusCode),
    /// A list with something in it that is no token fails as a whole.
    #[error("{0} is not a list of names")]
    MalformedList(HeaderName),
    /// The method is not safelisted and not allowed.
    #[error("Access-Control-Allow-Methods does not name {0}")]
    Method(Method),
    /// The header is not safelisted and not allowed.
    #[error("Access-Control-Allow-Headers does not name {0}")]
    Header(HeaderName),
}

/// As its sentence.
impl Serialize for Blocked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// All lines of a header as one value (<https://fetch.spec.whatwg.org/#concept-header-list-get>).
fn value(answer: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = answer
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// <https://fetch.spec.whatwg.org/#extract-header-list-values>, where a value is a list of tokens.
fn list<'a>(answer: &'a HeaderMap, name: &HeaderName) -> Result<Vec<&'a str>, Blocked> {
    let mut values = Vec::new();
    for line in answer.get_all(name) {
        for element in line.as_bytes().split(|byte| *byte == b',') {
            let element = element.trim_ascii();
            let token = str::from_utf8(element)
                .ok()
                .filter(|token| token.bytes().all(is_token_byte))
                .ok_or_else(|| Blocked::MalformedList(name.clone()))?;
            if !token.is_empty() {
                values.push(token);
            }
        }
    }
    Ok(values)
}

/// <https://fetch.spec.whatwg.org/#cors-safelisted-method>
fn is_safelisted(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

const WILDCARD: &str = "*";

const NORMALIZED: [Method; 6] = [
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::POST,
    Method::PUT,
];

/// <https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name>
const ALWAYS_READABLE: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// <https://fetch.spec.whatwg.org/#forbidden-response-header-name>
const FORBIDDEN_TO_READ: [&str; 2] = ["set-cookie", "set-cookie2"];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
