//! Whose tokens are accepted: one issuer or several, chosen by the exact `iss` that a token claims.

use std::fmt;
use std::sync::Arc;

use exeat_jose::{
    AlgorithmSet, CompactJws, Expectations, InvalidToken, KeyId, KnownHeaders, PayloadBuf,
};
use futures_util::future::{join_all, select_all};

use crate::jwks::{KeySource, MISS_WAIT};
use crate::tenant::Tenants;
use crate::{FetchError, Health, Rejected, VerifiedToken};

/// One issuer: what its tokens must hold, and its keys. Nothing in it is shared with another issuer, so that neither keys nor outages nor
/// budgets of one can touch the tokens of another.
pub(crate) struct Trust {
    pub(crate) expectations: Expectations,
    pub(crate) keys: KeySource,
    pub(crate) tenants: Tenants,
    /// Its tokens need not name it (AppDirect's form). At most one issuer of a gate may have this.
    pub(crate) may_be_unnamed: bool,
}

/// The issuers of a gate.
pub(crate) struct Issuers {
    trusts: Box<[Trust]>,
    /// What a header must hold before it is known whose: any algorithm of any issuer. The issuer's own rules follow.
    any: Expectations,
}

impl Issuers {
    /// No two have the same `iss`: the configuration sees to it.
    pub(crate) fn new(first: Trust, others: impl IntoIterator<Item = Trust>) -> Self {
        let trusts: Vec<_> = std::iter::once(first).chain(others).collect();
        let algorithms: AlgorithmSet = trusts
            .iter()
            .flat_map(|trust| trust.expectations.algorithms().iter())
            .collect();
        Self {
            trusts: trusts.into(),
            any: Expectations::new("", "").with_algorithms(algorithms),
        }
    }

    /// Waits up to 2 s for the first fetch of every issuer, good or bad.
    pub(crate) async fn first_fetch(&self) {
        let all = join_all(self.trusts.iter().map(|trust| trust.keys.first_fetch()));
        // The end of the time-out is no error: the gate then starts without these keys.
        let _ = tokio::time::timeout(MISS_WAIT, all).await;
        for trust in self.trusts.iter().filter(|trust| !trust.keys.is_ready()) {
            let issuer = trust.expectations.issuer();
            tracing::warn!(target: "exeat", issuer, "started without signing keys: requests get 503 until the issuer answers");
        }
    }

    /// The issuer whose rules and keys judge this token. With one issuer nothing is read for that.
    ///
    /// What the token claims chooses among the configured issuers and does no more: the chosen one's keys must have signed it, and its
    /// expectations compare `iss` again under the signature.
    pub(crate) fn route(
        &self,
        jws: CompactJws<'_>,
        known: &KnownHeaders,
        buffer: &mut PayloadBuf,
    ) -> Result<&Trust, Rejected> {
        match &*self.trusts {
            [only] => Ok(only),
            several => self.route_by_claim(several, jws, known, buffer),
        }
    }

    /// The issuer whose rules and keys judged this token.
    pub(crate) fn of(&self, token: &VerifiedToken) -> Option<&Trust> {
        match &*self.trusts {
            [only] => Some(only),
            several => several
                .iter()
                .find(|trust| trust.expectations.issuer() == token.issuer()),
        }
    }

    /// The one that was configured first.
    #[cfg(test)]
    pub(crate) fn first(&self) -> &Trust {
        self.trusts.first().unwrap()
    }

    fn route_by_claim<'t>(
        &self,
        trusts: &'t [Trust],
        jws: CompactJws<'_>,
        known: &KnownHeaders,
        buffer: &mut PayloadBuf,
    ) -> Result<&'t Trust, Rejected> {
        // The header first: a token that no issuer could have signed is not worth a look at its payload.
        let jws = jws.decode_header_with(&self.any, known)?;
        let hints = jws.untrusted_hints(buffer)?;
        match &hints.issuer {
            Some(issuer) => trusts
                .iter()
                .find(|trust| trust.expectations.issuer() == issuer)
                .ok_or(Rejected::UnknownIssuer),
            None => trusts
                .iter()
                .find(|trust| trust.may_be_unnamed)
                .ok_or(InvalidToken::MissingClaim { claim: "iss" }.into()),
        }
    }

    /// See [`crate::Gate::is_ready`]. Asks every one: that wakes those whose fetch is due.
    pub(crate) fn is_ready(&self) -> bool {
        self.trusts
            .iter()
            .filter(|trust| trust.keys.is_ready())
            .count()
            > 0
    }

    /// Ends when the first of them is ready.
    pub(crate) async fn ready(&self) {
        // Never of nothing, which would panic: there is a first one.
        select_all(self.trusts.iter().map(|trust| Box::pin(trust.keys.ready()))).await;
    }

    pub(crate) fn health(&self) -> Health {
        Health::new(
            self.trusts
                .iter()
                .map(|trust| trust.keys.health(trust.expectations.issuer()))
                .collect(),
        )
    }

    /// All at once; the first failure in the order of the configuration.
    pub(crate) async fn refresh(&self) -> Result<(), Arc<FetchError>> {
        join_all(self.trusts.iter().map(|trust| trust.keys.refresh()))
            .await
            .into_iter()
            .collect()
    }

    /// `issuer`: only this one's keys. Returns how many keys are denied by this call or were before.
    pub(crate) fn invalidate(&self, issuer: Option<&str>, kid: &KeyId) -> usize {
        self.trusts
            .iter()
            .filter(|trust| issuer.is_none_or(|issuer| trust.expectations.issuer() == issuer))
            .map(|trust| trust.keys.invalidate(kid))
            .sum()
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.trusts.iter().map(|trust| &trust.expectations))
            .finish()
    }
}
