//! Methods and header names.

use http::HeaderName;

use super::Check;
use crate::browser::{is_forbidden_method, is_forbidden_name};
use crate::policy::{Credentials, PolicyError, PolicyWarning, RequestHeaders, is_token_byte};

impl Check {
    pub(super) fn methods(&mut self, written: &[String]) -> Vec<String> {
        if written.is_empty() {
            self.errors.push(PolicyError::NoMethods);
        }
        let mut methods: Vec<String> = Vec::new();
        for (index, method) in written.iter().enumerate() {
            self.method(format!("methods[{index}]"), method);
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
        methods
    }

    fn method(&mut self, key: String, method: &str) {
        let upper = method.to_ascii_uppercase();
        let value = method.to_owned();
        let is_token = !method.is_empty() && method.bytes().all(is_token_byte);
        if !is_token || method.len() > MAX_METHOD_LENGTH || method == "*" {
            self.errors.push(PolicyError::InvalidMethod { key, value });
        } else if is_forbidden_method(method.as_bytes()) {
            self.errors
                .push(PolicyError::ForbiddenMethod { key, value });
        } else if NORMALIZED_METHODS.contains(&upper.as_str()) && upper != method {
            self.errors.push(PolicyError::MethodCase {
                key,
                value,
                suggestion: upper,
            });
        } else if upper == "PATCH" && upper != method {
            self.warnings.push(PolicyWarning::PatchCase { key, value });
        }
    }

    pub(super) fn request_headers(&mut self, written: &[String]) -> RequestHeaders {
        let mut names = Vec::new();
        let mut any = None;
        for (index, value) in written.iter().enumerate() {
            let key = format!("request_headers[{index}]");
            if value == "*" {
                any = Some(key);
            } else if let Some(name) = self.header(&key, value) {
                if is_forbidden_request_header(name.as_str()) {
                    self.errors.push(PolicyError::ForbiddenRequestHeader {
                        key,
                        value: value.clone(),
                    });
                }
                names.push(name);
            }
        }
        if let Some(key) = &any {
            if self.credentials == Credentials::Include {
                self.errors
                    .push(PolicyError::AnyHeaderWithCredentials { key: key.clone() });
            }
            if !names.contains(&http::header::AUTHORIZATION) {
                self.errors
                    .push(PolicyError::AnyHeaderWithoutAuthorization { key: key.clone() });
            }
        }
        RequestHeaders::new(names, any.is_some())
    }

    pub(super) fn expose_headers(&mut self, written: &[String]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (index, value) in written.iter().enumerate() {
            let key = format!("expose_headers[{index}]");
            let name = if value == "*" {
                if self.credentials == Credentials::Include {
                    self.errors
                        .push(PolicyError::AnyHeaderWithCredentials { key });
                }
                value.clone()
            } else {
                let Some(name) = self.header(&key, value) else {
                    continue;
                };
                if is_forbidden_response_header(name.as_str()) {
                    self.errors.push(PolicyError::ForbiddenResponseHeader {
                        key,
                        value: value.clone(),
                    });
                }
                name.as_str().to_owned()
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn header(&mut self, key: &str, value: &str) -> Option<HeaderName> {
        let name = value.parse().ok();
        if name.is_none() {
            self.errors.push(PolicyError::InvalidHeader {
                key: key.into(),
                value: value.into(),
            });
        }
        name
    }
}

/// What no page can set, and the response headers of CORS, which make no sense in a request.
fn is_forbidden_request_header(name: &str) -> bool {
    is_forbidden_name(name) || name.starts_with("access-control-")
}

/// Fetch `#forbidden-response-header-name`, and the headers of CORS itself.
fn is_forbidden_response_header(name: &str) -> bool {
    matches!(name, "set-cookie" | "set-cookie2" | "origin") || name.starts_with("access-control-")
}

/// Longest method, in bytes.
pub const MAX_METHOD_LENGTH: usize = 32;
/// Fetch `#concept-method-normalize`.
const NORMALIZED_METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
