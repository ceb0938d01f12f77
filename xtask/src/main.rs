//! Repository chores that need only cargo: gates, the architecture test and test set-up.
#![expect(
    clippy::print_stdout,
    reason = "a chore reports to the person at the terminal"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arch;
mod bench;
mod cors_cases;
mod fuzz;
mod gates;
mod process;
mod setup;

/// Repository chores. `cargo xtask ci` is the only list of gates.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need and this machine lacks (packages of Debian, npm and Python)
    Setup,
    /// Set up, then run everything that is a test: Rust, doctests, the backend ring and none, TypeScript, the browser
    Test,
    /// Every gate, with the time of each: what must pass before a commit is pushed
    Ci,
    /// The architecture test alone: arrows between crates, names and sizes of files, tables of documents
    Arch,
    /// Checks that take long or need a tool that `setup` does not install; what is missing is "skipped"
    Audit {
        /// Only these, in the usual order, such as `cargo xtask audit semver fuzz`
        gates: Vec<String>,
    },
    /// Run the CORS cases and print the table of them, each with its result
    CorsCases,
    /// Measure exeat beside its rivals, print the table of goals and write docs/performance.md
    Bench {
        /// Some minutes less, to see that it runs; the figures mean little and are not written
        #[arg(long)]
        quick: bool,
        /// Instruction counts alone: compared with the baseline of this host, and with the bound for hostile requests
        #[arg(long, conflicts_with = "quick")]
        instructions: bool,
        /// Make them the baseline
        #[arg(long, requires = "instructions")]
        record: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Setup => setup::run(),
        Chore::Test => gates::run(&gates::test()),
        Chore::Ci => gates::run(&gates::ci()),
        Chore::Arch => arch::run(),
        Chore::Audit { gates } => gates::audit(&gates).and_then(|gates| gates::run(&gates)),
        Chore::CorsCases => cors_cases::run(),
        Chore::Bench {
            instructions: true,
            record,
            ..
        } => bench::run(&bench::Part::Instructions { record }),
        Chore::Bench { quick, .. } => bench::run(&bench::Part::Everything { quick }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}
