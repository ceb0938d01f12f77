//! What a browser says about a request besides its origin (Fetch Metadata Request Headers, <https://www.w3.org/TR/fetch-metadata/>).
//!
//! No page can set these headers, but anything that is no browser can, and browsers leave them out where they do not trust the URL. So they
//! only narrow: what they say can refuse a request, never let one in. Their absence, and values that are not in the standard, say nothing.
//!
//! They are not in `Vary`. A refusal is never stored; an answer that a handler lets caches keep may be served again to a request that would have
//! been refused, so such answers want a `Cross-Origin-Resource-Policy`.

use http::header::{ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderName, Method};

use crate::RequireOrigin;

/// Whose request it is, as far as the browser tells (`Sec-Fetch-Site`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Initiator {
    /// Of the API's own origin. An extension with host permission may say so too.
    SameOrigin,
    /// Of another origin of the same site: a sibling is not trusted more than a stranger.
    SameSite,
    /// Of another site.
    CrossSite,
    /// Of no page: the user typed the address, or it is an extension with host permission.
    NoPage,
}

impl Initiator {
    fn of(headers: &HeaderMap) -> Option<Self> {
        match single(headers, &SITE)? {
            b"same-origin" => Some(Self::SameOrigin),
            b"same-site" => Some(Self::SameSite),
            b"cross-site" => Some(Self::CrossSite),
            b"none" => Some(Self::NoPage),
            _ => None,
        }
    }
}

/// May this be a call that a program makes with `fetch()` or alike, as far as the browser tells?
///
/// A wrong yes costs nothing beyond what the origin and the token decide. A wrong no locks a page out, so only what is certain is refused:
/// a request of another origin that is a link, a form or an embedded resource (its answer is read by no program, but its time, its size and
/// its errors are), or that has no `Origin`, which all but those have.
pub(crate) fn admits(method: &Method, headers: &HeaderMap, require_origin: RequireOrigin) -> bool {
    let Some(Initiator::CrossSite | Initiator::SameSite) = Initiator::of(headers) else {
        return true;
    };
    let has_origin = require_origin == RequireOrigin::Never || headers.contains_key(ORIGIN);
    let mode = single(headers, &MODE).unwrap_or_default();
    let destination = single(headers, &DESTINATION).unwrap_or_default();
    has_origin
        && !matches!(mode, b"no-cors" | b"navigate")
        && !DOCUMENTS_AND_PARTS.contains(&destination)
        && (destination != b"websocket" || is_web_socket_handshake(method, headers))
}

/// May `Origin: null` be processed, though never shared? Browsers send it for extensions with host permission in some versions, and for
/// forms of a page that tells nobody its address. Sandboxed frames and redirects, of which `null` is a warning, are `cross-site`.
pub(crate) fn admits_opaque_origin(method: &Method, headers: &HeaderMap) -> bool {
    let from_no_other_page = matches!(
        Initiator::of(headers),
        Some(Initiator::NoPage | Initiator::SameOrigin)
    );
    // CORS does not protect what follows a handshake (<https://fetch.spec.whatwg.org/#websocket-protocol>): it needs a name.
    from_no_other_page && !is_web_socket_handshake(method, headers)
}

/// Is this the handshake of a WebSocket, of HTTP/1.1 (RFC 6455 §4.1) or of HTTP/2 and later (RFC 8441 §4)? CONNECT has no other use at an
/// origin server, and an upgrade to whatever else is treated alike: CORS protects nothing of what follows, and its method says nothing.
///
/// ```
/// use exeat_cors::is_web_socket_handshake;
/// use http::{HeaderMap, HeaderValue, Method, header::UPGRADE};
///
/// let mut headers = HeaderMap::new();
/// assert!(is_web_socket_handshake(&Method::CONNECT, &headers));
/// assert!(!is_web_socket_handshake(&Method::GET, &headers));
/// headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
/// assert!(is_web_socket_handshake(&Method::GET, &headers));
/// ```
#[must_use]
pub fn is_web_socket_handshake(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::CONNECT || headers.contains_key(UPGRADE)
}

/// The header's only line. Two lines are no value of a structured field of one item (RFC 8941 §3.3).
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut lines = headers.get_all(name).iter();
    let only = lines.next()?;
    lines.next().is_none().then(|| only.as_bytes())
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Destinations (<https://fetch.spec.whatwg.org/#concept-request-destination>) other than `empty`, which is what a program asks for itself,
/// and `websocket`. One that is not here is of a browser newer than this list, and is ignored as the standard asks (Fetch Metadata §2.1).
const DOCUMENTS_AND_PARTS: [&[u8]; 25] = [
    b"audio",
    b"audioworklet",
    b"document",
    b"embed",
    b"fencedframe",
    b"font",
    b"frame",
    b"iframe",
    b"image",
    b"json",
    b"manifest",
    b"object",
    b"paintworklet",
    b"report",
    b"script",
    b"serviceworker",
    b"sharedworker",
    b"speculationrules",
    b"style",
    b"text",
    b"track",
    b"video",
    b"webidentity",
    b"worker",
    b"xslt",
];
