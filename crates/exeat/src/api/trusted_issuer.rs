use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use exeat_jose::{AlgorithmSet, Expectations, ImportPolicy, JwkSet, TypPolicy};

use super::builder::Profile;
use super::{BuildError, ExternalApi};
use crate::jwks::Target;
use crate::tenant::{ANY, Tenants};

/// One more issuer whose tokens an API accepts. See [`ExternalApi::with_issuer`].
///
/// Unless [`Self::with_jwks_uri`] or [`Self::with_static_keys`] is used it must be an https URL (http on loopback): its metadata names
/// the keys.
#[must_use = "a configuration does nothing before build()"]
pub struct TrustedIssuer {
    issuer: String,
    audience: Option<String>,
    jwks_uri: Option<String>,
    static_keys: Option<Arc<JwkSet>>,
    tenants: Option<Vec<String>>,
    algorithms: Option<AlgorithmSet>,
    typ: Option<TypPolicy>,
    required_claims: Vec<&'static str>,
}

impl TrustedIssuer {
    /// The most issuers of one gate, the first included: 16.
    pub const MAX: usize = 16;

    /// Tokens whose `iss` is exactly this.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: None,
            jwks_uri: None,
            static_keys: None,
            tenants: None,
            algorithms: None,
            typ: None,
            required_claims: Vec::new(),
        }
    }

    /// What `aud` must be or hold. Default: the audience of [`ExternalApi::new`].
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Where its keys are, instead of its metadata.
    pub fn with_jwks_uri(mut self, uri: &str) -> Self {
        self.jwks_uri = Some(uri.to_owned());
        self
    }

    /// Pins its keys: nothing is fetched, and a rotation needs a restart.
    pub fn with_static_keys(mut self, keys: JwkSet) -> Self {
        self.static_keys = Some(Arc::new(keys));
        self
    }

    /// The tenants that are served of this issuer; `"*"` for any. Default: [`ExternalApi::with_tenants`].
    pub fn with_tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tenants = Some(tenants.into_iter().map(Into::into).collect());
        self
    }

    /// The algorithms that are accepted of this issuer. Default: [`ExternalApi::with_algorithms`].
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    /// The `typ` headers that are accepted of this issuer. Default: [`ExternalApi::with_typ`].
    pub fn with_typ(mut self, typ: TypPolicy) -> Self {
        self.typ = Some(typ);
        self
    }

    /// Claims that must be there, besides those of [`ExternalApi::with_required_claims`].
    pub fn with_required_claims(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.required_claims.extend(names);
        self
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// All that is configured about one issuer, defaults filled in: the first one of a gate and those added to it alike.
pub(super) struct Resolved<'a> {
    pub(super) issuer: &'a str,
    audience: Option<&'a str>,
    pub(super) profile: Profile,
    jwks_uri: Option<&'a str>,
    pub(super) static_keys: Option<&'a Arc<JwkSet>>,
    tenants: Option<&'a [String]>,
    algorithms: AlgorithmSet,
    typ: TypPolicy,
    required_claims: Vec<&'static str>,
}

impl ExternalApi {
    pub(super) fn first_issuer(&self) -> Resolved<'_> {
        Resolved {
            issuer: &self.issuer,
            audience: self.audience.as_deref(),
            profile: self.profile,
            jwks_uri: self.jwks_uri.as_deref(),
            static_keys: self.static_keys.as_ref(),
            tenants: self.tenants.as_deref(),
            algorithms: self.algorithms,
            typ: self.typ,
            required_claims: self.required_claims.clone(),
        }
    }

    pub(super) fn other_issuers(&self) -> impl Iterator<Item = Resolved<'_>> {
        self.others.iter().map(|other| Resolved {
            issuer: &other.issuer,
            audience: other.audience.as_deref().or(self.audience.as_deref()),
            // Only the first may leave out `iss` and `aud`: a token that names nobody has to be somebody's.
            profile: Profile::Exeat,
            jwks_uri: other.jwks_uri.as_deref(),
            static_keys: other.static_keys.as_ref(),
            tenants: other.tenants.as_deref().or(self.tenants.as_deref()),
            algorithms: other.algorithms.unwrap_or(self.algorithms),
            typ: other.typ.unwrap_or(self.typ),
            required_claims: [&*self.required_claims, &other.required_claims].concat(),
        })
    }

    /// Every tenant that is served of any issuer; `None`: any.
    pub(super) fn served_tenants(&self) -> Option<Vec<String>> {
        let each = std::iter::once(self.first_issuer()).chain(self.other_issuers());
        let lists: Option<Vec<&[String]>> = each
            .map(|issuer| {
                let listed = |names: &&[String]| !names.iter().any(|name| name == ANY);
                issuer.tenants.filter(listed)
            })
            .collect();
        Some(lists?.concat())
    }

    pub(super) fn check_issuers(&self, errors: &mut Vec<BuildError>) {
        let count = self.others.len() + 1;
        if count > TrustedIssuer::MAX {
            errors.push(BuildError::TooManyIssuers { count });
        }
        let mut seen = vec![self.issuer.as_str()];
        for other in self.other_issuers() {
            if seen.contains(&other.issuer) {
                let issuer = other.issuer.to_owned();
                errors.push(BuildError::DuplicateIssuer { issuer });
            }
            seen.push(other.issuer);
            let mut problems = Vec::new();
            other.check_claims(&mut problems);
            other.check_keys(self.allow_insecure_http, &mut problems);
            errors.extend(problems.into_iter().map(|problem| BuildError::OfIssuer {
                issuer: other.issuer.to_owned(),
                problem: Box::new(problem),
            }));
        }
    }
}

impl Resolved<'_> {
    pub(super) fn check_claims(&self, errors: &mut Vec<BuildError>) {
        if self.issuer.is_empty() {
            errors.push(BuildError::EmptyIssuer);
        }
        if self.audience == Some("") || (self.audience.is_none() && self.profile == Profile::Exeat)
        {
            errors.push(BuildError::EmptyAudience);
        }
        match self.tenants {
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
    }

    pub(super) fn check_keys(&self, allow_insecure_http: bool, errors: &mut Vec<BuildError>) {
        match self.static_keys {
            None => errors.extend(self.target(allow_insecure_http).err()),
            Some(keys) => {
                if self.jwks_uri.is_some() {
                    errors.push(BuildError::TwoKeySources);
                }
                if keys.is_empty() {
                    errors.push(BuildError::NoKeys);
                }
            }
        }
    }

    /// Where keys are fetched from.
    pub(super) fn target(&self, allow_insecure_http: bool) -> Result<Target, BuildError> {
        match self.jwks_uri {
            Some(uri) => {
                Target::from_jwks_uri(uri, allow_insecure_http).map_err(|why| BuildError::JwksUri {
                    why: why.to_string(),
                })
            }
            None => Target::from_issuer(self.issuer, allow_insecure_http).map_err(|why| {
                BuildError::Issuer {
                    why: why.to_string(),
                }
            }),
        }
    }

    pub(super) fn tenants(&self) -> Tenants {
        self.tenants.map_or(Tenants::Any, |names| {
            Tenants::from_names(names.iter().cloned())
        })
    }

    pub(super) fn expectations(&self, leeway: Duration) -> Expectations {
        match (self.audience, self.profile) {
            (Some(audience), Profile::Exeat) => Expectations::new(self.issuer, audience),
            (audience, _) => Expectations::dangerously_with_optional_issuer_and_audience(
                self.issuer,
                audience.map(Into::into),
            ),
        }
        .with_algorithms(self.algorithms)
        .with_typ(self.typ)
        .with_leeway(leeway)
        .with_required_claims(&["sub"])
        .with_required_claims(&self.required_claims)
    }

    /// An RSA key without `alg` is taken for the first RSA algorithm that is accepted.
    pub(super) fn import_policy(&self) -> ImportPolicy {
        let mut policy = ImportPolicy::default();
        let rsa = self.algorithms.iter().find(|alg| alg.is_rsa());
        policy.rsa_default = rsa.unwrap_or(policy.rsa_default);
        policy
    }
}
