//! What no page can send, whatever a server allows.

use super::Hint;
use crate::PageRequest;
use crate::browser::{is_forbidden_method, is_forbidden_name};

impl PageRequest {
    /// What of this request no page can send: its method, or headers that it was made without.
    ///
    /// ```
    /// use exeat_cors::PageRequest;
    /// use http::{HeaderValue, Method, header::COOKIE};
    ///
    /// let page = PageRequest::new(HeaderValue::from_static("https://shop.example"), Method::GET)
    ///     .with_header(COOKIE, HeaderValue::from_static("session=1"));
    /// assert!(page.preflight().is_none(), "the browser does not ask for what it does not send");
    /// assert_eq!(page.hints()[0].code, "forbidden_header");
    /// ```
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        let names = self.left_out().iter().map(|name| {
            if is_forbidden_name(name.as_str()) {
                name.to_string()
            } else {
                format!("{name} to CONNECT, TRACE or TRACK")
            }
        });
        let of_method = method(self.method().as_str().as_bytes());
        of_method.into_iter().chain(headers(names)).collect()
    }
}

pub(super) fn method(method: &[u8]) -> Option<Hint> {
    is_forbidden_method(method).then(|| {
        Hint::new(
            "forbidden_method",
            format!(
                "no page can use {}: browsers throw before anything is sent, and no policy can list it",
                method.escape_ascii()
            ),
        )
    })
}

/// What of it browsers keep for themselves.
pub(super) fn headers(names: impl Iterator<Item = String>) -> Option<Hint> {
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| {
        Hint::new(
            "forbidden_header",
            format!(
                "no page can set {}: browsers leave that out of what a page sets, and never ask for it in a preflight",
                names.join(", ")
            ),
        )
    })
}
