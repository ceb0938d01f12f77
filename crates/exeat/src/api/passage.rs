//! What a request takes along on its way through the gate.

use std::sync::Arc;

use exeat_cors::{Decision, Policy};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, Uri};

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
    /// What was asked for, where challenges name it.
    pub(super) uri: Option<Uri>,
}

impl Passage {
    /// What a good token may do here: be used from the page that sent it, and write.
    pub(super) fn permit(
        &self,
        token: &VerifiedToken,
        writes: impl FnOnce() -> bool,
    ) -> Result<(), Rejected> {
        if let Decision::Cors(grant) = &self.decision
            && !self.policy.tenant_allows(token.tenant(), grant.origin())
        {
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
