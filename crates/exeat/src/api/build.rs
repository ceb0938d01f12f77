//! From a configuration to a running gate.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use exeat_cors::{CorsLayer, Policy};
use exeat_jose::Expectations;

use super::builder::Profile;
use super::claim_headers::ClaimHeaders;
use super::hardening::Hardening;
use super::policy::{self, Terms};
use super::resource::Resource;
#[cfg(feature = "resource-metadata")]
use super::resource::Served;
use super::rules::Rules;
use super::trusted_issuer::Resolved;
use super::{BuildError, BuildErrors, ExternalApi, Gate, Gates};
use crate::TokenCacheSize;
use crate::challenge::{Answers, is_quotable};
use crate::issuers::{Issuers, Trust};
use crate::jwks::{Fetcher, HttpGet, KeySource};
use crate::meter::{KeyMeter, RequestMeter};
use crate::tenant::Tenants;
use crate::token::Sources;
use crate::token_cache::TokenCache;
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
        self.check_settings(&mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(BuildErrors(errors))
        }
    }

    /// Checks the configuration, starts the tasks that fetch keys on the current tokio runtime, and waits up to 2 s for the first
    /// keys of every issuer. Without them the gate starts all the same: it answers 503 until the issuer can be reached.
    ///
    /// # Errors
    /// Every problem of the configuration at once, each naming its setting. An unreachable issuer is none.
    ///
    /// # Panics
    /// Outside of a tokio runtime, like everything that spawns.
    pub async fn build(mut self) -> Result<Gate, BuildErrors> {
        let mut errors = Vec::new();
        let Settings {
            sources,
            terms,
            policy,
            rules,
            claim_headers,
            hardening,
            resource,
            #[cfg(feature = "resource-metadata")]
            served,
        } = self.check_settings(&mut errors);
        let http = self.client().map_err(|error| errors.push(error));
        let (Some(policy), Ok(http), true) = (policy, http, errors.is_empty()) else {
            return Err(BuildErrors(errors));
        };
        policy::warn_of(&policy);
        if self.allow_insecure_http {
            tracing::warn!(target: "exeat", "keys may be fetched over plain http: whoever can touch that traffic can sign tokens");
        }
        let first = self.trust(&self.first_issuer(), http.as_ref());
        let others: Result<Vec<_>, _> = self
            .other_issuers()
            .map(|issuer| self.trust(&issuer, http.as_ref()))
            .collect();
        let first = first.map_err(|error| BuildErrors(vec![error]))?;
        let others = others.map_err(|error| BuildErrors(vec![error]))?;
        if self.profile == Profile::AppDirect && matches!(first.tenants, Tenants::Any) {
            tracing::warn!(target: "exeat", "tokens of every tenant are accepted");
        }
        let issuers = Issuers::new(first, others);
        issuers.first_fetch().await;
        let answers = self.answers();
        let meter = RequestMeter::new(Arc::clone(&self.clock));
        Ok(Gate::new(Gates {
            cors: CorsLayer::new(policy).with_failures(self.failures.clone()),
            terms,
            clock: Arc::clone(&self.clock),
            verifier: Verifier::new(
                issuers,
                self.checks,
                self.token_cache.map(TokenCache::new),
                self.clock,
            ),
            sources,
            rules,
            query_token_max_age: self.query_token_max_age,
            claim_headers,
            hardening,
            speaks_grpc: self.speaks_grpc,
            resource,
            #[cfg(feature = "resource-metadata")]
            served,
            answers,
            meter,
            cookies: self.cookies,
            set_cookie_seen: false.into(),
            failures: self.failures,
        }))
    }

    fn answers(&self) -> Answers {
        Answers {
            detail: self.detail,
            realm: self.realm.as_deref().map(Into::into),
            issuer: self.issuer.as_str().into(),
            audience: self.audience.as_deref().map(Into::into),
            algorithms: self.algorithms,
            typ: self.typ,
            has_several_issuers: !self.others.is_empty(),
        }
    }

    fn check_settings(&self, errors: &mut Vec<BuildError>) -> Settings {
        if let Some(realm) = &self.realm
            && !realm.bytes().all(is_quotable)
        {
            errors.push(BuildError::Realm);
        }
        let first = self.first_issuer();
        first.check_claims(errors);
        self.check_times(errors);
        let sources = self.sources(errors);
        let rules = self.rules(errors);
        let resource = self.resource(errors);
        let terms = self.terms(&sources);
        let settings = Settings {
            policy: self.policy(&terms, errors),
            terms,
            #[cfg(feature = "resource-metadata")]
            served: self.served(resource.as_ref(), &rules, errors),
            resource,
            rules,
            claim_headers: self.claim_headers(errors),
            hardening: self.hardening(errors),
            sources,
        };
        first.check_keys(self.allow_insecure_http, errors);
        self.check_issuers(errors);
        settings
    }

    /// `None`: every key is pinned, nothing is fetched.
    fn client(&mut self) -> Result<Option<Arc<dyn HttpGet>>, BuildError> {
        let is_pinned = |issuer: Resolved<'_>| issuer.static_keys.is_some();
        if is_pinned(self.first_issuer()) && self.other_issuers().all(is_pinned) {
            return Ok(None);
        }
        self.http.take().map_or_else(default_client, Ok).map(Some)
    }

    /// Starts fetching unless the keys are pinned.
    fn trust(
        &self,
        issuer: &Resolved<'_>,
        http: Option<&Arc<dyn HttpGet>>,
    ) -> Result<Trust, BuildError> {
        let clock = Arc::clone(&self.clock);
        let meter = KeyMeter::new(issuer.issuer);
        let keys = match (issuer.static_keys, http) {
            (Some(keys), _) => KeySource::pinned(Arc::clone(keys), clock, meter),
            (None, None) => return Err(BuildError::NoHttpClient),
            (None, Some(http)) => {
                let fetcher = Fetcher::new(
                    Arc::clone(http),
                    issuer.target(self.allow_insecure_http)?,
                    issuer.import_policy(),
                    &self.jwks,
                );
                KeySource::remote(fetcher, self.jwks.clone(), clock, meter)
            }
        };
        let expectations = issuer.expectations(self.leeway);
        Ok(Trust {
            expectations: match self.max_lifetime {
                Some(max) => expectations.with_max_lifetime(max),
                None => expectations,
            },
            keys,
            tenants: issuer.tenants(),
            may_be_unnamed: issuer.profile == Profile::AppDirect,
        })
    }

    fn check_times(&self, errors: &mut Vec<BuildError>) {
        if self.leeway > Expectations::MAX_LEEWAY {
            errors.push(BuildError::OutOfRange {
                setting: "leeway",
                value: self.leeway,
                min: Duration::ZERO,
                max: Expectations::MAX_LEEWAY,
            });
        }
        if let Some(max) = self.max_lifetime
            && !LIFETIMES.contains(&max)
        {
            errors.push(BuildError::OutOfRange {
                setting: "max_lifetime",
                value: max,
                min: *LIFETIMES.start(),
                max: *LIFETIMES.end(),
            });
        }
        if !QUERY_TOKEN_AGES.contains(&self.query_token_max_age) {
            errors.push(BuildError::OutOfRange {
                setting: "query_token_max_age",
                value: self.query_token_max_age,
                min: *QUERY_TOKEN_AGES.start(),
                max: *QUERY_TOKEN_AGES.end(),
            });
        }
        errors.extend(
            self.token_cache
                .and_then(TokenCacheSize::problem)
                .map(|why| BuildError::TokenCache { why }),
        );
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
}

/// What a maximum lifetime may be.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(366 * 24);

/// What the maximum age of a token from a query may be.
const QUERY_TOKEN_AGES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);

/// What a request is held against, besides its issuer.
struct Settings {
    sources: Sources,
    terms: Terms,
    policy: Option<Policy>,
    rules: Rules,
    claim_headers: ClaimHeaders,
    hardening: Hardening,
    resource: Option<Resource>,
    #[cfg(feature = "resource-metadata")]
    served: Option<Arc<Served>>,
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
