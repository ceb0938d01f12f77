//! Where the signing keys come from: a pure state machine ([`cache`]), its driver ([`source`]) and the HTTP part ([`fetch`]).

mod cache;
#[cfg(feature = "reqwest")]
mod client;
mod discovery;
mod fetch;
mod headers;
mod health;
mod owner;
mod redirects;
mod settings;
mod snapshot;
mod source;

#[cfg(feature = "reqwest")]
pub use client::HttpClient;
pub use fetch::{FetchError, HttpGet, MAX_BODY};
pub use health::{Health, HealthState, HeldKey, IssuerHealth, RefusedJwk};
pub use redirects::Redirects;
pub use settings::JwksSettings;

pub(crate) use cache::Wanted;
pub(crate) use discovery::Target;
pub(crate) use fetch::{Fetched, Fetcher};
pub(crate) use snapshot::{Need, Snapshot};
pub(crate) use source::{KeySource, MISS_WAIT};

#[cfg(test)]
mod simulation;
