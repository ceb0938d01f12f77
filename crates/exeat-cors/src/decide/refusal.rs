//! Why a request is refused, and what its sender is told.

use http::StatusCode;

use super::Grant;

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// Origin, method or headers of a preflight; deliberately not said which.
    PreflightDenied,
    /// The origin is neither listed nor our own: malformed, empty and `null` origins included.
    OriginNotAllowed,
    /// More than one `Origin` line.
    MultipleOrigin,
    /// A listed origin with a method that is not; it may read this.
    MethodNotAllowed(Grant),
}

impl Refusal {
    /// 400 or 403.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::MultipleOrigin => StatusCode::BAD_REQUEST,
            Self::PreflightDenied | Self::OriginNotAllowed | Self::MethodNotAllowed(_) => {
                StatusCode::FORBIDDEN
            }
        }
    }

    /// A stable word for logs and for the `code` of the answer's body. A denied preflight has no body: browsers show it to nobody.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PreflightDenied => "preflight_denied",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::MultipleOrigin => "multiple_origin",
            Self::MethodNotAllowed(_) => "method_not_allowed_cors",
        }
    }

    /// Problem details (RFC 9457 §3); empty for a denied preflight. Only fixed text: nothing to escape.
    pub(super) fn body(&self) -> String {
        let title = match self {
            Self::PreflightDenied => return String::new(),
            Self::OriginNotAllowed => "This origin may not call this API.",
            Self::MultipleOrigin => "A request has one Origin.",
            Self::MethodNotAllowed(_) => "Pages of other origins may not use this method.",
        };
        let (status, code) = (self.status().as_u16(), self.code());
        format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#)
    }
}
