//! What may be shared with whom: written as a [`PolicyConfig`], used as a [`Policy`].

mod config;
mod error;
mod headers;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::origin::{MatchedBy, OriginSet, is_extension};

pub use config::{
    Credentials, Enforcement, ExtensionOrigins, FetchMetadata, PolicyConfig, RequireOrigin,
};
pub use error::{PolicyError, PolicyErrors, PolicyWarning};
pub use headers::{
    MAX_EMPTY_ELEMENTS, MAX_REQUEST_HEADER_NAMES, MAX_REQUEST_HEADERS_LENGTH, MAX_WHITE_SPACE,
};
pub(crate) use headers::{NotGranted, RequestHeaders, is_token_byte};
pub use validate::{MAX_MAX_AGE, MAX_METHOD_LENGTH};

/// A validated policy: immutable, shared in an [`Arc`](std::sync::Arc).
///
/// ```
/// use exeat_cors::{Policy, PolicyConfig};
///
/// let config = PolicyConfig { origins: vec!["https://shop.example".into()], ..PolicyConfig::default() };
/// let policy = Policy::try_from(config)?;
/// assert!(policy.warnings().is_empty());
///
/// // A slash too many would never match. It is refused here, not discovered in production.
/// let config = PolicyConfig { origins: vec!["https://shop.example/".into()], ..PolicyConfig::default() };
/// let errors = Policy::try_from(config).unwrap_err();
/// assert!(errors.to_string().contains("origins[0]: \"https://shop.example/\": remove the trailing /"));
/// # Ok::<(), exeat_cors::PolicyErrors>(())
/// ```
#[derive(Debug)]
pub struct Policy {
    config: PolicyConfig,
    warnings: Vec<PolicyWarning>,
    origins: OriginSet,
    own_origins: OriginSet,
    tenants: BTreeMap<String, OriginSet>,
    methods: Vec<HeaderValue>,
    request_headers: RequestHeaders,
    expose: Option<HeaderValue>,
    max_age: HeaderValue,
    /// A second CORS layer behind this one is worth one warning, not one per request.
    warned_of_second_layer: AtomicBool,
    warned_of_redirect: AtomicBool,
}

impl Policy {
    /// A policy that shares with nobody: every foreign `Origin` is refused. For APIs without browsers, and the only way to have no
    /// origin; its [`config`](Self::config) is refused if it is used again, because an empty list is nearly always a slip.
    #[must_use]
    pub fn deny_all() -> Self {
        validate::deny_all()
    }

    /// The configuration in canonical form: duplicates and redundant patterns gone, header names in lower case. Building a policy from
    /// it gives the same policy.
    #[must_use]
    pub fn config(&self) -> PolicyConfig {
        self.config.clone()
    }

    /// The same policy with another map of tenants to origins in place of its own ([`PolicyConfig::tenants`]).
    ///
    /// ```
    /// use exeat_cors::{Policy, PolicyConfig};
    /// use http::HeaderValue;
    ///
    /// let policy = Policy::try_from(PolicyConfig {
    ///     origins: vec!["https://*.shop.example".into()],
    ///     tenants: [("acme".to_owned(), vec!["https://acme.shop.example".to_owned()])].into(),
    ///     ..PolicyConfig::default()
    /// })?;
    /// let later = policy.with_tenants([("north".to_owned(), vec!["https://north.shop.example".to_owned()])].into())?;
    /// let acme = HeaderValue::from_static("https://acme.shop.example");
    /// assert!(policy.tenant_allows(Some("acme"), &acme) && !later.tenant_allows(Some("acme"), &acme));
    /// # Ok::<(), exeat_cors::PolicyErrors>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it; [`PolicyError::NoTenants`] for an empty one, which would bind no tenant any more.
    pub fn with_tenants(
        &self,
        tenants: BTreeMap<String, Vec<String>>,
    ) -> Result<Self, PolicyErrors> {
        if tenants.is_empty() {
            return Err(PolicyErrors(vec![PolicyError::NoTenants]));
        }
        Self::try_from(PolicyConfig {
            tenants,
            ..self.config()
        })
    }

    /// What is legal and probably not meant. To be logged once, at start.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// Is this exact `Origin` header value foreign and listed?
    #[must_use]
    pub fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.find_origin(origin).is_some()
    }

    /// Is this exact `Origin` header value one of the API's own? Such requests pass without being shared.
    #[must_use]
    pub fn is_own_origin(&self, origin: &HeaderValue) -> bool {
        self.own_origins.find(origin.as_bytes()).is_some()
    }

    /// May a token of this tenant be used from this exact `Origin` header value? Always, if the policy names no tenants; never for a
    /// tenant it does not name, or for a token without one. From an extension also as [`ExtensionOrigins`] says.
    ///
    /// This crate never sees a token, so its layer cannot ask: whoever has verified the tenant claim must, as exeat's gate does.
    #[must_use]
    pub fn tenant_allows(&self, tenant: Option<&str>, origin: &HeaderValue) -> bool {
        self.tenants.is_empty()
            || tenant
                .and_then(|tenant| self.tenants.get(tenant))
                .is_some_and(|origins| {
                    origins.find(origin.as_bytes()).is_some() || self.is_for_any_tenant(origin)
                })
    }

    fn is_for_any_tenant(&self, origin: &HeaderValue) -> bool {
        self.config.extension_origins == ExtensionOrigins::TenantAny
            && is_extension(origin.as_bytes())
            && self.find_origin(origin).is_some()
    }

    pub(crate) fn find_origin(&self, origin: &HeaderValue) -> Option<MatchedBy> {
        self.origins.find(origin.as_bytes())
    }

    /// Is this a policy for public data (`*`)?
    pub(crate) fn is_public(&self) -> bool {
        self.origins.is_any()
    }

    pub(crate) fn enforcement(&self) -> Enforcement {
        self.config.enforcement
    }

    pub(crate) fn require_origin(&self) -> RequireOrigin {
        self.config.require_origin
    }

    /// Are `Sec-Fetch-*` headers looked at? Public data is anybody's to link to and to embed.
    pub(crate) fn reads_fetch_metadata(&self) -> bool {
        self.config.fetch_metadata == FetchMetadata::Narrow && !self.is_public()
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.config.credentials
    }

    /// The configured method with these bytes; methods are case-sensitive (RFC 9110 §9.1).
    pub(crate) fn find_method(&self, method: &[u8]) -> Option<&HeaderValue> {
        self.methods
            .iter()
            .find(|configured| configured.as_bytes() == method)
    }

    /// The configured methods, in the operator's order.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &HeaderValue> {
        self.methods.iter()
    }

    pub(crate) fn request_headers(&self) -> &RequestHeaders {
        &self.request_headers
    }

    pub(crate) fn expose(&self) -> Option<&HeaderValue> {
        self.expose.as_ref()
    }

    pub(crate) fn max_age(&self) -> &HeaderValue {
        &self.max_age
    }

    /// True the first time it is asked.
    pub(crate) fn first_sight_of_second_layer(&self) -> bool {
        !self.warned_of_second_layer.swap(true, Ordering::Relaxed)
    }

    /// True the first time it is asked.
    pub(crate) fn first_sight_of_redirect(&self) -> bool {
        !self.warned_of_redirect.swap(true, Ordering::Relaxed)
    }
}
