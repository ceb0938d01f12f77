//! A minute with an issuer that rotates every four seconds and is away for twelve in the middle, 16 callers on connections that stay open, and
//! tokens of every kind. Prints what each got, and fails if a good token was refused or a bad one accepted.
//!
//! ```text
//! cargo run --release -p tests --example live
//! ```
#![expect(clippy::print_stdout, reason = "the report is what it is run for")]

use std::{process::ExitCode, time::Duration};

use harness::live::{self, Pace, Plan};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let report = live::run(Plan {
        connections: 16,
        rounds: 15,
        outage: 6..9,
        pace: Pace::Real {
            round: Duration::from_secs(4),
            pause: Duration::from_millis(4),
        },
    })
    .await?;
    println!("{report}");
    let is_right = report.violations.is_empty() && report.accepted_in_outage > 0;
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
