use std::time::Duration;

use exeat_jose::NumericDate;
use serde::{Serialize, Serializer};

use super::cache::Phase;
use super::snapshot::Snapshot;

/// The operator's view of the keys a gate holds: which `kid`s are known, and so whether a new key may be used for signing yet.
///
/// Its JSON form is stable: members may be added, none changes its meaning. Times are whole seconds, `null` where there is none.
///
/// ```json
/// {
///   "state": "fresh", "degraded": false,
///   "issuers": [{
///     "issuer": "https://market.example.com", "state": "fresh", "degraded": false,
///     "fetched_seconds_ago": 420, "validated_seconds_ago": 120, "usable_for_seconds": 7080, "epoch": 3,
///     "keys": [{
///       "kid": "2026-11", "thumbprint": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "invalidated": false,
///       "first_used_seconds_ago": 410, "last_used_seconds_ago": 0
///     }],
///     "refused": [{ "position": 1, "kid": "old", "reason": "symmetric" }],
///     "last_error": null
///   }]
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The worst state of any issuer.
    pub state: HealthState,
    /// True when an issuer is degraded: somebody should look.
    pub degraded: bool,
    /// Each issuer, in the order of the configuration.
    pub issuers: Vec<IssuerHealth>,
}

/// The keys of one issuer.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IssuerHealth {
    /// Its `iss`.
    pub issuer: String,
    /// The state of its key set.
    pub state: HealthState,
    /// True when the set is beyond its lifetime, or there is none that may be used: [`HealthState::Stale`], `Cold` and `Expired`.
    pub degraded: bool,
    /// Seconds since the set was fetched; `None` without a set, or with a pinned one.
    #[serde(rename = "fetched_seconds_ago", serialize_with = "seconds")]
    pub fetched_ago: Option<Duration>,
    /// Seconds since the issuer last said that the set holds (200 or 304).
    #[serde(rename = "validated_seconds_ago", serialize_with = "seconds")]
    pub validated_ago: Option<Duration>,
    /// Seconds for which the set may still be used if the issuer is never reached again.
    #[serde(rename = "usable_for_seconds", serialize_with = "seconds")]
    pub usable_for: Option<Duration>,
    /// Counts the sets that were fetched; 0 = none.
    pub epoch: u64,
    /// The keys in use.
    pub keys: Vec<HeldKey>,
    /// The keys of the set that are not used, each with the reason.
    pub refused: Vec<RefusedJwk>,
    /// Why the last fetch failed; `None` after a good one.
    pub last_error: Option<String>,
}

/// What a gate can do with the keys of an issuer, from the best to the worst.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthState {
    /// The keys come from the configuration.
    Pinned,
    /// All is well.
    Fresh,
    /// All is well; a fetch ahead of the end of the set's lifetime is due.
    Refreshing,
    /// Degraded: the issuer cannot be reached, the last set is used beyond its lifetime.
    Stale,
    /// No key set was ever fetched: requests get 503.
    Cold,
    /// The last set is too old to be used: requests get 503.
    Expired,
}

impl HealthState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Cold,
        Self::Fresh,
        Self::Refreshing,
        Self::Stale,
        Self::Expired,
        Self::Pinned,
    ];

    pub(super) fn of(held: Option<&Snapshot>, now: Duration) -> Self {
        held.map_or(Self::Cold, |held| {
            held.phase(now).map_or(Self::Pinned, Self::from)
        })
    }

    /// Its name in lower case, as in [`Health`]'s JSON and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Pinned => "pinned",
        }
    }

    fn is_degraded(self) -> bool {
        matches!(self, Self::Stale | Self::Cold | Self::Expired)
    }
}

impl From<Phase> for HealthState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Fresh => Self::Fresh,
            Phase::Refreshing => Self::Refreshing,
            Phase::Stale => Self::Stale,
            Phase::Expired => Self::Expired,
        }
    }
}

/// A key in use.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeldKey {
    /// Its `kid`, if it has one.
    pub kid: Option<String>,
    /// RFC 7638 thumbprint, base64url.
    pub thumbprint: String,
    /// JWS algorithm name.
    pub alg: &'static str,
    /// Denied with [`crate::Gate::invalidate`]: present in the set, not used.
    pub invalidated: bool,
    /// Seconds since a signature under it first held in this process; `None`: never while it has been in the set.
    #[serde(rename = "first_used_seconds_ago", serialize_with = "seconds")]
    pub first_used: Option<Duration>,
    /// Seconds since one last did.
    #[serde(rename = "last_used_seconds_ago", serialize_with = "seconds")]
    pub last_used: Option<Duration>,
}

/// A key that was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RefusedJwk {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Its `kid`, if it could be read.
    pub kid: Option<String>,
    /// Why, as a stable name.
    pub reason: &'static str,
}

impl Health {
    pub(crate) fn new(issuers: Vec<IssuerHealth>) -> Self {
        let worst = issuers.iter().map(|issuer| issuer.state).max();
        let state = worst.unwrap_or(HealthState::Cold);
        Self {
            state,
            degraded: state.is_degraded(),
            issuers,
        }
    }
}

impl IssuerHealth {
    /// `now` is the monotonic time, `date` that of the wall clock.
    pub(super) fn new(
        issuer: &str,
        held: Option<&Snapshot>,
        last_error: Option<String>,
        now: Duration,
        date: NumericDate,
    ) -> Self {
        let validity = held.and_then(|held| held.validity);
        let state = HealthState::of(held, now);
        Self {
            issuer: issuer.to_owned(),
            state,
            degraded: state.is_degraded(),
            fetched_ago: held
                .filter(|held| held.validity.is_some())
                .map(|held| now.saturating_sub(held.fetched_at)),
            validated_ago: validity.map(|validity| now.saturating_sub(validity.validated_at)),
            usable_for: validity.map(|validity| validity.dead_at.saturating_sub(now)),
            epoch: held.map_or(0, |held| held.epoch),
            keys: held.map_or_else(Vec::new, |held| held_keys(held, date)),
            refused: held.map_or_else(Vec::new, refused_keys),
            last_error,
        }
    }
}

fn held_keys(held: &Snapshot, date: NumericDate) -> Vec<HeldKey> {
    let both = held.keys.keys().iter().zip(&*held.uses);
    both.map(|(key, uses)| {
        let (first_used, last_used) = uses.ago(date).unzip();
        HeldKey {
            kid: key.key_id().map(ToString::to_string),
            thumbprint: key.thumbprint().to_string(),
            alg: key.algorithm().name(),
            invalidated: held.denied.contains(&key.thumbprint()),
            first_used,
            last_used,
        }
    })
    .collect()
}

fn refused_keys(held: &Snapshot) -> Vec<RefusedJwk> {
    let refused = held.keys.refused().iter();
    refused
        .map(|key| RefusedJwk {
            position: key.position,
            kid: key.kid.as_ref().map(ToString::to_string),
            reason: key.why.reason(),
        })
        .collect()
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs())
        .serialize(serializer)
}
