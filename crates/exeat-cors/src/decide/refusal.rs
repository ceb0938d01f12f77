//! Why a request is refused, and what its sender is told.

use http::StatusCode;

use super::Grant;

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A preflight from an origin that is not listed. The answers to all three refused preflights have the same bytes.
    PreflightOrigin,
    /// A preflight for a method that is not listed, for none, or for several.
    PreflightMethod,
    /// A preflight for headers that are not listed, or for more than a browser asks for.
    PreflightHeaders,
    /// The origin is neither listed nor our own: malformed, empty and `null` origins included.
    OriginNotAllowed,
    /// More than one `Origin` line.
    MultipleOrigin,
    /// No `Origin` where the policy wants one of everybody ([`RequireOrigin::Always`](crate::RequireOrigin::Always)).
    OriginRequired,
    /// The browser says that another site's page links to this, embeds it, or asks without an `Origin`
    /// ([`FetchMetadata`](crate::FetchMetadata)). Nothing that a page could read, so it is not shared.
    FetchMetadata,
    /// A listed origin with a method that is not; it may read this.
    MethodNotAllowed(Grant),
}

impl Refusal {
    /// 400 or 403.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::MultipleOrigin => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// A stable word for logs and for the `code` of the answer's body. A refused preflight has no body: browsers show it to nobody.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OriginNotAllowed | Self::PreflightOrigin => "origin_not_allowed",
            Self::MultipleOrigin => "multiple_origin",
            Self::OriginRequired => "origin_required",
            Self::FetchMetadata => "fetch_metadata",
            Self::MethodNotAllowed(_) | Self::PreflightMethod => "method_not_allowed_cors",
            Self::PreflightHeaders => "headers_not_allowed_cors",
        }
    }

    /// Was a preflight refused? Then the answer has no body.
    #[must_use]
    pub const fn is_preflight(&self) -> bool {
        matches!(
            self,
            Self::PreflightOrigin | Self::PreflightMethod | Self::PreflightHeaders
        )
    }

    /// Problem details (RFC 9457 §3); empty for a refused preflight. Only fixed text: nothing to escape.
    pub(super) fn body(&self) -> String {
        let title = match self {
            Self::PreflightOrigin | Self::PreflightMethod | Self::PreflightHeaders => {
                return String::new();
            }
            Self::OriginNotAllowed => "This origin may not call this API.",
            Self::MultipleOrigin => "A request has one Origin.",
            Self::OriginRequired => "This API is called with an Origin.",
            Self::FetchMetadata => "Pages of other sites may only call this by fetch().",
            Self::MethodNotAllowed(_) => "Pages of other origins may not use this method.",
        };
        let (status, code) = (self.status().as_u16(), self.code());
        format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}"}}"#)
    }
}
