//! The two layers, what is sent through them, and what comes out.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use exeat_cors::{Credentials, PageRequest, Policy, PolicyConfig};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE,
    DATE, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_layer::Layer;
use tower_service::Service;

pub(crate) const LISTED: [&str; 2] = ["https://shop.example", "https://shop.example:8443"];
pub(crate) const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const MAX_AGE: Duration = Duration::from_mins(10);

/// A policy that both can express.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shared {
    Listed,
    ListedWithCredentials,
    /// `*`
    Public,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) policy: Shared,
    pub(crate) origins: &'static [&'static str],
    pub(crate) method: &'static str,
    /// `Access-Control-Request-Method`
    pub(crate) asked_method: Option<&'static str>,
    /// Lines of `Access-Control-Request-Headers`
    pub(crate) asked_headers: &'static [&'static str],
    pub(crate) handler: &'static [(&'static str, &'static str)],
    pub(crate) status: u16,
}

pub(crate) fn cases() -> Vec<Case> {
    let origins: [&[&str]; 11] = [
        &[],
        &["https://shop.example"],
        &["https://shop.example:8443"],
        &["https://evil.example"],
        &["https://shop.example.evil.example"],
        &["http://shop.example"],
        &["HTTPS://SHOP.EXAMPLE"],
        &["null"],
        &[""],
        &["https://shop.example", "https://evil.example"],
        &["https://evil.example", "https://shop.example"],
    ];
    let asked_methods = [
        None,
        Some("GET"),
        Some("PUT"),
        Some("DELETE"),
        Some("put"),
        Some(""),
    ];
    let asked_headers: [&[&str]; 7] = [
        &[],
        &["authorization"],
        &["authorization,content-type"],
        &["authorization", "content-type"],
        &["Content-Type , AUTHORIZATION"],
        &["x-evil"],
        &["authorization,x-evil"],
    ];
    let handlers: [(u16, &[(&str, &str)]); 7] = [
        (200, &[]),
        (200, &[("vary", "accept-encoding")]),
        (200, &[("vary", "Origin"), ("vary", "accept-encoding")]),
        (200, &[("vary", "*")]),
        (
            200,
            &[
                ("access-control-allow-origin", "https://inner.example"),
                ("access-control-allow-credentials", "true"),
            ],
        ),
        (401, &[("www-authenticate", "Bearer")]),
        (304, &[]),
    ];
    let mut cases = Vec::new();
    for policy in [
        Shared::Listed,
        Shared::ListedWithCredentials,
        Shared::Public,
    ] {
        for origins in origins {
            for asked_method in asked_methods {
                for asked_headers in asked_headers {
                    // A handler's answer matters where it runs.
                    let preflights = [("OPTIONS", asked_method, asked_headers)];
                    cases.extend(
                        preflights.map(|(method, asked_method, asked_headers)| Case {
                            policy,
                            origins,
                            method,
                            asked_method,
                            asked_headers,
                            handler: &[],
                            status: 200,
                        }),
                    );
                }
            }
            for (status, handler) in handlers {
                for (method, asked_method) in [
                    ("GET", None),
                    ("POST", None),
                    ("PUT", None),
                    ("DELETE", None),
                    ("POST", Some("PUT")),
                ] {
                    cases.push(Case {
                        policy,
                        origins,
                        method,
                        asked_method,
                        asked_headers: &[],
                        handler,
                        status,
                    });
                }
            }
        }
    }
    cases
}

/// What came out, aspect by aspect, always the same ones.
pub(crate) struct Observed {
    pub(crate) aspects: Vec<(&'static str, String)>,
}

impl Observed {
    fn of(case: &Case, answer: &Response<String>, has_run: bool) -> Self {
        let headers = answer.headers();
        let mut aspects = vec![
            ("status", answer.status().as_u16().to_string()),
            ("handler", has_run.to_string()),
        ];
        for (aspect, name) in COMPARED {
            let lines: Vec<String> = headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap().replace(", ", ","))
                .collect();
            aspects.push((aspect, lines.join(" | ")));
        }
        let mut varies: Vec<String> = headers
            .get_all(VARY)
            .iter()
            .flat_map(|line| line.to_str().unwrap().split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        varies.sort_unstable();
        varies.dedup();
        aspects.push(("vary", varies.join(",")));
        aspects.push((
            "vary-lines",
            headers.get_all(VARY).iter().count().to_string(),
        ));
        for (aspect, mode) in [
            ("browser-omit", Credentials::Omit),
            ("browser-include", Credentials::Include),
        ] {
            aspects.push((aspect, case.verdict(mode, answer)));
        }
        Self { aspects }
    }

    pub(crate) fn verdicts(&self) -> Vec<&str> {
        let verdicts = self
            .aspects
            .iter()
            .filter(|(aspect, _)| aspect.starts_with("browser-"));
        verdicts.map(|(_, verdict)| verdict.as_str()).collect()
    }
}

impl Case {
    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.parse().unwrap();
        let headers = request.headers_mut();
        for origin in self.origins {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        if let Some(method) = self.asked_method {
            headers.insert(
                ACCESS_CONTROL_REQUEST_METHOD,
                HeaderValue::from_static(method),
            );
        }
        for line in self.asked_headers {
            headers.append(
                ACCESS_CONTROL_REQUEST_HEADERS,
                HeaderValue::from_static(line),
            );
        }
        request
    }

    /// What a browser makes of the answer; nothing, where no browser sends such a request.
    fn verdict(&self, mode: Credentials, answer: &Response<String>) -> String {
        let &[origin] = self.origins else {
            return "no browser".to_owned();
        };
        let origin = HeaderValue::from_static(origin);
        let verdict = if self.is_preflight() {
            let Ok(method) = self.asked_method.unwrap_or_default().parse::<Method>() else {
                return "no browser".to_owned();
            };
            // Browsers upper-case it before they ask.
            if PageRequest::new(origin.clone(), method.clone()).method() != method {
                return "no browser".to_owned();
            }
            let names = self.asked_headers.iter().flat_map(|line| line.split(','));
            let page = names.fold(PageRequest::new(origin, method), |page, name| {
                let name: HeaderName = name.trim().parse().unwrap();
                page.with_header(name, HeaderValue::from_static("\""))
            });
            page.with_credentials(mode)
                .check_preflight(answer.status(), answer.headers())
        } else {
            PageRequest::new(origin, Method::GET)
                .with_credentials(mode)
                .check(answer.headers())
        };
        if verdict.is_ok() { "passes" } else { "blocked" }.to_owned()
    }

    pub(crate) fn is_preflight(&self) -> bool {
        self.method == "OPTIONS" && !self.origins.is_empty() && self.asked_method.is_some()
    }

    /// Both answers to the same request.
    fn answers(&self) -> [(Response<String>, bool); 2] {
        let handler = Handler {
            case: self.clone(),
            has_run: Rc::default(),
        };
        let ours = exeat_cors::CorsLayer::new(ours(self.policy)).layer(handler.clone());
        let our_answer = (call(ours, self.request()), handler.has_run.replace(false));
        let theirs = theirs(self.policy).layer(handler.clone());
        [
            our_answer,
            (call(theirs, self.request()), handler.has_run.get()),
        ]
    }
}

pub(crate) fn observe(case: &Case) -> (Observed, Observed) {
    let [(ours, we_ran), (theirs, they_ran)] = case.answers();
    (
        Observed::of(case, &ours, we_ran),
        Observed::of(case, &theirs, they_ran),
    )
}

fn ours(policy: Shared) -> Policy {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let config = PolicyConfig {
        origins: if policy == Shared::Public {
            owned(&["*"])
        } else {
            owned(&LISTED)
        },
        credentials: if policy == Shared::ListedWithCredentials {
            Credentials::Include
        } else {
            Credentials::Omit
        },
        methods: owned(&METHODS),
        request_headers: owned(&["authorization", "content-type"]),
        expose_headers: owned(&["www-authenticate", "date"]),
        max_age: MAX_AGE,
        ..PolicyConfig::default()
    };
    Policy::try_from(config).unwrap()
}

fn theirs(policy: Shared) -> CorsLayer {
    let listed = AllowOrigin::list(LISTED.map(HeaderValue::from_static));
    let layer = CorsLayer::new()
        .allow_methods(METHODS.map(|method| method.parse::<Method>().unwrap()))
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE, DATE])
        .max_age(MAX_AGE);
    match policy {
        Shared::Listed => layer.allow_origin(listed),
        Shared::ListedWithCredentials => layer.allow_origin(listed).allow_credentials(true),
        Shared::Public => layer.allow_origin(Any),
    }
}

#[derive(Clone)]
struct Handler {
    case: Case,
    has_run: Rc<Cell<bool>>,
}

impl Service<Request<()>> for Handler {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.has_run.set(true);
        let mut response = Response::new("body".to_owned());
        *response.status_mut() = self.case.status.try_into().unwrap();
        for (name, value) in self.case.handler {
            response
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        ready(Ok(response))
    }
}

fn call<S>(mut service: S, request: Request<()>) -> Response<String>
where
    S: Service<Request<()>, Response = Response<String>>,
    S::Error: std::fmt::Debug,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("nothing here waits"),
    }
}

const COMPARED: [(&str, HeaderName); 6] = [
    ("allow-origin", ACCESS_CONTROL_ALLOW_ORIGIN),
    ("allow-credentials", ACCESS_CONTROL_ALLOW_CREDENTIALS),
    ("allow-methods", ACCESS_CONTROL_ALLOW_METHODS),
    ("allow-headers", ACCESS_CONTROL_ALLOW_HEADERS),
    ("max-age", ACCESS_CONTROL_MAX_AGE),
    ("expose-headers", ACCESS_CONTROL_EXPOSE_HEADERS),
];
