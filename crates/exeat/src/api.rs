//! The composed gate. The order of gates is written in [`Gates::admit`] and [`Gates::finish`], and nowhere else.

mod build;
mod builder;
mod claim_headers;
mod errors;
mod failures;
mod gates;
mod hardening;
mod no_user;
mod passage;
mod policy;
mod resource;
mod rules;
#[cfg(feature = "axum")]
mod self_check;
mod sources;
mod trusted_issuer;

use std::sync::Arc;

use exeat_cors::CorsLayer;
use exeat_jose::{Clock, KeyId};
use http::StatusCode;

pub use self::builder::{Cookies, ExternalApi};
pub use self::errors::{BuildError, BuildErrors};
pub(crate) use self::gates::{Admission, Gates};
pub(crate) use self::no_user::NoUser;
pub(crate) use self::passage::Passage;
pub use self::rules::TokenMode;
#[cfg(feature = "axum")]
pub use self::self_check::SelfCheckError;
pub use self::trusted_issuer::TrustedIssuer;
use crate::{FetchError, GateLayer, Health, Verifier};

/// A ready gate, made by [`ExternalApi::build`]. Cheap to clone; its clones share keys and state.
///
/// Keys are fetched as long as a clone, a layer or a verifier of it lives.
#[derive(Clone, Debug)]
pub struct Gate {
    gates: Arc<Gates>,
}

impl Gate {
    pub(crate) fn new(gates: Gates) -> Self {
        Self {
            gates: Arc::new(gates),
        }
    }

    /// The tower layer. Add it **after** the routes: axum applies a layer only to what is already in the router.
    ///
    /// ```no_run
    /// # async fn points(user: exeat::User) -> String { user.sub }
    /// # async fn build(gate: exeat::Gate) {
    /// // Right: the route is inside the gate.
    /// let app: axum::Router = axum::Router::new().route("/points", axum::routing::get(points)).layer(gate.layer());
    ///
    /// // WRONG: the layer wraps an empty router. `/points` stands outside the gate: preflights get 405, and every
    /// // request 500, because `User` finds no gate before it (it never lets anyone in by mistake).
    /// let app: axum::Router = axum::Router::new().layer(gate.layer()).route("/points", axum::routing::get(points));
    /// # }
    /// ```
    #[must_use]
    pub fn layer(&self) -> GateLayer {
        GateLayer::new(Arc::clone(&self.gates))
    }

    /// The CORS half of the gate alone, for routes that take no token: the same policy, so that the same pages can read them, also after
    /// [`Self::reload_policy`].
    ///
    /// ```no_run
    /// # async fn build(gate: exeat::Gate) {
    /// use axum::{Router, routing::get};
    ///
    /// let guarded = Router::new().route("/points", get(|| async { "42" })).layer(gate.layer());
    /// let open = Router::new().route("/prices", get(|| async { "7" })).layer(gate.cors_layer());
    /// let app: Router = guarded.merge(open);
    /// # }
    /// ```
    #[must_use]
    pub fn cors_layer(&self) -> CorsLayer {
        self.gates.cors.clone().without_fetch_metadata()
    }

    /// Ends when [`Self::is_ready`] is true: at once unless the gate started without keys.
    pub async fn ready(&self) {
        self.gates.verifier().issuers().ready().await;
    }

    /// For the readiness probe: false while there is no key set, or only one that is too old to be used.
    ///
    /// With several issuers it is true as soon as the keys of one of them may be used. A wrong yes costs the users of an issuer whose
    /// keys are missing a 503 with `Retry-After`; [`Self::health`] names that issuer. A wrong no would be worse: every instance misses the
    /// same keys, so a load balancer would take all of them away from the users of every other issuer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.gates.verifier().issuers().is_ready()
    }

    /// [`Self::is_ready`] as the answer of a readiness probe: 200 or 503. Route it outside the layer, since a probe has no token.
    ///
    /// ```no_run
    /// # fn build(gate: exeat::Gate, guarded: axum::Router) -> axum::Router {
    /// let app = guarded.layer(gate.layer());
    /// app.route("/readyz", axum::routing::get(async move || gate.readiness()))
    /// # }
    /// ```
    #[must_use]
    pub fn readiness(&self) -> StatusCode {
        if self.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }

    /// The state of the keys, for operators: with serde it is JSON. Holds nothing secret, but `last_error` may name internal hosts: keep it
    /// from strangers.
    ///
    /// ```no_run
    /// # fn build(gate: exeat::Gate) -> axum::Router {
    /// // On a listener that only operators reach.
    /// axum::Router::new().route("/healthz", axum::routing::get(async move || axum::Json(gate.health())))
    /// # }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.gates.verifier().issuers().health()
    }

    /// Fetches the keys of every issuer now, whatever budget and back-off say. Nothing to do for pinned keys.
    ///
    /// # Errors
    /// Why the fetch failed (the first of several; [`Self::health`] has each); the keys held before stay in use.
    pub async fn refresh(&self) -> Result<(), Arc<FetchError>> {
        self.gates.verifier().issuers().refresh().await
    }

    /// Stops accepting the held keys of this `kid`, of every issuer, at once and for the life of this process. Returns how many there are.
    ///
    /// A key is denied by its thumbprint: the issuer may put another key under the same `kid`. Where issuers may use the same `kid`
    /// for keys of their own, [`Self::invalidate_of`] denies those of one.
    #[must_use = "0 means that no key of this kid is held, and so that nothing was denied"]
    pub fn invalidate(&self, kid: &KeyId) -> usize {
        self.gates.verifier().issuers().invalidate(None, kid)
    }

    /// [`Self::invalidate`] for the keys of one issuer, given by its `iss`.
    #[must_use = "0 means that no key of this kid is held of this issuer, and so that nothing was denied"]
    pub fn invalidate_of(&self, issuer: &str, kid: &KeyId) -> usize {
        self.gates
            .verifier()
            .issuers()
            .invalidate(Some(issuer), kid)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.gates.clock()
    }

    #[cfg(feature = "resource-metadata")]
    fn served(&self) -> Option<&Arc<self::resource::Served>> {
        self.gates.served.as_ref()
    }

    /// The verifier behind the layer, for tokens that do not come in a request.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.gates.verifier()
    }
}
