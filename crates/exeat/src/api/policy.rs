//! The CORS policy of a gate: where it comes from, and how it changes while requests are served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use exeat_cors::{Credentials, Policy, PolicyConfig, PolicyError, PolicyErrors, RequireOrigin};
use http::HeaderName;

use super::{BuildError, ExternalApi, Gate, Gates};
use crate::challenge::EXEAT_HANDLER;
use crate::token::Sources;

impl Gate {
    /// Puts another CORS policy in the place of the present one, without a restart and for every layer of this gate and its clones,
    /// [`Gate::cors_layer`] included. What the gate adds to a policy when it is built (names of headers, credentials for a token cookie,
    /// known tenants) it adds to this one too.
    ///
    /// Requests under way are finished by the policy that let them in. From then on a page whose origin is gone is refused, although its
    /// browser may still hold the answer to a preflight: actual requests are checked again.
    ///
    /// ```
    /// use std::io;
    ///
    /// use exeat::{Gate, exeat_cors::PolicyConfig};
    ///
    /// /// To be called when the operator says so (SIGHUP), or when the file has changed. Never for a request.
    /// fn reload(gate: &Gate, file: &str) -> io::Result<()> {
    ///     let config: PolicyConfig = serde_json::from_str(file)?;
    ///     gate.reload_policy(config).map_err(io::Error::other)
    /// }
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it, at once. The present policy stays in force, which is logged at `warn`. A policy that binds tenants
    /// to origins is not replaced by one that binds none ([`PolicyError::NoTenants`]): a file that has lost its map must not open the gate.
    /// A map that came by [`Self::replace_tenants`] is replaced like the rest.
    pub fn reload_policy(&self, config: PolicyConfig) -> Result<(), PolicyErrors> {
        self.gates.replace_policy("policy", |present, terms| {
            let unbinds = config.tenants.is_empty() && !present.config().tenants.is_empty();
            refuse_too(
                terms.policy(config),
                unbinds.then_some(PolicyError::NoTenants),
            )
        })
    }

    /// Puts another map of tenants to origins ([`PolicyConfig::tenants`]) into the present policy and leaves the rest as it is. The next
    /// request of a tenant that is not in it is refused. The map is held as it is until the next call, whatever happens to the place it
    /// came from; no request makes the gate look for a new one. Streams and sockets that are open go on until their token expires.
    ///
    /// # Errors
    /// As [`Self::reload_policy`]; an empty map is one, since a policy without tenants binds none.
    pub fn replace_tenants(
        &self,
        tenants: BTreeMap<String, Vec<String>>,
    ) -> Result<(), PolicyErrors> {
        self.gates
            .replace_policy("tenants", |present, _| present.with_tenants(tenants))
    }

    /// The CORS policy that the next request is held against.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.gates.cors.policy()
    }
}

impl Gates {
    fn replace_policy(
        &self,
        what: &'static str,
        make: impl FnOnce(&Policy, &Terms) -> Result<Policy, PolicyErrors>,
    ) -> Result<(), PolicyErrors> {
        // One at a time: what is made from the present policy must not undo what another call does meanwhile. Readers never wait.
        let _turn = self
            .terms
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let policy = make(&self.cors.policy(), &self.terms);
        self.meter.policy_replaced(policy.is_ok());
        match policy {
            Ok(policy) => {
                warn_of(&policy);
                self.cors.replace_policy(policy);
                tracing::info!(target: "exeat", what, "the CORS policy is replaced");
                Ok(())
            }
            Err(errors) => {
                tracing::warn!(target: "exeat", what, %errors, "the CORS policy cannot be replaced; the present one stays in force");
                Err(errors)
            }
        }
    }
}

/// What the rest of a gate's configuration asks of its policy, the first as much as every later one.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Origins of a tenant that is never served are a slip of the pen, not a wish.
    served_tenants: Option<Vec<String>>,
    token_header: Option<HeaderName>,
    reads_cookie: bool,
    turn: Mutex<()>,
}

impl Terms {
    fn policy(&self, mut config: PolicyConfig) -> Result<Policy, PolicyErrors> {
        self.apply(&mut config);
        // A cookie comes by itself, so its request must say from where.
        let is_anywhere = self.reads_cookie && config.require_origin == RequireOrigin::Never;
        let problem = is_anywhere.then_some(PolicyError::TokenCookieWithoutOrigin);
        refuse_too(Policy::try_from(config), problem)
    }

    fn apply(&self, config: &mut PolicyConfig) {
        if let Some(tenants) = &self.served_tenants
            && config.known_tenants.is_empty()
        {
            config.known_tenants.clone_from(tenants);
        }
        add_name(&mut config.expose_headers, EXEAT_HANDLER.as_str());
        if let Some(name) = &self.token_header {
            add_name(&mut config.request_headers, name.as_str());
        }
        if self.reads_cookie {
            config.credentials = Credentials::Include;
        }
    }
}

impl ExternalApi {
    pub(super) fn terms(&self, sources: &Sources) -> Terms {
        Terms {
            served_tenants: self.served_tenants(),
            token_header: sources.header.clone(),
            reads_cookie: sources.cookie.is_some(),
            turn: Mutex::default(),
        }
    }

    pub(super) fn policy(&self, terms: &Terms, errors: &mut Vec<BuildError>) -> Option<Policy> {
        let Some(config) = self.cors.clone() else {
            return Some(Policy::deny_all());
        };
        terms
            .policy(config)
            .map_err(|problems| errors.extend(problems.iter().cloned().map(BuildError::Cors)))
            .ok()
    }
}

/// What is legal and probably not meant.
pub(super) fn warn_of(policy: &Policy) {
    for warning in policy.warnings() {
        tracing::warn!(target: "exeat", "cors: {warning}");
    }
}

/// With one more problem, if there is one.
fn refuse_too(
    policy: Result<Policy, PolicyErrors>,
    problem: Option<PolicyError>,
) -> Result<Policy, PolicyErrors> {
    match (policy, problem) {
        (policy, None) => policy,
        (Ok(_), Some(problem)) => Err(problem.into()),
        (Err(mut errors), Some(problem)) => {
            errors.extend([problem]);
            Err(errors)
        }
    }
}

fn add_name(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|held| held.eq_ignore_ascii_case(name)) {
        names.push(name.to_owned());
    }
}
