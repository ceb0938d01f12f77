//! The bench: builds the workspace of rivals, which nothing else does, and runs its driver.

use std::thread::available_parallelism;

use anyhow::{Context as _, ensure};

use crate::{
    process::{cargo, command, find, root, run as run_command},
    setup,
};

/// The workspace of its own.
const PEERS: &str = "bench/peers";

/// Where the driver runs, which makes the load. What is measured is on core 0.
const CORE: &str = "1";

pub(crate) fn run(quick: bool) -> anyhow::Result<()> {
    ensure!(
        find("taskset").is_some(),
        "taskset is missing (Debian: util-linux)"
    );
    let cores = available_parallelism().context("the number of cores is unknown")?;
    ensure!(
        cores.get() > 1,
        "two cores are needed: one that is measured, one that makes the load"
    );
    setup::npm("bench/peers/node")?;
    // The driver looks for the programs there, whatever target directory the rest uses.
    let target = root().join(PEERS).join("target");
    // Not `--locked`: a dependency that our crates have gained since the last bench is added to its lock file, the rest stays as it is.
    run_command(
        cargo()
            .args(["build", "--release", "--manifest-path"])
            .arg(root().join(PEERS).join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target),
    )?;
    run_command(
        command("taskset")
            .args(["--cpu-list", CORE])
            .arg(target.join("release/driver"))
            .args(quick.then_some("--quick")),
    )
}
