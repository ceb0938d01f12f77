//! Input of two targets: the headers of a request and its query. Each line is a letter for the header's name, then its value.

use http::header::{AUTHORIZATION, COOKIE, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::fixture::PATH;

pub(crate) const NAMED: HeaderName = HeaderName::from_static("mp-authorization");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (letter, value) in split(lines) {
        let name = match letter {
            b'a' => AUTHORIZATION,
            b'm' => NAMED,
            b'o' => ORIGIN,
            b's' => SEC_FETCH_SITE,
            b'p' => SEC_WEBSOCKET_PROTOCOL,
            b'u' => continue,
            _ => COOKIE,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The path that reads a token from the query, with the first query that can stand in a URI.
pub(crate) fn uri(lines: &[u8]) -> Uri {
    split(lines)
        .filter(|(letter, _)| *letter == b'u')
        .find_map(|(_, query)| Uri::try_from([PATH.as_bytes(), b"?", query].concat()).ok())
        .unwrap_or(Uri::from_static(PATH))
}

fn split(lines: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    lines
        .split(|byte| *byte == b'\n')
        .take(16)
        .filter_map(|line| line.split_first().map(|(letter, value)| (*letter, value)))
}
