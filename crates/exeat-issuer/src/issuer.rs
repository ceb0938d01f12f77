//! The service: opened from a configuration, served as two routers.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use exeat_cors::{Policy, PolicyErrors};
use exeat_jose::{Clock, NumericDate};
use zeroize::Zeroizing;

use crate::{
    admin_token::AdminToken,
    audience::Shape,
    client_address::TrustedProxies,
    config::{Alias, Config, IssuerUrl},
    exchange::{Exchange, LOOKUP_TIMEOUT, Refused},
    jwks::KeySnapshots,
    key_ring::KeyRing,
    key_store::{self, KeyStoreError},
    meter::Meter,
    policies,
    random::{Random, SystemRandom},
    routes::{self, TokenSchema},
    session::{
        MemorySessions, PushedSessions, SECRET_LEN, SessionSecrets, SessionSource, Sessions,
        StoreError,
    },
};

/// The issuer service. Cheap to clone.
///
/// The two routers are plain `axum::Router`s: serve them on listeners of their own, or merge or nest the public one into a
/// marketplace's own application.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, routing::get};
/// use exeat_issuer::{Config, Issuer, NewSession, RawAudience, RawConfig, RawKeys};
/// use exeat_jose::{Clock, SystemClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::in_memory(RawConfig {
///     issuer: Some("https://market.example.com".to_owned()),
///     keys: RawKeys { algs: Some(vec!["ES256".to_owned()]), ..RawKeys::default() },
///     audience: vec![RawAudience { id: Some("loyalty-api".to_owned()), ..RawAudience::default() }],
///     ..RawConfig::default()
/// })?;
/// let issuer = Issuer::in_memory(config, Arc::new(SystemClock))?;
///
/// // The marketplace's own pages and the exchange on one origin.
/// let app: Router = Router::new().route("/", get(|| async { "welcome" })).merge(issuer.router());
///
/// // At log-in.
/// let ends = SystemClock.now().saturating_add(std::time::Duration::from_secs(3_600));
/// let session = issuer.sessions().put(NewSession::new("user-1", "ada@example.com", "tenant-1", ends)).await?;
/// assert!(session.generated_id.is_some());
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Issuer {
    service: Arc<Service>,
}

/// What the handlers see.
pub(crate) struct Service {
    pub(crate) issuer: IssuerUrl,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) jwks_max_age: Duration,
    /// `*` without credentials, for the key set and the metadata.
    pub(crate) public_policy: Policy,
    pub(crate) exchange: Exchange,
    pub(crate) graphql: TokenSchema,
    pub(crate) sessions: Sessions,
    /// `None`: the admin routes refuse everyone.
    pub(crate) admin_token: Option<AdminToken>,
    pub(crate) trusted_proxies: TrustedProxies,
}

/// The service cannot start. Messages name the file or the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key directory.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The database of pushed sessions.
    #[error("{} cannot be used", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Sessions exist that only this file can find.
    #[error(
        "{} is missing or is not the one the sessions in {} were made with: restore it, or remove the database to sign everyone out",
        secret.display(),
        database.display()
    )]
    SessionSecret {
        /// The secret's place.
        secret: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// The admin token cannot be used.
    #[error("admin_token_file: {why}")]
    AdminToken {
        /// What is wrong.
        why: String,
    },
    /// The origins or headers do not make a CORS policy.
    #[error("origins and headers make no cross-origin policy")]
    Policy(#[from] PolicyErrors),
    /// The operating system gave no randomness or no thread.
    #[error("no randomness or no thread from the operating system")]
    System,
}

impl Issuer {
    /// Opens the key directory, the session secret and the database, creating what is missing on a first start.
    ///
    /// # Errors
    /// [`OpenError`], naming the file: a damaged or misnamed key, a missing session secret while sessions exist, an unusable database or
    /// admin token.
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let token_file = config.admin_token_file.clone();
        let (directory, algs) = (config.keys.directory.clone(), config.keys.algs.clone());
        let now = clock.now();
        let (admin_token, ring) = blocking(move || {
            let admin_token = match token_file {
                Some(file) => AdminToken::read(&file),
                None => Err("missing".to_owned()),
            };
            let admin_token = admin_token.map_err(|why| OpenError::AdminToken { why })?;
            Ok((admin_token, key_store::open(&directory, &algs, now)?))
        })
        .await?;
        let (secrets, source) = open_sessions(&config, now).await?;
        Self::assemble(
            config,
            Parts {
                ring,
                secrets,
                source,
                clock,
                random: Arc::new(SystemRandom),
                admin_token: Some(admin_token),
            },
        )
    }

    /// A service whose keys and sessions end with the process, for demos and tests. It touches no file, `admin_token_file` included.
    ///
    /// Makes RSA keys when `keys.algs` asks for them, which takes up to seconds: keep it off async threads then.
    ///
    /// # Errors
    /// [`OpenError`]: this build cannot make keys of an algorithm, or the policy is unusable.
    pub fn in_memory(config: Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::in_memory_with(config, clock, Arc::new(SystemRandom), None)
    }

    pub(crate) fn in_memory_with(
        config: Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        admin_token: Option<AdminToken>,
    ) -> Result<Self, OpenError> {
        let ring = key_store::in_memory(&config.keys.algs, clock.now())?;
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        random
            .fill(secret.as_mut_slice())
            .map_err(|_| OpenError::System)?;
        let secrets = SessionSecrets::derive(&secret);
        let source = Arc::new(MemorySessions::default());
        Self::assemble(
            config,
            Parts {
                ring,
                secrets,
                source,
                clock,
                random,
                admin_token,
            },
        )
    }

    pub(crate) fn assemble(config: Config, parts: Parts) -> Result<Self, OpenError> {
        let policy = policies::exchange(&config)?;
        warn_of_weak_shapes(&config);
        let Parts {
            ring,
            secrets,
            source,
            clock,
            random,
            admin_token,
        } = parts;
        let secrets = Arc::new(secrets);
        let sessions = Sessions {
            source: Arc::clone(&source),
            secrets: Arc::clone(&secrets),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let exchange = Exchange {
            meter: Meter::new(&config.audiences, Arc::clone(&clock)),
            issuer: config.issuer.text.clone(),
            own_origin: config.issuer.origin.clone(),
            carriers: config.carriers,
            csrf_header: config.csrf_header,
            audiences: config.audiences,
            policy,
            skew: config.keys.skew,
            keys: KeySnapshots::new(ring, clock.now()),
            secrets,
            source,
            clock,
            random,
        };
        let service = Service {
            issuer: config.issuer,
            aliases: config.aliases,
            jwks_max_age: config.keys.jwks_max_age,
            public_policy: policies::documents()?,
            exchange,
            graphql: TokenSchema::new(),
            sessions,
            admin_token,
            trusted_proxies: config.trusted_proxies,
        };
        Ok(Self {
            service: Arc::new(service),
        })
    }

    /// The public listener: `/v1/token`, `/graphql` and its aliases, the key set and its aliases, metadata, `/livez`, `/readyz`.
    ///
    /// It has no fallback, so it can be merged or nested into another application. Session ids come in cookies and headers: serve it over
    /// TLS.
    ///
    /// Its events name the caller's address if the application is served so that requests carry it, as
    /// `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())` does. Behind a proxy, set
    /// [`trusted_proxies`](crate::RawServer::trusted_proxies) too.
    pub fn router(&self) -> Router {
        routes::public(&self.service)
    }

    /// The admin listener: `/admin/v1/sessions` behind the admin token, `/livez`. Serve it where only the marketplace's backend reaches it.
    pub fn admin_router(&self) -> Router {
        routes::admin(&self.service)
    }

    /// Pushing and revoking sessions in this process.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.service.sessions
    }

    /// Brings the gauges of the signing keys up to date, for the recorder of the facade `metrics` that is installed: call it before each
    /// scrape, since no event marks the end of a key's time. Counters and histograms need no such call; their handles belong to the
    /// recorder that was installed when this service was opened.
    #[cfg(feature = "metrics")]
    pub fn observe_keys(&self) {
        let exchange = &self.service.exchange;
        exchange.keys.observe(exchange.clock.now());
    }

    /// What `/readyz` says: a key signs for every audience, and the session source answers within 800 ms.
    pub async fn is_ready(&self) -> bool {
        self.service.readiness().await.is_ok()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("issuer", &self.service.issuer.text)
            .finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) async fn readiness(&self) -> Result<(), Refused> {
        let exchange = &self.exchange;
        let snapshot = exchange.keys.current(exchange.clock.now());
        if exchange
            .audiences
            .iter()
            .any(|audience| snapshot.active(audience.alg).is_none())
        {
            return Err(Refused::NoSigningKey);
        }
        match tokio::time::timeout(LOOKUP_TIMEOUT, exchange.source.health()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Refused::SessionSourceUnavailable),
        }
    }
}

/// What a service is put together from.
pub(crate) struct Parts {
    pub(crate) ring: KeyRing,
    pub(crate) secrets: SessionSecrets,
    pub(crate) source: Arc<dyn SessionSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) admin_token: Option<AdminToken>,
}

async fn open_sessions(
    config: &Config,
    now: NumericDate,
) -> Result<(SessionSecrets, Arc<dyn SessionSource>), OpenError> {
    let directory = config.keys.directory.clone();
    let secret_file = key_store::session_secret_file(&directory);
    let secret_missing = || OpenError::SessionSecret {
        secret: secret_file.clone(),
        database: config.database.clone(),
    };
    let failed = |why: StoreError| match why {
        StoreError::ForeignSecret => secret_missing(),
        why => OpenError::Database {
            file: config.database.clone(),
            source: Box::new(why),
        },
    };
    // Two processes that create and migrate one database at once would trip over each other.
    let to_lock = directory.clone();
    let lock = blocking(move || Ok(key_store::prepare(&to_lock)?)).await?;
    let database = PushedSessions::open(&config.database)
        .await
        .map_err(failed)?;
    drop(lock);
    let may_create = !database.any_live(now).await.map_err(failed)?;
    let secret = blocking(move || {
        Ok(key_store::session_secret(
            &directory,
            may_create,
            &SystemRandom,
        )?)
    })
    .await?;
    let secrets = SessionSecrets::derive(&*secret.ok_or_else(secret_missing)?);
    database.bind_secret(&secrets, now).await.map_err(failed)?;
    tracing::info!(
        source = config.session_source,
        file = %config.database.display(),
        "session source opened"
    );
    Ok((secrets, Arc::new(database)))
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| OpenError::System)?
}

fn warn_of_weak_shapes(config: &Config) {
    for audience in config
        .audiences
        .iter()
        .filter(|audience| audience.shape == Shape::Strict)
    {
        tracing::warn!(
            audience = audience.id,
            profile = audience.profile.name(),
            "strict_shape: tokens name no audience, so an API that gets one can use it at any other API of this issuer"
        );
    }
}
