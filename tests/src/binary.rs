//! The binary `exeat` itself.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use tokio::process::Command;

use crate::process::{Finished, Process};

/// Names the binary to test; without it the workspace's own is built.
const BINARY: &str = "BINARY_UNDER_TEST";

/// A command line of `exeat`, with nothing of our own environment that the binary would read as configuration.
///
/// # Errors
/// The binary cannot be built.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> anyhow::Result<Command> {
    let mut command = Command::new(path()?);
    command.args(args);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("EXEAT_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Runs a command that ends by itself.
///
/// # Errors
/// It cannot be started or does not end before the deadline.
pub async fn run<A: AsRef<OsStr>>(
    args: impl IntoIterator<Item = A>,
    stdin: &str,
) -> anyhow::Result<Finished> {
    Process::start(&mut command(args)?)?.finish(stdin).await
}

/// `exeat serve --config FILE`, with both listeners up.
///
/// # Errors
/// It ended or did not come up before the deadline.
pub async fn serve(config: &Path) -> anyhow::Result<Process> {
    let mut process = Process::start(&mut serve_command(config)?)?;
    process.until_listening(&["issuer", "admin"]).await?;
    Ok(process)
}

/// `exeat serve --config FILE`, logging all that it can: what must not be in a log is looked for there.
///
/// # Errors
/// The binary cannot be built.
pub fn serve_command(config: &Path) -> anyhow::Result<Command> {
    command([
        OsStr::new("--log"),
        OsStr::new("trace"),
        OsStr::new("serve"),
        OsStr::new("--config"),
        config.as_os_str(),
    ])
}

/// Where the binary is.
///
/// # Errors
/// It cannot be built.
pub fn path() -> anyhow::Result<&'static Path> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let path = PATH.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    path.as_deref()
        .map_err(|error| anyhow::anyhow!("no binary to test: {error}"))
}

fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(BINARY) {
        return Ok(path.into());
    }
    // Not whatever lies there from an earlier build: cargo decides what is current.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--package", "exeat-cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    anyhow::ensure!(status.success(), "exeat-cli does not build");
    // This test is target/debug/deps/it-….
    let test = env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("the test runs from an unusual place")?;
    Ok(profile.join("exeat"))
}
