//! Errors and panics of what is behind the gate.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use exeat_cors::Failures;
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;

use super::ExternalApi;

impl ExternalApi {
    /// Says which errors of what is behind the gate pass by themselves, and how long to wait before another attempt makes sense: they are
    /// answered with 503 `unavailable` and `Retry-After`, all others with 500 `internal_error`. The time-outs and the load shedding of
    /// tower 0.5 are known without this, and are 503 with 1 s.
    ///
    /// ```
    /// use std::{io, time::Duration};
    ///
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api").with_temporary_errors(|error| {
    ///     let error = error.downcast_ref::<io::Error>()?;
    ///     (error.kind() == io::ErrorKind::TimedOut).then_some(Duration::from_secs(5))
    /// });
    /// # drop(api);
    /// ```
    pub fn with_temporary_errors(
        mut self,
        retry_after: impl Fn(&(dyn Error + 'static)) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.failures = self
            .failures
            .with_temporary(move |error| retry_after(error).or_else(|| of_tower(error)));
        self
    }

    /// Lets a panic of what is behind the gate pass on: the connection is closed, and pages see a network error in place of a 500 that
    /// they can read. For programs that end with their first panic.
    pub fn without_catching_panics(mut self) -> Self {
        self.failures = self.failures.without_catching_panics();
        self
    }
}

/// What is known without being told.
pub(super) fn known() -> Failures {
    Failures::default().with_temporary(of_tower)
}

/// Layers wrap the errors of others.
fn of_tower(error: &(dyn Error + 'static)) -> Option<Duration> {
    successors(Some(error), |&error| error.source())
        .take(MAX_CAUSES)
        .any(|error| error.is::<Elapsed>() || error.is::<Overloaded>())
        .then_some(RETRY_AFTER)
}

/// Soon: other instances may have room at once.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// An error that names itself as its cause must not keep us.
const MAX_CAUSES: usize = 16;
