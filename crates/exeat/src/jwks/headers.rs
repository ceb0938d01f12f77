//! What the headers of an answer say about time.

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

use super::cache::Freshness;

/// Reads `Cache-Control` and `Age`. `no-store` and `no-cache` win over any `max-age`.
pub(crate) fn freshness(headers: &HeaderMap) -> Freshness {
    let mut max_age = None;
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Freshness::default();
        }
        if name.eq_ignore_ascii_case("max-age") {
            max_age = max_age.or(seconds(value.trim().trim_matches('"')));
        }
    }
    let age = headers
        .get(AGE)
        .and_then(|age| seconds(age.to_str().ok()?.trim()));
    Freshness {
        max_age,
        age: age.unwrap_or_default(),
    }
}

/// `Retry-After` (RFC 9110 §10.2.3) as seconds, or as a date measured against the answer's own `Date`, so that no clock is compared with another.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let wish = text(RETRY_AFTER)?;
    seconds(wish).or_else(|| {
        let until = httpdate::parse_http_date(wish).ok()?;
        until
            .duration_since(httpdate::parse_http_date(text(DATE)?).ok()?)
            .ok()
    })
}

/// delta-seconds (RFC 9111 §1.2.2): digits only; what does not fit is the largest that does.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests;
