//! The bench: builds the workspace of rivals, which nothing else does, and runs its driver.

use std::{fs, path::Path, thread::available_parallelism};

use anyhow::{Context as _, ensure};

use crate::{
    process::{cargo, command, find, root, run as run_command},
    setup,
};

/// The workspace of its own.
const PEERS: &str = "bench/peers";

/// Where the driver runs, which makes the load. What is measured is on core 0.
const CORE: &str = "1";

/// gungraun's other half, which has to be of the version of the crate.
const RUNNER: &str = "0.20.0";

/// What is measured.
pub(crate) enum Part {
    /// The table of goals.
    Everything { quick: bool },
    /// Instructions alone, compared with the baseline or made the new one.
    Instructions { record: bool },
}

pub(crate) fn run(part: &Part) -> anyhow::Result<()> {
    for (program, package) in [("taskset", "util-linux"), ("valgrind", "valgrind")] {
        ensure!(
            find(program).is_some(),
            "{program} is missing (Debian: {package})"
        );
    }
    let cores = available_parallelism().context("the number of cores is unknown")?;
    ensure!(
        cores.get() > 1,
        "two cores are needed: one that is measured, one that makes the load"
    );
    // The driver looks for the programs there, whatever target directory the rest uses.
    let target = root().join(PEERS).join("target");
    runner(&target)?;
    // Not `--locked`: a dependency that our crates have gained since the last bench is added to its lock file, the rest stays as it is.
    let mut build = cargo();
    build
        .args(["build", "--release", "--manifest-path"])
        .arg(root().join(PEERS).join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target);
    let mut driver = command("taskset");
    driver
        .args(["--cpu-list", CORE])
        .arg(target.join("release/driver"))
        .env("CARGO_TARGET_DIR", &target);
    match part {
        Part::Everything { quick } => {
            setup::npm("bench/peers/node")?;
            driver.args(quick.then_some("--quick"));
        }
        Part::Instructions { record } => {
            build.args(["--package", "driver", "--package", "instructions"]);
            driver
                .arg("--instructions")
                .args(record.then_some("--record"));
        }
    }
    run_command(&mut build)?;
    run_command(&mut driver)
}

fn runner(target: &Path) -> anyhow::Result<()> {
    let tools = target.join("tools");
    let stamp = tools.join(format!("gungraun-runner-{RUNNER}"));
    if stamp.is_file() {
        return Ok(());
    }
    println!("bench: building gungraun-runner {RUNNER} (some minutes, once)");
    run_command(
        cargo()
            .args(["install", "--locked", "gungraun-runner"])
            .args(["--version", RUNNER, "--root"])
            .arg(&tools),
    )?;
    fs::write(&stamp, "").context("cannot write the stamp of gungraun-runner")
}
