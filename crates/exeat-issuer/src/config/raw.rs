use std::path::Path;

use serde::Deserialize;

use super::{ConfigError, ConfigErrors};
use crate::admin_token::AdminToken;

/// The configuration as an operator writes it (TOML, environment overrides).
///
/// Nothing is checked here but spelling: unknown keys are refused. [`Config::from_raw`](crate::Config::from_raw) checks the rest and
/// reports every problem at once, so nothing in this type is mandatory for serde.
///
/// Durations are a whole number and one unit: `"300s"`, `"5m"`, `"24h"`, `"30d"`. Paths are relative to the configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// The `iss` of every token and the origin of this service. An `https` URL without a slash at its end; `http` on loopback only.
    pub issuer: Option<String>,
    /// Where a session id may sit: `cookie:<name>`, `authorization-session`, `header:<Name>`, `body`. Default: `cookie:__Host-Http-sid`,
    /// `authorization-session`, `header:X-Session-Id`, `body`.
    pub carriers: Option<Vec<String>>,
    /// The header that a request with a session cookie must carry. Default `X-Requested-By`.
    pub csrf_header: Option<String>,
    /// File with the bearer token of the admin listener. Mandatory.
    pub admin_token_file: Option<String>,
    /// `[server]`
    pub server: RawServer,
    /// `[[alias]]`: further paths.
    pub alias: Vec<RawAlias>,
    /// `[keys]`
    pub keys: RawKeys,
    /// `[[session_source]]`: at most one, of kind `pushed`. Default: `sqlite:exeat.db`.
    pub session_source: Vec<RawSessionSource>,
    /// `[[audience]]`: the external APIs tokens are made for. At least one.
    pub audience: Vec<RawAudience>,
}

impl RawConfig {
    /// Checks the files that must be there before a first start: `admin_token_file`, taken relative to `base_dir`. Opens it for reading and
    /// makes nothing. A file that is not named is left to [`Config::from_raw`](crate::Config::from_raw).
    ///
    /// # Errors
    /// The key of a file that is missing, unreadable, writable by everyone, or holds no token of at least 32 visible ASCII characters.
    pub fn check_files(&self, base_dir: &Path) -> Result<(), ConfigErrors> {
        match self.admin_token_file.as_deref() {
            None | Some("") => Ok(()),
            Some(file) => match AdminToken::read(&base_dir.join(file)) {
                Ok(_) => Ok(()),
                Err(problem) => Err(ConfigErrors(vec![ConfigError {
                    key: "admin_token_file".to_owned(),
                    problem,
                }])),
            },
        }
    }
}

/// `[server]`: the two listeners.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawServer {
    /// Public listener, `address:port`. Default `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// Admin listener, `address:port`. Default `127.0.0.1:8081`.
    pub admin_listen: Option<String>,
    /// Addresses (`127.0.0.1`) and networks (`10.1.2.0/24`) of the proxies in front, whose [`forwarded_header`](Self::forwarded_header)
    /// says where a request came from, for the log. Only the proxies: whoever connects from here can write any address. Default none: the
    /// peer of the connection is the client, and no forwarded header is read. The service's own address is `issuer`, whatever they say.
    pub trusted_proxies: Vec<String>,
    /// The one header that the proxies write: `X-Forwarded-For` or `Forwarded` (RFC 7239). Default `X-Forwarded-For`. The other one is not
    /// read, because proxies pass it on as clients made it up.
    pub forwarded_header: Option<String>,
}

/// `[[alias]]`: either `graphql` with `audience`, or `jwks`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAlias {
    /// A path that answers GraphQL. It waives the CSRF header, because `AppDirect`'s own client sends none.
    pub graphql: Option<String>,
    /// The `id` of the audience the GraphQL path mints for: the query names none.
    pub audience: Option<String>,
    /// A path that answers the key set.
    pub jwks: Option<String>,
}

/// `[keys]`: signing keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawKeys {
    /// `ES256`, `RS256`; a line of keys for each. Default both.
    pub algs: Option<Vec<String>>,
    /// Directory of the keys and of `session.secret`. Default `keys`.
    pub directory: Option<String>,
    /// How long verifiers may keep the key set, 15 s to 24 h, each answer ± 20 %. Default `5m`.
    pub jwks_max_age: Option<String>,
    /// Distance kept between the end of a token and the end of its key, 0 s to 10 min. Default `60s`.
    pub skew: Option<String>,
}

/// `[[session_source]]`: where sessions come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSessionSource {
    /// A name for logs.
    pub id: Option<String>,
    /// `pushed`.
    pub kind: Option<String>,
    /// `sqlite:<file>`. Default `sqlite:exeat.db`.
    pub database: Option<String>,
}

/// `[[audience]]`: one external API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAudience {
    /// The name clients ask with. Mandatory, unique.
    pub id: Option<String>,
    /// The `aud` claim. Default: `id`.
    pub aud: Option<String>,
    /// `ES256` or `RS256`. Default `ES256`.
    pub alg: Option<String>,
    /// Life of a token, 10 s to 24 h. Default `5m`.
    pub ttl: Option<String>,
    /// `true`: exactly `sub`, `name`, `tenant`, `iat`, `exp`; tokens are then bound to no audience. Default `false`.
    pub strict_shape: Option<bool>,
    /// `exeat` or `appdirect`. Default `exeat`.
    pub profile: Option<String>,
    /// Origins of the pages that may ask. Default: the origin of `issuer`; when given, the whole list.
    pub origins: Option<Vec<String>>,
    /// Tenants whose sessions may ask; `*` is every tenant. Default `*`.
    pub tenants: Option<Vec<String>>,
    /// Scopes this audience knows. Default none.
    pub scopes: Option<Vec<String>>,
    /// `true`: tokens say `ro: true` and keep only scopes that end in `read`. Default `false`.
    pub read_only: Option<bool>,
}
