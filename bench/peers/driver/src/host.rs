//! What figures depend on, without a name or a path of the machine.

use std::{fs, process::Command};

use anyhow::{Context as _, ensure};

use crate::peers;

/// What instruction counts depend on: the flags that libraries choose their code by, and the program that counts.
pub fn instructions() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    Ok(format!(
        "{}; {}",
        said_by("valgrind", &["--version"])?,
        flags(&cpu)
    ))
}

/// The first value of a field.
fn field<'c>(cpu: &'c str, name: &str) -> &'c str {
    let line = cpu.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(": "));
    value.map_or("unknown", |(_, value)| value)
}

fn flags(cpu: &str) -> String {
    let all = field(cpu, "flags").split(' ');
    let telling: Vec<&str> = all.filter(|flag| TELLING.contains(flag)).collect();
    telling.join(" ")
}

/// Lines for the page.
pub fn describe() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let lock = fs::read_to_string(peers().join("Cargo.lock"))?;
    let node = fs::read_to_string(peers().join("node/package-lock.json"))?;
    Ok(format!(
        "- Processor: {cores} × {} (family {}, model {}); of its flags: {}.\n- {}; {}; Node {}; {}.\n- Crates: {}.\n- npm: {}.\n",
        field(&cpu, "model name"),
        field(&cpu, "cpu family"),
        field(&cpu, "model\t"),
        flags(&cpu),
        said_by("rustc", &["--version"])?,
        said_by("cargo", &["--version"])?,
        said_by("node", &["--version"])?,
        said_by("valgrind", &["--version"])?,
        crates(&lock).join(", "),
        packages(&node).join(", "),
    ))
}

/// The flags that decide which code a cryptographic library runs.
const TELLING: [&str; 12] = [
    "adx",
    "aes",
    "avx",
    "avx2",
    "avx512f",
    "avx512ifma",
    "bmi2",
    "pclmulqdq",
    "sha_ni",
    "sse4_2",
    "vaes",
    "vpclmulqdq",
];

/// The crates whose version a figure belongs to.
const CRATES: [&str; 14] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "axum",
    "axum-jwt-auth",
    "base64",
    "gungraun",
    "hyper",
    "jsonwebtoken",
    "ring",
    "serde_json",
    "tokio",
    "tower",
    "tower-http",
    "tower-oauth2-resource-server",
];

fn crates(lock: &str) -> Vec<String> {
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let lines: Vec<&str> = lock.lines().collect();
    let packages = lines.windows(2).filter_map(|pair| match pair {
        [name, version] if name.starts_with("name = ") && version.starts_with("version = ") => {
            Some((quoted(name), quoted(version)))
        }
        _ => None,
    });
    packages
        .filter(|(name, _)| CRATES.contains(&name.as_str()))
        .map(|(name, version)| format!("{name} {version}"))
        .collect()
}

fn packages(lock: &str) -> Vec<String> {
    let lines: Vec<&str> = lock.lines().map(str::trim).collect();
    let versions = lines.windows(2).filter_map(|pair| match pair {
        [name, version] if version.starts_with("\"version\"") => {
            let name = name.strip_prefix("\"node_modules/")?.split('"').next()?;
            let version = version.split('"').nth(3)?;
            ["jose", "fast-jwt"]
                .contains(&name)
                .then(|| format!("{name} {version}"))
        }
        _ => None,
    });
    versions.collect()
}

fn said_by(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| program.to_owned())?;
    ensure!(
        output.status.success(),
        "{program} ended with {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
