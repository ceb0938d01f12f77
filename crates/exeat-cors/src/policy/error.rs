//! What can be wrong with a policy. Each problem names its key.

use std::fmt;

use crate::origin::InvalidOrigin;

/// Every problem of a [`PolicyConfig`](crate::PolicyConfig), never none.
#[derive(Clone, Eq, PartialEq)]
pub struct PolicyErrors(pub(super) Vec<PolicyError>);

impl PolicyErrors {
    /// The problems, in the order of the fields.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyError> {
        self.0.iter()
    }
}

impl From<PolicyError> for PolicyErrors {
    fn from(error: PolicyError) -> Self {
        Self(vec![error])
    }
}

/// For what a policy must also be where it is used.
impl Extend<PolicyError> for PolicyErrors {
    fn extend<E: IntoIterator<Item = PolicyError>>(&mut self, errors: E) {
        self.0.extend(errors);
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

/// The same text as [`Display`](fmt::Display): a `main` that returns an error prints it this way.
impl fmt::Debug for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PolicyErrors {}

/// One problem: its key, its value, what is wrong and what was probably meant. One line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No origin at all.
    #[error("origins: list at least one origin, or share with nobody by Policy::deny_all()")]
    NoOrigins,
    /// No map of tenants in place of one ([`Policy::with_tenants`](crate::Policy::with_tenants)): no tenant would be bound any more.
    #[error(
        "tenants: is empty, and no tenant would be bound to an origin any more; name at least one, or start again with a policy that binds none"
    )]
    NoTenants,
    /// Not a pattern that could match what a browser sends.
    #[error("{key}: {value:?}: {reason}{}", write_suggestion(.suggestion.as_deref()))]
    Origin {
        /// Where, such as `origins[1]`.
        key: String,
        /// As written.
        value: String,
        /// What is wrong.
        reason: InvalidOrigin,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A pattern where one exact origin is wanted.
    #[error("{key}: {value:?}: name one exact origin here, without wildcards")]
    NotExact {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// `*` together with credentials (Fetch `#cors-protocol-and-credentials`).
    #[error("{key}: `*` cannot be combined with credentials: browsers refuse it; list the origins")]
    AnyOriginWithCredentials {
        /// Where.
        key: String,
    },
    /// `*` where tenants are bound to origins.
    #[error(
        "{key}: `*` cannot be combined with tenants that are bound to origins; list the origins"
    )]
    AnyOriginWithTenants {
        /// Where.
        key: String,
    },
    /// Plain `http` with credentials.
    #[error(
        "{key}: {value:?}: with credentials, anybody on the network path could act as this page; use https"
    )]
    InsecureOrigin {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// A wildcard under which strangers can register names.
    #[error(
        "{key}: {value:?}: anybody can register a name under {suffix:?}; name a domain of yours"
    )]
    PublicSuffix {
        /// Where.
        key: String,
        /// As written.
        value: String,
        /// The public suffix.
        suffix: String,
    },
    /// [`RequireOrigin::Never`](crate::RequireOrigin::Never) where tokens are read from a cookie. This crate reads none: whoever does checks it.
    #[error("require_origin: never cannot be combined with a token cookie, which comes by itself")]
    TokenCookieWithoutOrigin,
    /// No method at all.
    #[error("methods: list at least one method")]
    NoMethods,
    /// Not a token (RFC 9110 §5.6.2), or longer than [`MAX_METHOD_LENGTH`](crate::MAX_METHOD_LENGTH) bytes, or `*`.
    #[error("{key}: {value:?} is not a method")]
    InvalidMethod {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// A method that no page can use (Fetch `#forbidden-method`).
    #[error("{key}: {value:?}: browsers never let a page send CONNECT, TRACE or TRACK")]
    ForbiddenMethod {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// A method that browsers upper-case before sending (Fetch `#concept-method-normalize`).
    #[error("{key}: {value:?}: methods are case-sensitive and browsers send {suggestion}")]
    MethodCase {
        /// Where.
        key: String,
        /// As written.
        value: String,
        /// The upper-case form.
        suggestion: String,
    },
    /// Not a header name.
    #[error("{key}: {value:?} is not a header name")]
    InvalidHeader {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// A request header that no page can set (Fetch `#forbidden-request-header`), or a response header of CORS.
    #[error("{key}: {value:?}: no page can set this request header")]
    ForbiddenRequestHeader {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// A response header that no page can read (Fetch `#forbidden-response-header-name`), or a header of CORS.
    #[error("{key}: {value:?}: no page can read this response header, or should")]
    ForbiddenResponseHeader {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// `*` in a header list together with credentials, where it is the name of one header.
    #[error("{key}: with credentials, `*` is a header called \"*\" to browsers; list the headers")]
    AnyHeaderWithCredentials {
        /// Where.
        key: String,
    },
    /// `*` without `authorization`.
    #[error("{key}: `*` never covers authorization; name it as well")]
    AnyHeaderWithoutAuthorization {
        /// Where.
        key: String,
    },
    /// Above [`MAX_MAX_AGE`](crate::MAX_MAX_AGE).
    #[error("max_age_secs: {seconds} is more than a day (86400), which no browser honours")]
    MaxAgeTooLong {
        /// As written.
        seconds: u64,
    },
    /// Not whole seconds.
    #[error(
        "max_age_secs: a fraction of a second would silently become {seconds} s; use whole seconds"
    )]
    MaxAgeFraction {
        /// What would be left.
        seconds: u64,
    },
    /// A tenant with an empty list.
    #[error("{key}: list at least one origin for this tenant, or remove it")]
    TenantWithoutOrigins {
        /// Where.
        key: String,
    },
    /// A tenant that is not among `known_tenants`.
    #[error("{key}: no such tenant in known_tenants{}", write_suggestion(.suggestion.as_deref()))]
    UnknownTenant {
        /// Where.
        key: String,
        /// A known tenant that differs in case only.
        suggestion: Option<String>,
    },
    /// A tenant's origin that `origins` does not cover, so that its requests would be refused before the tenant is known.
    #[error("{key}: {value:?} is not covered by origins")]
    TenantOriginNotListed {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
}

impl PolicyError {
    /// The key in question, such as `origins[1]`.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::NoOrigins => "origins",
            Self::NoTenants => "tenants",
            Self::NoMethods => "methods",
            Self::TokenCookieWithoutOrigin => "require_origin",
            Self::MaxAgeTooLong { .. } | Self::MaxAgeFraction { .. } => "max_age_secs",
            Self::Origin { key, .. }
            | Self::NotExact { key, .. }
            | Self::AnyOriginWithCredentials { key }
            | Self::AnyOriginWithTenants { key }
            | Self::InsecureOrigin { key, .. }
            | Self::PublicSuffix { key, .. }
            | Self::InvalidMethod { key, .. }
            | Self::ForbiddenMethod { key, .. }
            | Self::MethodCase { key, .. }
            | Self::InvalidHeader { key, .. }
            | Self::ForbiddenRequestHeader { key, .. }
            | Self::ForbiddenResponseHeader { key, .. }
            | Self::AnyHeaderWithCredentials { key }
            | Self::AnyHeaderWithoutAuthorization { key }
            | Self::TenantWithoutOrigins { key }
            | Self::UnknownTenant { key, .. }
            | Self::TenantOriginNotListed { key, .. } => key,
        }
    }
}

/// What a policy may say and probably does not mean. One line, naming its key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyWarning {
    /// `patch` in other than upper case (Fetch `#concept-method-normalize` leaves it alone).
    #[error(
        "{key}: {value:?}: browsers do not upper-case patch; a page that sends PATCH is refused"
    )]
    PatchCase {
        /// Where.
        key: String,
        /// As written.
        value: String,
    },
    /// An override that weakens the policy is on.
    #[error("{key} is on")]
    Danger {
        /// Which one.
        key: &'static str,
    },
}

fn write_suggestion(suggestion: Option<&str>) -> String {
    suggestion
        .map(|text| format!("; did you mean {text:?}?"))
        .unwrap_or_default()
}
