//! What the tests need beyond Rust and a C compiler, installed only where it is missing.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};

use crate::process::{self, cargo, command, find, output, root};

/// A command that succeeds where a program of the tests is installed, and the Debian package that brings it.
const DEBIAN: [(&[&str], &str); 7] = [
    (&["chromium", "--version"], "chromium"),
    (&["curl", "--version"], "curl"),
    // Debian keeps it where only root's PATH looks.
    (&["sh", "-c", "PATH=$PATH:/usr/sbin nginx -v"], "nginx"),
    // The peers need Node 20.
    (
        &[
            "node",
            "-e",
            "process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)",
        ],
        "nodejs",
    ),
    (&["npm", "--version"], "npm"),
    (&["openssl", "version"], "openssl"),
    // Debian has python3 without these two, and then makes no virtual environment.
    (&["python3", "-c", "import ensurepip, venv"], "python3-venv"),
];

/// The runner of the Rust tests, when the machine has none.
const NEXTEST: &str = "0.9.143";

/// Where the Python peers live; the test harness looks there.
const VENV: &str = "target/peers/venv";

/// Installs what is missing. A second run finds everything and changes nothing.
pub(crate) fn run() -> anyhow::Result<()> {
    debian()?;
    nextest()?;
    node()?;
    python()
}

fn debian() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        println!("setup: chromium, curl, nginx, node, npm, openssl and python3 are here");
        return Ok(());
    }
    let packages = missing.join(" ");
    println!("setup: installing {packages}");
    let is_root = output(command("id").arg("-u"))?.trim() == "0";
    if find("apt-get").is_none() || !is_root {
        bail!("these are missing: {packages}. On Debian, as root: apt-get install {packages}");
    }
    process::run(command("apt-get").args(["update", "-qq"]))?;
    process::run(
        command("apt-get")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    let left: Vec<&[&str]> = DEBIAN
        .iter()
        .map(|(check, _)| *check)
        .filter(|check| !succeeds(check))
        .collect();
    ensure!(
        left.is_empty(),
        "installed, but these still fail: {left:?}; is the Debian release older than the tests need?"
    );
    Ok(())
}

fn missing() -> Vec<&'static str> {
    DEBIAN
        .iter()
        .filter(|(check, _)| !succeeds(check))
        .map(|(_, package)| *package)
        .collect()
}

fn succeeds(check: &[&str]) -> bool {
    let [program, arguments @ ..] = check else {
        return false;
    };
    command(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

fn nextest() -> anyhow::Result<()> {
    if find("cargo-nextest").is_some() {
        return Ok(());
    }
    println!("setup: building cargo-nextest {NEXTEST} (some minutes, once)");
    process::run(cargo().args(["install", "--locked", "cargo-nextest", "--version", NEXTEST]))
}

/// Whether a stamp file names the same list of packages as the one wanted now.
fn is_current(stamp: &Path, list: &[u8]) -> bool {
    fs::read(stamp).is_ok_and(|installed| installed == list)
}

fn node() -> anyhow::Result<()> {
    npm("tests/peers/node")?;
    npm("clients/typescript")
}

/// Installs what the lock file in `folder` names.
pub(crate) fn npm(folder: &str) -> anyhow::Result<()> {
    let home = root().join(folder);
    let lock = home.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    let stamp = home.join("node_modules/.installed");
    if is_current(&stamp, &lock) {
        println!("setup: the Node packages of {folder} are here");
        return Ok(());
    }
    println!("setup: installing the Node packages of {folder}");
    process::run(
        command("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&home),
    )?;
    fs::write(&stamp, &lock).context("cannot write the stamp of the Node packages")
}

fn python() -> anyhow::Result<()> {
    let list = root().join("tests/peers/python/requirements.txt");
    let wanted = fs::read(&list).context("tests/peers/python/requirements.txt cannot be read")?;
    let venv = root().join(VENV);
    let stamp = venv.join(".installed");
    if is_current(&stamp, &wanted) {
        println!("setup: the Python peers are here");
        return Ok(());
    }
    println!("setup: installing the Python peers");
    process::run(command("python3").args(["-m", "venv"]).arg(&venv))?;
    process::run(
        command(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list),
    )?;
    fs::write(&stamp, &wanted).context("cannot write the stamp of the Python peers")
}
