//! The requests' side of a key set: they read snapshots and wait, and never fetch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::Guard;
use exeat_jose::{Clock, InvalidToken, JwkSet, KeyId};
use tokio::task::AbortHandle;

use super::cache::Phase;
use super::owner::{Shared, millis};
use super::snapshot::{KeyUse, Need, Resolution, Snapshot};
use super::{FetchError, Fetcher, IssuerHealth, JwksSettings};
use crate::meter::KeyMeter;
use crate::rejection::{KeysUnavailable, Rejected};
use crate::verifier::Halt;

/// The keys of one issuer. Dropping it ends the task that fetches them.
pub(crate) struct KeySource {
    shared: Arc<Shared>,
    owner: Option<AbortHandle>,
}

impl KeySource {
    /// Keys from the configuration: never fetched, never too old.
    pub(crate) fn pinned(keys: Arc<JwkSet>, clock: Arc<dyn Clock>, meter: KeyMeter) -> Self {
        let snapshot = Snapshot {
            epoch: 1,
            uses: KeyUse::carried_over(&keys, None),
            keys,
            denied: Vec::new(),
            fetched_at: clock.monotonic(),
            validity: None,
        };
        let source = Self {
            shared: Arc::new(Shared::new(
                Some(snapshot),
                clock,
                None,
                JwksSettings::default(),
                meter,
            )),
            owner: None,
        };
        // Once for all: a pinned set has one state.
        source.shared.observe();
        source
    }

    /// Keys fetched by a task that is spawned here, on the current tokio runtime; the first fetch starts at once.
    pub(crate) fn remote(
        fetcher: Fetcher,
        settings: JwksSettings,
        clock: Arc<dyn Clock>,
        meter: KeyMeter,
    ) -> Self {
        Self::driven(Shared::new(None, clock, Some(fetcher), settings, meter))
    }

    pub(super) fn driven(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let owner = tokio::spawn(Arc::clone(&shared).own()).abort_handle();
        Self {
            shared,
            owner: Some(owner),
        }
    }

    /// The current snapshot, if it may be used at this monotonic time.
    pub(crate) fn current(
        &self,
        now: Duration,
    ) -> Result<Guard<Option<Arc<Snapshot>>>, Option<Duration>> {
        self.wake_when_due(now);
        let snapshot = self.shared.snapshot.load();
        match &*snapshot {
            None => Err(None),
            Some(held) if held.is_usable(now) => {
                if held.phase(now) == Some(Phase::Stale) {
                    self.shared.meter.stale_serve();
                }
                Ok(snapshot)
            }
            Some(_) => Err(Some(self.shared.state().cache.next_fetch_in(now))),
        }
    }

    /// The monotonic time.
    fn now(&self) -> Duration {
        let now = self.shared.clock.monotonic();
        self.wake_when_due(now);
        now
    }

    /// Wakes the owner when a fetch is due: the owner sleeps by tokio's clock, which stops while a machine sleeps.
    fn wake_when_due(&self, now: Duration) {
        if millis(now) >= self.shared.due_at.load(Ordering::Relaxed) {
            self.shared.wake.notify_one();
        }
    }

    /// What a token that lacks this is refused with, if the keys are pinned: there is nobody to ask for others.
    pub(crate) fn refusal_if_pinned(&self, need: &Need) -> Option<Rejected> {
        let is_pinned = self.owner.is_none();
        is_pinned.then(|| refusal(&Resolution::Settled, need))
    }

    /// Waits for what a token needs, for at most [`MISS_WAIT`], and has it judged again each time that something has changed.
    pub(crate) async fn judge_later<T>(
        &self,
        need: Need,
        mut judge: impl FnMut() -> Result<T, Halt>,
    ) -> Result<T, Rejected> {
        let mut last = need;
        let waiting = async {
            loop {
                match self.resolve(&last).await {
                    Resolution::LookAgain => {}
                    ended => return Err(refusal(&ended, &last)),
                }
                match judge() {
                    Ok(good) => return Ok(good),
                    Err(Halt::Rejected(rejected)) => return Err(rejected),
                    Err(Halt::Need(next)) => last = next,
                }
            }
        };
        let in_time = tokio::time::timeout(MISS_WAIT, waiting).await;
        in_time.unwrap_or_else(|_| Err(refusal(&self.give_up(&last), &last)))
    }

    /// Waits until the need may be met, or says why it is not. Callers bound the time with [`MISS_WAIT`].
    async fn resolve(&self, need: &Need) -> Resolution {
        let shared = &self.shared;
        let mut finished = shared.finished.subscribe();
        match shared.ask(need) {
            Ok(()) => {}
            Err(resolution) => return resolution,
        }
        // Before looking for a place to wait: the budget may just have been charged for this fetch.
        shared.wake.notify_one();
        let Ok(_place) = shared.waiters.try_acquire() else {
            return self.give_up(need);
        };
        let _waiting = shared.meter.waiting();
        match finished.changed().await {
            Ok(()) => Resolution::LookAgain,
            Err(_) => self.give_up(need),
        }
    }

    /// The resolution of a need that cannot be waited for any longer.
    fn give_up(&self, need: &Need) -> Resolution {
        let now = self.shared.clock.monotonic();
        let mut state = self.shared.state();
        match need {
            Need::Keys => Resolution::Unavailable {
                why: KeysUnavailable::Cold,
                retry_after: state.cache.next_fetch_in(now),
            },
            Need::Key { .. } => Resolution::Unavailable {
                why: KeysUnavailable::MissUnresolved,
                retry_after: state.cache.next_miss_fetch_in(now),
            },
            Need::NewerKey { .. } => Resolution::Settled,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        let now = self.now();
        self.shared
            .snapshot
            .load()
            .as_ref()
            .is_some_and(|held| held.is_usable(now))
    }

    /// Ends when the keys may be used.
    pub(crate) async fn ready(&self) {
        let mut finished = self.shared.finished.subscribe();
        while !self.is_ready() {
            if finished.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends with the first fetch, good or bad; at once with pinned keys.
    pub(crate) async fn first_fetch(&self) {
        if self.owner.is_none() {
            return;
        }
        let mut finished = self.shared.finished.subscribe();
        // An error means that no sender is left, which cannot be while `self` holds one.
        let _ = finished.wait_for(|count| *count > 0).await;
    }

    /// Fetches now, whatever budget and back-off say, and reports the end.
    pub(crate) async fn refresh(&self) -> Result<(), Arc<FetchError>> {
        if self.owner.is_none() {
            return Ok(());
        }
        let mut finished = self.shared.finished.subscribe();
        let before = {
            let mut state = self.shared.state();
            state.cache.refresh();
            state.cache.started()
        };
        self.shared.wake.notify_one();
        loop {
            if finished.changed().await.is_err() {
                return Ok(());
            }
            let state = self.shared.state();
            match (state.cache.outcome_after(before), &state.last_error) {
                (None, _) => {}
                (Some(false), Some(error)) => return Err(Arc::clone(error)),
                (Some(_), _) => return Ok(()),
            }
        }
    }

    /// Denies the held keys of this `kid`, by thumbprint, from now on. Returns how many there are.
    pub(crate) fn invalidate(&self, kid: &KeyId) -> usize {
        // The lock orders this with the owner's own publishing.
        let _state = self.shared.state();
        let Some(held) = self.shared.snapshot.load_full() else {
            return 0;
        };
        let prints: Vec<_> = held
            .keys
            .keys()
            .iter()
            .filter(|key| key.key_id() == Some(kid))
            .map(|key| key.thumbprint())
            .collect();
        let mut denied = held.denied.clone();
        denied.extend(prints.iter().filter(|print| !held.denied.contains(print)));
        self.shared.snapshot.store(Some(Arc::new(Snapshot {
            keys: Arc::clone(&held.keys),
            uses: Arc::clone(&held.uses),
            denied,
            ..*held
        })));
        prints.len()
    }

    pub(crate) fn health(&self, issuer: &str) -> IssuerHealth {
        let now = self.now();
        let last_error = self
            .shared
            .state()
            .last_error
            .as_ref()
            .map(|error| error.line());
        let held = self.shared.snapshot.load_full();
        IssuerHealth::new(
            issuer,
            held.as_deref(),
            last_error,
            now,
            self.shared.clock.now(),
        )
    }
}

impl Drop for KeySource {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.abort();
        }
    }
}

/// What a need that ended without a key is for its token.
fn refusal(ended: &Resolution, need: &Need) -> Rejected {
    match (ended, need) {
        (Resolution::Unavailable { why, retry_after }, _) => Rejected::KeysUnavailable {
            why: *why,
            retry_after: *retry_after,
        },
        (_, Need::NewerKey { .. }) => InvalidToken::BadSignature.into(),
        _ => Rejected::UnknownKey,
    }
}

/// How long a request waits for keys.
pub(crate) const MISS_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
