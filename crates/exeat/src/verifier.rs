use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use exeat_jose::{
    Clock, CompactJws, InvalidToken, KnownHeaders, NumericDate, PayloadBuf, UntrustedJws,
    VerifiedPayload,
};
use tracing::field::{Empty, display};

use crate::checks::Checks;
use crate::issuers::{Issuers, Trust};
use crate::jwks::{Need, Snapshot, Wanted};
use crate::meter::TokenMeter;
use crate::rejection::{KeysUnavailable, Rejected};
use crate::token::Presented;
use crate::token_cache::{SignedBy, TokenCache};
use crate::verified_token::{BorrowedToken, GateClaims, VerifiedToken};

/// Judges tokens. Knows nothing of HTTP requests: use it for messages, jobs and sockets, with the keys that the gate holds.
///
/// Cheap to clone; made by [`crate::ExternalApi::build`] and [`crate::Gate::verifier`].
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    issuers: Issuers,
    checks: Checks,
    clock: Arc<dyn Clock>,
    headers: ArcSwap<KnownHeaders>,
    cache: Option<TokenCache>,
    meter: TokenMeter,
}

/// Both clocks, read once for a whole verification.
#[derive(Clone, Copy)]
struct Moment {
    now: NumericDate,
    monotonic: Duration,
}

/// A signature that held; its payload is in the buffer.
struct Signed<'v> {
    trust: &'v Trust,
    by: SignedBy,
    at: Moment,
}

/// Which look into the token cache it is for one request: only the first is counted.
#[derive(Clone, Copy)]
enum LookUp {
    First {
        /// The monotonic time, if the caller has just read it.
        now: Option<Duration>,
    },
    /// After a wait for keys, in which another request may have brought the same token.
    Again,
}

/// Why a token could not be judged at once.
#[derive(Debug)]
pub(crate) enum Halt {
    Rejected(Rejected),
    Need(Need),
}

impl Verifier {
    pub(crate) fn new(
        issuers: Issuers,
        checks: Checks,
        cache: Option<TokenCache>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                issuers,
                checks,
                clock,
                headers: ArcSwap::default(),
                cache,
                meter: TokenMeter::new(),
            }),
        }
    }

    /// Verifies a token: signature, times, issuer, audience, tenant, the application's own checks. Waits, for at most 2 s, only when a
    /// key has to be fetched.
    ///
    /// A token that was verified lately is found in the token cache, without another signature check and without taking memory.
    ///
    /// [`VerifiedToken::is_read_only`] is left to the caller, who knows what the token is used for.
    ///
    /// # Errors
    /// Why the token is refused, or [`Rejected::KeysUnavailable`] when that cannot be found out now.
    pub async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, Rejected> {
        match self.attempt(&Presented::Token(token.into()), None) {
            Ok(verified) => Ok(verified),
            Err(Halt::Rejected(rejected)) => Err(rejected),
            Err(Halt::Need(need)) => self.verify_later(token, need).await,
        }
    }

    /// Verifies a token as [`Self::verify`] does, but always by its signature, and gives claims borrowed from `buffer`: for tokens that
    /// are seen once. With a buffer that is used again it takes no memory, unless a claim holds JSON escapes.
    ///
    /// ```
    /// # async fn run(verifier: &exeat::Verifier, tokens: &[&str]) -> Result<(), exeat::Rejected> {
    /// let mut buffer = exeat::exeat_jose::PayloadBuf::new();
    /// for token in tokens {
    ///     let token = verifier.verify_with(token, &mut buffer).await?;
    ///     println!("{:?} until {:?}", token.tenant(), token.expires_at());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Self::verify`].
    #[tracing::instrument(name = "bearer.verify", level = "debug", skip_all, fields(kid = Empty, outcome = Empty))]
    pub async fn verify_with<'b>(
        &self,
        token: &str,
        buffer: &'b mut PayloadBuf,
    ) -> Result<BorrowedToken<'b>, Rejected> {
        let mut attempt = || self.signed(token, None, None, buffer);
        let signed = match attempt() {
            Err(Halt::Need(need)) => self.later(token, need, attempt).await,
            Err(Halt::Rejected(rejected)) => Err(rejected),
            Ok(signed) => Ok(signed),
        };
        let result = signed.and_then(|signed| {
            let payload = buffer.verified().ok_or(Rejected::Internal)?;
            self.judge(signed.trust, &payload, signed.at.now)
        });
        self.conclude(result.as_ref().map(|_| ()));
        result
    }

    /// Verifies with the keys at hand; never waits. `now`: the monotonic time, if the caller has just read it.
    ///
    /// What is not known and not a token either is [`Rejected::BadCredentials`].
    #[tracing::instrument(name = "bearer.verify", level = "debug", skip_all, fields(kid = Empty, outcome = Empty))]
    pub(crate) fn attempt(
        &self,
        token: &Presented<'_>,
        now: Option<Duration>,
    ) -> Result<Arc<VerifiedToken>, Halt> {
        let look_up = LookUp::First { now };
        let result = match self.find_cached(token.as_bytes(), look_up) {
            Ok(Some(verified)) => Ok(verified),
            // What cannot be read is not judged.
            Ok(None) => self.verify_anew(token.read()?, look_up),
            Err(rejected) => Err(rejected.into()),
        };
        match &result {
            Ok(_) => self.conclude(Ok(())),
            Err(Halt::Rejected(rejected)) => self.conclude(Err(rejected)),
            Err(Halt::Need(_)) => {}
        }
        result
    }

    /// A token is judged, and never again for this request: metric and span get the outcome.
    fn conclude(&self, verdict: Result<(), &Rejected>) {
        self.inner.meter.judged(verdict);
        note(
            "outcome",
            &verdict.map_or_else(Rejected::reason, |()| "valid"),
        );
    }

    fn verify_anew(&self, token: &str, look_up: LookUp) -> Result<Arc<VerifiedToken>, Halt> {
        let cache = self.inner.cache.as_ref();
        let mut buffer = PayloadBuf::new();
        let Signed { trust, by, at } = self.signed(token, look_up.now(), cache, &mut buffer)?;
        let payload = buffer.verified().ok_or(Rejected::Internal)?;
        let verified = Arc::new(self.judge(trust, &payload, at.now)?.into_owned());
        if let Some(cache) = cache {
            cache.keep(token, by, &verified);
        }
        Ok(verified)
    }

    /// Waits for what the token needs and judges it again. Split from `attempt` so that the common path has no future to box.
    #[tracing::instrument(name = "bearer.verify", level = "debug", skip_all, fields(kid = Empty, outcome = Empty))]
    pub(crate) async fn verify_later(
        &self,
        token: &str,
        need: Need,
    ) -> Result<Arc<VerifiedToken>, Rejected> {
        let again = || match self.find_cached(token.as_bytes(), LookUp::Again)? {
            Some(verified) => Ok(verified),
            None => self.verify_anew(token, LookUp::Again),
        };
        let result = self.later(token, need, again).await;
        self.conclude(result.as_ref().map(|_| ()));
        result
    }

    async fn later<T>(
        &self,
        token: &str,
        need: Need,
        again: impl FnMut() -> Result<T, Halt>,
    ) -> Result<T, Rejected> {
        let jws = CompactJws::parse(token)?;
        let known = self.inner.headers.load_full();
        let trust = self
            .inner
            .issuers
            .route(jws, &known, &mut PayloadBuf::new())?;
        trust.keys.judge_later(need, again).await
    }

    /// A verdict of before, if all holds that may have changed since. `None`: the token has to be judged by its signature.
    fn find_cached(
        &self,
        token: &[u8],
        look_up: LookUp,
    ) -> Result<Option<Arc<VerifiedToken>>, Rejected> {
        let Inner {
            issuers,
            checks,
            cache,
            ..
        } = &*self.inner;
        let Some(cache) = cache else { return Ok(None) };
        let found = cache.find(token, |signed, verified| {
            let at = self.moment(look_up.now());
            let Some(trust) = issuers.of(verified) else {
                return Ok(None);
            };
            if signed.is_over(at.monotonic) {
                return Ok(None);
            }
            let held = usable_keys(trust, at)?;
            let Some(held) = &*held else { return Ok(None) };
            let key = held
                .candidates(signed.kid.as_ref(), signed.alg)
                .find(|key| key.thumbprint() == signed.thumbprint);
            let Some(key) = key else { return Ok(None) };
            if let Some(kid) = &signed.kid {
                note("kid", kid);
            }
            held.mark_used(key, at.now);
            trust.expectations.check_times(verified.times(), at.now)?;
            if !checks.is_empty() {
                checks.run(&verified.borrowed())?;
            }
            Ok(Some(Arc::clone(verified)))
        });
        match (look_up, &found) {
            (LookUp::Again, _) => {}
            (LookUp::First { .. }, Some(Ok(Some(_)) | Err(_))) => cache.meter.hit(),
            (LookUp::First { .. }, Some(Ok(None)) | None) => cache.meter.miss(),
        }
        found.unwrap_or(Ok(None))
    }

    /// From the token to a payload in `buffer` under a good signature. Signatures that `cache` knows to be bad are not tried again.
    fn signed(
        &self,
        token: &str,
        now: Option<Duration>,
        cache: Option<&TokenCache>,
        buffer: &mut PayloadBuf,
    ) -> Result<Signed<'_>, Halt> {
        let Inner {
            issuers, headers, ..
        } = &*self.inner;
        let known = headers.load();
        let jws = CompactJws::parse(token)?;
        let trust = issuers.route(jws, &known, buffer)?;
        let jws = jws.decode_header_with(&trust.expectations, &known)?;
        let header = jws.untrusted_header();
        let (kid, alg) = (header.key_id(), header.algorithm());
        if let Some(kid) = kid {
            note("kid", kid);
        }
        // Not before: what is refused by its shape costs no look at the clock.
        let at = self.moment(now);
        let held = usable_keys(trust, at)?;
        let Some(held) = &*held else {
            return Err(need(trust, &jws, Need::Keys, at, buffer));
        };
        let is_bad = cache.is_some_and(|cache| cache.is_bad(token, held.epoch, at.monotonic));
        if let Some(cache) = cache.filter(|_| is_bad) {
            cache.meter.bad_signature();
        }
        let mut tried = false;
        for key in held.candidates(kid, alg) {
            if is_bad {
                tried = true;
                break;
            }
            match jws.verify(key, buffer) {
                Ok(payload) => {
                    held.mark_used(key, at.now);
                    if !jws.has_known_header() {
                        headers.rcu(|known| known.with(&jws, &payload));
                    }
                    let by = SignedBy::new(header, key.thumbprint(), at.monotonic);
                    return Ok(Signed { trust, by, at });
                }
                Err(InvalidToken::BadSignature) => tried = true,
                Err(other) => return Err(other.into()),
            }
        }
        if tried
            && !is_bad
            && let Some(cache) = cache
        {
            cache.keep_bad(token, held.epoch, at.monotonic);
        }
        let wanted = || Wanted {
            kid: kid.cloned(),
            alg,
        };
        Err(need(trust, &jws, held.lacks(wanted, tried), at, buffer))
    }

    /// Judges the claims under a good signature.
    fn judge<'b>(
        &self,
        trust: &Trust,
        payload: &VerifiedPayload<'b>,
        now: NumericDate,
    ) -> Result<BorrowedToken<'b>, Rejected> {
        let claims = payload.decode::<GateClaims<'b>>()?;
        let claims = trust.expectations.check(claims, now)?.into_claims();
        let token = BorrowedToken::new(payload, claims, &trust.expectations)?;
        trust.tenants.check(token.tenant())?;
        self.inner.checks.run(&token)?;
        Ok(token)
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.inner.issuers
    }

    fn moment(&self, monotonic: Option<Duration>) -> Moment {
        let clock = &self.inner.clock;
        Moment {
            now: clock.now(),
            monotonic: monotonic.unwrap_or_else(|| clock.monotonic()),
        }
    }
}

impl LookUp {
    fn now(self) -> Option<Duration> {
        match self {
            Self::First { now } => now,
            Self::Again => None,
        }
    }
}

/// The key set, if it may be used now. `None`: there has never been one.
fn usable_keys(trust: &Trust, at: Moment) -> Result<Guard<Option<Arc<Snapshot>>>, Rejected> {
    match trust.keys.current(at.monotonic) {
        Ok(held) => Ok(held),
        Err(None) => Ok(Guard::from_inner(None)),
        Err(Some(retry_after)) => Err(Rejected::KeysUnavailable {
            why: KeysUnavailable::Expired,
            retry_after,
        }),
    }
}

/// A need, unless what the token says of itself already refuses it: an `exp` that is over, a foreign `iss` or `aud`.
///
/// That spares fetches for the tokens of others and of yesterday. It stops nobody who makes tokens up: those that leave these claims
/// out or fill in ours get here, and what they can cause is bounded by the budget of fetches. Pinned keys are never fetched.
fn need(
    trust: &Trust,
    jws: &UntrustedJws<'_>,
    need: Need,
    at: Moment,
    buffer: &mut PayloadBuf,
) -> Halt {
    if let Some(refusal) = trust.keys.refusal_if_pinned(&need) {
        return refusal.into();
    }
    let plausible = jws
        .untrusted_hints(buffer)
        .and_then(|hints| trust.expectations.refuse_by(&hints, at.now));
    match plausible {
        // The signature did not match, so its claims are not worth a more telling answer.
        Err(_) if matches!(need, Need::NewerKey { .. }) => InvalidToken::BadSignature.into(),
        Err(invalid) => invalid.into(),
        Ok(()) => Halt::Need(need),
    }
}

/// Fills a field of the current span, which is looked for only while someone listens at its level.
fn note(field: &'static str, value: &dyn fmt::Display) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::Span::current().record(field, display(value));
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuers", &self.inner.issuers)
            .finish_non_exhaustive()
    }
}

impl From<Rejected> for Halt {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<InvalidToken> for Halt {
    fn from(invalid: InvalidToken) -> Self {
        Self::Rejected(invalid.into())
    }
}

#[cfg(test)]
mod tests;
