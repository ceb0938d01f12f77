//! The claims as a user of the rivals declares them.

use serde::Deserialize;

/// What the tokens hold.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub name: String,
    pub tenant: String,
    pub iat: u64,
    pub exp: u64,
}
