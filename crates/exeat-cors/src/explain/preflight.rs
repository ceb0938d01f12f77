//! What was nearly right about a method and headers.

use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD};
use http::{HeaderMap, HeaderValue};

use super::Hint;
use crate::Policy;

pub(super) fn of_method(policy: &Policy, headers: &HeaderMap) -> Hint {
    let mut asked = headers.get_all(ACCESS_CONTROL_REQUEST_METHOD).iter();
    let (Some(method), None) = (asked.next(), asked.next()) else {
        return Hint::new(
            "method_count",
            "a preflight asks for one method, in one line",
        );
    };
    let method = method.as_bytes();
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

pub(super) fn of_headers(policy: &Policy, headers: &HeaderMap) -> Vec<Hint> {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    let listed = policy.config().request_headers;
    let asked = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let missing: Vec<String> = asked
        .map(|name| {
            name.trim_ascii()
                .to_ascii_lowercase()
                .escape_ascii()
                .to_string()
        })
        .filter(|name| !name.is_empty() && !listed.contains(name))
        .take(MAX_NAMES)
        .collect();
    if policy
        .request_headers()
        .grant(missing_line(&missing).as_ref())
        .is_ok()
    {
        return vec![Hint::new(
            "header_list",
            "the list is longer, emptier or more spaced out than any browser's",
        )];
    }
    let mut hints = Vec::new();
    if missing.iter().any(|name| name == "authorization") {
        hints.push(Hint::new(
            "authorization",
            "authorization is not listed, so no page can send a token in it; it must be named, since * never covers it",
        ));
    }
    let others: Vec<&str> = missing
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "authorization")
        .collect();
    if !others.is_empty() {
        hints.push(Hint::new(
            "header_not_listed",
            format!(
                "not listed: {}. The request headers of this policy are {}",
                others.join(", "),
                listed.join(", ")
            ),
        ));
    }
    hints
}

/// The missing names alone as a preflight would ask for them.
fn missing_line(names: &[String]) -> Option<HeaderValue> {
    HeaderValue::from_str(&names.join(",")).ok()
}

pub(super) fn methods(policy: &Policy) -> String {
    policy.config().methods.join(", ")
}

/// Most header names in a hint.
const MAX_NAMES: usize = 16;
