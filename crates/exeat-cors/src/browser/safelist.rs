//! Which request headers a page may set without asking (<https://fetch.spec.whatwg.org/#cors-safelisted-request-header>).

use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names>: sorted, each once.
pub(super) fn unsafe_names(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_safe = |name: &HeaderName| {
        headers
            .get_all(name)
            .iter()
            .all(|value| is_safelisted(name, value.as_bytes()))
    };
    let safe_bytes: usize = headers
        .keys()
        .filter(|name| is_safe(name))
        .flat_map(|name| headers.get_all(name))
        .map(HeaderValue::len)
        .sum();
    let mut names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !is_safe(name) || safe_bytes > MAX_SAFE_BYTES)
        .cloned()
        .collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names
}

fn is_safelisted(name: &HeaderName, value: &[u8]) -> bool {
    if value.len() > MAX_SAFE_VALUE {
        return false;
    }
    match *name {
        ACCEPT => !value.iter().copied().any(is_unsafe_byte),
        ACCEPT_LANGUAGE | CONTENT_LANGUAGE => value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b" *,-.;=".contains(byte)),
        CONTENT_TYPE => !value.iter().copied().any(is_unsafe_byte) && has_form_type(value),
        RANGE => is_simple_range(value),
        _ => false,
    }
}

/// <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte>
fn is_unsafe_byte(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f || b"\"():<>?@[\\]{}".contains(&byte)
}

/// What HTML forms have always sent to anybody.
fn has_form_type(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    FORM_TYPES.iter().any(|known| known.as_bytes() == essence)
}

/// `bytes=`, a start, and perhaps an end that is not before it (<https://fetch.spec.whatwg.org/#simple-range-header-value>).
fn is_simple_range(value: &[u8]) -> bool {
    let numbers = value.strip_prefix(b"bytes=").unwrap_or_default();
    let mut ends = numbers.splitn(2, |byte| *byte == b'-');
    let (Some(start), Some(end)) = (ends.next(), ends.next()) else {
        return false;
    };
    let are_numbers = !start.is_empty() && start.iter().chain(end).all(u8::is_ascii_digit);
    // As numbers of any length: one with more digits is larger.
    let [first, last] = [start, end].map(|digits| {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = digits.get(zeros..).unwrap_or_default();
        (digits.len(), digits)
    });
    are_numbers && (end.is_empty() || first <= last)
}

/// Longest safelisted value, in bytes.
const MAX_SAFE_VALUE: usize = 128;
/// Most bytes of all safelisted values together.
const MAX_SAFE_BYTES: usize = 1024;

const FORM_TYPES: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];
