//! What a token must be, and how many are remembered.

use std::time::Duration;

use exeat_jose::{AlgorithmSet, TypPolicy};

use super::ExternalApi;
use crate::{BorrowedToken, Rejected, TokenCacheSize};

impl ExternalApi {
    /// The algorithms that are accepted. Default: RS256 and ES256.
    ///
    /// ```
    /// use exeat::{ExternalApi, exeat_jose::{Algorithm, AlgorithmSet}};
    ///
    /// let api = ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_algorithms(AlgorithmSet::EMPTY.with(Algorithm::Es256));
    /// # drop(api);
    /// ```
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// How far the clocks of issuer and API may be apart. 0 to 5 min; default 30 s.
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The `typ` headers that are accepted. Default: `JWT`, `at+jwt` or none.
    pub fn with_typ(mut self, typ: TypPolicy) -> Self {
        self.typ = typ;
        self
    }

    /// More claims that must be there, of any JSON type but `null`. Default: `exp` and `sub`, besides `iss` and `aud` unless the form is
    /// AppDirect's.
    pub fn with_required_claims(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.required_claims.extend(names);
        self
    }

    /// Refuses tokens that live longer than this from `iat` to `exp`, in whole seconds from 1 s to 366 days; `iat` is then required.
    /// Default: no limit.
    pub fn with_max_lifetime(mut self, max: Duration) -> Self {
        self.max_lifetime = Some(max);
        self
    }

    /// Asks at every use of a token, after all else held, whether it has been revoked. The answer has to be at hand: a set in memory that
    /// something else keeps up to date, never a call over the network.
    ///
    /// ```
    /// # use std::{collections::HashSet, sync::{Arc, RwLock}};
    /// let revoked: Arc<RwLock<HashSet<String>>> = Arc::default();
    /// let seen = Arc::clone(&revoked);
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api").with_revocation(move |token| {
    ///     // When it cannot be told, a token counts as revoked.
    ///     seen.read().map_or(true, |revoked| token.jwt_id().is_none_or(|id| revoked.contains(id)))
    /// });
    /// # drop(api);
    /// ```
    pub fn with_revocation(
        mut self,
        is_revoked: impl Fn(&BorrowedToken<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.checks.set_revocation(is_revoked);
        self
    }

    /// The application's own rule for tokens, asked at every use after all else held, revocation too. It may only refuse.
    ///
    /// ```
    /// use exeat::{ExternalApi, Rejected};
    ///
    /// let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_check(|token| {
    ///     if token.subject().starts_with("robot-") { Err(Rejected::TenantNotAllowed) } else { Ok(()) }
    /// });
    /// # drop(api);
    /// ```
    pub fn with_check(
        mut self,
        check: impl Fn(&BorrowedToken<'_>) -> Result<(), Rejected> + Send + Sync + 'static,
    ) -> Self {
        self.checks.set_check(check);
        self
    }

    /// How many verified tokens are remembered. Default: 10,000 in 16 MiB.
    pub fn with_token_cache(mut self, size: TokenCacheSize) -> Self {
        self.token_cache = Some(size);
        self
    }

    /// Checks the signature of every token, also of one that came a moment ago. Costs 20 to 80 µs of processor time a request; whether
    /// keys and tokens may still be used is asked at every request either way.
    pub fn without_token_cache(mut self) -> Self {
        self.token_cache = None;
        self
    }
}
