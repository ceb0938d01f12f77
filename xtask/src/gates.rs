//! The gates. `ci` is the only list of them; `test` is the part of it that is tests.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::bail;
use cargo_metadata::camino::Utf8PathBuf;

use crate::{
    arch, bench, fuzz,
    process::{cargo, command, files_in, find, root, run as run_command},
    setup,
};

/// One gate: a name and what must succeed.
pub(crate) struct Gate {
    name: &'static str,
    check: fn() -> anyhow::Result<Outcome>,
}

/// How a gate ended, if it did not fail.
enum Outcome {
    Passed,
    /// A tool that `setup` does not install is missing. Only for `audit`.
    Skipped(&'static str),
}

/// Every gate.
pub(crate) fn ci() -> Vec<Gate> {
    vec![
        SETUP,
        FMT,
        CLIPPY,
        ARCH,
        TESTS,
        DOCTESTS,
        RUSTDOC,
        FEATURES,
        OTHER_BACKENDS,
        TYPESCRIPT,
        BROWSER,
    ]
}

/// Everything that is a test.
pub(crate) fn test() -> Vec<Gate> {
    vec![SETUP, TESTS, DOCTESTS, OTHER_BACKENDS, TYPESCRIPT, BROWSER]
}

/// What takes long or needs more tools: all of it, or what is named in `wanted`.
pub(crate) fn audit(wanted: &[String]) -> anyhow::Result<Vec<Gate>> {
    let mut gates = vec![
        DENY,
        SEMVER,
        EXTERNAL_TYPES,
        MIRI,
        FUZZ,
        SIMULATION,
        INSTRUCTIONS,
        LIVE,
        BENCH,
    ];
    for name in wanted {
        if !gates.iter().any(|gate| gate.name == name) {
            let names: Vec<&str> = gates.iter().map(|gate| gate.name).collect();
            bail!("no gate {name}: there are {}", names.join(", "));
        }
    }
    if !wanted.is_empty() {
        gates.retain(|gate| wanted.iter().any(|name| gate.name == name));
    }
    Ok(gates)
}

/// Runs the gates in order and prints the time of each; stops at the first that fails.
pub(crate) fn run(gates: &[Gate]) -> anyhow::Result<()> {
    let mut report = Vec::new();
    let mut failed = None;
    for gate in gates {
        println!("\n── {} ──", gate.name);
        let clock = Stopwatch::start();
        let outcome = (gate.check)();
        let verdict = match &outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(error) => format!("FAILED: {error:#}"),
        };
        report.push(format!(
            "{:<12} {:>5} s  {verdict}",
            gate.name,
            clock.elapsed().as_secs()
        ));
        if outcome.is_err() {
            failed = Some(gate.name);
            break;
        }
    }
    println!("\n{}", report.join("\n"));
    match failed {
        Some(name) => bail!("gate {name} failed"),
        None => Ok(()),
    }
}

/// How long a gate took. For people only: nothing is decided by it.
struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the time is printed, never compared"
    )]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

const SETUP: Gate = Gate {
    name: "setup",
    check: || setup::run().map(|()| Outcome::Passed),
};

const FMT: Gate = Gate {
    name: "fmt",
    check: || {
        ["Cargo.toml", "bench/peers/Cargo.toml", "fuzz/Cargo.toml"]
            .iter()
            .try_for_each(|manifest| {
                run_command(cargo().args(["fmt", "--all", "--check", "--manifest-path", manifest]))
            })?;
        Ok(Outcome::Passed)
    },
};

const CLIPPY: Gate = Gate {
    name: "clippy",
    check: || {
        passes(
            cargo()
                .args(["clippy", "--all-targets"])
                .args(WHOLE)
                .args(["--", "--deny", "warnings"]),
        )
    },
};

const ARCH: Gate = Gate {
    name: "arch",
    check: || arch::run().map(|()| Outcome::Passed),
};

const TESTS: Gate = Gate {
    name: "tests",
    check: || {
        let binary = binary()?;
        passes(
            cargo()
                .args(["nextest", "run", "--no-fail-fast"])
                .args(WHOLE)
                .env("BINARY_UNDER_TEST", binary),
        )
    },
};

const DOCTESTS: Gate = Gate {
    name: "doctests",
    check: || passes(cargo().args(["test", "--doc", "--quiet"]).args(WHOLE)),
};

const RUSTDOC: Gate = Gate {
    name: "rustdoc",
    check: || {
        passes(
            cargo()
                .args(["doc", "--no-deps"])
                .args(WHOLE)
                .env("RUSTDOCFLAGS", "--deny warnings"),
        )
    },
};

/// The feature sets that people build, written down: package, features.
const FEATURE_SETS: [(&str, &str); 12] = [
    ("exeat-jose", ""),
    ("exeat-jose", "aws-lc-rs"),
    ("exeat-jose", "ring"),
    ("exeat-jose", "ring,sign"),
    ("exeat", "aws-lc-rs"),
    ("exeat", "aws-lc-rs,axum"),
    ("exeat", "aws-lc-rs,metrics"),
    ("exeat", "aws-lc-rs,testkit"),
    ("exeat", "ring,axum,reqwest"),
    ("exeat", "aws-lc-rs,resource-metadata"),
    ("exeat-issuer", "ring"),
    ("exeat-cli", "ring"),
];

const FEATURES: Gate = Gate {
    name: "features",
    check: || {
        FEATURE_SETS.iter().try_for_each(|(package, features)| {
            println!("{package} [{features}]");
            run_command(
                cargo()
                    .args(["clippy", "--locked", "--no-default-features"])
                    .args(["--package", package, "--features", features])
                    .args(["--", "--deny", "warnings"]),
            )
        })?;
        Ok(Outcome::Passed)
    },
};

/// The crates whose tests run again under the alternative backend, and the core without any: it must refuse, not fail.
const BACKENDS: [(&str, &str); 4] = [
    ("exeat-jose", "sign"),
    ("exeat-jose", "ring,sign"),
    ("exeat", "ring,axum,reqwest,testkit"),
    ("exeat-issuer", "ring"),
];

const OTHER_BACKENDS: Gate = Gate {
    name: "backends",
    check: || {
        BACKENDS.iter().try_for_each(|(package, features)| {
            run_command(
                cargo()
                    .args(["nextest", "run", "--locked", "--no-default-features"])
                    .args(["--package", package, "--features", features]),
            )
        })?;
        Ok(Outcome::Passed)
    },
};

/// `@exeat/client`: compiler, the committed build and its size, what types allow, tests.
const TYPESCRIPT: Gate = Gate {
    name: "typescript",
    check: || {
        passes(
            command("npm")
                .args(["run", "--silent", "check"])
                .current_dir(root().join("clients/typescript")),
        )
    },
};

const BROWSER: Gate = Gate {
    name: "browser",
    check: || {
        let binary = binary()?;
        // Named one by one: Node 20 takes a folder and no pattern, later ones a pattern and no folder.
        let tests = files_in("tests/browser", ".test.mjs")?;
        passes(
            command("node")
                .arg("--test")
                .args(tests)
                .env("BROWSER_API", binary.with_file_name("examples/browser_api"))
                .env("BINARY_UNDER_TEST", binary),
        )
    },
};

const DENY: Gate = Gate {
    name: "deny",
    check: || {
        if find("cargo-deny").is_none() {
            return Ok(Outcome::Skipped("cargo-deny is not installed"));
        }
        passes(cargo().args([
            "deny",
            "--all-features",
            "check",
            "bans",
            "licenses",
            "sources",
        ]))
    },
};

/// The random schedules of the JWKS source up to a million; the ordinary tests run the first 10,000.
const SIMULATION: Gate = Gate {
    name: "simulation",
    check: || {
        passes(
            cargo()
                .args(["test", "--release", "--locked", "--all-features"])
                .args(["--package", "exeat", "--lib", "--", "--nocapture"])
                .args(["--ignored", "--exact", "jwks::simulation::seeds"])
                .env("SIMULATION_SEEDS", "10000..1000000"),
        )
    },
};

/// That the rivals still build and the measurements run; what they say means little.
const BENCH: Gate = Gate {
    name: "bench",
    check: || {
        if find("taskset").is_none() {
            return Ok(Outcome::Skipped("taskset is not installed"));
        }
        bench::run(&bench::Part::Everything { quick: true }).map(|()| Outcome::Passed)
    },
};

const SEMVER: Gate = Gate {
    name: "semver",
    check: || {
        if find("cargo-semver-checks").is_none() {
            return Ok(Outcome::Skipped("cargo-semver-checks is not installed"));
        }
        passes(
            cargo()
                .args(["semver-checks", "--baseline-rev", "origin/main"])
                .args(PUBLISHED.iter().flat_map(|package| ["--package", package])),
        )
    },
};

/// Types of other crates in our public interfaces: a breaking release of theirs is one of ours, so each is allowed by name in the
/// `Cargo.toml` of the crate.
const EXTERNAL_TYPES: Gate = Gate {
    name: "external-types",
    check: || {
        if find("cargo-check-external-types").is_none() {
            return Ok(Outcome::Skipped(
                "cargo-check-external-types is not installed",
            ));
        }
        if run_command(cargo().args(["+nightly", "--version"])).is_err() {
            return Ok(Outcome::Skipped("no nightly toolchain"));
        }
        PUBLISHED.iter().try_for_each(|package| {
            let manifest = root().join("crates").join(package).join("Cargo.toml");
            run_command(
                cargo()
                    .args(["+nightly", "check-external-types", "--all-features"])
                    .arg("--manifest-path")
                    .arg(manifest),
            )
        })?;
        Ok(Outcome::Passed)
    },
};

/// What is meant for crates.io.
const PUBLISHED: [&str; 4] = ["exeat-jose", "exeat-cors", "exeat", "exeat-issuer"];

const FUZZ: Gate = Gate {
    name: "fuzz",
    check: || {
        if find("cargo-fuzz").is_none() {
            return Ok(Outcome::Skipped("cargo-fuzz is not installed"));
        }
        if run_command(cargo().args(["+nightly", "--version"])).is_err() {
            return Ok(Outcome::Skipped("no nightly toolchain"));
        }
        fuzz::run_all().map(|()| Outcome::Passed)
    },
};

const LIVE: Gate = Gate {
    name: "live",
    // A minute of real time: the suite runs the same in short.
    check: || {
        passes(cargo().args(["run", "--release", "--locked"]).args([
            "--package",
            "tests",
            "--example",
            "live",
        ]))
    },
};

const INSTRUCTIONS: Gate = Gate {
    name: "instructions",
    check: || {
        if find("valgrind").is_none() {
            return Ok(Outcome::Skipped("valgrind is not installed"));
        }
        bench::run(&bench::Part::Instructions { record: false }).map(|()| Outcome::Passed)
    },
};

const MIRI: Gate = Gate {
    name: "miri",
    check: || {
        if run_command(cargo().args(["+nightly", "miri", "--version"])).is_err() {
            return Ok(Outcome::Skipped("no nightly toolchain with miri"));
        }
        // No backend: miri cannot call C. What is left is every parser of hostile bytes.
        passes(
            cargo()
                .args(["+nightly", "miri", "test", "--package", "exeat-jose"])
                .args(["--no-default-features", "--lib"]),
        )
    },
};

/// Everything, in the one feature set that lints, tests, documents and browser share, so that nothing is built twice.
const WHOLE: [&str; 3] = ["--workspace", "--all-features", "--locked"];

/// The binary `exeat` as cargo builds it for the tests: building those builds it too.
fn binary() -> anyhow::Result<Utf8PathBuf> {
    run_command(cargo().args(["nextest", "run", "--no-run"]).args(WHOLE))?;
    Ok(arch::workspace()?.target_directory.join("debug/exeat"))
}

/// A gate that is one program.
fn passes(command: &mut Command) -> anyhow::Result<Outcome> {
    run_command(command)?;
    Ok(Outcome::Passed)
}
