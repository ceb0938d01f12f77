//! `Vary` (RFC 9110 §12.5.5) as one line: what the handler varies by, then what we vary by.

use http::header::{Entry, VARY};
use http::{HeaderMap, HeaderValue};

use crate::policy::is_token_byte;

/// Merges `ours`, a line without repetition, into theirs, ignoring case. `*` stays alone, since it says all there is to say. What is not
/// a token is dropped: some handlers copy request bytes into `Vary`.
pub(super) fn merge(headers: &mut HeaderMap, ours: &'static str) {
    if let Ok(Entry::Vacant(place)) = headers.try_entry(VARY) {
        if !ours.is_empty() {
            // A map that is full holds 32,768 headers: no server sends that.
            let _ = place.try_insert(HeaderValue::from_static(ours));
        }
        return;
    }
    match merged(headers, ours) {
        Some(line) if line.is_empty() => drop(headers.remove(VARY)),
        Some(line) => drop(headers.insert(VARY, line)),
        None => {}
    }
}

/// The line, or `None` if it cannot be written, which tokens always can.
fn merged(headers: &HeaderMap, ours: &str) -> Option<HeaderValue> {
    let mut names: Vec<&str> = Vec::new();
    let theirs = headers
        .get_all(VARY)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let theirs = theirs.filter_map(|element| str::from_utf8(element.trim_ascii()).ok());
    let ours = ours.split(", ").filter(|name| !name.is_empty());
    for name in theirs.chain(ours) {
        // Past a sane number, "everything" is the safe thing to say: no cache may then reuse the response.
        if name == "*" || names.len() == MAX_VARY_NAMES {
            return Some(HeaderValue::from_static("*"));
        }
        let is_token = !name.is_empty() && name.bytes().all(is_token_byte);
        if is_token && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    HeaderValue::from_str(&names.join(", ")).ok()
}

/// Most names in a merged `Vary`; beyond, it becomes `*`.
pub const MAX_VARY_NAMES: usize = 64;
