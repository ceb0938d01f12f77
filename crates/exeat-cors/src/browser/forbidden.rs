//! What browsers keep for themselves: no page can set these headers or use these methods, whatever a server allows.

use http::HeaderName;

/// <https://fetch.spec.whatwg.org/#forbidden-method>: in any case.
pub(crate) fn is_forbidden_method(method: &[u8]) -> bool {
    METHODS
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(method))
}

/// <https://fetch.spec.whatwg.org/#forbidden-request-header>, as far as it is told by the name, in lower case.
pub(crate) fn is_forbidden_name(name: &str) -> bool {
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// <https://fetch.spec.whatwg.org/#forbidden-request-header>
pub(super) fn is_forbidden_header(name: &HeaderName, value: &[u8]) -> bool {
    let overrides_method = || {
        let mut methods = value.split(|byte| *byte == b',');
        OVERRIDES.contains(&name.as_str())
            && methods.any(|method| is_forbidden_method(method.trim_ascii()))
    };
    is_forbidden_name(name.as_str()) || overrides_method()
}

const METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

const NAMES: [&str; 21] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

const PREFIXES: [&str; 2] = ["proxy-", "sec-"];

/// Some servers take their value for the method.
const OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];
