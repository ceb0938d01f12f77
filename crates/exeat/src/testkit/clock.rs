use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exeat_jose::{Clock, NumericDate};
use tokio::time::Instant;

/// A clock in the hands of a test. Clones share the time; [`super::FakeIssuer`] and the gates connected to it have one in common.
///
/// [`TestClock::new`] follows tokio's time. Under `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`) that stands still
/// while anything runs, and a `sleep` in the test lets it pass without waiting: refreshes, back-offs and time-outs then happen in
/// their order.
///
/// ```
/// use std::time::Duration;
/// use exeat::exeat_jose::Clock;
/// use exeat::testkit::TestClock;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = TestClock::new();
/// tokio::time::sleep(Duration::from_hours(1)).await; // takes no time
/// assert_eq!(clock.now(), TestClock::START.saturating_add(Duration::from_hours(1)));
/// # }
/// ```
#[derive(Clone)]
pub struct TestClock {
    /// `None`: only [`Self::advance`] moves it.
    started: Option<Instant>,
    moved: Arc<Mutex<Moved>>,
}

struct Moved {
    by: Duration,
    /// What the wall clock said, and the monotonic time when it did.
    wall: (NumericDate, Duration),
}

impl TestClock {
    /// What a new clock's wall clock says: 2027-01-15T08:00:00Z.
    pub const START: NumericDate = NumericDate::from_secs(1_800_000_000);

    /// A clock that follows tokio's time, real or paused.
    #[must_use]
    pub fn new() -> Self {
        Self::starting(Some(Instant::now()))
    }

    /// A clock that only [`Self::advance`] moves. For tests over sockets, where tokio's time must not be paused.
    ///
    /// A gate finds out that its clock has jumped with the next request.
    ///
    /// ```
    /// use exeat::exeat_jose::Clock;
    /// use exeat::testkit::TestClock;
    ///
    /// let clock = TestClock::frozen();
    /// assert_eq!(clock.now(), TestClock::START);
    /// ```
    #[must_use]
    pub fn frozen() -> Self {
        Self::starting(None)
    }

    fn starting(started: Option<Instant>) -> Self {
        let moved = Moved {
            by: Duration::ZERO,
            wall: (Self::START, Duration::ZERO),
        };
        Self {
            started,
            moved: Arc::new(Mutex::new(moved)),
        }
    }

    /// Jumps forward, wall clock and monotonic time alike, as on a machine that was suspended.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeat::exeat_jose::Clock;
    /// use exeat::testkit::TestClock;
    ///
    /// let clock = TestClock::frozen();
    /// clock.advance(Duration::from_secs(90));
    /// assert_eq!(clock.monotonic(), Duration::from_secs(90));
    /// ```
    pub fn advance(&self, by: Duration) {
        let mut moved = self.moved();
        moved.by = moved.by.saturating_add(by);
    }

    /// Sets the wall clock alone, forward or back, as an administrator does: tokens age, key sets do not.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeat::exeat_jose::{Clock, NumericDate};
    /// use exeat::testkit::TestClock;
    ///
    /// let clock = TestClock::frozen();
    /// clock.set_wall(NumericDate::from_secs(1_000));
    /// clock.advance(Duration::from_secs(5));
    /// assert_eq!(clock.now(), NumericDate::from_secs(1_005));
    /// ```
    pub fn set_wall(&self, now: NumericDate) {
        let monotonic = self.monotonic();
        self.moved().wall = (now, monotonic);
    }

    fn moved(&self) -> MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> NumericDate {
        let monotonic = self.monotonic();
        let (wall, at) = self.moved().wall;
        wall.saturating_add(monotonic.saturating_sub(at))
    }

    fn monotonic(&self) -> Duration {
        let flowed = self.started.map_or(Duration::ZERO, |start| start.elapsed());
        self.moved().by.saturating_add(flowed)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClock")
            .field("now", &self.now())
            .field("monotonic", &self.monotonic())
            .finish_non_exhaustive()
    }
}
