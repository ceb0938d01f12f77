//! The architecture test: what `ARCHITECTURE.md` says about crates, files and names is checked against the tree.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::process::{cargo, command, output, root};

/// Every rule, all violations at once.
pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = workspace()?;
    let files = tracked_files()?;
    let mut violations = arrows(&direct_dependencies(&metadata));
    violations.extend(pure_trees()?);
    violations.extend(backend_trees()?);
    violations.extend(foreign_verifiers()?);
    violations.extend(crate_table(
        &read("ARCHITECTURE.md")?,
        &crates_of(&metadata),
    ));
    for manifest in ["Cargo.toml", "bench/peers/Cargo.toml"] {
        violations.extend(dependency_reasons(manifest, &read(manifest)?));
    }
    for file in &files {
        violations.extend(file_name(file));
        if has_extension(file, "rs") {
            violations.extend(file_size(file, &read(file)?));
            violations.extend(pure_source(file, &read(file)?));
            violations.extend(installs_provider(file, &read(file)?));
        }
        if file.ends_with("Cargo.toml") {
            violations.extend(own_versions(file, &read(file)?));
        }
        if has_extension(file, "md") {
            violations.extend(dead_links(file, &read(file)?, |target| {
                root().join(target).exists()
            }));
        }
    }
    if violations.is_empty() {
        println!(
            "arch: {} files and {} crates keep the rules",
            files.len(),
            metadata.workspace_members.len()
        );
        return Ok(());
    }
    bail!("{}", violations.join("\n"))
}

/// The workspace as cargo sees it.
pub(crate) fn workspace() -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .current_dir(root())
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata")
}

/// Which workspace crates each crate may name. Arrows point down only, siblings never see each other.
const ARROWS: [(&str, &[&str]); 8] = [
    ("bench", &["exeat", "exeat-cors", "exeat-jose"]),
    ("exeat-jose", &[]),
    ("exeat-cors", &[]),
    ("exeat", &["exeat-jose", "exeat-cors"]),
    ("exeat-issuer", &["exeat-jose", "exeat-cors"]),
    (
        "exeat-cli",
        &["exeat", "exeat-cors", "exeat-issuer", "exeat-jose"],
    ),
    (
        "tests",
        &["exeat", "exeat-cors", "exeat-issuer", "exeat-jose"],
    ),
    ("xtask", &[]),
];

/// The libraries that do cryptography with keys; only `exeat-jose` names them.
const CRYPTOGRAPHY: [&str; 2] = ["aws-lc-rs", "ring"];

/// Package → its direct dependencies, development-only ones left out.
type Direct = BTreeMap<String, Vec<String>>;

fn direct_dependencies(metadata: &Metadata) -> Direct {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), names_of(package)))
        .collect()
}

fn names_of(package: &Package) -> Vec<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.clone())
        .collect()
}

fn arrows(direct: &Direct) -> Vec<String> {
    let mut violations = Vec::new();
    for (package, dependencies) in direct {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == package) else {
            violations.push(format!("{package}: a crate that xtask arch does not know; add it to ARROWS and ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies {
            if direct.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                violations.push(format!(
                    "{package} → {dependency}: this arrow is not in the house"
                ));
            }
            if CRYPTOGRAPHY.contains(&dependency.as_str()) && package != "exeat-jose" {
                violations.push(format!(
                    "{package} → {dependency}: only exeat-jose names the cryptographic library"
                ));
            }
        }
    }
    violations
}

/// The crates without I/O.
const PURE: [&str; 2] = ["exeat-jose", "exeat-cors"];

/// What the whole tree of a pure crate must not contain.
const IMPURE: [&str; 4] = ["tokio", "hyper", "axum", "reqwest"];

fn pure_trees() -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for package in PURE {
        let tree = output(cargo().args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
            "--all-features",
            "--prefix",
            "none",
        ]))?;
        violations.extend(impure_lines(package, &tree));
    }
    Ok(violations)
}

/// A build under one backend does not contain the other.
fn backend_trees() -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for (package, features) in [
        ("exeat", "ring,axum,reqwest"),
        ("exeat-issuer", "ring"),
        ("exeat-cli", "ring"),
    ] {
        let tree = output(
            cargo()
                .args([
                    "tree",
                    "--locked",
                    "--package",
                    package,
                    "--edges",
                    "normal",
                ])
                .args([
                    "--no-default-features",
                    "--features",
                    features,
                    "--prefix",
                    "none",
                ]),
        )?;
        if tree.lines().any(|line| line.starts_with("aws-lc-rs ")) {
            violations.push(format!(
                "{package} with ring alone still pulls in aws-lc-rs"
            ));
        }
    }
    Ok(violations)
}

/// A second verifier is not in what people build, whatever features they turn on: `exeat-jose` has conversions for it behind a feature
/// that none of the others can reach. (And without default features it is not in `exeat-jose` either.)
fn foreign_verifiers() -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for (package, features) in [
        ("exeat-jose", "--features=aws-lc-rs,ring,sign"),
        ("exeat", "--all-features"),
        ("exeat-issuer", "--all-features"),
        ("exeat-cli", "--all-features"),
    ] {
        let tree = output(cargo().args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
            features,
            "--prefix",
            "none",
        ]))?;
        violations.extend(foreign_lines(package, &tree));
    }
    Ok(violations)
}

fn foreign_lines(package: &str, tree: &str) -> Option<String> {
    tree.lines()
        .any(|line| line.starts_with("jsonwebtoken "))
        .then(|| format!("{package} pulls in jsonwebtoken: ARCHITECTURE.md says why it must not"))
}

fn impure_lines(package: &str, tree: &str) -> Vec<String> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| IMPURE.contains(name))
        .map(|name| format!("{package} pulls in {name}: the core is pure"))
        .collect()
}

/// Name and description of every crate of the workspace.
fn crates_of(metadata: &Metadata) -> BTreeMap<String, String> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let description = package.description.clone().unwrap_or_default();
            (package.name.to_string(), description)
        })
        .collect()
}

/// The table of crates, rows ``| `name` | description | …`` under the heading `| crate |`, equals the manifests.
fn crate_table(document: &str, crates: &BTreeMap<String, String>) -> Vec<String> {
    let rows: BTreeMap<String, String> = document
        .lines()
        .skip_while(|line| !line.starts_with("| crate |"))
        .skip(2)
        .map_while(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            Some((
                cells.next()?.trim_end_matches('`').to_owned(),
                cells.next()?.to_owned(),
            ))
        })
        .collect();
    let missing = crates
        .iter()
        .filter(|(name, description)| rows.get(*name) != Some(description))
        .map(|(name, description)| format!("ARCHITECTURE.md: no row | `{name}` | {description} |"));
    let left_over = rows
        .keys()
        .filter(|name| !crates.contains_key(*name))
        .map(|name| format!("ARCHITECTURE.md: a row for {name}, which is no crate"));
    missing.chain(left_over).collect()
}

/// Each dependency of the workspace says beside it why it is there; our own crates need not.
fn dependency_reasons(file: &str, manifest: &str) -> Vec<String> {
    let entries: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains(" = ") && !line.contains("path = "))
        .collect();
    if entries.is_empty() {
        return vec![format!("{file}: no [workspace.dependencies]")];
    }
    entries
        .into_iter()
        .filter(|line| !line.contains(" # "))
        .map(|line| format!("{file}: no reason beside `{line}`"))
        .collect()
}

/// No crate names a version of its own, unless it is a workspace of its own.
fn own_versions(file: &str, manifest: &str) -> Vec<String> {
    if manifest.lines().any(|line| line == "[workspace]") {
        return Vec::new();
    }
    let mut in_dependencies = false;
    let mut violations = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]") && line != "[workspace.dependencies]";
        } else if in_dependencies && line.contains('=') && !line.contains("workspace = true") {
            violations.push(format!(
                "{file}: `{line}` names a version; declare it in the workspace"
            ));
        }
    }
    violations
}

/// Names that say nothing about what is inside.
const BANNED: [&str; 14] = [
    "types", "prelude", "util", "utils", "common", "helper", "helpers", "misc", "manager", "data",
    "info", "base", "core", "shared",
];

fn file_name(file: &str) -> Option<String> {
    let stem = Path::new(file).file_stem()?.to_str()?;
    let folder = Path::new(file)
        .parent()?
        .file_name()
        .and_then(|name| name.to_str());
    [Some(stem), folder]
        .into_iter()
        .flatten()
        .find(|name| BANNED.contains(name))
        .map(|name| format!("{file}: `{name}` says nothing about what is inside"))
}

/// The most lines of a source file; tests apart.
const MOST_LINES: usize = 500;

fn file_size(file: &str, text: &str) -> Option<String> {
    let is_test =
        file.ends_with("/tests.rs") || file.contains("/tests/") || file.starts_with("tests/");
    let lines = text.lines().count();
    (!is_test && lines > MOST_LINES)
        .then(|| format!("{file}: {lines} lines; over {MOST_LINES} it is two concepts"))
}

/// The one provider of a process is its binary's to choose, and jsonwebtoken's cannot be changed again.
fn installs_provider(file: &str, text: &str) -> Option<String> {
    let is_library = file.starts_with("crates/")
        && file.contains("/src/")
        && !file.starts_with("crates/exeat-cli/");
    let calls = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.contains("install_default"));
    (is_library && calls)
        .then(|| format!("{file}: a library installs a provider for the whole process"))
}

/// What the source of a pure crate must not say: doors to the system, and clocks.
const IMPURE_WORDS: [&str; 9] = [
    "fs::",
    "env::",
    "process::",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "static mut",
    "SystemTime",
    "Instant",
];

/// The one place that reads the operating system's clock.
const CLOCK: &str = "crates/exeat-jose/src/time.rs";

fn pure_source(file: &str, text: &str) -> Vec<String> {
    let is_pure = PURE
        .iter()
        .any(|package| file.starts_with(&format!("crates/{package}/src/")));
    IMPURE_WORDS
        .iter()
        .filter(|word| is_pure && file != CLOCK && text.contains(*word))
        .map(|word| format!("{file}: `{word}` in a pure crate"))
        .collect()
}

/// Relative links of a document that lead nowhere.
fn dead_links(file: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
        .filter(|target| !exists(&folder.join(target)))
        .map(|target| format!("{file}: the link to {target} leads nowhere"))
        .collect()
}

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|is| is == extension)
}

fn tracked_files() -> anyhow::Result<Vec<String>> {
    let listed =
        output(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    Ok(listed
        .lines()
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect())
}

fn read(file: &str) -> anyhow::Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| format!("{file} cannot be read"))
}

#[cfg(test)]
mod tests;
