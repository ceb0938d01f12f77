//! What to do with a request: a pure function of policy, method and headers.

mod refusal;
mod response;
#[cfg(test)]
mod tests;
mod vary;

use std::fmt;

use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};

use crate::origin::MatchedBy;
use crate::{Credentials, Enforcement, MAX_METHOD_LENGTH, Policy, RequireOrigin, fetch_metadata};

pub use refusal::Refusal;
pub use vary::MAX_VARY_NAMES;

/// Decides about a request before anything else looks at it. Costs a bounded amount of work, whatever the headers hold.
///
/// The [`Decision`] must then be applied to whatever response results: [`Decision::answer`] is the whole response where the handler must
/// not run, [`Decision::finish`] completes any other.
///
/// ```
/// use exeat_cors::{Decision, Policy, PolicyConfig, decide};
/// use http::{HeaderMap, HeaderValue, Method, header::ORIGIN};
///
/// let config = PolicyConfig { origins: vec!["https://shop.example".into()], ..PolicyConfig::default() };
/// let policy = Policy::try_from(config)?;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(ORIGIN, HeaderValue::from_static("https://shop.example"));
/// assert!(matches!(decide(&policy, &Method::GET, &headers), Decision::Cors(_)));
///
/// headers.insert(ORIGIN, HeaderValue::from_static("https://evil.example"));
/// let decision = decide(&policy, &Method::GET, &headers);
/// assert_eq!(decision.answer(&policy).map(|answer| answer.status().as_u16()), Some(403));
/// # Ok::<(), exeat_cors::PolicyErrors>(())
/// ```
#[must_use]
pub fn decide(policy: &Policy, method: &Method, headers: &HeaderMap) -> Decision {
    let decision = decide_by_origin(policy, method, headers);
    let goes_on = matches!(decision, Decision::Plain | Decision::Cors(_));
    if goes_on
        && policy.reads_fetch_metadata()
        && !fetch_metadata::admits(method, headers, policy.require_origin())
    {
        return refuse(policy, Refusal::FetchMetadata);
    }
    decision
}

/// [`decide()`] without the gate of [`FetchMetadata`](crate::FetchMetadata): for what is meant to be linked to or embedded by pages of other sites, such as a
/// download whose URL is all that it takes.
#[must_use]
pub fn decide_by_origin(policy: &Policy, method: &Method, headers: &HeaderMap) -> Decision {
    let mut origins = headers.get_all(ORIGIN).iter();
    // A request without `Origin` is no CORS request: https://fetch.spec.whatwg.org/#cors-request
    let Some(origin) = origins.next() else {
        return match policy.require_origin() {
            RequireOrigin::Always => refuse(policy, Refusal::OriginRequired),
            RequireOrigin::WhenBrowser | RequireOrigin::Never => Decision::Plain,
        };
    };
    let is_preflight = is_preflight(method, headers);
    // `Origin` has one value (RFC 6454 §7.3). Taking the first of several would let an intermediary's line decide for the browser's.
    if origins.next().is_some() {
        return if is_preflight {
            Decision::Refuse(Refusal::MultipleOrigin)
        } else {
            refuse(policy, Refusal::MultipleOrigin)
        };
    }
    if is_preflight {
        return decide_preflight(policy, origin, headers);
    }
    let Some(grant) = Grant::of(policy, origin) else {
        // Same-origin requests carry `Origin` too, unless they are GET or HEAD: https://fetch.spec.whatwg.org/#append-a-request-origin-header
        if policy.is_own_origin(origin) {
            return Decision::Plain;
        }
        let is_harmless = origin == "null"
            && policy.reads_fetch_metadata()
            && fetch_metadata::admits_opaque_origin(method, headers);
        if is_harmless {
            return Decision::Plain;
        }
        return refuse(policy, Refusal::OriginNotAllowed);
    };
    // Safelisted methods skip the preflight (https://fetch.spec.whatwg.org/#cors-safelisted-method), so the list of methods holds only if it is
    // enforced here. An OPTIONS that is no preflight belongs to the handler. No page can send CONNECT (https://fetch.spec.whatwg.org/#forbidden-method):
    // with an `Origin` it is the handshake of a WebSocket over HTTP/2 (RFC 8441 §4), what GET is over HTTP/1.1.
    let listed_as = match *method {
        Method::CONNECT => &Method::GET,
        _ => method,
    };
    let is_listed = || policy.find_method(listed_as.as_str().as_bytes()).is_some();
    if method != Method::OPTIONS && !is_listed() {
        return refuse(policy, Refusal::MethodNotAllowed(grant));
    }
    Decision::Cors(grant)
}

/// What to do with a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// No foreign origin that could be named: run the handler. The response is shared with nobody, and varies by `Origin` all the same.
    ///
    /// That is a request without `Origin`, of one of the API's own, or with `Origin: null` of which the browser says that no other page
    /// sent it.
    Plain,
    /// A listed origin: run the handler and share the response.
    Cors(Grant),
    /// An allowed preflight: answer now.
    Preflight {
        /// With whom the coming response will be shared.
        grant: Grant,
        /// The one method asked for.
        method: HeaderValue,
        /// What of the header list is allowed, in our own words; `None` if none was asked for.
        headers: Option<HeaderValue>,
    },
    /// Answer now; the handler does not run.
    Refuse(Refusal),
    /// [`Enforcement::ReportOnly`](crate::Enforcement::ReportOnly): would be refused. Run the handler, log it, do not share the response.
    Report(Refusal),
}

impl Decision {
    /// The kind of the request, as far as the decision depends on it: an own origin makes no CORS request. What is refused by Fetch metadata
    /// counts as one, whether it has an `Origin` or not.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Plain
            | Self::Refuse(Refusal::OriginRequired)
            | Self::Report(Refusal::OriginRequired) => RequestKind::Plain,
            Self::Preflight { .. } => RequestKind::Preflight,
            Self::Refuse(refusal) if refusal.is_preflight() => RequestKind::Preflight,
            Self::Cors(_) | Self::Refuse(_) | Self::Report(_) => RequestKind::Cors,
        }
    }

    /// What its developer has overlooked in a preflight that nearly matches, for a log; never for an answer. `headers` are the request's.
    #[must_use]
    pub fn hint(&self, policy: &Policy, headers: &HeaderMap) -> Option<&'static str> {
        if !matches!(self, Self::Refuse(Refusal::PreflightMethod)) {
            return None;
        }
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes();
        let differs_in_case = |configured: &HeaderValue| {
            configured.as_bytes().eq_ignore_ascii_case(method) && configured.as_bytes() != method
        };
        policy.methods().any(differs_in_case).then_some(
            "methods are case-sensitive: the page must send the method in the configured case",
        )
    }
}

/// How the Fetch standard calls a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestKind {
    /// Not a CORS request: without an `Origin`, with one of the API's own, or with a `null` of which the browser says that no other page sent it.
    Plain,
    /// A CORS-preflight request: `OPTIONS` *and* `Origin` *and* `Access-Control-Request-Method`
    /// (<https://fetch.spec.whatwg.org/#cors-preflight-request>).
    Preflight,
    /// A CORS request (<https://fetch.spec.whatwg.org/#cors-request>).
    Cors,
}

/// What an allowed origin gets: to read the response, and perhaps to have sent credentials with the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    origin: HeaderValue,
    credentials: Credentials,
}

impl Grant {
    fn of(policy: &Policy, origin: &HeaderValue) -> Option<Self> {
        let credentials = match policy.find_origin(origin)? {
            MatchedBy::Any => return Some(Self::public()),
            MatchedBy::Exact => policy.credentials(),
            MatchedBy::Subdomains if origin.as_bytes().starts_with(b"https:") => {
                policy.credentials()
            }
            // Nobody in particular: any process on a developer's machine, any extension of a browser.
            MatchedBy::Subdomains | MatchedBy::AnyPort | MatchedBy::ExtensionClass => {
                Credentials::Omit
            }
        };
        // A listed origin is canonical, so these are the policy's bytes as much as the request's.
        Some(Self {
            origin: origin.clone(),
            credentials,
        })
    }

    /// `*` shares with everybody, and never with credentials: <https://fetch.spec.whatwg.org/#cors-protocol-and-credentials>
    fn public() -> Self {
        Self {
            origin: HeaderValue::from_static("*"),
            credentials: Credentials::Omit,
        }
    }

    /// The value of `Access-Control-Allow-Origin`: the origin itself, or `*` under a public policy.
    #[must_use]
    pub fn origin(&self) -> &HeaderValue {
        &self.origin
    }

    /// Is `Access-Control-Allow-Credentials: true` sent?
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials
    }
}

/// The `Origin` of a request as it may stand in a log: at most [`MAX_LOGGED_ORIGIN`] bytes of the first line, with everything but visible
/// ASCII escaped, so that no request can write log lines of its own.
#[must_use]
pub fn loggable_origin(headers: &HeaderMap) -> impl fmt::Display + '_ {
    let origin = headers
        .get(ORIGIN)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    origin
        .get(..MAX_LOGGED_ORIGIN)
        .unwrap_or(origin)
        .escape_ascii()
}

fn refuse(policy: &Policy, refusal: Refusal) -> Decision {
    match policy.enforcement() {
        Enforcement::Enforce => Decision::Refuse(refusal),
        Enforcement::ReportOnly => Decision::Report(refusal),
    }
}

/// <https://fetch.spec.whatwg.org/#cors-preflight-request>; the caller has seen `Origin`.
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// <https://fetch.spec.whatwg.org/#cors-preflight-fetch-0>: the browser compares the answer with what it asked for. Whatever is wrong, the answer has
/// the same bytes, so that refused pages learn nothing of the policy; the log says which it was.
fn decide_preflight(policy: &Policy, origin: &HeaderValue, headers: &HeaderMap) -> Decision {
    let denied = Decision::Refuse;
    // `null` may be anybody's sandboxed frame or redirect (https://fetch.spec.whatwg.org/#concept-request-tainted-origin): not even `*` means it here.
    if origin == "null" {
        return denied(Refusal::PreflightOrigin);
    }
    let Some(grant) = Grant::of(policy, origin) else {
        return denied(Refusal::PreflightOrigin);
    };
    let mut methods = headers.get_all(ACCESS_CONTROL_REQUEST_METHOD).iter();
    // https://fetch.spec.whatwg.org/#http-access-control-request-method is one method.
    let (Some(method), None) = (methods.next(), methods.next()) else {
        return denied(Refusal::PreflightMethod);
    };
    if method.len() > MAX_METHOD_LENGTH {
        return denied(Refusal::PreflightMethod);
    }
    let Some(method) = policy.find_method(method.as_bytes()) else {
        return denied(Refusal::PreflightMethod);
    };
    // https://fetch.spec.whatwg.org/#http-access-control-request-headers is a list, possibly in several lines (RFC 9110 §5.3).
    let Ok(allowed) = policy
        .request_headers()
        .grant(headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS))
    else {
        return denied(Refusal::PreflightHeaders);
    };
    Decision::Preflight {
        grant,
        method: method.clone(),
        headers: allowed,
    }
}

/// Most bytes of an `Origin` in a log line, before escaping.
pub const MAX_LOGGED_ORIGIN: usize = 128;
