//! The guides in `docs/`, followed: every file written, every command typed.

mod excerpts;
mod extension;
mod external_api;
mod marketplace;
mod operator;
mod reference;
mod testing;
mod troubleshooting;
