//! Levels decide and layer: what the response is, and whether the handler ran.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use exeat_cors::{CorsLayer, Decision, Policy, Refusal, RequestKind, decide};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Version};
use serde::Deserialize;
use serde_json::{Map, Value};
use tower_layer::Layer;
use tower_service::Service;

use super::{Fixtures, Inner, Request, Text, Vector};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    header_lines: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    no_access_control: bool,
    #[serde(default)]
    exact_headers: bool,
    body: Option<String>,
    body_json: Option<Map<String, Value>>,
    inner_called: bool,
    kind: Option<String>,
}

pub(super) fn run_decision_and_layer(vector: &Vector, fixtures: &Fixtures) -> Result<(), String> {
    let (policy, expected) = prepare(vector, fixtures)?;
    let request = vector.request.as_ref().ok_or("no request")?.build();
    let decision = decide(&policy, request.method(), request.headers());
    let wanted = expected.kind.as_deref();
    let kind = match decision.kind() {
        RequestKind::Plain => "plain",
        RequestKind::Preflight => "preflight",
        RequestKind::Cors => "cors",
    };
    if wanted.is_some_and(|wanted| wanted != kind) {
        return Err(format!("the request is {kind}"));
    }
    check_explanation(&policy, &decision, request.method(), request.headers())
        .map_err(|error| format!("explain: {error}"))?;
    let answer = decision.answer(&policy);
    let inner_called = answer.is_none();
    let response = answer.unwrap_or_else(|| {
        let mut response = vector.inner.as_ref().unwrap_or(&fixtures.inner).response();
        decision.finish(&policy, response.headers_mut());
        response
    });
    expected
        .check(&response, inner_called)
        .map_err(|error| format!("decide: {error}"))?;
    run_layer(vector, fixtures).map_err(|error| format!("layer: {error}"))
}

/// The explanation agrees with the decision, and so does a browser, whose model shares nothing with it.
fn check_explanation(
    policy: &Policy,
    decision: &Decision,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), String> {
    let explanation = policy.explain(method, headers);
    let status = decision
        .answer(policy)
        .map(|answer| answer.status().as_u16());
    if explanation.status != status {
        return Err(format!("{:?} and not {status:?}", explanation.status));
    }
    let is_shared = match decision {
        Decision::Plain => None,
        Decision::Cors(_)
        | Decision::Preflight { .. }
        | Decision::Refuse(Refusal::MethodNotAllowed(_)) => Some(true),
        _ => Some(false),
    };
    let verdict = explanation
        .browser
        .as_ref()
        .map(|browser| browser.omit.is_ok());
    // A refusal without an Origin is for nobody's browser to judge.
    if verdict.is_some() && verdict != is_shared {
        return Err(format!("a browser disagrees:\n{explanation}"));
    }
    Ok(())
}

pub(super) fn run_layer(vector: &Vector, fixtures: &Fixtures) -> Result<(), String> {
    let (policy, expected) = prepare(vector, fixtures)?;
    let calls = Arc::new(AtomicUsize::new(0));
    let spy = Spy {
        calls: Arc::clone(&calls),
        inner: vector
            .inner
            .clone()
            .unwrap_or_else(|| fixtures.inner.clone()),
        ready: vector.inner_ready,
        asked: false,
    };
    let mut service = CorsLayer::new(policy).layer(spy);
    let mut context = Context::from_waker(Waker::noop());
    if !matches!(service.poll_ready(&mut context), Poll::Ready(Ok(()))) {
        return Err("the layer waits for its inner service".into());
    }
    let future = service.call(vector.request.as_ref().ok_or("no request")?.build());
    let Poll::Ready(Ok(mut response)) = pin!(future).poll(&mut context) else {
        return Err("no response".into());
    };
    for (name, value) in &vector.outer_appends {
        let name: HeaderName = name.parse().map_err(|_| "outer_appends")?;
        response
            .headers_mut()
            .append(name, value.parse().map_err(|_| "outer_appends")?);
    }
    match calls.load(Ordering::Relaxed) {
        calls @ (0 | 1) => expected.check(&response, calls == 1),
        calls => Err(format!("the handler ran {calls} times")),
    }
}

fn prepare(vector: &Vector, fixtures: &Fixtures) -> Result<(Policy, Expected), String> {
    let policy = Policy::try_from(vector.config(fixtures)).map_err(|errors| errors.to_string())?;
    Ok((policy, vector.expected(fixtures)))
}

/// A handler that counts its calls, and insists on having been asked for readiness on the clone that is called.
#[derive(Clone)]
struct Spy {
    calls: Arc<AtomicUsize>,
    inner: Inner,
    ready: bool,
    asked: bool,
}

impl Service<http::Request<()>> for Spy {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked = self.ready;
        if self.ready {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        assert!(self.asked, "called without having been ready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(self.inner.response()))
    }
}

impl Expected {
    fn check(&self, response: &Response<String>, inner_called: bool) -> Result<(), String> {
        let headers = response.headers();
        let says = |what: String| {
            Err(format!(
                "{what}: {} {headers:?} {:?}",
                response.status(),
                response.body()
            ))
        };
        if response.status().as_u16() != self.status {
            return says("another status".into());
        }
        for (name, value) in &self.headers {
            if lines(headers, name) != [value.as_bytes()] {
                return says(format!("{name} is not {value:?}"));
            }
        }
        for (name, wanted) in &self.header_lines {
            if lines(headers, name) != wanted.iter().map(String::as_bytes).collect::<Vec<_>>() {
                return says(format!("{name} is not {wanted:?}"));
            }
        }
        for name in headers.keys().map(HeaderName::as_str) {
            let unwanted = self.absent.iter().any(|absent| absent == name)
                || (self.no_access_control && name.starts_with("access-control-"))
                || (self.exact_headers && !self.headers.contains_key(name));
            if unwanted {
                return says(format!("{name} is there"));
            }
        }
        if self
            .body
            .as_ref()
            .is_some_and(|body| body != response.body())
        {
            return says("another body".into());
        }
        if let Some(members) = &self.body_json {
            let body: Map<String, Value> =
                serde_json::from_str(response.body()).map_err(|error| error.to_string())?;
            if members
                .iter()
                .any(|(name, value)| body.get(name) != Some(value))
            {
                return says(format!("the body has not {members:?}"));
            }
        }
        if inner_called != self.inner_called {
            return says(format!("handler run: {inner_called}"));
        }
        Ok(())
    }
}

impl Request {
    fn build(&self) -> http::Request<()> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.parse().expect("a method");
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.version_mut() = match self.version.as_deref() {
            None | Some("HTTP/1.1") => Version::HTTP_11,
            Some("HTTP/1.0") => Version::HTTP_10,
            Some("HTTP/2.0") => Version::HTTP_2,
            Some("HTTP/3.0") => Version::HTTP_3,
            Some(other) => panic!("no version {other}"),
        };
        fill(request.headers_mut(), &self.headers);
        request
    }
}

impl Inner {
    fn response(&self) -> Response<String> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status.try_into().expect("a status");
        fill(response.headers_mut(), &self.headers);
        response
    }
}

fn fill(headers: &mut HeaderMap, lines: &[(String, Text)]) {
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a header name");
        headers.append(
            name,
            HeaderValue::from_bytes(&value.bytes()).expect("a header value"),
        );
    }
}

fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h [u8]> {
    headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect()
}
