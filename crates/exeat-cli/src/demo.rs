//! `exeat demo`: a marketplace, an external API and a hostile page, each on its own origin, all in memory.
//!
//! Nothing is canned: the marketplace mounts the issuer's own router, the API is guarded by the gate that other people's
//! APIs use, and the odd tokens of the attacks come out of the same exchange as the good ones.

mod api;
mod api_log;
mod clock;
mod hostile;
mod marketplace;
mod pages;
mod people;

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::Context as _;

use crate::{
    args::DemoArgs,
    failure::Failure,
    listener::{self, BindError, Limits, Listener},
    output,
    shutdown::Shutdown,
};

/// The audience that the demo's API expects.
const AUDIENCE: &str = "points-api";
/// A second audience of the same issuer: its tokens are good, but not here.
const OTHER_AUDIENCE: &str = "reports-api";

/// The origins of the three sites. They differ in what browsers compare: `localhost` and `127.0.0.1` are different
/// sites, so no cookie of the marketplace ever reaches the API or the hostile page.
#[derive(Clone, Debug)]
struct Sites {
    marketplace: String,
    api: String,
    hostile: String,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When a port is taken (the error names the flag that changes it) or the parts cannot be set up.
pub(crate) async fn run(args: &DemoArgs) -> Result<(), Failure> {
    Ok(start(args).await?)
}

async fn start(args: &DemoArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signal()?;
    let marketplace = Listener::bind_localhost("marketplace", args.port)
        .await
        .map_err(|error| port_hint(error, "--port"))?;
    let api = bind("api", args.api_port, "--api-port").await?;
    let hostile = bind("hostile", args.hostile_port, "--hostile-port").await?;
    let sites = Sites {
        marketplace: marketplace.url().to_owned(),
        api: api.url().to_owned(),
        hostile: hostile.url().to_owned(),
    };

    let log = Arc::new(api_log::ApiLog::default());
    let marketplace_router = marketplace::router(&sites, Arc::clone(&log)).await?;
    let limits = Limits::default();
    // The marketplace goes first: the API's gate discovers the issuer and fetches its keys from it.
    let marketplace = tokio::spawn(marketplace.serve(marketplace_router, limits, shutdown.clone()));
    let api_router = api::router(&sites, log).await?;
    let api = tokio::spawn(api.serve(api_router, limits, shutdown.clone()));
    let hostile = tokio::spawn(hostile.serve(hostile::router(&sites)?, limits, shutdown));

    for (name, url) in [
        ("marketplace", &sites.marketplace),
        ("api", &sites.api),
        ("hostile", &sites.hostile),
    ] {
        listener::announce(name, url).context("stdout cannot be written")?;
    }
    output::print(&format!(
        "open {} in a browser; Ctrl-C ends the demo",
        sites.marketplace
    ))
    .context("stdout cannot be written")?;
    let (marketplace, api, hostile) = tokio::join!(marketplace, api, hostile);
    marketplace
        .and(api)
        .and(hostile)
        .context("a site of the demo broke")
}

async fn bind(name: &'static str, port: u16, flag: &'static str) -> anyhow::Result<Listener> {
    Listener::bind(name, (Ipv4Addr::LOCALHOST, port).into())
        .await
        .map_err(|error| port_hint(error, flag))
}

fn port_hint(error: BindError, flag: &'static str) -> anyhow::Error {
    if error.is_taken() {
        let hint = format!(
            "the port is taken; choose another with {flag} PORT, or any free one with {flag} 0"
        );
        return anyhow::Error::from(error).context(hint);
    }
    error.into()
}
