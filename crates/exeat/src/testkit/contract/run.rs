//! The checks.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use exeat_cors::{Credentials, Enforcement, PageRequest};
use futures_util::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use tower_service::Service;

use super::advice::{self, Ending};
use super::situation::{self, Situation};
use super::{Breach, BrowserContract};
use crate::probe;

pub(super) struct Run<'a, S> {
    contract: &'a BrowserContract<'a>,
    service: &'a S,
    pub(super) checks: usize,
    /// Each different one, and how often it was seen.
    pub(super) breaches: BTreeMap<Breach, usize>,
}

impl<'a, S, R> Run<'a, S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Display,
{
    pub(super) fn new(contract: &'a BrowserContract<'a>, service: &'a S) -> Self {
        Self {
            contract,
            service,
            checks: 0,
            breaches: BTreeMap::new(),
        }
    }

    pub(super) async fn all(&mut self) {
        let listed = probe::listed_origins(self.contract.policy);
        let strangers = self.strangers(&listed);
        for origin in &listed {
            self.preflights(origin).await;
        }
        for origin in &strangers {
            self.refused_preflight(origin, Self::first_method(self.contract), None)
                .await;
        }
        for situation in situation::all(self.contract) {
            for origin in &listed {
                self.of_listed(&situation, origin).await;
            }
            for origin in &strangers {
                self.of_stranger(&situation, origin).await;
            }
            self.without_origin(&situation).await;
            if let (Some(listed), Some(stranger)) = (listed.first(), strangers.first()) {
                self.with_two_origins(&situation, [listed, stranger]).await;
                self.with_two_origins(&situation, [stranger, listed]).await;
            }
        }
    }

    /// Origins that nobody listed: one of nobody, near misses of those that are, and the one that anybody can have.
    fn strangers(&self, listed: &[HeaderValue]) -> Vec<HeaderValue> {
        let policy = self.contract.policy;
        let near = listed
            .iter()
            .filter_map(|origin| origin.to_str().ok())
            .flat_map(|origin| {
                let (scheme, rest) = origin.split_once("://").unwrap_or(("https", origin));
                let other = if scheme == "https" { "http" } else { "https" };
                [
                    format!("{other}://{rest}"),
                    format!("{scheme}://exeat-check{rest}"),
                    format!("{origin}.exeat-check.invalid"),
                ]
            });
        let near = near.filter_map(|origin| HeaderValue::try_from(origin).ok());
        let mut all: Vec<HeaderValue> = probe::stranger(policy).into_iter().chain(near).collect();
        all.push(HeaderValue::from_static("null"));
        all.retain(|origin| !policy.allows_origin(origin) && !policy.is_own_origin(origin));
        all
    }

    fn first_method(contract: &BrowserContract<'_>) -> Method {
        situation::methods(contract.policy)
            .into_iter()
            .next()
            .unwrap_or(Method::GET)
    }

    async fn send(&self, request: Request<Body>) -> Ending {
        let answered = AssertUnwindSafe(probe::call(self.service, request)).catch_unwind();
        match tokio::time::timeout(self.contract.patience, answered).await {
            Err(_) => Ending::Silent,
            Ok(Err(_)) => Ending::Panicked,
            Ok(Ok(Err(error))) => Ending::Failed(error.to_string()),
            Ok(Ok(Ok(response))) => {
                let (parts, _) = response.into_parts();
                Ending::Answer(parts.status, parts.headers)
            }
        }
    }

    async fn ask(&self, path: &Uri, headers: HeaderMap) -> Ending {
        self.send(probe::request(Method::OPTIONS, path.clone(), headers))
            .await
    }

    fn hold(&mut self, request: &str, breach: Option<String>) {
        self.checks += 1;
        if let Some(what) = breach {
            let request = request.to_owned();
            *self.breaches.entry(Breach { request, what }).or_default() += 1;
        }
    }

    /// Every method and every header, alone and together; and the same on a path that nobody has, since a preflight tells no routes.
    async fn preflights(&mut self, origin: &HeaderValue) {
        let contract = self.contract;
        let config = contract.policy.config();
        let listed = config
            .request_headers
            .iter()
            .map(|name| match name.as_str() {
                "*" => UNLISTED_HEADER,
                name => name,
            });
        let names: Vec<HeaderName> = listed.filter_map(|name| name.parse().ok()).collect();
        let mut sets: Vec<Vec<HeaderName>> = vec![Vec::new()];
        sets.extend(names.iter().map(|name| vec![name.clone()]));
        sets.push(names.clone());
        for method in situation::methods(contract.policy) {
            for set in &sets {
                let page = page(origin, &method, set);
                self.preflight(&contract.path, &page).await;
            }
        }
        let page = page(origin, &Self::first_method(contract), &names);
        self.preflight(&contract.nowhere, &page).await;

        let unlisted = Method::from_bytes(b"EXEAT-CHECK").unwrap_or(Method::TRACE);
        self.refused_preflight(origin, unlisted, None).await;
        // Browsers upper-case some methods and not these.
        if config.methods.iter().any(|method| method == "PATCH")
            && !config.methods.iter().any(|method| method == "patch")
        {
            let patch = Method::from_bytes(b"patch").unwrap_or(Method::TRACE);
            self.refused_preflight(origin, patch, None).await;
        }
        if !config.request_headers.iter().any(|name| name == "*") {
            let header = HeaderName::from_static(UNLISTED_HEADER);
            self.refused_preflight(origin, page.method().clone(), Some(header))
                .await;
        }
    }

    async fn preflight(&mut self, path: &Uri, page: &PageRequest) {
        let request = format!(
            "preflight of {} for {}",
            shown(page.origin()),
            page.method()
        );
        let ending = self.ask(path, probe::preflight_of(page)).await;
        let Ending::Answer(status, headers) = ending else {
            return self.hold(&request, advice::no_answer(&ending));
        };
        let judged = page.check_preflight(status, &headers);
        let breach = judged
            .err()
            .map(|blocked| advice::preflight_fails(status, &blocked));
        let fails = breach.is_some();
        self.hold(&request, breach);
        if fails {
            return;
        }
        let with_credentials = page.clone().with_credentials(Credentials::Include);
        let passes = with_credentials.check_preflight(status, &headers).is_ok();
        self.hold(
            &request,
            self.credentials_breach(page.origin(), passes, &headers),
        );
        self.hold(&request, no_vary(&headers));
    }

    async fn refused_preflight(
        &mut self,
        origin: &HeaderValue,
        method: Method,
        header: Option<HeaderName>,
    ) {
        let page = page(origin, &method, header.as_slice());
        let request = format!(
            "preflight of {} for {method}{}",
            shown(origin),
            header.map_or_else(String::new, |name| format!(" with {name}"))
        );
        let ending = self
            .ask(&self.contract.path, probe::preflight_of(&page))
            .await;
        // No answer, no permission.
        let Ending::Answer(status, headers) = ending else {
            return;
        };
        let passes = page.check_preflight(status, &headers).is_ok();
        self.hold(&request, passes.then(|| {
            "the browser would send the request, which the policy does not allow: something outside the gate answers preflights; remove it".to_owned()
        }));
        let tells = [ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_HEADERS]
            .into_iter()
            .find(|name| headers.contains_key(name));
        self.hold(&request, tells.filter(|_| !passes).map(|name| {
            format!("it is refused, and {name} tells what would not be: another CORS layer answers; remove it")
        }));
    }

    async fn of_listed(&mut self, situation: &Situation, origin: &HeaderValue) {
        let request = format!("{}, from {}", situation.name, shown(origin));
        let ending = self.send(situation.request(&[origin])).await;
        let Ending::Answer(status, headers) = ending else {
            return self.hold(&request, advice::no_answer(&ending));
        };
        if let Some(wanted) = situation.status {
            self.hold(&request, (status != wanted).then(|| {
                format!("it is answered with {status} and not with {wanted}, so that nothing is known about {wanted}: mend the request of this test")
            }));
        }
        let page = situation.page(origin);
        let judged = page.check(&headers);
        let breach = judged
            .err()
            .map(|blocked| advice::unreadable(status, &blocked));
        let fails = breach.is_some();
        self.hold(&request, breach);
        if fails {
            return;
        }
        let passes = page
            .clone()
            .with_credentials(Credentials::Include)
            .check(&headers)
            .is_ok();
        self.hold(&request, self.credentials_breach(origin, passes, &headers));
        self.hold(&request, no_vary(&headers));
        self.hold(&request, self.unexposed(&page, status, &headers));
    }

    /// ACAC goes to those to whom the policy gives it, which is nobody in particular for other patterns.
    fn credentials_breach(
        &self,
        origin: &HeaderValue,
        passes: bool,
        headers: &HeaderMap,
    ) -> Option<String> {
        let config = self.contract.policy.config();
        let is_exact = config
            .origins
            .iter()
            .any(|listed| listed.as_bytes() == origin.as_bytes());
        let is_somebody = is_exact
            || (origin.as_bytes().starts_with(b"https://exeat-check.") && !self.is_public());
        let wanted = config.credentials == Credentials::Include && is_somebody;
        match (wanted, passes) {
            (true, false) => Some("a page that sends credentials would see a network error, and the policy allows them: another CORS layer outside the gate answers, or removes Access-Control-Allow-Credentials".to_owned()),
            (false, true) => Some("it may be called with credentials, which the policy does not allow: another CORS layer outside the gate answers; remove it".to_owned()),
            // https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
            (false, false) if headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS) => Some("it allows credentials in a way that no browser accepts, such as together with *: another CORS layer outside the gate answers; remove it".to_owned()),
            _ => None,
        }
    }

    fn is_public(&self) -> bool {
        probe::stranger(self.contract.policy).is_none()
    }

    /// A header that the policy exposes and the answer has.
    fn unexposed(
        &self,
        page: &PageRequest,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<String> {
        let exposed = self.contract.policy.config().expose_headers;
        let name = exposed.iter().find(|name| {
            name.parse::<HeaderName>()
                .is_ok_and(|name| headers.contains_key(&name) && !page.can_read(&name, headers))
        })?;
        Some(format!(
            "the page would read the {status} and not its {name}, which the policy exposes: something outside the gate removes Access-Control-Expose-Headers"
        ))
    }

    async fn of_stranger(&mut self, situation: &Situation, origin: &HeaderValue) {
        let request = format!("{}, from {}", situation.name, shown(origin));
        let Ending::Answer(status, headers) = self.send(situation.request(&[origin])).await else {
            return;
        };
        let page = situation.page(origin);
        let reads = page.check(&headers).is_ok()
            || page
                .with_credentials(Credentials::Include)
                .check(&headers)
                .is_ok();
        self.hold(&request, reads.then(|| {
            format!("this page is not listed and would read the {status}: something outside the gate reflects origins or allows *; remove it")
        }));
        let enforced = self.contract.policy.config().enforcement == Enforcement::Enforce;
        self.hold(&request, (enforced && status.is_success()).then(|| {
            format!("this page is not listed, and the request is done all the same ({status}): a browser only hides the answer. The gate is not around this route")
        }));
        self.hold(&request, no_vary(&headers));
    }

    async fn without_origin(&mut self, situation: &Situation) {
        let request = format!("{}, without Origin", situation.name);
        let Ending::Answer(_, headers) = self.send(situation.request(&[])).await else {
            return;
        };
        if self.is_public() {
            return;
        }
        self.hold(&request, headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN).then(|| {
            "it names an origin that has not asked: a cache would hand that to everybody; another CORS layer answers, remove it".to_owned()
        }));
        self.hold(&request, no_vary(&headers));
    }

    /// Browsers send one; whoever adds another must not decide.
    async fn with_two_origins(&mut self, situation: &Situation, origins: [&HeaderValue; 2]) {
        let request = format!("{}, with two Origin lines", situation.name);
        let Ending::Answer(status, headers) = self.send(situation.request(&origins)).await else {
            return;
        };
        let enforced = self.contract.policy.config().enforcement == Enforcement::Enforce;
        self.hold(&request, (enforced && status.is_success()).then(|| {
            format!("it is done ({status}), though nobody knows which page asked: the gate is not around this route")
        }));
        self.hold(&request, headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN).then(|| {
            "it is shared with one of the two: another CORS layer answers, which takes the first; remove it".to_owned()
        }));
    }
}

fn page(origin: &HeaderValue, method: &Method, names: &[HeaderName]) -> PageRequest {
    let page = PageRequest::new(origin.clone(), method.clone());
    // Not safelisted, whatever the name.
    let value = HeaderValue::from_static("\"");
    names.iter().fold(page, |page, name| {
        page.with_header(name.clone(), value.clone())
    })
}

/// Doubled lines fail the browser's own checks; a lost `Vary` fails only behind a cache.
fn no_vary(headers: &HeaderMap) -> Option<String> {
    let is_public = headers
        .get(ACCESS_CONTROL_ALLOW_ORIGIN)
        .is_some_and(|value| value == "*");
    (!is_public && !probe::varies_by_origin(headers)).then(|| {
        "a cache would hand this answer to pages of other origins: Vary does not name Origin; something outside the gate removes or replaces it".to_owned()
    })
}

fn shown(origin: &HeaderValue) -> String {
    origin.as_bytes().escape_ascii().to_string()
}

const UNLISTED_HEADER: &str = "x-exeat-check";
