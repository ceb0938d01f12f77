//! Running other programs from the root of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// The root of the repository, whatever the current directory is.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Cargo, as `rust-toolchain.toml` chooses it.
pub(crate) fn cargo() -> Command {
    let mut cargo = command("cargo");
    if std::env::var_os("CI").is_some() {
        // Nobody builds there a second time: what would be kept for that is gigabytes.
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// A program that runs in the root of the repository.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root());
    command
}

/// Runs to the end with our own output; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}");
    let status = command
        .status()
        .with_context(|| format!("cannot start {shown}"))?;
    ensure!(status.success(), "{shown} ended with {status}");
    Ok(())
}

/// The standard output of a program that must succeed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {shown}"))?;
    ensure!(
        output.status.success(),
        "{shown} ended with {}",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("{shown} printed bytes, not text"))
}

/// Where `program` is on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The files of a folder whose names end so, sorted; none is an error, since a check of nothing cannot fail.
pub(crate) fn files_in(folder: &str, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).with_context(|| folder.to_owned())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "{folder} has no file ending in {ending}");
    Ok(files)
}
