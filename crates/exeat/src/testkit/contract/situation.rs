//! What is sent, apart from who sends it.

use axum::body::Body;
use exeat_cors::{PageRequest, Policy};
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};

use super::BrowserContract;

/// A request without its origin.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub(super) name: String,
    /// What it must lead to, if the user says so.
    pub(super) status: Option<StatusCode>,
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: String,
}

impl Situation {
    pub(super) fn of_user(name: &str, status: StatusCode, request: Request<String>) -> Self {
        let (mut parts, body) = request.into_parts();
        if let Some(token) = parts.headers.get_mut(AUTHORIZATION) {
            token.set_sensitive(true);
        }
        Self {
            name: name.to_owned(),
            status: Some(status),
            method: parts.method,
            target: parts.uri,
            headers: parts.headers,
            body,
        }
    }

    fn new(
        name: impl Into<String>,
        method: Method,
        target: &Uri,
        token: Option<&HeaderValue>,
    ) -> Self {
        let token = token.map(|token| (AUTHORIZATION, token.clone()));
        Self {
            name: name.into(),
            status: None,
            method,
            target: target.clone(),
            headers: token.into_iter().collect(),
            body: String::new(),
        }
    }

    /// The same request as a page of this origin makes it.
    pub(super) fn page(&self, origin: &HeaderValue) -> PageRequest {
        let page = PageRequest::new(origin.clone(), self.method.clone());
        let headers = self.headers.iter();
        headers.fold(page, |page, (name, value)| {
            page.with_header(name.clone(), value.clone())
        })
    }

    /// The request with these `Origin` lines, and with what browsers add if there is one.
    pub(super) fn request(&self, origins: &[&HeaderValue]) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        // What a page cannot set its browser may send, such as a cookie.
        *request.headers_mut() = self.headers.clone();
        if let Some(origin) = origins.first() {
            request.headers_mut().extend(self.page(origin).headers());
        }
        request.headers_mut().remove(ORIGIN);
        for origin in origins {
            request.headers_mut().append(ORIGIN, (*origin).clone());
        }
        request
    }
}

/// What every API is asked, and then what its own tests name.
pub(super) fn all(contract: &BrowserContract<'_>) -> Vec<Situation> {
    let token = contract.token.as_ref();
    let path = &contract.path;
    let methods = methods(contract.policy);
    let first = methods.first().cloned().unwrap_or(Method::GET);
    let garbage = HeaderValue::from_static("Bearer exeat-check.not.a-token");
    let mut all = vec![
        Situation::new("without a token", first.clone(), path, None),
        Situation::new(
            "with a token that is none",
            first.clone(),
            path,
            Some(&garbage),
        ),
        Situation::new("to a path that nobody has", first, &contract.nowhere, token),
        Situation::new("OPTIONS that is no preflight", Method::OPTIONS, path, token),
    ];
    if token.is_some() {
        let with_token =
            |method: Method| Situation::new(format!("{method} with a token"), method, path, token);
        all.extend(methods.into_iter().map(with_token));
    }
    all.extend(contract.requests.iter().cloned());
    all
}

/// The methods that the policy lists.
pub(super) fn methods(policy: &Policy) -> Vec<Method> {
    let methods = policy.config().methods;
    methods
        .iter()
        .filter_map(|method| method.parse().ok())
        .collect()
}
