//! From a configuration to a running gate.

use std::sync::Arc;
use std::time::Duration;

use exeat_cors::Policy;
use exeat_jose::{Expectations, ImportPolicy, JwkSet};
use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};

use super::builder::Profile;
use super::{BuildError, BuildErrors, ExternalApi, Gate, Gates};
use crate::challenge::{Answers, EXEAT_HANDLER, is_quotable};
use crate::jwks::{Fetcher, HttpGet, KeySource, MISS_WAIT, Target};
use crate::tenant::{ANY, Tenants};
use crate::verifier::Verifier;

impl ExternalApi {
    /// Checks the configuration and starts nothing: for a dry run, or to report these problems beside others.
    ///
    /// ```
    /// let errors = exeat::ExternalApi::new("http://market.example.com", "").check().unwrap_err();
    /// assert_eq!(errors.iter().count(), 2);
    /// ```
    ///
    /// # Errors
    /// What [`Self::build`] would find wrong with the settings, at once.
    pub fn check(&self) -> Result<(), BuildErrors> {
        let mut errors = Vec::new();
        self.check_claims(&mut errors);
        let token_header = self.token_header(&mut errors);
        self.policy(token_header.as_ref(), &mut errors);
        self.check_static_keys(&mut errors);
        if self.static_keys.is_none() {
            errors.extend(self.target().err());
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(BuildErrors(errors))
        }
    }

    /// Checks the configuration, starts the task that fetches keys on the current tokio runtime, and waits up to 2 s for the first
    /// keys. Without them the gate starts all the same: it answers 503 until the issuer can be reached.
    ///
    /// # Errors
    /// Every problem of the configuration at once, each naming its setting. An unreachable issuer is none.
    ///
    /// # Panics
    /// Outside of a tokio runtime, like everything that spawns.
    pub async fn build(mut self) -> Result<Gate, BuildErrors> {
        let mut errors = Vec::new();
        self.check_claims(&mut errors);
        let token_header = self.token_header(&mut errors);
        let policy = self.policy(token_header.as_ref(), &mut errors);
        let keys = self.key_source(&mut errors);
        let (Some(policy), Some(keys), true) = (policy, keys, errors.is_empty()) else {
            return Err(BuildErrors(errors));
        };
        for warning in policy.warnings() {
            tracing::warn!(target: "exeat", "cors: {warning}");
        }
        if self.allow_insecure_http {
            tracing::warn!(target: "exeat", "keys may be fetched over plain http: whoever can touch that traffic can sign tokens");
        }
        let keys = match keys {
            Keys::Pinned(keys) => KeySource::pinned(keys, Arc::clone(&self.clock)),
            Keys::Remote(fetcher) => {
                let keys = KeySource::remote(fetcher, self.jwks.clone(), Arc::clone(&self.clock));
                // The end of the time-out is no error: the gate then starts cold.
                let _ = tokio::time::timeout(MISS_WAIT, keys.first_fetch()).await;
                if !keys.is_ready() {
                    tracing::warn!(target: "exeat", "started without signing keys: requests get 503 until the issuer answers");
                }
                keys
            }
        };
        let tenants = self
            .tenants
            .take()
            .map_or(Tenants::Any, Tenants::from_names);
        if self.profile == Profile::AppDirect && matches!(tenants, Tenants::Any) {
            tracing::warn!(target: "exeat", "tokens of every tenant are accepted");
        }
        let verifier = Verifier::new(self.expectations(), keys, tenants, Arc::clone(&self.clock));
        Ok(Gate::new(Gates {
            policy: Arc::new(policy),
            verifier,
            token_header,
            answers: self.answers(),
            cookies: self.cookies,
            set_cookie_seen: false.into(),
        }))
    }

    fn answers(&self) -> Answers {
        Answers {
            detail: self.detail,
            realm: self.realm.as_deref().map(Into::into),
            issuer: self.issuer.as_str().into(),
            audience: self.audience.as_deref().map(Into::into),
            algorithms: self.algorithms,
        }
    }

    fn check_claims(&self, errors: &mut Vec<BuildError>) {
        if let Some(realm) = &self.realm
            && !realm.bytes().all(is_quotable)
        {
            errors.push(BuildError::Realm);
        }
        if self.issuer.is_empty() {
            errors.push(BuildError::EmptyIssuer);
        }
        if self.audience.as_deref() == Some("") {
            errors.push(BuildError::EmptyAudience);
        }
        match self.tenants.as_deref() {
            Some([]) => errors.push(BuildError::Tenants {
                why: "none is listed; \"*\" stands for any",
            }),
            Some(names) if names.iter().any(String::is_empty) => errors.push(BuildError::Tenants {
                why: "an empty name",
            }),
            Some(names) if names.len() > 1 && names.iter().any(|name| name == ANY) => {
                errors.push(BuildError::Tenants {
                    why: "\"*\" stands for any and must be the only one",
                });
            }
            _ => {}
        }
        if self.algorithms.is_empty() {
            errors.push(BuildError::NoAlgorithms);
        }
        if self.leeway > Expectations::MAX_LEEWAY {
            errors.push(BuildError::OutOfRange {
                setting: "leeway",
                value: self.leeway,
                min: Duration::ZERO,
                max: Expectations::MAX_LEEWAY,
            });
        }
        errors.extend(self.jwks.out_of_range().map(|(setting, value, range)| {
            let (min, max) = range.into_inner();
            BuildError::OutOfRange {
                setting,
                value,
                min,
                max,
            }
        }));
    }

    fn token_header(&self, errors: &mut Vec<BuildError>) -> Option<HeaderName> {
        let given = self.token_header.as_ref()?;
        let why = match HeaderName::try_from(given) {
            Ok(AUTHORIZATION) => "is read anyway",
            Ok(COOKIE | ORIGIN) => "cannot carry a token",
            Ok(name) => return Some(name),
            Err(_) => "is not a header name",
        };
        errors.push(BuildError::TokenHeader {
            name: given.clone(),
            why,
        });
        None
    }

    fn policy(
        &self,
        token_header: Option<&HeaderName>,
        errors: &mut Vec<BuildError>,
    ) -> Option<Policy> {
        let Some(mut config) = self.cors.clone() else {
            return Some(Policy::deny_all());
        };
        if let Some(tenants) = &self.tenants
            && config.known_tenants.is_empty()
            && !tenants.iter().any(|name| name == ANY)
        {
            // Origins of a tenant that is never served are a slip of the pen, not a wish.
            config.known_tenants.clone_from(tenants);
        }
        add_name(&mut config.expose_headers, EXEAT_HANDLER.as_str());
        if let Some(name) = token_header {
            add_name(&mut config.request_headers, name.as_str());
        }
        Policy::try_from(config)
            .map_err(|problems| errors.extend(problems.iter().cloned().map(BuildError::Cors)))
            .ok()
    }

    fn check_static_keys(&self, errors: &mut Vec<BuildError>) {
        let Some(keys) = &self.static_keys else {
            return;
        };
        if self.jwks_uri.is_some() {
            errors.push(BuildError::TwoKeySources);
        }
        if keys.is_empty() {
            errors.push(BuildError::NoKeys);
        }
    }

    /// Where keys are fetched from.
    fn target(&self) -> Result<Target, BuildError> {
        match &self.jwks_uri {
            Some(uri) => Target::from_jwks_uri(uri, self.allow_insecure_http).map_err(|why| {
                BuildError::JwksUri {
                    why: why.to_string(),
                }
            }),
            None => Target::from_issuer(&self.issuer, self.allow_insecure_http).map_err(|why| {
                BuildError::Issuer {
                    why: why.to_string(),
                }
            }),
        }
    }

    fn key_source(&mut self, errors: &mut Vec<BuildError>) -> Option<Keys> {
        self.check_static_keys(errors);
        if let Some(keys) = self.static_keys.take() {
            return Some(Keys::Pinned(keys));
        }
        let target = self.target();
        let http = self.http.take().map_or_else(default_client, Ok);
        match (target, http) {
            (Ok(target), Ok(http)) => Some(Keys::Remote(Fetcher::new(
                http,
                target,
                self.import_policy(),
                self.jwks.timeout,
            ))),
            (target, http) => {
                errors.extend(target.err().into_iter().chain(http.err()));
                None
            }
        }
    }

    fn expectations(&self) -> Expectations {
        match (&self.audience, self.profile) {
            (Some(audience), Profile::Exeat) => Expectations::new(&self.issuer, audience),
            (audience, _) => Expectations::dangerously_with_optional_issuer_and_audience(
                &self.issuer,
                audience.clone(),
            ),
        }
        .with_algorithms(self.algorithms)
        .with_typ(self.typ)
        .with_leeway(self.leeway)
        .with_required_claims(&["sub"])
        .with_required_claims(&self.required_claims)
    }

    /// An RSA key without `alg` is taken for the first RSA algorithm that is accepted.
    fn import_policy(&self) -> ImportPolicy {
        let mut policy = ImportPolicy::default();
        let rsa = self.algorithms.iter().find(|alg| alg.is_rsa());
        policy.rsa_default = rsa.unwrap_or(policy.rsa_default);
        policy
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "one exists per gate, while it is built"
)]
enum Keys {
    Pinned(JwkSet),
    Remote(Fetcher),
}

fn add_name(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|held| held.eq_ignore_ascii_case(name)) {
        names.push(name.to_owned());
    }
}

#[cfg(feature = "reqwest")]
fn default_client() -> Result<Arc<dyn HttpGet>, BuildError> {
    let client = crate::HttpClient::new().map_err(BuildError::HttpClient)?;
    Ok(Arc::new(client))
}

#[cfg(not(feature = "reqwest"))]
fn default_client() -> Result<Arc<dyn HttpGet>, BuildError> {
    Err(BuildError::NoHttpClient)
}
