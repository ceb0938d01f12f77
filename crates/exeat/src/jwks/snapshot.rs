use std::sync::Arc;
use std::time::Duration;

use exeat_jose::{Algorithm, JwkSet, KeyId, Thumbprint, VerifyingKey};

use super::cache::{Phase, Validity, Wanted};
use crate::rejection::KeysUnavailable;

/// A set of keys and until when it may be used. Replaced as a whole, read without a lock.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) epoch: u64,
    pub(super) keys: Arc<JwkSet>,
    pub(super) denied: Vec<Thumbprint>,
    pub(super) fetched_at: Duration,
    /// `None`: pinned.
    pub(super) validity: Option<Validity>,
}

impl Snapshot {
    /// The keys that may have signed a token; up to four of one `kid`.
    pub(crate) fn candidates(
        &self,
        kid: Option<&KeyId>,
        alg: Algorithm,
    ) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        self.keys
            .select(kid, alg)
            .filter(|key| !self.denied.contains(&key.thumbprint()))
    }

    /// Is there a key with this `kid`, if only a denied one or one of another algorithm?
    pub(crate) fn knows(&self, kid: &KeyId) -> bool {
        self.keys.contains_key_id(kid)
    }

    /// Are there keys of this algorithm, so that a token without `kid` would have to choose?
    pub(crate) fn has_algorithm(&self, alg: Algorithm) -> bool {
        self.keys.keys().iter().any(|key| key.algorithm() == alg)
    }

    pub(super) fn phase(&self, now: Duration) -> Option<Phase> {
        self.validity.map(|validity| validity.phase(now))
    }

    pub(super) fn is_usable(&self, now: Duration) -> bool {
        self.phase(now) != Some(Phase::Expired)
    }
}

/// What a token lacks to be judged.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// Any key set at all.
    Keys,
    /// This key; it is not in the set of this epoch.
    Key { wanted: Wanted, epoch: u64 },
    /// A newer key under a known `kid`: the one of this epoch does not fit. `tried`: the signature was checked with it.
    NewerKey { epoch: u64, tried: bool },
}

/// How a need ended.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// Something has changed: judge the token again.
    LookAgain,
    /// The keys are what they are: what the token needs does not exist.
    Settled,
    /// It cannot be found out now.
    Unavailable {
        why: KeysUnavailable,
        retry_after: Duration,
    },
}
