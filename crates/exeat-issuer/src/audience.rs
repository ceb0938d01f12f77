//! One external API: who may ask for a token for it, and what the token may say.

use std::time::Duration;

use exeat_cors::Policy;
use exeat_jose::{Algorithm, Scope};
use http::HeaderValue;

/// A configured audience.
#[derive(Debug)]
pub(crate) struct Audience {
    /// The name clients ask with.
    pub(crate) id: String,
    /// The `aud` claim.
    pub(crate) aud: String,
    pub(crate) alg: Algorithm,
    /// 10 s to 24 h.
    pub(crate) ttl: Duration,
    pub(crate) shape: Shape,
    pub(crate) profile: Profile,
    /// Origins as written, for the union policy of the exchange.
    pub(crate) origins: Vec<String>,
    /// The same origins, ready to match.
    pub(crate) origin_policy: Policy,
    pub(crate) tenants: Tenants,
    pub(crate) scopes: Scope,
    pub(crate) read_only: bool,
}

/// Which claims a token carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// Every claim of the issuer: bound to issuer and audience.
    Full,
    /// Exactly `sub`, `name`, `tenant`, `iat`, `exp`.
    Strict,
}

/// The family of tokens an audience expects. Both write `typ: JWT`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Profile {
    Exeat,
    AppDirect,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Exeat, Self::AppDirect];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Exeat => "exeat",
            Self::AppDirect => "appdirect",
        }
    }
}

/// Tenants whose sessions may ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tenants {
    Any,
    Only(Vec<String>),
}

impl Tenants {
    pub(crate) fn contains(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.iter().any(|listed| listed == tenant),
        }
    }
}

impl Audience {
    /// Is a page of this origin on the audience's list?
    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.origin_policy.allows_origin(origin)
    }
}
