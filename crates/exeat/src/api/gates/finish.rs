//! The way out: the gate's own answers, and the finaliser of those from behind it.

use std::sync::atomic::Ordering;

use exeat_cors::Failure;
use exeat_jose::Scope;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::Gates;
use crate::api::Cookies;
use crate::api::passage::Passage;
use crate::challenge::{
    EXEAT_HANDLER, Place, RefusedInside, forget_body, grpc, record, record_failure,
};
use crate::{Refused, Rejected};

impl Gates {
    /// Our own answer, with the CORS headers that let the page read it.
    pub(super) fn refuse(
        &self,
        rejected: &Rejected,
        passage: &Passage,
        request: &HeaderMap,
    ) -> Response<String> {
        let mut answer = self.answers.refuse(rejected, &self.place(passage, None));
        passage.share(answer.headers_mut());
        self.hardening.apply(answer.headers_mut());
        passage.hide_url(answer.headers_mut());
        record(rejected.reason(), answer.status(), None, request);
        if passage.is_grpc {
            grpc::convert(&mut answer, rejected.grpc_status(), rejected.sentence());
        }
        answer
    }

    /// A refusal from behind the gate, with all that its own have.
    fn complete<B: From<String>>(
        &self,
        inside: &RefusedInside,
        passage: &Passage,
        response: &mut Response<B>,
    ) {
        let rejected = &inside.rejected;
        self.meter.refused_inside(rejected.reason());
        let (ours, body) = self
            .answers
            .refuse::<B>(rejected, &self.place(passage, inside.scope.as_ref()))
            .into_parts();
        *response.status_mut() = ours.status;
        *response.body_mut() = body;
        let headers = response.headers_mut();
        forget_body(headers);
        headers.extend(ours.headers);
        if inside.is_before_handler {
            let (status, code) = (ours.status, rejected.reason());
            response.extensions_mut().insert(Refused { status, code });
        } else {
            headers.remove(EXEAT_HANDLER);
        }
        if passage.is_grpc {
            grpc::convert(response, rejected.grpc_status(), rejected.sentence());
        }
    }

    /// The answer in place of a response that what is behind the gate did not give. The handler may have run.
    pub(crate) fn fail(&self, passage: &Passage, failure: &Failure) -> Response<String> {
        self.meter.failed(failure);
        record_failure(failure);
        let mut answer = failure.answer();
        passage.share(answer.headers_mut());
        self.hardening.apply(answer.headers_mut());
        passage.hide_url(answer.headers_mut());
        if passage.is_grpc {
            let status = grpc::status_for(answer.status());
            grpc::convert(&mut answer, status, failure.sentence());
        }
        answer
    }

    /// The response finaliser of what is behind the gate.
    pub(crate) fn finish<B: From<String>>(&self, passage: &Passage, response: &mut Response<B>) {
        // Only a refusal before the handler may say that it has not run.
        response.extensions_mut().remove::<Refused>();
        let headers = response.headers_mut();
        // Most answers have two headers: looking through them costs less than a look-up.
        if headers.keys().any(|name| name == EXEAT_HANDLER) {
            headers.remove(EXEAT_HANDLER);
        }
        if let Some(inside) = response.extensions_mut().remove::<RefusedInside>() {
            self.complete(&inside, passage, response);
        }
        let status = response.status();
        let headers = response.headers_mut();
        // All at once, while there is little to move. What does not fit is for the inserts to say.
        let _ = headers.try_reserve(self.hardening.len() + ADDED);
        let (policy, decision) = (&passage.policy, &passage.decision);
        decision.warn_of_redirect(policy, status, headers);
        decision.finish(policy, headers);
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
        self.sources.strip_echo(headers);
        self.hardening.apply(headers);
        passage.hide_url(headers);
    }

    /// What a challenge says beside the refusal.
    fn place<'a>(&self, passage: &Passage, scope: Option<&'a Scope>) -> Place<'a> {
        let (resource, path) = (self.resource.as_ref(), passage.path.as_deref());
        Place {
            scope,
            resource_metadata: resource
                .zip(path)
                .map(|(resource, path)| resource.metadata_url(path)),
        }
    }
}

/// Headers that a usual answer gets beside those that harden it: `Cache-Control` and `Vary`, and two of CORS.
const ADDED: usize = 4;
