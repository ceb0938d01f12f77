//! What browsers would make of a finished service: the cases of the CORS contract, run against the user's own stack.

mod advice;
mod run;
mod situation;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use axum::body::Body;
use exeat_cors::Policy;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use tower_service::Service;

use self::run::Run;
use self::situation::Situation;
use crate::probe;

/// [`BrowserContract::assert`] with its defaults: no token, path `/`.
///
/// ```
/// use axum::{Router, routing::get};
/// use exeat::ExternalApi;
/// use exeat::testkit::{FakeIssuer, assert_browser_contract};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
/// let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_origin("https://shop.example");
/// let gate = issuer.connect(api).build().await?;
/// let app: Router = Router::new().route("/", get(async || "42")).layer(gate.layer());
/// assert_browser_contract(&app, &gate.policy()).await;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// As [`BrowserContract::assert`].
pub async fn assert_browser_contract<S, R>(service: &S, policy: &Policy)
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Display,
{
    BrowserContract::new(policy).assert(service).await;
}

/// The contract between an API and the browsers of the pages that a policy lists: who may call finds out what happened, whatever happens,
/// and nobody else finds out anything.
///
/// Each check sends the service a request as a browser would and judges the answer by Fetch's rules
/// ([`PageRequest`](exeat_cors::PageRequest)), which know nothing of the gate. Origins of every kind that the policy lists, origins that
/// nearly match, strangers, `null` and doubled lines are tried, as preflights with every method and header and as requests. **Handlers
/// run** where a token is given, and on routes that need none.
///
/// It is about pages and the CORS policy alone. Requests without a token and with a bad one are sent, and any answer to them that the page
/// can read will do: that the token gate is there is for [`Gate::self_check`](crate::Gate::self_check) to say. Where some routes need no
/// token, that this one does, and what a bad token gets, is for [`Self::with_request`] with 401.
///
/// A user's own answers are part of it, above all those that are made in front of the handlers:
///
/// ```
/// # use axum::{Router, routing::get};
/// # use exeat::ExternalApi;
/// use axum::http::{Request, StatusCode};
/// use exeat::testkit::{BrowserContract, FakeIssuer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
/// # let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_origin("https://shop.example");
/// # let gate = issuer.connect(api).build().await?;
/// # let limited = || async { StatusCode::TOO_MANY_REQUESTS };
/// # let app: Router = Router::new().route("/points", get(async || "42")).route("/busy", get(limited)).layer(gate.layer());
/// let token = issuer.token().bearer();
/// BrowserContract::new(&gate.policy())
///     .with_path("/points")
///     .with_token(&token)
///     .with_request("rate limited", StatusCode::TOO_MANY_REQUESTS, Request::get("/busy").header("authorization", &token).body(String::new())?)
///     .assert(&app)
///     .await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BrowserContract<'p> {
    policy: &'p Policy,
    path: Uri,
    /// Below it, and nobody's.
    nowhere: Uri,
    token: Option<HeaderValue>,
    requests: Vec<Situation>,
    patience: Duration,
}

impl<'p> BrowserContract<'p> {
    /// The contract of this policy, such as [`Gate::policy`](crate::Gate::policy).
    #[must_use]
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            path: Uri::from_static("/"),
            nowhere: Uri::from_static(NOWHERE),
            token: None,
            requests: Vec::new(),
            patience: DEFAULT_PATIENCE,
        }
    }

    /// The path of a route. Default: `/`.
    ///
    /// # Panics
    /// If it does not begin with `/` or cannot stand in a request.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "the documented end of a test with a path that is none"
    )]
    pub fn with_path(self, path: &str) -> Self {
        let below = |path: &Uri| format!("{}{NOWHERE}", path.path().trim_end_matches('/'));
        let parsed = probe::path(path).and_then(|it| Some((probe::path(&below(&it))?, it)));
        match parsed {
            Some((nowhere, path)) => Self {
                path,
                nowhere,
                ..self
            },
            None => panic!("the path of a browser contract: {path:?} is not the path of a request"),
        }
    }

    /// A good token as the value of `Authorization`, such as [`TokenDraft::bearer`](super::TokenDraft::bearer). Without one, a gate refuses
    /// every request, and no handler behind it runs.
    ///
    /// # Panics
    /// If it cannot stand in a header.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "the documented end of a test with a token that is none"
    )]
    pub fn with_token(mut self, bearer: &str) -> Self {
        match HeaderValue::from_str(bearer) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.token = Some(value);
            }
            Err(error) => panic!("the token of a browser contract: {error}"),
        }
        self
    }

    /// A request that the service answers with this status: a rate limit, a body that is too large, a handler that panics (500), a time-out.
    /// It is sent as it is, once for each origin that is tried, so the service must answer it so each time.
    #[must_use]
    pub fn with_request(
        mut self,
        name: &str,
        status: StatusCode,
        request: Request<String>,
    ) -> Self {
        self.requests
            .push(Situation::of_user(name, status, request));
        self
    }

    /// How long an answer may take, in tokio's time; then the page is said to wait for ever. Default: 30 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs every check that applies to the policy. Returns their number.
    ///
    /// # Errors
    /// Every breach, with what a page would see and what to change.
    pub async fn check<S, R>(&self, service: &S) -> Result<usize, BrokenContract>
    where
        S: Service<Request<Body>, Response = Response<R>> + Clone,
        S::Error: Display,
    {
        let mut run = Run::new(self, service);
        run.all().await;
        let Run {
            checks, breaches, ..
        } = run;
        if breaches.is_empty() {
            Ok(checks)
        } else {
            Err(BrokenContract { checks, breaches })
        }
    }

    /// [`Self::check`], for a test.
    ///
    /// # Panics
    /// With every breach, if the contract is broken.
    #[expect(clippy::panic, reason = "what an assertion is for")]
    pub async fn assert<S, R>(&self, service: &S)
    where
        S: Service<Request<Body>, Response = Response<R>> + Clone,
        S::Error: Display,
    {
        if let Err(broken) = self.check(service).await {
            panic!("{broken}");
        }
    }
}

/// A contract that does not hold. [`Display`] is a line for each breach.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BrokenContract {
    checks: usize,
    breaches: BTreeMap<Breach, usize>,
}

impl BrokenContract {
    /// How many checks were run.
    #[must_use]
    pub fn checks(&self) -> usize {
        self.checks
    }

    /// Each different breach as a sentence.
    pub fn breaches(&self) -> impl Iterator<Item = String> {
        self.breaches.keys().map(ToString::to_string)
    }
}

impl Display for BrokenContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: usize = self.breaches.values().sum();
        write!(
            f,
            "the browser contract is broken: {failed} of {} checks fail",
            self.checks
        )?;
        for (breach, times) in &self.breaches {
            write!(f, "\n  {breach}")?;
            if *times > 1 {
                write!(f, " ({times} times)")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for BrokenContract {}

/// Which request, and what is wrong with its answer.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Breach {
    request: String,
    what: String,
}

impl Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.what)
    }
}

/// A path that nobody has.
const NOWHERE: &str = "/exeat-check-no-such-path";
/// Longer than any sane time-out, and no time at all where tokio's clock is paused.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);
