//! What is measured, how, and by which goals it is judged.
//!
//! Our own cases are here, so that they are compiled and tried by the ordinary tests. Rival libraries, the raw check that ratios divide by,
//! and the programs that run all of it are in `bench/peers`, a workspace of its own: no other build pays for them. `cargo xtask bench` runs
//! everything and writes `docs/performance.md`.

pub mod cors;
pub mod figures;
pub mod gate;
pub mod goals;
pub mod hostile;
pub mod load;
pub mod report;
pub mod rounds;
pub mod service;
pub mod token;
