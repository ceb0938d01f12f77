//! The one binary `exeat`: reads arguments, environment and files, installs the subscriber, sets exit codes.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.

mod args;
mod check;
mod client;
mod cors;
mod demo;
mod failure;
mod health;
mod keys;
mod listener;
mod output;
mod sample_api;
mod serve;
mod session;
mod shutdown;
mod telemetry;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    let args = Args::parse();
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn start(args: Args) -> Result<(), Failure> {
    telemetry::install(&args.logs)?;
    client::install_tls_provider();
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    runtime.block_on(run(args.command))
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(demo) => demo::run(&demo).await,
        Command::Serve(serve) => serve::run(&serve.config).await,
        Command::SampleApi(api) => sample_api::run(&api).await,
        Command::CheckConfig(check) => check::run(check.file()),
        Command::Health(health) => health::run(&health).await,
        Command::Session(session) => session::run(session).await,
        Command::Keys(keys) => keys::run(keys).await,
        Command::Token(token) => token::run(token).await,
        Command::Cors(cors) => cors::run(&cors),
    }
}
