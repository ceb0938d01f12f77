//! The gate through its public interface: a scripted issuer on one side, a router on the other, and a clock that stands still unless
//! somebody waits.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod claim_headers;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod cookie;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fetch_metadata;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod hardening;
#[cfg(test)]
mod health;
#[cfg(test)]
#[cfg(feature = "reqwest")]
mod http_client;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod keys;
#[cfg(test)]
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod query;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod reload;
#[cfg(test)]
#[cfg(feature = "resource-metadata")]
mod resource;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod self_check;
#[cfg(test)]
mod service;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod token_cache;
#[cfg(test)]
mod tonic_service;
#[cfg(test)]
mod web_socket;
#[cfg(test)]
#[cfg(feature = "reqwest")]
mod wire;
