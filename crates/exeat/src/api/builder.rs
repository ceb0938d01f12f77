mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use exeat_cors::{Credentials, Failures, PolicyConfig};
use exeat_jose::{AlgorithmSet, Clock, Expectations, JwkSet, SystemClock, TypPolicy};

use super::rules::{Setting, TokenMode};
use super::{TrustedIssuer, failures};
use crate::checks::Checks;
use crate::jwks::{HttpGet, JwksSettings};
use crate::{Detail, TokenCacheSize};

/// The configuration of an external API's gate: who may call it, from which pages, with whose tokens.
///
/// The paved path needs the issuer, the audience and the origin of the page:
///
/// ```no_run
/// use axum::{Json, Router, routing::get};
/// use exeat::{ExternalApi, User};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let gate = ExternalApi::new("https://market.example.com", "loyalty-api")
///     .with_origin("https://market.example.com")
///     .build()
///     .await?;
///
/// let app: Router = Router::new().route("/points", get(points)).layer(gate.layer());
/// # Ok(())
/// # }
///
/// async fn points(user: User) -> Json<String> {
///     Json(user.sub)
/// }
/// ```
#[must_use = "a configuration does nothing before build()"]
pub struct ExternalApi {
    pub(super) issuer: String,
    pub(super) audience: Option<String>,
    pub(super) profile: Profile,
    pub(super) cors: Option<PolicyConfig>,
    pub(super) jwks_uri: Option<String>,
    pub(super) static_keys: Option<Arc<JwkSet>>,
    pub(super) tenants: Option<Vec<String>>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) leeway: Duration,
    pub(super) typ: TypPolicy,
    pub(super) required_claims: Vec<&'static str>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) checks: Checks,
    pub(super) token_cache: Option<TokenCacheSize>,
    pub(super) token_header: Option<String>,
    pub(super) jwks: JwksSettings,
    pub(super) http: Option<Arc<dyn HttpGet>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) allow_insecure_http: bool,
    pub(super) cookies: Cookies,
    pub(super) detail: Detail,
    pub(super) realm: Option<String>,
    pub(super) token_cookie: Option<String>,
    pub(super) web_socket_namespace: Option<String>,
    pub(super) token_mode: TokenMode,
    pub(super) routes: Vec<(String, Setting)>,
    pub(super) query_token_max_age: Duration,
    pub(super) claim_headers: Vec<(String, String)>,
    pub(super) without_hardening: Vec<String>,
    pub(super) speaks_grpc: bool,
    pub(super) resource: Option<String>,
    #[cfg(feature = "resource-metadata")]
    pub(super) supported_scopes: Option<String>,
    pub(super) others: Vec<TrustedIssuer>,
    pub(super) failures: Failures,
}

/// What happens to `Cookie` in requests and `Set-Cookie` in responses that pass the gate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Cookies {
    /// Removed: an API behind a bearer token that cannot see cookies cannot be made to act on them.
    #[default]
    Strip,
    /// Left alone. A wrong yes brings cross-site request forgery back for every handler that looks at a cookie.
    Pass,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Profile {
    Exeat,
    AppDirect,
}

impl ExternalApi {
    /// Tokens of this issuer (`iss`) for this audience (`aud`); both claims are required and compared byte for byte.
    ///
    /// Unless [`Self::with_jwks_uri`] or [`Self::with_static_keys`] is used the issuer must be an https URL (http on loopback):
    /// its metadata (RFC 8414, then OpenID Connect Discovery) names the keys.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::with_profile(issuer.into(), Some(audience.into()), Profile::Exeat, None)
    }

    /// Tokens in AppDirect's form, where `iss` and `aud` may be absent. If present they are checked; without an `audience` here a
    /// token that carries `aud` is refused, because it is meant for somebody else.
    ///
    /// A token without audience is good at every API of the marketplace, so `tenants` is mandatory; `"*"` for any is logged at
    /// start. CORS allows credentials, which AppDirect's documented clients send. `MP-Authorization` is read in addition with
    /// `.with_token_header("MP-Authorization")`.
    pub fn app_direct(
        issuer: impl Into<String>,
        audience: Option<String>,
        tenants: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let tenants = tenants.into_iter().map(Into::into).collect();
        Self::with_profile(issuer.into(), audience, Profile::AppDirect, Some(tenants))
    }

    /// Access tokens of RFC 9068: `typ` is `at+jwt` and nothing else (§4), and the claims of §2.2 are all there: `iss`, `exp`, `aud`, `sub`,
    /// `client_id`, `iat`, `jti`. Otherwise as [`Self::new`].
    ///
    /// ```
    /// let api = exeat::ExternalApi::rfc9068("https://login.example.com", "https://api.example.com");
    /// assert!(api.check().is_ok());
    /// ```
    pub fn rfc9068(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::new(issuer, audience)
            .with_typ(TypPolicy::AccessToken)
            .with_required_claims(["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
    }

    fn with_profile(
        issuer: String,
        audience: Option<String>,
        profile: Profile,
        tenants: Option<Vec<String>>,
    ) -> Self {
        Self {
            issuer,
            audience,
            profile,
            cors: None,
            jwks_uri: None,
            static_keys: None,
            tenants,
            algorithms: AlgorithmSet::DEFAULT,
            leeway: Expectations::DEFAULT_LEEWAY,
            typ: TypPolicy::default(),
            required_claims: Vec::new(),
            max_lifetime: None,
            checks: Checks::default(),
            token_cache: Some(TokenCacheSize::default()),
            token_header: None,
            jwks: JwksSettings::default(),
            http: None,
            clock: Arc::new(SystemClock),
            allow_insecure_http: false,
            cookies: Cookies::default(),
            detail: Detail::default(),
            realm: None,
            token_cookie: None,
            web_socket_namespace: None,
            token_mode: TokenMode::default(),
            routes: Vec::new(),
            query_token_max_age: QUERY_TOKEN_MAX_AGE,
            claim_headers: Vec::new(),
            without_hardening: Vec::new(),
            speaks_grpc: false,
            resource: None,
            #[cfg(feature = "resource-metadata")]
            supported_scopes: None,
            others: Vec::new(),
            failures: failures::known(),
        }
    }

    /// One more origin whose pages may call this API. Default: none, so that every request with a foreign `Origin` is refused.
    pub fn with_origin(self, origin: &str) -> Self {
        self.with_origins([origin])
    }

    /// More origins whose pages may call this API.
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let config = self.cors.get_or_insert_with(|| default_cors(self.profile));
        config.origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// The whole CORS policy, in place of the default one and of origins given before.
    ///
    /// Where tenants are bound to origins, [`Self::with_tenants`] is taken for its `known_tenants` unless it names some.
    ///
    /// ```
    /// use exeat::{ExternalApi, exeat_cors::PolicyConfig};
    ///
    /// let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_policy(PolicyConfig {
    ///     origins: vec!["https://*.market.example.com".to_owned()],
    ///     methods: vec!["GET".to_owned()],
    ///     ..PolicyConfig::default()
    /// });
    /// # drop(api);
    /// ```
    pub fn with_policy(mut self, policy: PolicyConfig) -> Self {
        self.cors = Some(policy);
        self
    }

    /// One more issuer whose tokens are accepted, each with its own keys: at most [`TrustedIssuer::MAX`] with the first. What
    /// [`TrustedIssuer`] does not set holds for it as for the first one.
    ///
    /// The exact `iss` of a token chooses the issuer; keys, fetch budgets and outages of one never touch the tokens of another. With several
    /// issuers `sub` names a user only together with [`crate::VerifiedToken::issuer`], and a tenant's name must mean the same at all.
    ///
    /// ```
    /// use exeat::{ExternalApi, TrustedIssuer};
    ///
    /// let api = ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_issuer(TrustedIssuer::new("https://partner.example"))
    ///     .with_issuer(TrustedIssuer::new("https://login.example").with_audience("https://api.example"));
    /// assert!(api.check().is_ok());
    /// ```
    pub fn with_issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.others.push(issuer);
        self
    }

    /// Where the keys are, instead of the issuer's metadata. https, or http on loopback.
    pub fn with_jwks_uri(mut self, uri: &str) -> Self {
        self.jwks_uri = Some(uri.to_owned());
        self
    }

    /// Pins the keys: nothing is fetched, and a rotation needs a restart.
    pub fn with_static_keys(mut self, keys: JwkSet) -> Self {
        self.static_keys = Some(Arc::new(keys));
        self
    }

    /// The values of the claim `tenant` that are served, in place of earlier ones; `"*"` for any. Default: not looked at.
    pub fn with_tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tenants = Some(tenants.into_iter().map(Into::into).collect());
        self
    }

    /// How keys are held.
    pub fn with_jwks_settings(mut self, settings: JwksSettings) -> Self {
        self.jwks = settings;
        self
    }

    /// The HTTP client for keys and metadata. Default: [`crate::HttpClient`], with the feature `reqwest`.
    pub fn with_http_client(mut self, client: Arc<dyn HttpGet>) -> Self {
        self.http = Some(client);
        self
    }

    /// The source of time. Default: the operating system's clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses calls of gRPC (POST, `application/grpc`) as their clients read it: with HTTP 200 and `grpc-status`. Default: as everything
    /// else. With tonic the layer goes around `Routes::into_axum_router()`.
    ///
    /// Not for a gate that a proxy asks whether to let a request in (nginx's `auth_request`, Traefik's `forwardAuth`, Envoy's
    /// `ext_authz` over HTTP): it takes 200 for a yes, and the content type is the caller's to choose.
    pub fn with_grpc(mut self) -> Self {
        self.speaks_grpc = true;
        self
    }

    /// What happens to cookies. Default: [`Cookies::Strip`].
    pub fn with_cookies(mut self, cookies: Cookies) -> Self {
        self.cookies = cookies;
        self
    }

    /// How much a refused sender learns. Default: [`Detail::Terse`].
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    /// The `realm` of challenges (RFC 9110 §11.5): visible ASCII and spaces, without `"` and `\\`. Default: none.
    pub fn with_realm(mut self, realm: &str) -> Self {
        self.realm = Some(realm.to_owned());
        self
    }

    /// Allows keys and metadata over plain http from any host. Whoever can touch that traffic can then sign tokens; logged at start.
    pub fn allow_insecure_http(mut self) -> Self {
        self.allow_insecure_http = true;
        self
    }
}

impl fmt::Debug for ExternalApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalApi")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn default_cors(profile: Profile) -> PolicyConfig {
    let credentials = match profile {
        Profile::Exeat => Credentials::Omit,
        Profile::AppDirect => Credentials::Include,
    };
    PolicyConfig {
        credentials,
        ..PolicyConfig::default()
    }
}

/// How old a token from a query may be, unless set.
const QUERY_TOKEN_MAX_AGE: Duration = Duration::from_mins(5);
