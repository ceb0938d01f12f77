//! `exeat serve`: the issuer service on two listeners, from a configuration to a clean stop.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use exeat_issuer::Issuer;
use exeat_jose::SystemClock;

use crate::{
    check,
    failure::Failure,
    listener::{self, Limits, Listener},
    shutdown::Shutdown,
    telemetry::Metrics,
};

/// Runs until SIGTERM or SIGINT, then finishes the requests in flight.
///
/// # Errors
/// `Configuration` before anything was started; others when keys or sessions cannot be opened (the error names the
/// file) or an address cannot be listened on.
pub(crate) async fn run(file: &Path) -> Result<(), Failure> {
    let config = check::load(file)?;
    let (public, admin) = (config.listen(), config.admin_listen());
    let shutdown = Shutdown::on_signal()?;
    // Before anything is made: a start that fails here leaves no keys and no database behind.
    let public = bind("issuer", public, "server.listen").await?;
    let admin = bind("admin", admin, "server.admin_listen").await?;
    let metrics = Metrics::install()?;
    let issuer = Issuer::open(config, Arc::new(SystemClock))
        .await
        .map_err(anyhow::Error::from)?;
    let keys = issuer.clone();
    let operations = issuer
        .admin_router()
        .merge(metrics.router(move || keys.observe_keys()));
    for listener in [&public, &admin] {
        listener::announce(listener.name(), listener.url()).context("stdout cannot be written")?;
    }
    tokio::join!(
        public.serve(issuer.router(), Limits::default(), shutdown.clone()),
        admin.serve(operations, Limits::default(), shutdown),
    );
    tracing::info!("stopped");
    Ok(())
}

async fn bind(
    name: &'static str,
    address: SocketAddr,
    key: &'static str,
) -> anyhow::Result<Listener> {
    Listener::bind(name, address).await.map_err(|error| {
        let hint = if error.is_taken() {
            format!("{key}: somebody else listens there; choose another port, or end them")
        } else {
            format!("{key}: choose an address of this machine")
        };
        anyhow::Error::from(error).context(hint)
    })
}
