//! The one place that installs a tracing subscriber and a metrics recorder. Logs go to stderr, never to stdout.

mod metrics;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    args::{LogArgs, LogFormat},
    failure::Failure,
};

pub(crate) use self::metrics::Metrics;

/// Installs the subscriber that `--log` and `--log-format` ask for.
///
/// # Errors
/// `Configuration` when the filter cannot be parsed.
pub(crate) fn install(logs: &LogArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&logs.filter).map_err(|error| Failure::Configuration {
        source: "the log filter".to_owned(),
        problems: vec![format!(
            "--log (EXEAT_LOG): {error}; write for example info or exeat=debug,info"
        )],
    })?;
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let installed = match logs.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| Failure::Other(anyhow::anyhow!("logging cannot be set up: {error}")))
}
