//! The demo's clock: the real one, unless a task asks to live a while ago.

use std::time::Duration;

use exeat_jose::{Clock, NumericDate, SystemClock};

tokio::task_local! {
    static AGO: Duration;
}

/// Runs a future as if it were `ago` in the past, for everything it asks the [`DemoClock`]. No other task notices.
pub(super) async fn earlier<F: Future>(ago: Duration, future: F) -> F::Output {
    AGO.scope(ago, future).await
}

/// The clock of the demo's issuer.
#[derive(Clone, Copy, Debug)]
pub(super) struct DemoClock;

impl Clock for DemoClock {
    fn now(&self) -> NumericDate {
        let now = SystemClock.now();
        AGO.try_with(|ago| now.saturating_sub(*ago)).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_lives_earlier_does_not_take_the_others_with_it() {
        let ago = Duration::from_mins(10);
        let (then, now) = tokio::join!(earlier(ago, async { DemoClock.now() }), async {
            DemoClock.now()
        });
        let apart = now.saturating_duration_since(then);
        assert!(
            (ago..ago + Duration::from_secs(5)).contains(&apart),
            "{apart:?}"
        );
    }
}
