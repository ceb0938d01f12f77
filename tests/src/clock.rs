//! A clock that only a test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use exeat_jose::{Clock, NumericDate};

/// Wall clock and monotonic clock in one, in milliseconds since [`ManualClock::START`]. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// What the wall clock says before anyone moved it: 2027-01-15T08:00:00Z, as in the vectors.
    pub const START: NumericDate = NumericDate::from_secs(1_800_000_000);

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> NumericDate {
        Self::START.saturating_add(self.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }
}
