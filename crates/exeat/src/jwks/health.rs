use std::time::Duration;

use exeat_jose::{JwkSet, Thumbprint};
use serde::{Serialize, Serializer};

use super::cache::Phase;

/// The operator's view of the keys a gate holds: which `kid`s are known, and so whether a new key may be used for signing yet.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The state of the key set.
    pub state: HealthState,
    /// Seconds since the set was fetched; `None` without a set, or with a pinned one.
    #[serde(rename = "fetched_seconds_ago", serialize_with = "seconds")]
    pub fetched_ago: Option<Duration>,
    /// Seconds since the issuer last said that the set holds (200 or 304).
    #[serde(rename = "validated_seconds_ago", serialize_with = "seconds")]
    pub validated_ago: Option<Duration>,
    /// Counts the sets that were fetched; 0 = none.
    pub epoch: u64,
    /// The keys in use.
    pub keys: Vec<HeldKey>,
    /// The keys of the set that are not used, each with the reason.
    pub refused: Vec<RefusedJwk>,
    /// Why the last fetch failed; `None` after a good one.
    pub last_error: Option<String>,
}

/// What a gate can do with the keys it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthState {
    /// No key set was ever fetched: requests get 503.
    Cold,
    /// All is well.
    Fresh,
    /// All is well; a fetch ahead of the end of the set's lifetime is due.
    Refreshing,
    /// Degraded: the issuer cannot be reached, the last set is used beyond its lifetime.
    Stale,
    /// The last set is too old to be used: requests get 503.
    Expired,
    /// The keys come from the configuration.
    Pinned,
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
    pub(crate) fn list(set: &JwkSet, denied: &[Thumbprint]) -> (Vec<HeldKey>, Vec<RefusedJwk>) {
        let held = |key: &std::sync::Arc<exeat_jose::VerifyingKey>| HeldKey {
            kid: key.key_id().map(ToString::to_string),
            thumbprint: key.thumbprint().to_string(),
            alg: key.algorithm().name(),
            invalidated: denied.contains(&key.thumbprint()),
        };
        let refused = |key: &exeat_jose::RefusedKey| RefusedJwk {
            position: key.position,
            kid: key.kid.as_ref().map(ToString::to_string),
            reason: key.why.reason(),
        };
        (
            set.keys().iter().map(held).collect(),
            set.refused().iter().map(refused).collect(),
        )
    }
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs())
        .serialize(serializer)
}
