//! The composed gate. The order of gates is written here, in [`Gates::admit`] and [`Gates::finish`], and nowhere else.

mod build;
mod builder;
mod errors;
mod trusted_issuer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use exeat_cors::{CorsLayer, Decision, Policy, decide, loggable_origin};
use exeat_jose::KeyId;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

pub use self::builder::{Cookies, ExternalApi};
pub use self::errors::{BuildError, BuildErrors};
pub use self::trusted_issuer::TrustedIssuer;
use crate::challenge::{Answers, EXEAT_HANDLER, mark, record};
use crate::jwks::Need;
use crate::meter::{Entered, RequestMeter};
use crate::verifier::Halt;
use crate::{BearerToken, FetchError, GateLayer, Health, Rejected, VerifiedToken, Verifier};

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

    /// The CORS half of the gate alone, for routes that take no token: the same policy, so that the same pages can read them.
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
        CorsLayer::new(Arc::clone(&self.gates.policy))
    }

    /// Ends when [`Self::is_ready`] is true: at once unless the gate started without keys.
    pub async fn ready(&self) {
        self.gates.verifier.issuers().ready().await;
    }

    /// For the readiness probe: false while there is no key set, or only one that is too old to be used.
    ///
    /// With several issuers it is true as soon as the keys of one of them may be used. A wrong yes costs the users of an issuer whose
    /// keys are missing a 503 with `Retry-After`; [`Self::health`] names that issuer. A wrong no would be worse: every instance misses the
    /// same keys, so a load balancer would take all of them away from the users of every other issuer.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.gates.verifier.issuers().is_ready()
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
        self.gates.verifier.issuers().health()
    }

    /// Fetches the keys of every issuer now, whatever budget and back-off say. Nothing to do for pinned keys.
    ///
    /// # Errors
    /// Why the fetch failed (the first of several; [`Self::health`] has each); the keys held before stay in use.
    pub async fn refresh(&self) -> Result<(), Arc<FetchError>> {
        self.gates.verifier.issuers().refresh().await
    }

    /// Stops accepting the held keys of this `kid`, of every issuer, at once and for the life of this process. Returns how many there are.
    ///
    /// A key is denied by its thumbprint: the issuer may put another key under the same `kid`. Where issuers may use the same `kid`
    /// for keys of their own, [`Self::invalidate_of`] denies those of one.
    #[must_use = "0 means that no key of this kid is held, and so that nothing was denied"]
    pub fn invalidate(&self, kid: &KeyId) -> usize {
        self.gates.verifier.issuers().invalidate(None, kid)
    }

    /// [`Self::invalidate`] for the keys of one issuer, given by its `iss`.
    #[must_use = "0 means that no key of this kid is held of this issuer, and so that nothing was denied"]
    pub fn invalidate_of(&self, issuer: &str, kid: &KeyId) -> usize {
        self.gates.verifier.issuers().invalidate(Some(issuer), kid)
    }

    /// The verifier behind the layer, for tokens that do not come in a request.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.gates.verifier
    }
}

/// What every request passes.
#[derive(Debug)]
pub(crate) struct Gates {
    policy: Arc<Policy>,
    verifier: Verifier,
    token_header: Option<HeaderName>,
    answers: Answers,
    meter: RequestMeter,
    cookies: Cookies,
    set_cookie_seen: AtomicBool,
}

/// What the gates say about a request.
pub(crate) enum Admission {
    /// Answer so; the handler is not run.
    Answer(Response<String>),
    /// Run the handler for this token.
    Run(Arc<VerifiedToken>),
    /// A key has to be fetched first.
    Wait {
        token: String,
        need: Need,
        entered: Entered,
    },
}

impl Gates {
    /// Origin gate → preflight answer → token extraction → verification → tenant and origin → read-only rule → request cookies stripped → handler.
    pub(crate) fn admit(&self, method: &Method, headers: &mut HeaderMap) -> (Decision, Admission) {
        let entered = self.meter.entered();
        let decision = decide(&self.policy, method, headers);
        if let Some(mut answer) = decision.answer(&self.policy) {
            if let Decision::Refuse(refusal) = &decision {
                self.meter.refused(refusal.code(), &entered);
                mark(&mut answer, refusal.code());
                let hint = decision.hint(&self.policy, headers);
                record(refusal.code(), answer.status(), hint, headers);
            } else {
                self.meter.preflight(&entered);
            }
            return (decision, Admission::Answer(answer));
        }
        if let Decision::Report(refusal) = &decision {
            let (code, origin) = (refusal.code(), loggable_origin(headers));
            tracing::info!(target: "exeat", code, %origin, handler_run = true, "would be refused");
            self.meter.reported(code);
        }
        let admission = match self.judge(method, headers, &decision) {
            Ok(token) => {
                self.meter.admitted(&entered);
                Admission::Run(token)
            }
            Err((_, Halt::Rejected(rejected))) => {
                self.meter.refused(rejected.reason(), &entered);
                Admission::Answer(self.refuse(&rejected, &decision, headers))
            }
            Err((token, Halt::Need(need))) => Admission::Wait {
                token: token.to_owned(),
                need,
                entered,
            },
        };
        // Nothing before this line reads a cookie, nothing after it can: a shared credentialed surface without ambient authority.
        if self.cookies == Cookies::Strip {
            headers.remove(COOKIE);
        }
        (decision, admission)
    }

    /// The end of a wait that [`Self::admit`] asked for.
    pub(crate) async fn verify_later(
        self: Arc<Self>,
        method: Method,
        decision: Decision,
        token: String,
        need: Need,
        entered: Entered,
    ) -> Result<Arc<VerifiedToken>, Rejected> {
        let verdict = match self.verifier.verify_later(&token, need).await {
            Ok(verified) => self.permit(&method, &decision, verified),
            Err(rejected) => Err(rejected),
        };
        match &verdict {
            Ok(_) => self.meter.admitted(&entered),
            Err(rejected) => self.meter.refused(rejected.reason(), &entered),
        }
        verdict
    }

    /// Our own answer, with the CORS headers that let the page read it.
    pub(crate) fn refuse(
        &self,
        rejected: &Rejected,
        decision: &Decision,
        request: &HeaderMap,
    ) -> Response<String> {
        let mut answer = self.answers.refuse(rejected);
        decision.finish(&self.policy, answer.headers_mut());
        record(rejected.reason(), answer.status(), None, request);
        answer
    }

    /// The response finaliser of a handler that ran.
    pub(crate) fn finish(&self, decision: &Decision, status: StatusCode, headers: &mut HeaderMap) {
        // Only a refusal before the handler may say that it has not run.
        headers.remove(EXEAT_HANDLER);
        if self.cookies == Cookies::Strip
            && headers.remove(SET_COOKIE).is_some()
            && !self.set_cookie_seen.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(target: "exeat", "a handler sets cookies; they are removed (ExternalApi::with_cookies)");
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        } else {
            headers
                .entry(CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("private, no-store"));
        }
        decision.warn_of_redirect(&self.policy, status, headers);
        decision.finish(&self.policy, headers);
    }

    fn judge<'h>(
        &self,
        method: &Method,
        headers: &'h HeaderMap,
        decision: &Decision,
    ) -> Result<Arc<VerifiedToken>, (&'h str, Halt)> {
        let token = BearerToken::from_headers(headers, self.token_header.as_ref())
            .and_then(|token| token.ok_or(Rejected::NoToken))
            .map_err(|rejected| ("", rejected.into()))?
            .as_str();
        let verified = self.verifier.attempt(token).map_err(|halt| (token, halt))?;
        self.permit(method, decision, verified)
            .map_err(|rejected| (token, rejected.into()))
    }

    /// What a good token may do here: be used from the page that sent it, and write.
    fn permit(
        &self,
        method: &Method,
        decision: &Decision,
        token: Arc<VerifiedToken>,
    ) -> Result<Arc<VerifiedToken>, Rejected> {
        if let Decision::Cors(grant) = decision
            && !self.policy.tenant_allows(token.tenant(), grant.origin())
        {
            return Err(Rejected::OriginTenantMismatch);
        }
        // A read-only token permits the safe methods of RFC 9110 §9.2.1.
        if token.is_read_only() && !method.is_safe() {
            return Err(Rejected::ReadOnlyToken);
        }
        Ok(token)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::Run(_) => "Run",
            Self::Wait { .. } => "Wait",
        })
    }
}
