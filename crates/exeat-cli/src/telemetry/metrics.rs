//! The one recorder of the process, and `GET /metrics`, which shows what it holds.

use std::{convert::Infallible, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    http::{HeaderName, header},
    routing::get,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Where scrapers look.
const METRICS: &str = "/metrics";

/// What was counted and timed so far.
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Installs the recorder. First of all: a handle made before belongs to no recorder and counts nothing.
    ///
    /// Has to be called on a tokio runtime, which from then on sorts what was timed into buckets: nobody may ever ask for it.
    ///
    /// # Errors
    /// The process has a recorder.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .context("metrics cannot be set up")?;
        metrics::describe_gauge!(BUILD, "1; the version is in the label.");
        metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        tokio::spawn(upkeep(handle.clone()));
        Ok(Self { handle })
    }

    /// `GET /metrics`. `refresh` sets the gauges that only time moves.
    ///
    /// It asks for no token: a scraper should hold no secret that opens more than counters, and no name or token is in them.
    pub(crate) fn router(&self, refresh: impl Fn() + Clone + Send + Sync + 'static) -> Router {
        let handle = self.handle.clone();
        let answer = move || async move {
            refresh();
            (HEADERS, handle.render())
        };
        Router::new().route(METRICS, get(answer))
    }
}

async fn upkeep(handle: PrometheusHandle) -> Infallible {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

const HEADERS: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// Upper bounds in seconds: from a token found in the cache to a request that waited as long as any may.
const BUCKETS: [f64; 21] = [
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_25,
    0.000_5,
    0.001,
    0.002_5,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
];
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const BUILD: &str = "exeat_build_info";
