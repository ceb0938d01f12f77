//! Requests as browsers make them, put to a finished service: what [`crate::Gate::self_check`] and the contract kit have in common.

use std::future::poll_fn;

use axum::body::Body;
use exeat_cors::Policy;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use tower_service::Service;

/// One origin for each kind of pattern that is listed, the exact one first.
pub(crate) fn listed_origins(policy: &Policy) -> Vec<HeaderValue> {
    let mut patterns = policy.config().origins;
    // Stable: the operator's order within a kind.
    patterns.sort_by_key(|pattern| std::cmp::Reverse(kind_of(pattern)));
    patterns.dedup_by_key(|pattern| kind_of(pattern));
    let examples = patterns.iter().map(|pattern| example_of(pattern));
    examples
        .filter_map(|origin| HeaderValue::try_from(origin).ok())
        .filter(|origin| policy.allows_origin(origin))
        .collect()
}

/// What browsers and policies treat alike.
fn kind_of(pattern: &str) -> u8 {
    match pattern {
        "*" => 0,
        "moz-extension://*" => 1,
        "safari-web-extension://*" => 2,
        _ if pattern.starts_with("chrome-extension:") => 3,
        _ if pattern.ends_with(":*") => 4,
        _ if pattern.contains("://*.") => 5,
        _ => 6,
    }
}

/// An origin that nobody lists, unless everybody is welcome.
pub(crate) fn stranger(policy: &Policy) -> Option<HeaderValue> {
    let origin = HeaderValue::from_static(STRANGER);
    (!policy.allows_origin(&origin)).then_some(origin)
}

fn example_of(pattern: &str) -> String {
    match pattern {
        "*" => STRANGER.to_owned(),
        "moz-extension://*" | "safari-web-extension://*" => pattern.replace('*', SOME_UUID),
        _ => match pattern.strip_suffix(":*") {
            Some(any_port) => format!("{any_port}:8080"),
            None => pattern.replace("://*.", "://exeat-check."),
        },
    }
}

/// What a preflight for this request says; also where a browser would not ask first.
pub(crate) fn preflight_of(page: &exeat_cors::PageRequest) -> HeaderMap {
    page.preflight().unwrap_or_else(|| {
        let mut headers = page.headers();
        let method = HeaderValue::from_str(page.method().as_str());
        headers.extend(
            method
                .ok()
                .map(|method| (ACCESS_CONTROL_REQUEST_METHOD, method)),
        );
        headers
    })
}

/// The target of a request to an origin server (RFC 9112 §3.2.1); whatever else parses as a URI leads to no route.
pub(crate) fn path(text: &str) -> Option<Uri> {
    text.parse().ok().filter(|_| text.starts_with('/'))
}

pub(crate) fn request(method: Method, path: Uri, headers: HeaderMap) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path;
    *request.headers_mut() = headers;
    request
}

/// Asks a clone of the service for readiness, and then it.
pub(crate) async fn call<S, R>(service: &S, request: Request<Body>) -> Result<Response<R>, S::Error>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
{
    let mut service = service.clone();
    poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}

/// May a cache tell the answers to two origins apart?
pub(crate) fn varies_by_origin(answer: &HeaderMap) -> bool {
    let lines = answer.get_all(VARY).iter();
    let mut names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    names.any(|name| {
        let name = name.trim_ascii();
        name == b"*" || name.eq_ignore_ascii_case(b"origin")
    })
}

/// A CORS header that stands in more than one line, which fails in browsers or means another thing than the policy.
pub(crate) fn doubled(answer: &HeaderMap) -> Option<&HeaderName> {
    answer.keys().find(|name| {
        name.as_str().starts_with("access-control-") && answer.get_all(*name).iter().count() > 1
    })
}

/// Reserved (RFC 6761 §6.4): nobody's.
const STRANGER: &str = "https://exeat-check.invalid";
const SOME_UUID: &str = "00000000-0000-4000-8000-000000000000";
