use std::fmt;
use std::sync::Arc;

use exeat_jose::{
    Clock, CompactJws, InvalidToken, NumericDate, PayloadBuf, UntrustedJws, VerifiedPayload,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tracing::field::{Empty, display};

use crate::issuers::{Issuers, Trust};
use crate::jwks::{Need, Wanted};
use crate::meter::TokenMeter;
use crate::rejection::{KeysUnavailable, Rejected};

/// Judges tokens. Knows nothing of HTTP requests: use it for messages, jobs and sockets, with the keys that the gate holds.
///
/// Cheap to clone; made by [`crate::ExternalApi::build`] and [`crate::Gate::verifier`].
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    issuers: Issuers,
    clock: Arc<dyn Clock>,
    meter: TokenMeter,
}

/// Why a token could not be judged at once.
#[derive(Debug)]
pub(crate) enum Halt {
    Rejected(Rejected),
    Need(Need),
}

impl Verifier {
    pub(crate) fn new(issuers: Issuers, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::new(Inner {
                issuers,
                clock,
                meter: TokenMeter::new(),
            }),
        }
    }

    /// Verifies a token: signature, times, issuer, audience, tenant. Waits, for at most 2 s, only when a key has to be fetched.
    ///
    /// [`VerifiedToken::is_read_only`] is left to the caller, who knows what the token is used for.
    ///
    /// # Errors
    /// Why the token is refused, or [`Rejected::KeysUnavailable`] when that cannot be found out now.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, Rejected> {
        match self.attempt(token) {
            Ok(verified) => Ok(verified),
            Err(Halt::Rejected(rejected)) => Err(rejected),
            Err(Halt::Need(need)) => self.verify_later(token, need).await,
        }
    }

    /// Verifies with the keys at hand; never waits.
    #[tracing::instrument(name = "bearer.verify", level = "debug", skip_all, fields(kid = Empty, outcome = Empty))]
    pub(crate) fn attempt(&self, token: &str) -> Result<VerifiedToken, Halt> {
        let result = self.judge(token);
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

    fn judge(&self, token: &str) -> Result<VerifiedToken, Halt> {
        let jws = CompactJws::parse(token)?;
        let trust = self.inner.issuers.route(jws)?;
        let jws = jws.decode_header(&trust.expectations)?;
        let header = jws.untrusted_header();
        let (kid, alg) = (header.key_id(), header.algorithm());
        if let Some(kid) = kid {
            note("kid", kid);
        }
        let held = match trust.keys.current() {
            Ok(held) => held,
            Err(None) => return Err(self.need(trust, &jws, Need::Keys)),
            Err(Some(retry_after)) => {
                return Err(Rejected::KeysUnavailable {
                    why: KeysUnavailable::Expired,
                    retry_after,
                }
                .into());
            }
        };
        let Some(held) = &*held else {
            return Err(self.need(trust, &jws, Need::Keys));
        };
        let mut buffer = PayloadBuf::new();
        let mut tried = false;
        for key in held.candidates(kid, alg) {
            match jws.verify(key, &mut buffer) {
                Ok(payload) => {
                    let now = self.inner.clock.now();
                    held.mark_used(key, now);
                    return Ok(accept(trust, &payload, now)?);
                }
                Err(InvalidToken::BadSignature) => tried = true,
                Err(other) => return Err(other.into()),
            }
        }
        let wanted = || Wanted {
            kid: kid.cloned(),
            alg,
        };
        Err(self.need(trust, &jws, held.lacks(wanted, tried)))
    }

    /// Waits for what the token needs and judges it again. Split from `attempt` so that the common path has no future to box.
    #[tracing::instrument(name = "bearer.verify", level = "debug", skip_all, fields(kid = Empty, outcome = Empty))]
    pub(crate) async fn verify_later(
        &self,
        token: &str,
        need: Need,
    ) -> Result<VerifiedToken, Rejected> {
        let result = match self.inner.issuers.route(CompactJws::parse(token)?) {
            Ok(trust) => trust.keys.judge_later(need, || self.judge(token)).await,
            Err(rejected) => Err(rejected),
        };
        self.conclude(result.as_ref().map(|_| ()));
        result
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.inner.issuers
    }

    /// A need, unless what the token says of itself already refuses it: an `exp` that is over, a foreign `iss` or `aud`.
    ///
    /// That spares fetches for the tokens of others and of yesterday. It stops nobody who makes tokens up: those that leave these claims
    /// out or fill in ours get here, and what they can cause is bounded by the budget of fetches.
    fn need(&self, trust: &Trust, jws: &UntrustedJws<'_>, need: Need) -> Halt {
        let plausible = jws
            .untrusted_hints()
            .and_then(|hints| trust.expectations.refuse_by(&hints, self.inner.clock.now()));
        match plausible {
            // The signature did not match, so its claims are not worth a more telling answer.
            Err(_) if matches!(need, Need::NewerKey { .. }) => InvalidToken::BadSignature.into(),
            Err(invalid) => invalid.into(),
            Ok(()) => Halt::Need(need),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuers", &self.inner.issuers)
            .finish_non_exhaustive()
    }
}

/// Judges the claims under a good signature.
fn accept(
    trust: &Trust,
    payload: &VerifiedPayload<'_>,
    now: NumericDate,
) -> Result<VerifiedToken, Rejected> {
    let Trust {
        expectations,
        tenants,
        ..
    } = trust;
    let claims = expectations
        .check(payload.decode::<GateClaims>()?, now)?
        .into_claims();
    let GateClaims { name, tenant, ro } = claims.custom;
    let tenant = string("tenant", tenant)?;
    tenants.check(tenant.as_deref())?;
    Ok(VerifiedToken {
        // A token that may leave out its issuer, and does, is that issuer's all the same.
        issuer: claims
            .issuer
            .unwrap_or_else(|| expectations.issuer().to_owned()),
        subject: claims
            .subject
            .ok_or(InvalidToken::MissingClaim { claim: "sub" })?,
        name: string("name", name.filter(|name| !name.is_null()))?,
        tenant,
        is_read_only: boolean("ro", ro.as_ref())?.unwrap_or_default(),
        expires_at: claims.expires_at,
        payload: payload.as_bytes().into(),
    })
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

/// A token for which everything held. In the extensions of a request behind the gate as `Arc<VerifiedToken>`.
#[derive(Clone)]
pub struct VerifiedToken {
    issuer: String,
    subject: String,
    name: Option<String>,
    tenant: Option<String>,
    is_read_only: bool,
    expires_at: Option<NumericDate>,
    payload: Box<[u8]>,
}

impl VerifiedToken {
    /// The configured issuer that signed it: `iss`, also where the token may leave that out and does.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`: who the token speaks for. Unique within its issuer: the same `sub` of another one is somebody else.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `name`, often an e-mail address: personal, keep it out of logs.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// `ro: true`: the token may read only. The layer refuses unsafe methods; other callers of [`Verifier::verify`] have to look.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> Option<NumericDate> {
        self.expires_at
    }

    /// Reads the whole claims set as `T`.
    ///
    /// # Errors
    /// [`InvalidToken::BadClaimType`] when the claims are not a `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Rejected> {
        serde_json::from_slice(&self.payload).map_err(|_| UNFIT_CLAIMS)
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The members the gate itself reads, of any type: a wrong one is named, not skipped.
#[derive(Deserialize)]
struct GateClaims {
    #[serde(default, deserialize_with = "present")]
    name: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    tenant: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    ro: Option<Value>,
}

/// Keeps `null` apart from absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Fills a field of the current span, which is looked for only while someone listens at its level.
fn note(field: &'static str, value: &dyn fmt::Display) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::Span::current().record(field, display(value));
    }
}

fn string(claim: &'static str, value: Option<Value>) -> Result<Option<String>, InvalidToken> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(InvalidToken::BadClaimType { claim }),
    }
}

fn boolean(claim: &'static str, value: Option<&Value>) -> Result<Option<bool>, InvalidToken> {
    match value {
        None => Ok(None),
        Some(Value::Bool(answer)) => Ok(Some(*answer)),
        Some(_) => Err(InvalidToken::BadClaimType { claim }),
    }
}

/// The claims hold, but not as the type that the handler asks for.
const UNFIT_CLAIMS: Rejected = Rejected::Invalid(InvalidToken::BadClaimType { claim: "custom" });
