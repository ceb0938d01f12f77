//! Drives the state machine of [`super::cache`]: one spawned task owns every fetch.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use exeat_jose::Clock;
use futures_util::FutureExt;
use tokio::sync::{Notify, Semaphore, watch};
use tracing::Instrument;
use tracing::field::Empty;

use super::cache::{Answer, Cache, Phase, Step};
use super::fetch::{Fetched, Validators};
use super::snapshot::{KeyUse, Need, Resolution, Snapshot};
use super::{FetchError, Fetcher, HealthState, JwksSettings};
use crate::meter::KeyMeter;
use crate::rejection::KeysUnavailable;

/// What the owner and the requests share.
pub(super) struct Shared {
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetcher: Option<Fetcher>,
    pub(super) state: Mutex<State>,
    /// Counts finished fetches; waiters watch it.
    pub(super) finished: watch::Sender<u64>,
    /// Wakes the owner: something was requested, or a fetch is due by a clock that runs faster than the owner's sleep.
    pub(super) wake: Notify,
    /// When the next scheduled fetch is due, in milliseconds of the monotonic clock.
    pub(super) due_at: AtomicU64,
    pub(super) waiters: Semaphore,
    pub(super) meter: KeyMeter,
    /// Random numbers in 0.0..1.0, for jitter: [`chance`], or a test's dice.
    pub(super) chance: Box<dyn Fn() -> f64 + Send + Sync>,
    /// The longest sleep of the owner, so that the meter hears of the end of a lifetime.
    pub(super) observe_every: Duration,
}

pub(super) struct State {
    pub(super) cache: Cache,
    pub(super) validators: Validators,
    pub(super) last_error: Option<Arc<FetchError>>,
}

impl Shared {
    pub(super) fn new(
        snapshot: Option<Snapshot>,
        clock: Arc<dyn Clock>,
        fetcher: Option<Fetcher>,
        settings: JwksSettings,
        meter: KeyMeter,
    ) -> Self {
        let cache = Cache::new(settings);
        Self {
            snapshot: ArcSwapOption::new(snapshot.map(Arc::new)),
            clock,
            fetcher,
            state: Mutex::new(State {
                cache,
                validators: Validators::default(),
                last_error: None,
            }),
            finished: watch::Sender::new(0),
            wake: Notify::new(),
            due_at: AtomicU64::new(u64::MAX),
            waiters: Semaphore::new(MAX_WAITERS),
            meter,
            chance: Box::new(chance),
            observe_every: KeyMeter::OBSERVE_EVERY,
        }
    }

    /// `Ok`: wait for the end of a fetch.
    pub(super) fn ask(&self, need: &Need) -> Result<(), Resolution> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let epoch = self.snapshot.load().as_ref().map_or(0, |held| held.epoch);
        let (answer, why) = match need {
            Need::Keys if epoch > 0 => return Err(Resolution::LookAgain),
            Need::Key { epoch: seen, .. } | Need::NewerKey { epoch: seen } if *seen != epoch => {
                return Err(Resolution::LookAgain);
            }
            // Pinned keys: there is nobody to ask.
            Need::Key { .. } if self.fetcher.is_none() => return Err(Resolution::Settled),
            Need::NewerKey { .. }
                if self.fetcher.is_none() || !state.cache.signature_failed(now) =>
            {
                return Err(Resolution::Settled);
            }
            Need::NewerKey { .. } => return Ok(()),
            Need::Keys => (state.cache.cold(now), KeysUnavailable::Cold),
            Need::Key { wanted, .. } => (
                state.cache.miss(wanted, now),
                KeysUnavailable::MissUnresolved,
            ),
        };
        match answer {
            Answer::Join => Ok(()),
            Answer::Absent => Err(Resolution::Settled),
            Answer::Unavailable { retry_after } => {
                if matches!(need, Need::Key { .. }) {
                    self.meter.miss_denied();
                }
                Err(Resolution::Unavailable { why, retry_after })
            }
        }
    }

    /// The owner: the only place where fetches are made.
    pub(super) async fn own(self: Arc<Self>) {
        let Some(fetcher) = &self.fetcher else { return };
        loop {
            self.observe();
            let step = self.state().cache.next(self.clock.monotonic());
            match step {
                Step::Fetch => {
                    // A waiting request need not wake the owner while it fetches.
                    self.due_at.store(u64::MAX, Ordering::Relaxed);
                    let validators = self.state().validators.clone();
                    let (started_at, date) = (self.clock.monotonic(), self.clock.now());
                    let span = tracing::debug_span!("jwks.fetch", outcome = Empty);
                    let fetch = AssertUnwindSafe(fetcher.fetch(&validators, started_at))
                        .catch_unwind()
                        .instrument(span.clone());
                    let result = fetch.await.unwrap_or(Err(FetchError::Panicked));
                    let took = self.clock.monotonic().saturating_sub(started_at);
                    span.record("outcome", self.meter.fetched(&result, date, took));
                    self.finish(result);
                }
                Step::Wait(wait) => {
                    let wait = wait.clamp(SHORTEST_SLEEP, self.observe_every);
                    // Ends early when woken; the time-out is the normal case.
                    let _ = tokio::time::timeout(wait, self.wake.notified()).await;
                }
            }
        }
    }

    fn finish(&self, result: Result<Fetched, FetchError>) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let held = self.snapshot.load_full();
        let error = match (result, held) {
            (
                Ok(Fetched::Updated {
                    keys,
                    validators,
                    freshness,
                }),
                held,
            ) => {
                for key in keys.refused() {
                    tracing::debug!(target: "exeat", position = key.position, reason = key.why.reason(), "key of the set refused");
                }
                let validity = state.cache.succeeded(freshness, now, (self.chance)());
                let uses = KeyUse::carried_over(&keys, held.as_deref());
                let (epoch, denied) =
                    held.map_or((0, Vec::new()), |held| (held.epoch, held.denied.clone()));
                let epoch = epoch + 1;
                tracing::debug!(target: "exeat", epoch, keys = keys.keys().len(), refused = keys.refused().len(), "key set fetched");
                self.publish(Snapshot {
                    epoch,
                    keys: Arc::new(keys),
                    uses,
                    denied,
                    fetched_at: now,
                    validity: Some(validity),
                });
                state.validators = validators;
                None
            }
            (Ok(Fetched::NotModified { freshness }), Some(held)) => {
                let validity = state.cache.succeeded(freshness, now, (self.chance)());
                self.publish(Snapshot {
                    keys: Arc::clone(&held.keys),
                    uses: Arc::clone(&held.uses),
                    denied: held.denied.clone(),
                    validity: Some(validity),
                    ..*held
                });
                None
            }
            // A 304 is only taken for an answer when there is a set; see `Fetcher`.
            (Ok(Fetched::NotModified { .. }), None) => Some(FetchError::Metadata),
            (Err(error), _) => Some(error),
        };
        if let Some(error) = &error {
            state
                .cache
                .failed(error.retry_after(), now, (self.chance)());
            let retry_in = state.cache.next_fetch_in(now).as_secs_f32();
            let held = self.snapshot.load();
            let phase = held.as_ref().and_then(|held| held.phase(now));
            let usable = held.is_some() && phase != Some(Phase::Expired);
            tracing::warn!(target: "exeat", error = error.line(), retry_in, usable, stale = phase == Some(Phase::Stale), "signing keys could not be fetched");
        } else if state.last_error.is_some() {
            tracing::info!(target: "exeat", "signing keys can be fetched again");
        }
        state.last_error = error.map(Arc::new);
        self.due_at
            .store(millis(state.cache.scheduled_at()), Ordering::Relaxed);
        drop(state);
        self.finished.send_modify(|count| *count += 1);
    }

    /// The state of the key set now, for those who watch over it.
    pub(super) fn observe(&self) {
        let now = self.clock.monotonic();
        let held = self.snapshot.load();
        self.meter.observe(HealthState::of(held.as_deref(), now));
    }

    fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Some(Arc::new(snapshot)));
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A random number in 0.0..1.0; one half where the operating system has none to give: jitter is a courtesy, not a secret.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |random| {
        f64::from(random) / (f64::from(u32::MAX) + 1.0)
    })
}

/// How many requests wait for keys at the same time.
const MAX_WAITERS: usize = 1024;
/// Keeps the owner from spinning on a clock that stands still.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
