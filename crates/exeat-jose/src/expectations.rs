use std::{fmt, ops::Deref, time::Duration};

use crate::{
    AlgorithmSet, Audience, Claims, InvalidToken, NumericDate, Times, Typ, UntrustedHints,
};

/// Which "typ" headers are accepted (RFC 8725 §3.11). [`Typ`] says how they are compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TypPolicy {
    /// `JWT`, `at+jwt` or none. The default: most issuers send `JWT` or nothing.
    #[default]
    JwtOrAccessToken,
    /// `at+jwt` alone (RFC 9068 §4). A wrong choice refuses every token of an issuer that does not follow RFC 9068.
    AccessToken,
}

/// For people: the values that are accepted.
impl fmt::Display for TypPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JwtOrAccessToken => "JWT, at+jwt or none",
            Self::AccessToken => "at+jwt",
        })
    }
}

impl TypPolicy {
    pub(crate) fn accepts(self, typ: Option<Typ>) -> bool {
        match self {
            Self::JwtOrAccessToken => true,
            Self::AccessToken => typ == Some(Typ::AccessToken),
        }
    }
}

/// What must hold for a token (RFC 7519 §7.2, RFC 8725 §3). `exp` is required; `nbf` and `iat` are checked when they are there.
///
/// ```
/// use std::time::Duration;
/// use exeat_jose::{Algorithm, AlgorithmSet, Expectations};
/// let expectations = Expectations::new("https://market.example.com", "points")
///     .with_algorithms(AlgorithmSet::EMPTY.with(Algorithm::Es256))
///     .with_required_claims(&["sub"])
///     .with_max_lifetime(Duration::from_secs(3600));
/// assert_eq!(expectations.leeway(), Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
pub struct Expectations {
    issuer: String,
    audience: Option<String>,
    binding: Binding,
    algorithms: AlgorithmSet,
    typ: TypPolicy,
    leeway: Duration,
    max_lifetime: Option<Duration>,
    required: Vec<&'static str>,
}

/// Whether a token may leave out whom it is from and for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Binding {
    Required,
    WhenPresent,
}

impl Expectations {
    /// The leeway unless set: 30 s.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

    /// The largest leeway: 5 min. More would hide a broken clock and keep dead tokens alive.
    pub const MAX_LEEWAY: Duration = Duration::from_mins(5);

    /// Tokens whose `iss` is exactly `issuer` and whose `aud` is or holds `audience`, signed with RS256 or ES256.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: Some(audience.into()),
            binding: Binding::Required,
            algorithms: AlgorithmSet::DEFAULT,
            typ: TypPolicy::default(),
            leeway: Self::DEFAULT_LEEWAY,
            max_lifetime: None,
            required: Vec::new(),
        }
    }

    /// AppDirect's tokens, which have neither `iss` nor `aud`. What is there is checked all the same: `iss` against `issuer`, `aud`
    /// against `audience`; without an `audience` every token that has `aud` is refused.
    ///
    /// Dangerous, because a token that the same key signed for another API is accepted here: check the tenant.
    pub fn dangerously_with_optional_issuer_and_audience(
        issuer: impl Into<String>,
        audience: Option<String>,
    ) -> Self {
        Self {
            audience,
            binding: Binding::WhenPresent,
            ..Self::new(issuer, String::new())
        }
    }

    /// Sets the allow-list. Default RS256 and ES256; with an empty set every token is refused.
    #[must_use]
    pub fn with_algorithms(self, algorithms: AlgorithmSet) -> Self {
        Self { algorithms, ..self }
    }

    /// Sets the `typ` policy. Default [`TypPolicy::JwtOrAccessToken`].
    #[must_use]
    pub fn with_typ(self, typ: TypPolicy) -> Self {
        Self { typ, ..self }
    }

    /// Sets how far the clocks of issuer and verifier may differ, in whole seconds from 0 to [`Self::MAX_LEEWAY`], to which larger
    /// values are cut. Default 30 s.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self {
            leeway: leeway.min(Self::MAX_LEEWAY),
            ..self
        }
    }

    /// Refuses tokens that live longer than `max` from `iat` to `exp`; `iat` is then required. Default no limit.
    #[must_use]
    pub fn with_max_lifetime(self, max: Duration) -> Self {
        Self {
            max_lifetime: Some(max),
            ..self
        }
    }

    /// Adds claims that must be there, of any JSON type but `null`: registered ones such as `sub` and `jti`, or others.
    #[must_use]
    pub fn with_required_claims(mut self, names: &[&'static str]) -> Self {
        self.required.extend_from_slice(names);
        self
    }

    /// The allow-list.
    #[must_use]
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The expected `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The expected `aud`, if one is configured.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The leeway.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    pub(crate) fn typ(&self) -> TypPolicy {
        self.typ
    }

    /// The rules that depend on `now`, and the lifetime: what has to be asked again whenever a checked token is used again.
    ///
    /// Accepted while `now < exp + leeway`, `nbf ≤ now + leeway` and `iat ≤ now + leeway`.
    ///
    /// # Errors
    /// In this order: [`InvalidToken::MissingClaim`] or [`InvalidToken::Expired`] for `exp`, [`InvalidToken::NotYetValid`],
    /// [`InvalidToken::IatFuture`], then [`InvalidToken::MissingClaim`] for `iat` or [`InvalidToken::TooOld`].
    pub fn check_times(&self, times: Times, now: NumericDate) -> Result<(), InvalidToken> {
        let expires_at = times
            .expires_at
            .ok_or(InvalidToken::MissingClaim { claim: "exp" })?;
        self.check_end(expires_at, now)?;
        let latest_start = now.saturating_add(self.leeway);
        if let Some(not_before) = times.not_before.filter(|date| *date > latest_start) {
            let early_by = not_before.saturating_duration_since(now);
            return Err(InvalidToken::NotYetValid { early_by });
        }
        if let Some(issued_at) = times.issued_at.filter(|date| *date > latest_start) {
            let early_by = issued_at.saturating_duration_since(now);
            return Err(InvalidToken::IatFuture { early_by });
        }
        if let Some(max) = self.max_lifetime {
            let issued_at = times
                .issued_at
                .ok_or(InvalidToken::MissingClaim { claim: "iat" })?;
            if expires_at.saturating_duration_since(issued_at) > max {
                return Err(InvalidToken::TooOld);
            }
        }
        Ok(())
    }

    /// Every rule: [`Self::check_times`], then `iss`, `aud` and the required claims.
    ///
    /// # Errors
    /// The first that does not hold: those of [`Self::check_times`], [`InvalidToken::WrongIssuer`],
    /// [`InvalidToken::WrongAudience`], or [`InvalidToken::MissingClaim`].
    pub fn check<'b, C>(
        &self,
        claims: Claims<'b, C>,
        now: NumericDate,
    ) -> Result<Verified<'b, C>, InvalidToken> {
        self.check_times(claims.times(), now)?;
        match (&claims.issuer, self.binding) {
            (Some(issuer), _) => self.check_issuer(issuer)?,
            (None, Binding::WhenPresent) => {}
            (None, Binding::Required) => {
                return Err(InvalidToken::MissingClaim { claim: "iss" });
            }
        }
        match (&claims.audience, self.binding) {
            (Some(audience), _) => self.check_audience(audience)?,
            (None, Binding::WhenPresent) => {}
            (None, Binding::Required) => {
                return Err(InvalidToken::MissingClaim { claim: "aud" });
            }
        }
        if let Some(claim) = self.required.iter().find(|name| !claims.has(name)) {
            return Err(InvalidToken::MissingClaim { claim });
        }
        Ok(Verified(claims))
    }

    /// What an unverified token says of itself may refuse it, before anything is spent on it: `exp`, `iss` and `aud` are judged as
    /// [`Self::check`] judges them. A claim that is not there refuses nothing, and `Ok` proves nothing.
    ///
    /// # Errors
    /// In this order: [`InvalidToken::Expired`], [`InvalidToken::WrongIssuer`], [`InvalidToken::WrongAudience`].
    pub fn refuse_by(
        &self,
        hints: &UntrustedHints<'_>,
        now: NumericDate,
    ) -> Result<(), InvalidToken> {
        if let Some(expires_at) = hints.expires_at {
            self.check_end(expires_at, now)?;
        }
        if let Some(issuer) = &hints.issuer {
            self.check_issuer(issuer)?;
        }
        match &hints.audience {
            Some(audience) => self.check_audience(audience),
            None => Ok(()),
        }
    }

    fn check_end(&self, expires_at: NumericDate, now: NumericDate) -> Result<(), InvalidToken> {
        if now >= expires_at.saturating_add(self.leeway) {
            let late_by = now.saturating_duration_since(expires_at);
            return Err(InvalidToken::Expired { late_by });
        }
        Ok(())
    }

    fn check_issuer(&self, issuer: &str) -> Result<(), InvalidToken> {
        if issuer == self.issuer {
            Ok(())
        } else {
            Err(InvalidToken::WrongIssuer)
        }
    }

    fn check_audience(&self, audience: &Audience<'_>) -> Result<(), InvalidToken> {
        match &self.audience {
            Some(expected) if audience.contains(expected) => Ok(()),
            _ => Err(InvalidToken::WrongAudience),
        }
    }
}

/// Claims for which every expectation held. Only [`Expectations::check`] makes one:
///
/// ```compile_fail
/// fn forge(claims: exeat_jose::Claims<'_, ()>) -> exeat_jose::Verified<'_, ()> { exeat_jose::Verified(claims) }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<'b, C>(Claims<'b, C>);

impl<'b, C> Verified<'b, C> {
    /// The claims without the proof.
    #[must_use]
    pub fn into_claims(self) -> Claims<'b, C> {
        self.0
    }

    /// The same claims, independent of the payload.
    #[must_use]
    pub fn into_owned(self) -> Verified<'static, C> {
        Verified(self.0.into_owned())
    }
}

impl<'b, C> Deref for Verified<'b, C> {
    type Target = Claims<'b, C>;

    fn deref(&self) -> &Claims<'b, C> {
        &self.0
    }
}

#[cfg(test)]
mod tests;
