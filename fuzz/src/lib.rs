//! What must hold for every input. The fuzz targets call these functions with what the fuzzer makes up, the ordinary tests
//! (`crates/exeat/tests/fuzz_regressions.rs`) with what it found before; a rule that does not hold panics.

pub mod challenge;
pub mod claims;
pub mod cors;
pub mod header;
pub mod jwks;
pub mod origins;
pub mod token_source;

mod fixture;
mod request;
