//! Stories that cross crates, a module per story.

mod app_direct;
mod cli;
mod compose;
mod config_errors;
mod cors_explain;
mod cors_gate;
mod demo;
mod exchange_to_call;
mod guides;
mod interop;
mod live;
mod metrics;
mod mint;
mod mounted;
mod outage;
mod readme;
mod refusals;
mod restart;
mod sample_api;
mod secrecy;
mod shutdown;
