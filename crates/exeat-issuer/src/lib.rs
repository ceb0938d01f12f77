//! The issuer service as a library: a marketplace session becomes a short-lived signed token.
//!
//! [`Config`] is what an operator wrote, checked. [`Issuer`] is the service opened from it: two `axum` routers, one public and one for
//! administration, and [`Sessions`] for a marketplace that runs in the same process.
//!
//! A request passes one pipeline, whatever its dialect (REST at `/v1/token`, `AppDirect`'s GraphQL query at `/graphql` and its aliases):
//! size, method and media type, origin, session carrier, CSRF, audience, session, tenant, scopes, lifetime, signature. It fails with a
//! stable code, and an outage is always 503, never 401: nobody is signed out because a database is slow.

mod admin_token;
mod audience;
mod carrier;
mod client_address;
mod config;
mod exchange;
mod issuer;
mod jwks;
mod key_ring;
mod key_store;
pub mod keys;
mod meter;
mod mint;
mod policies;
mod random;
mod routes;
mod scope;
mod session;
mod text;

pub use config::{
    Config, ConfigError, ConfigErrors, RawAlias, RawAudience, RawConfig, RawKeys, RawServer,
    RawSessionSource,
};
pub use issuer::{Issuer, OpenError};
pub use session::{
    InvalidSessionId, NewSession, PutError, PutSession, Revoke, SessionCredential, Sessions,
    SourceError,
};

#[cfg(test)]
mod tests;
