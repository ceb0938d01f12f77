//! The external API's gate: a bearer token, checked against the issuer's published keys, behind the CORS policy of the pages that
//! may call it. One layer; every refusal can be read by the page that caused it.
//!
//! Start with [`ExternalApi`]. Without HTTP, use [`Gate::verifier`].
//!
//! | part | what it does |
//! | --- | --- |
//! | [`ExternalApi`] | configuration; [`ExternalApi::build`] reports every mistake at once |
//! | [`Gate`] | layer, readiness, health |
//! | [`User`], [`VerifiedClaims`] | what handlers ask for (feature `axum`) |
//! | [`TokenMode`] | routes without a token, or with a user only where there is one |
//! | [`RequireScope`], [`Scoped`] | routes and handlers that need more than a valid token |
//! | [`Rejected`] | why a request was refused, and with which status |
//! | [`HttpGet`] | bring your own HTTP client; [`HttpClient`] is the default (feature `reqwest`) |
//!
//! Refusals are `application/problem+json` with a stable `code`, carry `Exeat-Handler: not-run`, and leave [`Refused`] in the
//! response extensions and one event (target `exeat`) in the log. No token ever gets into an answer, an error or an event.
//!
//! The policy and the token types of [`ExternalApi`]'s settings come from [`exeat_cors`] and [`exeat_jose`], which are here under their
//! names: one dependency is enough.
//!
//! Features: `aws-lc-rs` (default) or `ring` is the cryptographic backend; `axum` (default) adds extractors; `reqwest` (default)
//! adds the HTTP client; `metrics` counts and times through the facade of that name: install a recorder before [`ExternalApi::build`].
//! `resource-metadata` serves RFC 9728 metadata; `testkit` adds `exeat::testkit`, a fake issuer for the tests of an API.

mod api;
mod challenge;
mod checks;
#[cfg(test)]
mod dice;
mod expiry;
#[cfg(feature = "axum")]
mod extract;
mod issuers;
mod jwks;
mod layer;
mod meter;
#[cfg(feature = "axum")]
mod probe;
mod rejection;
mod tenant;
#[cfg(feature = "testkit")]
pub mod testkit;
mod token;
mod token_cache;
mod verified_token;
mod verifier;

#[cfg(feature = "axum")]
pub use api::SelfCheckError;
pub use api::{BuildError, BuildErrors, Cookies, ExternalApi, Gate, TokenMode, TrustedIssuer};
pub use challenge::{Detail, Refused};
#[cfg(feature = "axum")]
pub use extract::{RequiredScope, Scoped, User, VerifiedClaims};
#[cfg(feature = "reqwest")]
pub use jwks::HttpClient;
pub use jwks::{
    FetchError, Health, HealthState, HeldKey, HttpGet, IssuerHealth, JwksSettings, MAX_BODY,
    Redirects, RefusedJwk,
};
pub use layer::{
    GateFuture, GateLayer, GateService, RequireScope, RequireScopeFuture, RequireScopeService,
};
pub use rejection::{KeysUnavailable, Rejected};
pub use token::BearerToken;
pub use token_cache::TokenCacheSize;
pub use verified_token::{BorrowedToken, VerifiedToken};
pub use verifier::Verifier;
pub use {exeat_cors, exeat_jose};
