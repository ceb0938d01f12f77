use std::fmt;
use std::time::Duration;

use exeat_cors::PolicyError;

use crate::FetchError;

/// Everything that is wrong with a configuration, at once. Never empty.
pub struct BuildErrors(pub(crate) Vec<BuildError>);

impl BuildErrors {
    /// Each problem.
    pub fn iter(&self) -> impl Iterator<Item = &BuildError> {
        self.0.iter()
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

/// The same text as [`Display`](fmt::Display): a `main` that returns an error prints it this way.
impl fmt::Debug for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildErrors {}

/// One problem of a configuration; its text names the setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is empty.
    #[error("issuer: is empty")]
    EmptyIssuer,
    /// Keys are to be discovered from an issuer that cannot be fetched from.
    #[error(
        "issuer: {why}; give the keys with with_jwks_uri or with_static_keys if the issuer has no metadata"
    )]
    Issuer {
        /// What is wrong.
        why: String,
    },
    /// The audience is empty.
    #[error("audience: is empty")]
    EmptyAudience,
    /// `with_jwks_uri` cannot be fetched from.
    #[error("jwks_uri: {why}")]
    JwksUri {
        /// What is wrong.
        why: String,
    },
    /// Both `with_jwks_uri` and `with_static_keys`.
    #[error("static_keys: given together with jwks_uri; choose one")]
    TwoKeySources,
    /// `with_static_keys` without a usable key.
    #[error("static_keys: no usable key")]
    NoKeys,
    /// The same `iss` is given to more than one issuer: which keys would be its?
    #[error("issuers: {issuer:?} is there more than once")]
    DuplicateIssuer {
        /// Its `iss`.
        issuer: String,
    },
    /// More issuers than [`super::TrustedIssuer::MAX`].
    #[error("issuers: {count}, at most {}", super::TrustedIssuer::MAX)]
    TooManyIssuers {
        /// How many there are.
        count: usize,
    },
    /// A problem of an issuer that was added with `with_issuer`.
    #[error("issuers[{issuer:?}].{problem}")]
    OfIssuer {
        /// Its `iss`.
        issuer: String,
        /// What is wrong with it.
        problem: Box<BuildError>,
    },
    /// No algorithm is allowed.
    #[error("algorithms: none")]
    NoAlgorithms,
    /// A duration outside its range.
    #[error("{setting}: {}, must be {} to {}", Human(*.value), Human(*.min), Human(*.max))]
    OutOfRange {
        /// Which.
        setting: &'static str,
        /// What it is.
        value: Duration,
        /// Its least value.
        min: Duration,
        /// Its greatest value.
        max: Duration,
    },
    /// A token cache that holds nothing, or more than it can count.
    #[error("token_cache: {why}")]
    TokenCache {
        /// What is wrong.
        why: &'static str,
    },
    /// An empty tenant list, or an empty name in it.
    #[error("tenants: {why}")]
    Tenants {
        /// What is wrong.
        why: &'static str,
    },
    /// `with_token_header` names no header, or one that cannot carry a token.
    #[error("token_header: {name:?} {why}")]
    TokenHeader {
        /// What was given.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// `with_realm` is given what a quoted-string cannot hold as it is.
    #[error("realm: visible ASCII and spaces, without \" and \\")]
    Realm,
    /// `with_token_cookie` is given no cookie name.
    #[error("token_cookie: {name:?} is not a cookie name")]
    TokenCookie {
        /// What was given.
        name: String,
    },
    /// `with_web_socket_token` is given what cannot be a part of a subprotocol.
    #[error(
        "web_socket_token: {namespace:?} must be 1 to 128 letters, digits or one of !#$%&'*+-.^_`|~"
    )]
    WebSocketNamespace {
        /// What was given.
        namespace: String,
    },
    /// `with_token_mode` opens everything.
    #[error("token_mode: Public is for single routes; use cors_layer for a service without tokens")]
    PublicGate,
    /// What is said of a route (`with_route`, `with_query_token` and the like) cannot mean what it says.
    #[error("route {path:?}: {why}")]
    Route {
        /// The path that was given.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// `with_claim_header` names no header, or one that claims must not be in.
    #[error("claim_header: {name:?} {why}")]
    ClaimHeader {
        /// The name that was given.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// `with_resource` is no URL of an API.
    #[error("resource: {why}")]
    Resource {
        /// What is wrong.
        why: &'static str,
    },
    /// `with_supported_scopes` is no scope of RFC 6749 §3.3.
    #[error(
        "supported_scopes: up to 32 scopes of 1 to 64 visible ASCII characters, separated by one space"
    )]
    SupportedScopes,
    /// `without_hardening` names a header that is not one of them.
    #[error("hardening: {name:?} is no header of the set")]
    Hardening {
        /// What was given.
        name: String,
    },
    /// The CORS policy.
    #[error("cors: {0}")]
    Cors(#[source] PolicyError),
    /// This build has no HTTP client: the feature `reqwest` is off.
    #[error("http_client: this build has none; enable the feature reqwest or use with_http_client")]
    NoHttpClient,
    /// The HTTP client cannot be built.
    #[error("http_client: {0}")]
    HttpClient(#[source] FetchError),
}

struct Human(Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{} s", self.0.as_secs())
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}
