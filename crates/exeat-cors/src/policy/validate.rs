//! `PolicyConfig` → `Policy`, collecting every problem.

mod names;
mod suggestion;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::HeaderValue;

use crate::origin::{InvalidOrigin, OriginPattern, OriginSet};
use crate::policy::{Credentials, Policy, PolicyConfig, PolicyError, PolicyErrors, PolicyWarning};

pub use names::MAX_METHOD_LENGTH;
use suggestion::suggest;

impl TryFrom<PolicyConfig> for Policy {
    type Error = PolicyErrors;

    fn try_from(config: PolicyConfig) -> Result<Self, PolicyErrors> {
        let mut check = Check {
            credentials: config.credentials,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        if config.origins.is_empty() {
            check.errors.push(PolicyError::NoOrigins);
        }
        let policy = check.build(config);
        if check.errors.is_empty() {
            Ok(policy)
        } else {
            Err(PolicyErrors(check.errors))
        }
    }
}

/// The default configuration without origins has nothing else that could be wrong.
pub(super) fn deny_all() -> Policy {
    let mut check = Check {
        credentials: Credentials::Omit,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    check.build(PolicyConfig::default())
}

struct Check {
    credentials: Credentials,
    errors: Vec<PolicyError>,
    warnings: Vec<PolicyWarning>,
}

impl Check {
    /// The policy of everything that is right; worth nothing if there are errors.
    fn build(&mut self, mut config: PolicyConfig) -> Policy {
        self.note_dangers(&config);
        let patterns = self.origins(&config);
        let own_patterns = self.own_origins(&config);
        let methods = self.methods(&config.methods);
        let request_headers = self.request_headers(&config.request_headers);
        let expose_headers = self.expose_headers(&config.expose_headers);
        let max_age = self.max_age(config.max_age);
        let origins = OriginSet::new(&patterns);
        let tenants = self.tenants(&config, &patterns, &origins);

        config.origins = patterns.iter().map(ToString::to_string).collect();
        config.own_origins = own_patterns.iter().map(ToString::to_string).collect();
        config.methods.clone_from(&methods);
        config.request_headers = request_headers.written();
        config.expose_headers.clone_from(&expose_headers);
        Policy {
            warnings: std::mem::take(&mut self.warnings),
            origins,
            own_origins: OriginSet::new(&own_patterns),
            tenants,
            methods: methods
                .iter()
                .filter_map(|method| HeaderValue::from_str(method).ok())
                .collect(),
            request_headers,
            expose: Some(expose_headers.join(", "))
                .filter(|names| !names.is_empty())
                .and_then(|names| HeaderValue::try_from(names).ok()),
            max_age,
            warned_of_second_layer: AtomicBool::new(false),
            warned_of_redirect: AtomicBool::new(false),
            config,
        }
    }

    fn note_dangers(&mut self, config: &PolicyConfig) {
        let dangers = [
            ("danger_insecure_origins", config.danger_insecure_origins),
            ("danger_public_suffixes", config.danger_public_suffixes),
            ("danger_trailing_dots", config.danger_trailing_dots),
        ];
        let on = dangers.into_iter().filter(|(_, on)| *on);
        self.warnings
            .extend(on.map(|(key, _)| PolicyWarning::Danger { key }));
    }

    fn origins(&mut self, config: &PolicyConfig) -> Vec<OriginPattern> {
        let mut patterns = Vec::new();
        for (index, value) in config.origins.iter().enumerate() {
            let key = format!("origins[{index}]");
            if let Some(pattern) = self.pattern(&key, value, config) {
                self.judge(key, value, &pattern, config);
                patterns.push(pattern);
            }
        }
        collapse(patterns)
    }

    fn pattern(&mut self, key: &str, value: &str, config: &PolicyConfig) -> Option<OriginPattern> {
        let parsed = match OriginPattern::parse(value) {
            Err(InvalidOrigin::TrailingDot) if config.danger_trailing_dots => {
                OriginPattern::parse_with_trailing_dot(value)
            }
            parsed => parsed,
        };
        parsed
            .map_err(|reason| {
                let suggestion = suggest(value, reason);
                self.errors.push(PolicyError::Origin {
                    key: key.into(),
                    value: value.into(),
                    reason,
                    suggestion,
                });
            })
            .ok()
    }

    /// What depends on the rest of the policy.
    fn judge(&mut self, key: String, value: &str, pattern: &OriginPattern, config: &PolicyConfig) {
        let with_credentials = self.credentials == Credentials::Include;
        if pattern.is_any() {
            if with_credentials {
                self.errors
                    .push(PolicyError::AnyOriginWithCredentials { key: key.clone() });
            }
            if !config.tenants.is_empty() {
                self.errors.push(PolicyError::AnyOriginWithTenants { key });
            }
            return;
        }
        let value = || value.to_owned();
        if with_credentials && pattern.is_insecure() && !config.danger_insecure_origins {
            self.errors.push(PolicyError::InsecureOrigin {
                key: key.clone(),
                value: value(),
            });
        }
        if let Some(suffix) = pattern
            .public_suffix()
            .filter(|_| !config.danger_public_suffixes)
        {
            self.errors.push(PolicyError::PublicSuffix {
                key,
                value: value(),
                suffix: suffix.into(),
            });
        }
    }

    fn own_origins(&mut self, config: &PolicyConfig) -> Vec<OriginPattern> {
        let mut patterns = Vec::new();
        for (index, value) in config.own_origins.iter().enumerate() {
            let key = format!("own_origins[{index}]");
            match self.pattern(&key, value, config) {
                Some(pattern) if pattern.is_exact() => patterns.push(pattern),
                Some(_) => self.errors.push(PolicyError::NotExact {
                    key,
                    value: value.clone(),
                }),
                None => {}
            }
        }
        collapse(patterns)
    }

    fn max_age(&mut self, max_age: Duration) -> HeaderValue {
        let seconds = max_age.as_secs();
        if max_age.subsec_nanos() != 0 {
            self.errors.push(PolicyError::MaxAgeFraction { seconds });
        } else if max_age > MAX_MAX_AGE {
            self.errors.push(PolicyError::MaxAgeTooLong { seconds });
        }
        HeaderValue::from(seconds)
    }

    fn tenants(
        &mut self,
        config: &PolicyConfig,
        patterns: &[OriginPattern],
        origins: &OriginSet,
    ) -> BTreeMap<String, OriginSet> {
        let mut tenants = BTreeMap::new();
        for (tenant, values) in &config.tenants {
            let key = format!("tenants.{tenant}");
            let known = &config.known_tenants;
            if !known.is_empty() && !known.contains(tenant) {
                let suggestion = known
                    .iter()
                    .find(|name| name.eq_ignore_ascii_case(tenant))
                    .cloned();
                self.errors.push(PolicyError::UnknownTenant {
                    key: key.clone(),
                    suggestion,
                });
            }
            if values.is_empty() {
                self.errors
                    .push(PolicyError::TenantWithoutOrigins { key: key.clone() });
            }
            let mut own = Vec::new();
            for (index, value) in values.iter().enumerate() {
                let key = format!("{key}[{index}]");
                let Some(pattern) = self.pattern(&key, value, config) else {
                    continue;
                };
                if pattern.is_any() {
                    self.errors.push(PolicyError::AnyOriginWithTenants { key });
                } else if !patterns.contains(&pattern) && !covers(origins, &pattern) {
                    self.errors.push(PolicyError::TenantOriginNotListed {
                        key,
                        value: value.clone(),
                    });
                }
                own.push(pattern);
            }
            tenants.insert(tenant.clone(), OriginSet::new(&own));
        }
        tenants
    }
}

/// Drops what is repeated or covered by a wider pattern.
fn collapse(patterns: Vec<OriginPattern>) -> Vec<OriginPattern> {
    let set = OriginSet::new(&patterns);
    let mut seen = HashSet::new();
    patterns
        .into_iter()
        .filter(|pattern| !set.makes_redundant(pattern) && seen.insert(pattern.clone()))
        .collect()
}

fn covers(origins: &OriginSet, pattern: &OriginPattern) -> bool {
    let exactly_listed =
        pattern.is_exact() && origins.find(pattern.to_string().as_bytes()).is_some();
    exactly_listed || origins.makes_redundant(pattern)
}

/// Longest time a preflight's answer may be kept: a day, which is what the most patient browser honours.
pub const MAX_MAX_AGE: Duration = Duration::from_hours(24);
