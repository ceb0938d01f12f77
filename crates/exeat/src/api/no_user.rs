//! Why a request that got in has no user.

use std::sync::Arc;

use http::Extensions;

use crate::{Rejected, VerifiedToken};

/// In the extensions of a request that got in without a user.
#[derive(Clone, Debug)]
pub(crate) enum NoUser {
    /// The token, or its absence, was refused; a handler that asks for the user answers so.
    Refused(Rejected),
    /// [`TokenMode::Public`]: nobody looked for one.
    Public,
}

impl NoUser {
    /// The token of a request, or what a place that needs one answers.
    pub(crate) fn or_token(request: &Extensions) -> Result<&VerifiedToken, Rejected> {
        if let Some(token) = request.get::<Arc<VerifiedToken>>() {
            return Ok(token);
        }
        match request.get() {
            Some(Self::Refused(rejected)) => return Err(rejected.clone()),
            Some(Self::Public) => {
                tracing::error!(target: "exeat", "a handler asks for a verified user but its route is public: make it optional or required");
            }
            None => {
                tracing::error!(target: "exeat", "a handler asks for a verified user but its route stands outside the gate: add the layer after the routes");
            }
        }
        Err(Rejected::Internal)
    }
}
