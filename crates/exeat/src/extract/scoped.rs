use std::fmt;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::response::Response;
use exeat_jose::Scope;
use http::request::Parts;

use crate::Rejected;
use crate::layer::{check_scope, refuse_scope};

/// Requires scopes of the verified token where a handler is written, as [`RequireScope`](crate::RequireScope) does where a route is.
///
/// ```
/// use axum::{Router, routing::post};
/// use exeat::{RequiredScope, Scoped, User};
///
/// struct WritesPoints;
///
/// impl RequiredScope for WritesPoints {
///     const SCOPE: &'static str = "points:write";
/// }
///
/// async fn transfer(_: Scoped<WritesPoints>, user: User) -> String {
///     format!("sent by {}", user.sub)
/// }
///
/// # fn build(gate: exeat::Gate) -> Router {
/// Router::new().route("/points/transfer", post(transfer)).layer(gate.layer())
/// # }
/// ```
///
/// A token that lacks one is answered with 403 `insufficient_scope`, and the challenge names what is required. A request without a user is
/// answered as the gate would have. A route outside the gate, or a [`RequiredScope::SCOPE`] that is none, is 500.
pub struct Scoped<S>(PhantomData<fn() -> S>);

/// What [`Scoped`] requires.
pub trait RequiredScope {
    /// All of these, with one space between them (RFC 6749 §3.3).
    const SCOPE: &'static str;
}

impl<S: RequiredScope, T: Sync> FromRequestParts<T> for Scoped<S> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Response> {
        let Ok(scope) = Scope::parse(S::SCOPE) else {
            tracing::error!(target: "exeat", scope = S::SCOPE, "a handler requires what is no scope");
            return Err(refuse_scope(Rejected::Internal, None, false));
        };
        match check_scope(&scope, &parts.extensions) {
            Ok(()) => Ok(Self(PhantomData)),
            // Other extractors may have done something before.
            Err(rejected) => Err(refuse_scope(rejected, Some(scope), false)),
        }
    }
}

impl<S: RequiredScope> fmt::Debug for Scoped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&S::SCOPE).finish()
    }
}
