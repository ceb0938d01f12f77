//! Is the gate really around a route of the finished service? Asked at start, before a browser asks.

use std::fmt::Display;

use axum::body::Body;
use exeat_cors::{Blocked, Enforcement, PageRequest, Policy, decide};
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::{Gate, TokenMode};
use crate::challenge::EXEAT_HANDLER;
use crate::probe;

impl Gate {
    /// Sends the finished service a preflight of a listed page, a preflight of a stranger and a request without a token, and says what is
    /// wrong if they are not answered by this gate. No handler behind the gate runs. A route outside of it, which is what this looks for, may
    /// see a request without a token: a `GET` where the policy lists that. Meant for the start of a service and for its tests.
    ///
    /// `path` is that of a request that a route matches: axum applies a layer to the routes that are there, and to the fallback, so that
    /// a path of no route says nothing about the routes. Call it for each router that was merged or nested.
    ///
    /// Where any route may be reached without a token ([`TokenMode`]), the request has a method that the policy does not list instead. Where
    /// also what the origin gate refuses is let in and reported, nothing but preflights is sent: they do not tell this gate from its
    /// [`Gate::cors_layer`]. The refusals are counted and logged like any other.
    ///
    /// ```no_run
    /// # async fn points(user: exeat::User) -> String { user.sub }
    /// # async fn run(gate: exeat::Gate) -> Result<(), Box<dyn std::error::Error>> {
    /// let app: axum::Router = axum::Router::new().route("/points", axum::routing::get(points)).layer(gate.layer());
    /// gate.self_check(&app, "/points").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong, and where to look.
    pub async fn self_check<S, R>(&self, service: &S, path: &str) -> Result<(), SelfCheckError>
    where
        S: Service<Request<Body>, Response = Response<R>> + Clone,
        S::Error: Display,
    {
        let check = Check { service, path };
        let policy = self.gates.cors.policy();
        let listed = probe::listed_origins(&policy);
        if let Some(origin) = listed.first() {
            let page = page(&policy, origin.clone());
            check.preflight(&policy, &page).await?;
            check.request(self, &policy, &page).await?;
        }
        if let Some(origin) = probe::stranger(&policy) {
            let page = page(&policy, origin);
            check.stranger(&page).await?;
            if listed.is_empty() && self.refuses_strangers(&policy) {
                check.refused(&page).await?;
            }
        }
        Ok(())
    }

    fn refuses_strangers(&self, policy: &Policy) -> bool {
        policy.config().enforcement == Enforcement::Enforce && !self.gates.rules().report_origins()
    }
}

/// Why a finished service is not as its gate wants it. Each begins with the path that was tried.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelfCheckError {
    /// The path is none.
    #[error("{path:?} is not the path of a request")]
    Path {
        /// As given.
        path: String,
    },
    /// The preflight reached the routes.
    #[error(
        "{path}: the preflight is answered with {status}, so the gate is not around this route: add .layer(gate.layer()) after the routes, since axum applies a layer only to routes that are there"
    )]
    NotAround {
        /// The path.
        path: String,
        /// 404 or 405.
        status: StatusCode,
    },
    /// Somebody wants credentials of the preflight.
    #[error(
        "{path}: the preflight is answered with {status}: something in front of the gate asks for authentication, and browsers send preflights without any; put it inside the gate"
    )]
    Authentication {
        /// The path.
        path: String,
        /// 401, 403 or 407.
        status: StatusCode,
    },
    /// Browsers do not follow redirects of preflights.
    #[error(
        "{path}: the preflight is redirected ({status}) to {location}, and browsers do not follow: no redirect, such as of trailing slashes or to https, may stand in front of the gate"
    )]
    Redirected {
        /// The path.
        path: String,
        /// Some 3xx.
        status: StatusCode,
        /// Where to, escaped.
        location: String,
    },
    /// Another failure.
    #[error("{path}: the preflight is answered with {status} by something in front of the gate")]
    Preflight {
        /// The path.
        path: String,
        /// Neither of the above, nor a success.
        status: StatusCode,
    },
    /// Somebody else's answer.
    #[error(
        "{path}: the answer to the preflight is not the gate's ({difference}): another CORS layer or a handler of OPTIONS stands in front of the gate; remove it"
    )]
    OtherCors {
        /// The path.
        path: String,
        /// What differs.
        difference: String,
    },
    /// Browsers join the lines, and the result is no origin.
    #[error(
        "{path}: {header} is there twice, which browsers refuse: something in front of the gate adds CORS headers of its own; remove it"
    )]
    Doubled {
        /// The path.
        path: String,
        /// Which.
        header: HeaderName,
    },
    /// Caches would hand one origin's answer to another.
    #[error(
        "{path}: the answer does not vary by Origin: something in front of the gate removes or replaces Vary"
    )]
    NoVary {
        /// The path.
        path: String,
    },
    /// A page that is not listed may call.
    #[error(
        "{path}: a page of {origin}, which is not listed, may call: something in front of the gate answers preflights for any origin"
    )]
    Stranger {
        /// The path.
        path: String,
        /// Whose.
        origin: String,
    },
    /// The gate did not refuse a request that has no token.
    #[error(
        "{path}: a request that the gate refuses is answered with {status}, and not by the gate: the route is outside of it, or something in front answers"
    )]
    NotRefused {
        /// The path.
        path: String,
        /// Of the answer.
        status: StatusCode,
    },
    /// Refused, and the page does not see how.
    #[error(
        "{path}: the page cannot read the {status}, because {blocked}: something in front of the gate answers itself or removes CORS headers"
    )]
    Unreadable {
        /// The path.
        path: String,
        /// Of the answer.
        status: StatusCode,
        /// What a browser says.
        blocked: Blocked,
    },
    /// The service answers with an error, which closes the connection.
    #[error(
        "{path}: the service fails with an error in place of an answer, and pages see a network error: {error}"
    )]
    Failed {
        /// The path.
        path: String,
        /// In its own words.
        error: String,
    },
}

struct Check<'a, S> {
    service: &'a S,
    path: &'a str,
}

impl<S, R> Check<'_, S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Display,
{
    async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
    ) -> Result<Response<()>, SelfCheckError> {
        let path = self.path();
        let Some(target) = probe::path(self.path) else {
            return Err(SelfCheckError::Path { path });
        };
        match probe::call(self.service, probe::request(method, target, headers)).await {
            Ok(response) => Ok(response.map(drop)),
            Err(error) => {
                let error = error.to_string();
                Err(SelfCheckError::Failed { path, error })
            }
        }
    }

    fn path(&self) -> String {
        self.path.to_owned()
    }

    async fn preflight(&self, policy: &Policy, page: &PageRequest) -> Result<(), SelfCheckError> {
        let asked = probe::preflight_of(page);
        let expected = decide(policy, &Method::OPTIONS, &asked).answer(policy);
        let answer = self.send(Method::OPTIONS, asked).await?;
        let (status, headers) = (answer.status(), answer.headers());
        let path = self.path();
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                return Err(SelfCheckError::NotAround { path, status });
            }
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                return Err(SelfCheckError::Authentication { path, status });
            }
            _ if status.is_redirection() => {
                let location = headers.get(LOCATION).map(HeaderValue::as_bytes);
                return Err(SelfCheckError::Redirected {
                    path,
                    status,
                    location: location.unwrap_or_default().escape_ascii().to_string(),
                });
            }
            _ if !status.is_success() => return Err(SelfCheckError::Preflight { path, status }),
            _ => {}
        }
        self.undoubled(headers)?;
        if let Some(difference) = expected.and_then(|ours| difference(&ours, status, headers)) {
            return Err(SelfCheckError::OtherCors { path, difference });
        }
        if !probe::varies_by_origin(headers) {
            return Err(SelfCheckError::NoVary { path });
        }
        Ok(())
    }

    async fn request(
        &self,
        gate: &Gate,
        policy: &Policy,
        page: &PageRequest,
    ) -> Result<(), SelfCheckError> {
        let rules = gate.gates.rules();
        let is_enforced = gate.refuses_strangers(policy);
        let method = match rules.loosest() {
            TokenMode::Required => page.method().clone(),
            // The origin gate refuses it before it comes to tokens.
            _ if is_enforced => unlisted_method(),
            // Where everything may be let in there is nothing that is safe to send.
            _ => return Ok(()),
        };
        let mut headers = page.headers();
        headers.remove(AUTHORIZATION);
        let answer = self.send(method, headers).await?;
        let (status, headers) = (answer.status(), answer.headers());
        let path = self.path();
        self.undoubled(headers)?;
        if let Err(blocked) = page.check(headers) {
            return Err(SelfCheckError::Unreadable {
                path,
                status,
                blocked,
            });
        }
        self.refused_by_gate(&answer)?;
        // Under a public policy there is nothing to tell apart.
        if probe::stranger(policy).is_some() && !probe::varies_by_origin(headers) {
            return Err(SelfCheckError::NoVary { path });
        }
        Ok(())
    }

    async fn stranger(&self, page: &PageRequest) -> Result<(), SelfCheckError> {
        let answer = self
            .send(Method::OPTIONS, probe::preflight_of(page))
            .await?;
        if page
            .check_preflight(answer.status(), answer.headers())
            .is_err()
        {
            return Ok(());
        }
        Err(SelfCheckError::Stranger {
            path: self.path(),
            origin: page.origin().as_bytes().escape_ascii().to_string(),
        })
    }

    /// Of a policy that lists nobody: whoever asks is refused, and by the gate.
    async fn refused(&self, page: &PageRequest) -> Result<(), SelfCheckError> {
        let answer = self.send(page.method().clone(), page.headers()).await?;
        self.refused_by_gate(&answer)
    }

    fn refused_by_gate(&self, answer: &Response<()>) -> Result<(), SelfCheckError> {
        if answer.headers().contains_key(EXEAT_HANDLER) {
            return Ok(());
        }
        Err(SelfCheckError::NotRefused {
            path: self.path(),
            status: answer.status(),
        })
    }

    fn undoubled(&self, headers: &HeaderMap) -> Result<(), SelfCheckError> {
        match probe::doubled(headers) {
            None => Ok(()),
            Some(header) => Err(SelfCheckError::Doubled {
                path: self.path(),
                header: header.clone(),
            }),
        }
    }
}

/// A request of a page that the policy lets in, with a token where it may send one.
fn page(policy: &Policy, origin: HeaderValue) -> PageRequest {
    let config = policy.config();
    // The safest that is listed, should it reach a handler after all.
    let methods = config.methods.iter().filter_map(|name| name.parse().ok());
    let method = methods.min_by_key(|method: &Method| !method.is_safe());
    let page = PageRequest::new(origin, method.unwrap_or(Method::GET));
    if config
        .request_headers
        .iter()
        .any(|name| name == AUTHORIZATION.as_str())
    {
        page.with_header(
            AUTHORIZATION,
            HeaderValue::from_static("Bearer exeat-self-check"),
        )
    } else {
        page
    }
}

/// The first thing about the answer that is not ours.
fn difference(ours: &Response<String>, status: StatusCode, headers: &HeaderMap) -> Option<String> {
    if ours.status() != status {
        return Some(format!("status {status} and not {}", ours.status()));
    }
    let names = headers.keys().chain(ours.headers().keys());
    let differs = |name: &&HeaderName| {
        name.as_str().starts_with("access-control-")
            && headers.get(*name) != ours.headers().get(*name)
    };
    names.into_iter().find(differs).map(|name| {
        let theirs = headers.get(name).map(HeaderValue::as_bytes);
        theirs.map_or_else(
            || format!("{name} is missing"),
            |value| format!("{name}: {}", value.escape_ascii()),
        )
    })
}

fn unlisted_method() -> Method {
    Method::from_bytes(b"EXEAT-SELF-CHECK").unwrap_or(Method::TRACE)
}
