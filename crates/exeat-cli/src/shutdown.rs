//! The signal to stop, as every listener sees it.

use anyhow::Context as _;
use tokio::sync::watch;

/// Becomes true once, when the process should stop. Cheap to clone, one for each listener.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for SIGTERM and SIGINT (Ctrl-C). The handlers are in place when this returns, so a signal that comes
    /// right after start is not lost.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub(crate) fn on_signal() -> anyhow::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        let signal = Signals::install().context("signal handlers cannot be installed")?;
        tokio::spawn(async move {
            let name = signal.first().await;
            tracing::info!(
                signal = name,
                "stopping; requests in flight are finished first"
            );
            // An error means that nobody listens any more.
            let _ = sender.send(true);
        });
        Ok(Self(receiver))
    }

    /// Waits until the process should stop; returns at once when it already should.
    pub(crate) async fn requested(&mut self) {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// A switch for tests: the listener stops when the sender sends true or is dropped.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn first(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn first(self) -> &'static str {
        // An error means that Ctrl-C cannot be heard; then stopping is the safe answer.
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
