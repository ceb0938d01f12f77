//! What a response says about sharing: the only place that writes `Access-Control-*`.

use std::borrow::Cow;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::{Decision, Grant, Refusal, RequestKind, vary};
use crate::{Credentials, Policy};

impl Decision {
    /// Completes a response, whoever made it: removes every `Access-Control-*` that a handler wrote, says whom it is shared with
    /// (<https://fetch.spec.whatwg.org/#http-responses>), and merges `Vary` into one line of tokens.
    pub fn finish(&self, policy: &Policy, response: &mut HeaderMap) {
        if strip(response) && policy.first_sight_of_second_layer() {
            tracing::warn!(
                target: "exeat_cors",
                "a handler or a second CORS layer writes Access-Control-Allow-Origin; it is removed, and two layers should not be stacked"
            );
        }
        if let Some(grant) = self.grant(policy) {
            share(&grant, response);
            // Exposing is for the actual response: https://fetch.spec.whatwg.org/#http-access-control-expose-headers
            if self.kind() != RequestKind::Preflight
                && let Some(names) = policy.expose()
            {
                response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names.clone());
            }
        }
        vary::merge(response, self.varies_by(policy));
    }

    /// Looks at a handler's response, and says once for a policy that a cross-origin request is redirected.
    ///
    /// Behind a redirect to another origin, `Origin` becomes `null` and `Authorization` is dropped
    /// (<https://fetch.spec.whatwg.org/#http-redirect-fetch>), which is hard to find out from the page's side.
    pub fn warn_of_redirect(&self, policy: &Policy, status: StatusCode, response: &HeaderMap) {
        let redirects = status.is_redirection() && response.contains_key(LOCATION);
        if redirects && matches!(self, Self::Cors(_)) && policy.first_sight_of_redirect() {
            tracing::warn!(
                target: "exeat_cors",
                status = status.as_u16(),
                "a cross-origin request is redirected; if that leads to another origin, browsers send Origin: null and no token"
            );
        }
    }

    /// The complete answer where the handler does not run, headers finished; `None` where it does.
    #[must_use]
    pub fn answer(&self, policy: &Policy) -> Option<Response<String>> {
        let mut answer = match self {
            Self::Plain | Self::Cors(_) | Self::Report(_) => return None,
            Self::Preflight { .. } => Response::new(String::new()),
            Self::Refuse(refusal) => Response::new(refusal.body()),
        };
        *answer.status_mut() = match self {
            Self::Refuse(refusal) => refusal.status(),
            // An "ok status" is 200 to 299: https://fetch.spec.whatwg.org/#ok-status
            _ => StatusCode::NO_CONTENT,
        };
        let headers = answer.headers_mut();
        self.finish(policy, headers);
        match self {
            Self::Preflight {
                method,
                headers: allowed,
                ..
            } => {
                // https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, steps 7.1 to 7.12: tokens only, since one bad name fails the whole answer.
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
                if let Some(names) = allowed {
                    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
                }
                headers.insert(ACCESS_CONTROL_MAX_AGE, policy.max_age().clone());
            }
            Self::Refuse(refusal) if refusal.is_preflight() => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
            }
            _ => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/problem+json"),
                );
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        }
        Some(answer)
    }

    fn grant(&self, policy: &Policy) -> Option<Cow<'_, Grant>> {
        match self {
            Self::Cors(grant)
            | Self::Preflight { grant, .. }
            | Self::Refuse(Refusal::MethodNotAllowed(grant)) => Some(Cow::Borrowed(grant)),
            // Public data says so to everybody: caches may then keep one copy (https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches).
            Self::Plain if policy.is_public() => Some(Cow::Owned(Grant::public())),
            Self::Plain | Self::Refuse(_) | Self::Report(_) => None,
        }
    }

    /// What the response depends on (RFC 9110 §12.5.5). `Origin` even where there is none: a cache must not serve the unshared copy to a page.
    fn varies_by(&self, policy: &Policy) -> &'static str {
        match self.kind() {
            RequestKind::Preflight => {
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
            }
            RequestKind::Plain | RequestKind::Cors if policy.is_public() => "",
            RequestKind::Plain | RequestKind::Cors => "Origin",
        }
    }
}

/// Removes the CORS headers of whoever is behind us; true if it claimed to share.
fn strip(response: &mut HeaderMap) -> bool {
    let is_ours = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    // Hardly ever any: what then follows is not paid for by every response.
    if !response.keys().any(|name| is_ours(&name)) {
        return false;
    }
    let claimed = response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
    let written: Vec<HeaderName> = response.keys().filter(is_ours).cloned().collect();
    for name in written {
        response.remove(name);
    }
    claimed
}

/// One value each: lists and repetitions fail the browser's CORS check (<https://fetch.spec.whatwg.org/#concept-cors-check>).
fn share(grant: &Grant, response: &mut HeaderMap) {
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, grant.origin.clone());
    if grant.credentials == Credentials::Include {
        // Exactly `true`, in lower case: https://fetch.spec.whatwg.org/#http-access-control-allow-credentials
        response.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}
