//! Input of two targets: the headers of a request. Each line is a letter for the header's name, then its value.

use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const NAMED: HeaderName = HeaderName::from_static("mp-authorization");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(16) {
        let Some((letter, value)) = line.split_first() else {
            continue;
        };
        let name = match letter {
            b'a' => AUTHORIZATION,
            b'm' => NAMED,
            b'o' => ORIGIN,
            b's' => SEC_FETCH_SITE,
            _ => COOKIE,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    headers
}
