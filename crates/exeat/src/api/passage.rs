//! What a request takes along on its way through the gate.

use std::sync::Arc;
use std::time::Duration;

use exeat_cors::{Decision, Grant, Policy};
use exeat_jose::{InvalidToken, NumericDate};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};

use super::TokenMode;
use crate::meter::Entered;
use crate::{Rejected, VerifiedToken};

/// What is known of a request until its response is finished.
#[derive(Debug)]
pub(crate) struct Passage {
    /// Whatever policy comes meanwhile, this one has decided and finishes.
    pub(super) policy: Arc<Policy>,
    pub(super) decision: Decision,
    pub(super) mode: TokenMode,
    /// The URL carried a token, and may be where it is kept: history, referrers, caches.
    pub(super) token_in_url: bool,
    /// Refusals must be ones that a gRPC client can read.
    pub(super) is_grpc: bool,
    pub(super) entered: Entered,
    /// The path that was asked for, where challenges name it. Never the query, which may hold a token.
    pub(super) path: Option<Box<str>>,
}

impl Passage {
    /// A token in a URL must be young, because it is kept in places that are read later. `Expired`, so that its client fetches another.
    pub(super) fn check_age(
        &self,
        token: &VerifiedToken,
        max: Duration,
        now: impl FnOnce() -> NumericDate,
    ) -> Result<(), InvalidToken> {
        if !self.token_in_url {
            return Ok(());
        }
        let issued_at = token
            .issued_at()
            .ok_or(InvalidToken::MissingClaim { claim: "iat" })?;
        let age = now().saturating_duration_since(issued_at);
        match age.checked_sub(max) {
            Some(late_by) if !late_by.is_zero() => Err(InvalidToken::Expired { late_by }),
            _ => Ok(()),
        }
    }

    /// What a good token may do here: be used from the page that sent it, and write.
    pub(super) fn permit(
        &self,
        token: &VerifiedToken,
        writes: impl FnOnce() -> bool,
    ) -> Result<(), Rejected> {
        if let Decision::Cors(grant) = &self.decision
            && !self.policy.tenant_allows(token.tenant(), grant.origin())
        {
            record_mismatch(token, grant);
            return Err(Rejected::OriginTenantMismatch);
        }
        if token.is_read_only() && writes() {
            return Err(Rejected::ReadOnlyToken);
        }
        Ok(())
    }

    /// Says whom a response is shared with.
    pub(super) fn share(&self, response: &mut HeaderMap) {
        self.decision.finish(&self.policy, response);
    }

    /// A URL that held a token is told to nobody and kept nowhere (RFC 6750 §5.3).
    pub(super) fn hide_url(&self, response: &mut HeaderMap) {
        if self.token_in_url {
            response.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
    }
}

/// The one event for those who watch over security: a token that is good was used from a page of somebody else's. That page has it by
/// theft, or the map of tenants is wrong.
fn record_mismatch(token: &VerifiedToken, grant: &Grant) {
    let origin = String::from_utf8_lossy(grant.origin().as_bytes());
    // Signed, and still chosen by somebody else.
    let tenant: String = token
        .tenant()
        .unwrap_or_default()
        .chars()
        .take(MAX_LOGGED_TENANT)
        .collect();
    tracing::warn!(target: "exeat", code = "origin_tenant_mismatch", %origin, ?tenant, "a token is used from an origin that is not its tenant's");
}

/// Most characters of a tenant in a log line, before escaping.
const MAX_LOGGED_TENANT: usize = 64;
