//! Randomness comes in as an argument: the operating system's in the service, a fixed sequence in tests.

/// A source of unpredictable bytes.
pub(crate) trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no randomness from the operating system")]
pub(crate) struct RandomUnavailable;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        getrandom::fill(bytes).map_err(|_| RandomUnavailable)
    }
}
