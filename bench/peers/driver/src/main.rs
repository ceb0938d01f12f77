//! `driver [--quick]`: runs everything, each program pinned to one core, prints the table and writes `docs/performance.md`.
//! `driver --instructions [--record]`: instruction counts alone, held to their baseline.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use bench::{
    figures::Figures,
    goals, report,
    token::{ALGORITHMS, MANY, Tokens},
};

mod host;
mod http;
mod instructions;

/// What a run uses.
struct Run {
    quick: bool,
    /// Where tokens and keys are.
    folder: PathBuf,
}

/// Where programs run that are measured. The driver, which makes the load, is on another.
const CORE: &str = "0";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--quick"] => true,
        ["--instructions"] => return instructions::check(false).map(drop),
        ["--instructions", "--record"] => return instructions::check(true).map(drop),
        _ => anyhow::bail!("driver [--quick | --instructions [--record]]"),
    };
    let run = Run {
        quick,
        folder: peers().join("target/bench"),
    };
    eprintln!("minting tokens");
    Tokens::mint(ALGORITHMS, if quick { 200 } else { MANY })?.write(&run.folder)?;
    let mut figures = Figures::default();
    eprintln!("libraries");
    figures.extend(run.figures_of(run.program("library").args(run.quick_flag()))?);
    let mut both = run.on("0,1", "library");
    figures.extend(run.figures_of(both.arg(&run.folder).arg("--two-cores"))?);
    eprintln!("allocations");
    figures.extend(run.figures_of(&mut run.program("allocations"))?);
    eprintln!("libraries of Node");
    figures.extend(
        run.figures_of(run.node("library.mjs").arg(&run.folder).arg(if quick {
            "7"
        } else {
            "51"
        }))?,
    );
    eprintln!("servers");
    http::measure(&run, &mut figures)?;
    eprintln!("instructions");
    figures.extend(instructions::check(false)?);

    let table = report::table(goals::all(), &figures);
    println!("{table}");
    fs::write(run.folder.join("figures"), figures.to_string())?;
    if !quick {
        let page = report::page(&table, &host::describe()?);
        fs::write(peers().join("../../docs/performance.md"), page)?;
    }
    let missing = report::missing(goals::all(), &figures);
    ensure!(
        missing.is_empty(),
        "the table is not complete: {}",
        missing.join(", ")
    );
    Ok(())
}

impl Run {
    /// A program of this workspace with the tokens, pinned.
    fn program(&self, name: &str) -> Command {
        let mut command = self.on(CORE, name);
        command.arg(&self.folder);
        command
    }

    /// A server of this workspace, pinned.
    fn server(&self, name: &str) -> Command {
        let mut command = self.on(CORE, "servers");
        command.arg(name).arg(&self.folder);
        command
    }

    /// A script for Node, pinned.
    fn node(&self, script: &str) -> Command {
        let mut command = pinned(CORE);
        command.arg("node").arg(peers().join("node").join(script));
        command
    }

    fn on(&self, cores: &str, program: &str) -> Command {
        let mut command = pinned(cores);
        command.arg(peers().join("target/release").join(program));
        command
    }

    fn quick_flag(&self) -> Option<&str> {
        self.quick.then_some("--quick")
    }

    /// What a program prints.
    fn figures_of(&self, command: &mut Command) -> anyhow::Result<Figures> {
        let shown = format!("{command:?}");
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| shown.clone())?;
        ensure!(
            output.status.success(),
            "{shown} ended with {}",
            output.status
        );
        String::from_utf8(output.stdout)?.parse()
    }
}

fn pinned(cores: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores]);
    command
}

/// This workspace.
fn peers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
