mod scoped;

use std::fmt;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

pub use self::scoped::{RequiredScope, Scoped};
use crate::api::NoUser;
use crate::challenge::{Answers, EXEAT_HANDLER, Place, RefusedInside, record_inside};
use crate::{Refused, Rejected, VerifiedToken};

/// Who calls: taken from a token that the gate has verified.
///
/// As an extractor it answers 500 when the route stands outside the gate (the layer was added before the route, or not at all):
/// our mistake, not the caller's.
///
/// `Debug` leaves `name` out, so that it gets into no log by the way.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct User {
    /// The issuer of the token: see [`VerifiedToken::issuer`].
    pub iss: String,
    /// `sub`: the stable identifier, within the issuer. Where several are accepted the same `sub` of another one is somebody else.
    pub sub: String,
    /// `name`: for display. Often an e-mail address.
    pub name: Option<String>,
    /// `tenant`: the marketplace the user belongs to.
    pub tenant: Option<String>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("sub", &self.sub)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl From<&VerifiedToken> for User {
    fn from(token: &VerifiedToken) -> Self {
        Self {
            iss: token.issuer().to_owned(),
            sub: token.subject().to_owned(),
            name: token.name().map(Into::into),
            tenant: token.tenant().map(Into::into),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejected> {
        NoUser::or_token(&parts.extensions).map(Self::from)
    }
}

/// `None` is for routes that let requests without a user in ([`TokenMode`](crate::TokenMode)); where a token is required there is always
/// one. A bad token is no user there; to tell it from none, ask for `Result<User, Rejected>`.
impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejected> {
        Ok(optional_token(parts)?.map(Self::from))
    }
}

/// The claims set of the verified token, as a type of the handler.
///
/// ```
/// use exeat::VerifiedClaims;
///
/// #[derive(serde::Deserialize)]
/// struct Loyalty {
///     sub: String,
///     level: u8,
/// }
///
/// async fn level(VerifiedClaims(loyalty): VerifiedClaims<Loyalty>) -> String {
///     format!("{} is at level {}", loyalty.sub, loyalty.level)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(level));
/// ```
///
/// Claims that are not a `T` are answered with 401 `bad_claim_type`, a route outside the gate with 500. `Debug` shows no claim.
#[derive(Clone, Copy)]
pub struct VerifiedClaims<T>(pub T);

impl<T> fmt::Debug for VerifiedClaims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims").finish_non_exhaustive()
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for VerifiedClaims<T> {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejected> {
        NoUser::or_token(&parts.extensions)?.claims().map(Self)
    }
}

/// `None` as for `Option<User>`.
impl<S: Sync, T: DeserializeOwned> OptionalFromRequestParts<S> for VerifiedClaims<T> {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejected> {
        let token = optional_token(parts)?;
        Ok(token.map(VerifiedToken::claims).transpose()?.map(Self))
    }
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        record_inside(self.reason(), self.status());
        let mut response = Answers::default().refuse(&self, &Place::default());
        // Whoever returns this may have done something before.
        response.headers_mut().remove(EXEAT_HANDLER);
        response.extensions_mut().remove::<Refused>();
        response.extensions_mut().insert(RefusedInside {
            rejected: self,
            scope: None,
            is_before_handler: false,
        });
        response
    }
}

/// The token, or `None` where the gate let the request in without one.
fn optional_token(parts: &Parts) -> Result<Option<&VerifiedToken>, Rejected> {
    match parts.extensions.get::<NoUser>() {
        Some(_) => Ok(None),
        None => NoUser::or_token(&parts.extensions).map(Some),
    }
}
