//! What was nearly right about the method and the headers of a preflight.

use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD};
use http::{HeaderMap, HeaderValue};

use super::{Hint, forbidden};
use crate::Policy;
use crate::browser::is_forbidden_name;
use crate::policy::{NotGranted, is_token_byte};

pub(super) fn of_method(policy: &Policy, headers: &HeaderMap) -> Hint {
    let mut asked = headers.get_all(ACCESS_CONTROL_REQUEST_METHOD).iter();
    let (Some(method), None) = (asked.next(), asked.next()) else {
        return Hint::new(
            "method_count",
            "a preflight asks for one method, in one line",
        );
    };
    let method = method.as_bytes();
    if let Some(hint) = forbidden::method(method) {
        return hint;
    }
    let in_other_case = policy
        .methods()
        .find(|it| it.as_bytes().eq_ignore_ascii_case(method));
    let method = method.escape_ascii();
    match in_other_case.and_then(|configured| configured.to_str().ok()) {
        Some(configured) => Hint::new(
            "method_case",
            format!(
                "methods are case-sensitive, and browsers do not upper-case this one: the page must write {configured}, not {method}"
            ),
        ),
        None => Hint::new(
            "method_not_listed",
            format!(
                "the methods of this policy are {}: list {method} if pages may use it",
                methods(policy)
            ),
        ),
    }
}

/// What is wrong with its list of headers, if anything is.
pub(super) fn of_headers(policy: &Policy, headers: &HeaderMap) -> Vec<Hint> {
    let kept = asked(headers).filter(|name| is_forbidden_name(name));
    let mut hints: Vec<Hint> = forbidden::headers(kept.take(MAX_NAMES))
        .into_iter()
        .collect();
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    let Err(why) = policy.request_headers().grant(lines) else {
        return hints;
    };
    let about_kept = hints.len();
    if unlisted(policy, headers).any(|name| name == TOKEN) {
        hints.push(Hint::new(
            "authorization",
            "authorization is not listed, so no page can send a token in it; it must be named, since * never covers it",
        ));
    }
    let others = unlisted(policy, headers).filter(|name| name != TOKEN);
    let others: Vec<String> = others.take(MAX_NAMES).collect();
    if !others.is_empty() {
        hints.push(Hint::new(
            "header_not_listed",
            format!(
                "not listed: {}. The request headers of this policy are {}",
                others.join(", "),
                policy.config().request_headers.join(", ")
            ),
        ));
    }
    // A name that browsers keep is refused as any that is not listed; other reasons than a name have not been told yet.
    let is_told = hints.len() > about_kept || why == NotGranted::Name;
    if hints.is_empty() || !is_told {
        hints.push(Hint::new(
            "header_list",
            "the list is longer, emptier or more spaced out than any browser's, or has in it what is no name",
        ));
    }
    hints
}

/// The names that the policy would not grant alone and could. What is no name, or is as long as no list may be, is not among them.
fn unlisted(policy: &Policy, headers: &HeaderMap) -> impl Iterator<Item = String> {
    asked(headers).filter(|name| {
        let alone = HeaderValue::from_str(name).ok();
        let granted = policy.request_headers().grant(alone.as_ref());
        granted == Err(NotGranted::Name) && !is_forbidden_name(name)
    })
}

/// The elements of the list: names in lower case, and what is none escaped, which makes none of it.
fn asked(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let elements = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    elements.map(|element| {
        let element = element.trim_ascii().to_ascii_lowercase();
        if element.iter().copied().all(is_token_byte) {
            String::from_utf8_lossy(&element).into_owned()
        } else {
            element.escape_ascii().to_string()
        }
    })
}

pub(super) fn methods(policy: &Policy) -> String {
    policy.config().methods.join(", ")
}

const TOKEN: &str = "authorization";
/// Most header names in a hint.
const MAX_NAMES: usize = 16;
