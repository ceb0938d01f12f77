//! The way in, where the order of the gates is written.

mod finish;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use exeat_cors::{
    CorsLayer, Credentials, Decision, Failures, decide, decide_by_origin, is_web_socket_handshake,
};
use exeat_jose::Clock;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, COOKIE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, Uri};

use super::Cookies;
use super::claim_headers::ClaimHeaders;
use super::hardening::Hardening;
use super::no_user::NoUser;
use super::passage::Passage;
use super::policy::Terms;
use super::resource::Resource;
#[cfg(feature = "resource-metadata")]
use super::resource::Served;
use super::rules::{Rule, Rules, TokenMode};
use crate::challenge::{Answers, grpc, mark, record, report};
use crate::jwks::Need;
use crate::meter::RequestMeter;
use crate::token::{Carrier, QueryParameter, Sources};
use crate::verifier::Halt;
use crate::{Rejected, VerifiedToken, Verifier};

/// What every request passes.
pub(crate) struct Gates {
    /// The policy of the moment, and the layer that shares it.
    pub(super) cors: CorsLayer,
    pub(super) terms: Terms,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) verifier: Verifier,
    pub(super) sources: Sources,
    pub(super) rules: Rules,
    pub(super) query_token_max_age: Duration,
    pub(super) claim_headers: ClaimHeaders,
    pub(super) hardening: Hardening,
    pub(super) speaks_grpc: bool,
    pub(super) resource: Option<Resource>,
    #[cfg(feature = "resource-metadata")]
    pub(super) served: Option<Arc<Served>>,
    pub(super) answers: Answers,
    pub(super) meter: RequestMeter,
    pub(super) cookies: Cookies,
    pub(super) set_cookie_seen: AtomicBool,
    pub(crate) failures: Failures,
}

/// What the gates say about a request.
pub(crate) enum Admission {
    /// Answer so; the handler is not run.
    Answer(Response<String>),
    /// Run the handler; the user, or why there is none, is in the request's extensions.
    Run,
    /// A key has to be fetched first; [`Gates::settle`] what [`Gates::verify_later`] finds.
    Wait { token: String, need: Need },
}

/// Why there is no verdict, or a bad one.
enum Halted {
    Rejected(Rejected),
    Wait { token: String, need: Need },
}

impl Gates {
    /// Origin gate → preflight answer → Fetch metadata gate → token extraction → CSRF → verification → tenant and origin → read-only rule →
    /// request's cookies and tokens stripped → handler.
    pub(crate) fn admit(&self, parts: &mut Parts) -> (Passage, Admission) {
        let entered = self.meter.entered();
        let policy = self.cors.policy();
        let rule = self.rules.of(&parts.extensions);
        let decide = if rule.is_open() {
            decide_by_origin
        } else {
            decide
        };
        let decision = decide(&policy, &parts.method, &parts.headers);
        let decision = if rule.reports_origins {
            reported(decision, parts)
        } else {
            decision
        };
        let Rule { mode, query, .. } = rule;
        let mut passage = Passage {
            policy,
            decision,
            mode,
            token_in_url: false,
            is_grpc: self.speaks_grpc && grpc::is_call(parts),
            path: self
                .resource
                .as_ref()
                .map(|_| asked_for(parts).path().into()),
            entered,
        };
        let headers = &parts.headers;
        if let Some(mut answer) = passage.decision.answer(&passage.policy) {
            if let Decision::Refuse(refusal) = &passage.decision {
                self.meter.refused(refusal.code(), &passage.entered);
                mark(&mut answer, refusal.code());
                let hint = passage.decision.hint(&passage.policy, headers);
                record(refusal.code(), answer.status(), hint, headers);
                if !refusal.is_preflight() {
                    self.hardening.apply(answer.headers_mut());
                }
                if passage.is_grpc {
                    let status = grpc::status_for(answer.status());
                    grpc::convert(&mut answer, status, refusal.code());
                }
            } else {
                self.meter.preflight(&passage.entered);
            }
            return (passage, Admission::Answer(answer));
        }
        if let Decision::Report(refusal) = &passage.decision {
            report(refusal.code(), headers);
            self.meter.reported(refusal.code());
        }
        let verdict = match mode {
            TokenMode::Public => None,
            _ => Some(self.judge(parts, &passage, query)),
        };
        // Nothing before this line reads a cookie, nothing after it can: a shared credentialed surface without ambient authority.
        if self.cookies == Cookies::Strip {
            parts.headers.remove(COOKIE);
        }
        self.sources.strip(&mut parts.headers);
        self.claim_headers.strip(&mut parts.headers);
        if let Some(parameter) = query {
            passage.token_in_url = parameter.strip(parts);
        }
        let verdict = match verdict {
            None => {
                self.meter.admitted(&passage.entered);
                parts.extensions.remove::<Arc<VerifiedToken>>();
                parts.extensions.insert(NoUser::Public);
                return (passage, Admission::Run);
            }
            Some(Ok(token)) => Ok(token),
            Some(Err(Halted::Rejected(rejected))) => Err(rejected),
            Some(Err(Halted::Wait { token, need })) => {
                return (passage, Admission::Wait { token, need });
            }
        };
        let admission = self
            .settle(parts, &passage, verdict)
            .map_or(Admission::Run, Admission::Answer);
        (passage, admission)
    }

    /// The end of a wait that [`Self::admit`] asked for.
    pub(crate) async fn verify_later(
        self: Arc<Self>,
        token: String,
        need: Need,
    ) -> Result<Arc<VerifiedToken>, Rejected> {
        self.verifier.verify_later(&token, need).await
    }

    /// Lets the request in with its user, or without one where the mode permits that; otherwise the answer.
    pub(crate) fn settle(
        &self,
        parts: &mut Parts,
        passage: &Passage,
        verdict: Result<Arc<VerifiedToken>, Rejected>,
    ) -> Option<Response<String>> {
        let verdict = verdict.and_then(|token| {
            passage.check_age(&token, self.query_token_max_age, || self.clock.now())?;
            passage.permit(&token, || may_write(parts))?;
            self.claim_headers.set(&token, &mut parts.headers)?;
            Ok(token)
        });
        match (verdict, passage.mode) {
            (Ok(token), _) => {
                self.meter.admitted(&passage.entered);
                parts.extensions.remove::<NoUser>();
                parts.extensions.insert(token);
                return None;
            }
            (Err(rejected), TokenMode::Required) => {
                self.meter.refused(rejected.reason(), &passage.entered);
                return Some(self.refuse(&rejected, passage, &parts.headers));
            }
            (Err(rejected), mode) => {
                if mode == TokenMode::ReportOnly {
                    report(rejected.reason(), &parts.headers);
                    self.meter.reported(rejected.reason());
                }
                self.meter.admitted(&passage.entered);
                // The user of another gate around this one is not ours.
                parts.extensions.remove::<Arc<VerifiedToken>>();
                parts.extensions.insert(NoUser::Refused(rejected));
            }
        }
        None
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The rules of the routes.
    #[cfg(feature = "axum")]
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    fn judge(
        &self,
        parts: &Parts,
        passage: &Passage,
        query: Option<&QueryParameter>,
    ) -> Result<Arc<VerifiedToken>, Halted> {
        let (token, carrier) = self.sources.find(parts, query)?.ok_or(Rejected::NoToken)?;
        if carrier == Carrier::Cookie && !is_from_known_page(parts, &passage.decision) {
            return Err(Rejected::Csrf.into());
        }
        match self.verifier.attempt(&token, passage.entered.at()) {
            Ok(verified) => Ok(verified),
            Err(Halt::Rejected(rejected)) => Err(rejected.into()),
            Err(Halt::Need(need)) => Err(Halted::Wait {
                token: token.read()?.to_owned(),
                need,
            }),
        }
    }
}

/// What the origin gate says where it reports. A preflight is answered alike in both modes: without CORS headers it fails anyway.
fn reported(decision: Decision, request: &Parts) -> Decision {
    let is_preflight = request.method == Method::OPTIONS
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    match decision {
        Decision::Refuse(refusal) if !is_preflight => Decision::Report(refusal),
        decision => decision,
    }
}

/// The URI before routers took something off.
fn asked_for(parts: &Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = parts.extensions.get() {
        return uri;
    }
    &parts.uri
}

/// Did a page send this that may act with the user's cookie, whatever the method?
fn is_from_known_page(parts: &Parts, decision: &Decision) -> bool {
    match decision {
        // An origin that is let in without credentials, such as any port of localhost, is nobody in particular.
        Decision::Cors(grant) => grant.credentials() == Credentials::Include,
        // The only origin with a name that passes unshared is our own.
        Decision::Plain if parts.headers.get(ORIGIN).is_some_and(|it| it != "null") => true,
        // Browsers send Origin with every WebSocket handshake (RFC 6455 §4.1), so that this alone is no browser's.
        Decision::Plain => {
            !is_web_socket_handshake(&parts.method, &parts.headers)
                && is_same_origin(&parts.headers)
        }
        _ => false,
    }
}

/// `Sec-Fetch-Site: same-origin` (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>), which no page can set.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(SEC_FETCH_SITE).iter();
    let (first, second) = (lines.next(), lines.next());
    first.is_some_and(|site| site == "same-origin") && second.is_none()
}

/// A read-only token permits the safe methods of RFC 9110 §9.2.1, and no socket: its handshake is a GET, and what follows is anything.
fn may_write(parts: &Parts) -> bool {
    !parts.method.is_safe() || is_web_socket_handshake(&parts.method, &parts.headers)
}

impl From<Rejected> for Halted {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gates")
            .field("verifier", &self.verifier)
            .field("sources", &self.sources)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::Run => "Run",
            Self::Wait { .. } => "Wait",
        })
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
