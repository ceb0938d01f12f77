//! Configuration: what an operator writes, and what the service runs on.

mod raw;
mod span;
mod validate;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use exeat_jose::Algorithm;
use http::HeaderName;

pub use raw::{RawAlias, RawAudience, RawConfig, RawKeys, RawServer, RawSessionSource};

pub(crate) use validate::audience::exchange_policy;

use crate::{audience::Audience, carrier::Carrier, client_address::TrustedProxies};

/// A checked configuration.
///
/// ```
/// use exeat_issuer::{Config, RawAudience, RawConfig};
///
/// let raw = RawConfig {
///     issuer: Some("https://market.example.com".to_owned()),
///     admin_token_file: Some("admin.token".to_owned()),
///     audience: vec![RawAudience { id: Some("loyalty-api".to_owned()), ..RawAudience::default() }],
///     ..RawConfig::default()
/// };
/// let config = Config::from_raw(raw, "/etc/exeat".as_ref())?;
/// assert_eq!(config.key_directory(), "/etc/exeat/keys");
/// # Ok::<(), exeat_issuer::ConfigErrors>(())
/// ```
///
/// Every problem is reported at once, each with its key:
///
/// ```
/// # use exeat_issuer::{Config, RawConfig};
/// let errors = Config::from_raw(RawConfig::default(), "/etc/exeat".as_ref()).unwrap_err();
/// let keys: Vec<&str> = errors.iter().map(|error| error.key()).collect();
/// assert_eq!(keys, ["issuer", "admin_token_file", "audience"]);
/// ```
#[derive(Debug)]
pub struct Config {
    pub(crate) issuer: IssuerUrl,
    pub(crate) carriers: Vec<Carrier>,
    pub(crate) csrf_header: HeaderName,
    pub(crate) admin_token_file: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) keys: KeysConfig,
    pub(crate) database: PathBuf,
    /// What the operator calls the session source, for logs.
    pub(crate) session_source: Option<String>,
    pub(crate) audiences: Vec<Audience>,
}

/// The `iss` claim and the origin and path it names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IssuerUrl {
    /// Exactly as written: verifiers compare it byte by byte.
    pub(crate) text: String,
    /// The service's own origin; never taken from a request.
    pub(crate) origin: String,
    /// `""` or `"/path"`, without a slash at its end.
    pub(crate) path: String,
}

/// A further path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Alias {
    /// GraphQL bound to the audience at this index.
    GraphQl {
        path: String,
        audience: usize,
    },
    Jwks {
        path: String,
    },
}

/// `[keys]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeysConfig {
    pub(crate) algs: Vec<Algorithm>,
    pub(crate) directory: PathBuf,
    pub(crate) jwks_max_age: Duration,
    pub(crate) skew: Duration,
}

impl Config {
    /// Checks everything an operator wrote. Paths are taken relative to `base_dir`, the directory of the configuration file. No file is
    /// opened: see [`RawConfig::check_files`].
    ///
    /// # Errors
    /// Every problem at once, each naming its key, e.g. `audience[0].ttl`.
    pub fn from_raw(raw: RawConfig, base_dir: &Path) -> Result<Self, ConfigErrors> {
        validate::config(raw, base_dir, validate::Storage::Files)
    }

    /// The same for [`Issuer::in_memory`](crate::Issuer::in_memory): `admin_token_file` may be absent, and the admin routes then refuse
    /// everyone.
    ///
    /// # Errors
    /// As [`from_raw`](Self::from_raw).
    pub fn in_memory(raw: RawConfig) -> Result<Self, ConfigErrors> {
        validate::config(raw, Path::new("."), validate::Storage::Memory)
    }

    /// The `iss` claim.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer.text
    }

    /// Address of the public listener.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Address of the admin listener.
    #[must_use]
    pub const fn admin_listen(&self) -> SocketAddr {
        self.admin_listen
    }

    /// File with the bearer token of the admin listener.
    #[must_use]
    pub fn admin_token_file(&self) -> Option<&Path> {
        self.admin_token_file.as_deref()
    }

    /// Directory of the signing keys and of `session.secret`.
    #[must_use]
    pub fn key_directory(&self) -> &Path {
        &self.keys.directory
    }

    /// The algorithms keys are kept for.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.keys.algs
    }

    /// File of the pushed sessions.
    #[must_use]
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// The CORS policy of the exchange, of all audiences together, as the service uses it; for tools that explain it. Pages of the issuer's own
    /// origin pass whatever it says.
    ///
    /// # Errors
    /// Those of the policy; a checked configuration has none.
    pub fn exchange_policy(&self) -> Result<exeat_cors::Policy, exeat_cors::PolicyErrors> {
        crate::policies::exchange(self)
    }

    /// The `id` of every audience.
    pub fn audience_ids(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(|audience| audience.id.as_str())
    }
}

/// Every problem of a configuration, in the order of the file. Display is one line for each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The problems; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// One problem of a configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    key: String,
    problem: String,
}

impl ConfigError {
    /// The key in the file, e.g. `audience[0].ttl`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong and how to put it right.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

#[cfg(test)]
mod tests;
