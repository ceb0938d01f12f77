use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exeat_jose::{Algorithm, JwkSet, KeyId, NumericDate, Thumbprint, VerifyingKey};

use super::cache::{Phase, Validity, Wanted};
use crate::rejection::KeysUnavailable;

/// A set of keys and until when it may be used. Replaced as a whole, read without a lock.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) epoch: u64,
    pub(super) keys: Arc<JwkSet>,
    /// When each of `keys` was used, in their order.
    pub(super) uses: Arc<[Arc<KeyUse>]>,
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

    /// What a token needs that none of the candidates verifies. `tried`: there was one, and the signature did not match.
    ///
    /// A key is looked up by `kid` and algorithm. A known `kid` under another algorithm, or of an invalidated key, is therefore not here,
    /// like any other: whether the issuer has published it meanwhile is for a fetch to say.
    pub(crate) fn lacks(&self, wanted: impl FnOnce() -> Wanted, tried: bool) -> Need {
        let epoch = self.epoch;
        if tried {
            Need::NewerKey { epoch }
        } else {
            let wanted = wanted();
            Need::Key { wanted, epoch }
        }
    }

    /// Notes that a signature under this key held at `now`.
    pub(crate) fn mark_used(&self, key: &Arc<VerifyingKey>, now: NumericDate) {
        let mut both = self.keys.keys().iter().zip(&*self.uses);
        if let Some((_, uses)) = both.find(|(held, _)| Arc::ptr_eq(held, key)) {
            uses.mark(now);
        }
    }

    pub(super) fn phase(&self, now: Duration) -> Option<Phase> {
        self.validity.map(|validity| validity.phase(now))
    }

    pub(super) fn is_usable(&self, now: Duration) -> bool {
        self.phase(now) != Some(Phase::Expired)
    }
}

/// When a key was used, in whole seconds. Written at most once a second, so that cores do not fight for it.
#[derive(Debug, Default)]
pub(super) struct KeyUse {
    /// 0 = never.
    first: AtomicU64,
    last: AtomicU64,
}

impl KeyUse {
    /// Those of `keys`, carried over from the set before for the keys that stay.
    pub(super) fn carried_over(keys: &JwkSet, before: Option<&Snapshot>) -> Arc<[Arc<Self>]> {
        let known = |print: Thumbprint| {
            let before = before?;
            let mut both = before.keys.keys().iter().zip(&*before.uses);
            both.find(|(key, _)| key.thumbprint() == print)
                .map(|(_, uses)| Arc::clone(uses))
        };
        keys.keys()
            .iter()
            .map(|key| known(key.thumbprint()).unwrap_or_default())
            .collect()
    }

    fn mark(&self, now: NumericDate) {
        let now = now.as_secs();
        if self.last.load(Ordering::Relaxed) != now {
            self.last.store(now, Ordering::Relaxed);
            // Two first uses at once are within the same second, or nearly.
            if self.first.load(Ordering::Relaxed) == 0 {
                self.first.store(now, Ordering::Relaxed);
            }
        }
    }

    /// Time since the first and the last use; `None` before the first.
    pub(super) fn ago(&self, now: NumericDate) -> Option<(Duration, Duration)> {
        let since = |at: &AtomicU64| {
            let at = at.load(Ordering::Relaxed);
            (at > 0).then(|| now.saturating_duration_since(NumericDate::from_secs(at)))
        };
        since(&self.first).zip(since(&self.last))
    }
}

/// What a token lacks to be judged.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// Any key set at all.
    Keys,
    /// This key; it is not in the set of this epoch.
    Key { wanted: Wanted, epoch: u64 },
    /// A newer key under a known `kid`: the signature does not match the one of this epoch.
    NewerKey { epoch: u64 },
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
