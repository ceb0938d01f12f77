//! The marketplace: a small axum app of its own that mounts the issuer's router. Its session is a cookie, pushed to the
//! issuer at sign-in; the page never sees it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use axum::{
    Json, Router,
    body::{self, Body},
    extract::{Path, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use exeat_issuer::{Config, Issuer, NewSession, RawConfig, Revoke, SessionCredential};
use exeat_jose::Clock as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::ServiceExt as _;

use super::{
    AUDIENCE, OTHER_AUDIENCE, Sites, api,
    api_log::{ApiLog, Excerpt},
    clock::{DemoClock, earlier},
    pages,
    people::{self, PEOPLE, Person},
};

/// Name of the session cookie. Not `__Host-Http-sid`, the issuer's default: browsers keep that prefix for https, and the
/// demo is plain http on localhost. Everything else about it is as it should be: `HttpOnly`, `SameSite=Strict`, no Domain.
const COOKIE: &str = "demo_sid";
/// Life of a session.
const SESSION_LIFE: Duration = Duration::from_hours(1);
/// How long ago the expired token is made: longer than its life and any leeway.
const EXPIRED_AGO: Duration = Duration::from_mins(10);
/// How old the issuer's keys are made, so that they could sign when the expired token was made.
const KEY_AGE: Duration = Duration::from_hours(1);
/// Bytes of the exchange's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// The header that a page of another origin cannot send without a preflight, which this site answers to nobody.
const CSRF_HEADER: &str = "x-requested-by";

#[derive(Clone)]
struct Marketplace {
    issuer: Issuer,
    sites: Arc<Sites>,
    log: Arc<ApiLog>,
}

/// The app: pages, sign-in, what only a demo has, and the issuer's own routes.
///
/// # Errors
/// When the issuer cannot be set up.
pub(super) async fn router(sites: &Sites, log: Arc<ApiLog>) -> anyhow::Result<Router> {
    let issuer = issuer(sites).await?;
    let marketplace = Marketplace {
        issuer: issuer.clone(),
        sites: Arc::new(sites.clone()),
        log,
    };
    let own = Router::new()
        .route("/demo/setup", get(setup))
        .route("/demo/login", post(login))
        .route("/demo/logout", post(logout))
        .route("/demo/token", post(odd_token))
        .route("/demo/api-log/{after}", get(api_log))
        .merge(pages::router(&pages::MARKETPLACE))
        .route_layer(from_fn_with_state(marketplace.clone(), only_from_own_pages))
        .with_state(marketplace.clone());
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {api}; \
         frame-src {hostile}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        api = sites.api,
        hostile = sites.hostile,
    );
    let whole = own
        .merge(issuer.router())
        .layer(from_fn_with_state(marketplace, only_at_its_name));
    pages::with_headers(whole, &policy)
}

/// The issuer, mounted: keys and sessions in memory, its `iss` the marketplace's own origin.
async fn issuer(sites: &Sites) -> anyhow::Result<Issuer> {
    let raw: RawConfig = serde_json::from_value(json!({
        "issuer": sites.marketplace,
        "carriers": [format!("cookie:{COOKIE}"), "authorization-session"],
        "alias": [{ "graphql": "/api/v1/personalization/graphql", "audience": AUDIENCE }],
        "keys": { "algs": ["ES256"] },
        "audience": [{ "id": AUDIENCE }, { "id": OTHER_AUDIENCE }],
    }))?;
    let config = Config::in_memory(raw)?;
    Ok(earlier(KEY_AGE, async {
        Issuer::in_memory(config, Arc::new(DemoClock))
    })
    .await?)
}

/// What the page has to know about the sites.
async fn setup(State(marketplace): State<Marketplace>, headers: HeaderMap) -> impl IntoResponse {
    let sites = &marketplace.sites;
    Json(json!({
        "marketplace": sites.marketplace,
        "api": sites.api,
        "hostile": sites.hostile,
        "points": format!("{}{}", sites.api, api::POINTS_PATH),
        "audience": AUDIENCE,
        "other_audience": OTHER_AUDIENCE,
        "people": PEOPLE,
        "session": session_of(&headers).is_some(),
    }))
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

/// Signs in: pushes a session to the issuer and sets the cookie. The session of whoever was signed in before ends.
async fn login(
    State(marketplace): State<Marketplace>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, Problem> {
    let person = people::by_id(&login.user).ok_or(Problem::UnknownUser)?;
    marketplace.end_session(&headers).await?;
    let id = marketplace.start_session(person).await?;
    let attributes = "HttpOnly; SameSite=Strict";
    let cookie = format!(
        "{COOKIE}={}; {attributes}; Path=/; Max-Age={}",
        id.expose(),
        SESSION_LIFE.as_secs()
    );
    let answer = Json(json!({ "user": person.id, "cookie": format!("{COOKIE}; {attributes}") }));
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), answer).into_response())
}

/// Signs out: ends the session at the issuer and takes the cookie away.
async fn logout(
    State(marketplace): State<Marketplace>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    marketplace.end_session(&headers).await?;
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(header::SET_COOKIE, cookie)]),
    )
        .into_response())
}

#[derive(Deserialize)]
struct OddTokenRequest {
    kind: Odd,
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Odd {
    Expired,
    OtherTenant,
}

#[derive(Serialize)]
struct OddToken {
    token: String,
}

/// A token that an honest client would not have, for the attacks. A real one, out of the real exchange: for the wrong
/// person, or at the wrong time. Exists in the demo only.
async fn odd_token(
    State(marketplace): State<Marketplace>,
    Json(wanted): Json<OddTokenRequest>,
) -> Result<Json<OddToken>, Problem> {
    let token = match wanted.kind {
        Odd::Expired => {
            let person = people::by_id(&wanted.user).ok_or(Problem::UnknownUser)?;
            earlier(EXPIRED_AGO, marketplace.token_for(person)).await?
        }
        Odd::OtherTenant => {
            let stranger = PEOPLE
                .iter()
                .find(|person| !person.served)
                .ok_or(Problem::UnknownUser)?;
            marketplace.token_for(stranger).await?
        }
    };
    Ok(Json(OddToken { token }))
}

/// The API's own log after a line, so that the page can show it beside what the browser says.
async fn api_log(State(marketplace): State<Marketplace>, Path(after): Path<u64>) -> Json<Excerpt> {
    Json(marketplace.log.after(after))
}

impl Marketplace {
    async fn start_session(&self, person: &Person) -> anyhow::Result<SessionCredential> {
        let ends = DemoClock.now().saturating_add(SESSION_LIFE);
        let session = NewSession::new(person.subject, person.name, person.tenant, ends);
        let put = self.issuer.sessions().put(session).await?;
        put.generated_id.context("the issuer made no session id")
    }

    async fn end_session(&self, headers: &HeaderMap) -> anyhow::Result<()> {
        if let Some(id) = session_of(headers) {
            self.issuer.sessions().revoke(Revoke::Id(id)).await?;
        }
        Ok(())
    }

    /// Exchanges a session of its own through the issuer's public route, as a marketplace's backend would.
    async fn token_for(&self, person: &Person) -> anyhow::Result<String> {
        let id = self.start_session(person).await?;
        let request = Request::post("/v1/token")
            .header(header::AUTHORIZATION, format!("Session {}", id.expose()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({ "audience": AUDIENCE }).to_string()))?;
        let answer = self.issuer.router().oneshot(request).await?;
        self.issuer.sessions().revoke(Revoke::Id(id)).await?;
        let status = answer.status();
        let body = body::to_bytes(answer.into_body(), MAX_ANSWER).await?;
        if status != StatusCode::OK {
            return Err(anyhow!("the exchange answered {status}"));
        }
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let token = answer
            .get("token")
            .and_then(serde_json::Value::as_str)
            .context("the exchange gave no token")?;
        Ok(token.to_owned())
    }
}

/// The session id in our cookie, if it can be one.
fn session_of(headers: &HeaderMap) -> Option<SessionCredential> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, id) = pairs.find(|(name, _)| *name == COOKIE)?;
    SessionCredential::try_from(id).ok()
}

/// The page works at one name only: under another one (127.0.0.1, or a name that a stranger points here) its origin
/// would not be the issuer's.
async fn only_at_its_name(
    State(marketplace): State<Marketplace>,
    request: Request,
    next: Next,
) -> Response {
    let home = &marketplace.sites.marketplace;
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| home.strip_prefix("http://") == Some(host)) {
        return next.run(request).await;
    }
    if request.method() == Method::GET && request.uri().path() == "/" {
        return Redirect::temporary(home).into_response();
    }
    Problem::WrongHost.into_response()
}

/// Changes come from our own pages: a foreign Origin is refused, and so is a request without the header that needs a
/// preflight.
async fn only_from_own_pages(
    State(marketplace): State<Marketplace>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let is_foreign = headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes() != marketplace.sites.marketplace.as_bytes());
    if !request.method().is_safe() && (is_foreign || !headers.contains_key(CSRF_HEADER)) {
        return Problem::NotFromOwnPage.into_response();
    }
    next.run(request).await
}

/// Why the marketplace itself does not do something. The issuer's routes have their own answers.
#[derive(Debug)]
enum Problem {
    UnknownUser,
    NotFromOwnPage,
    WrongHost,
    Internal(anyhow::Error),
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::UnknownUser => (StatusCode::BAD_REQUEST, "unknown_user"),
            Self::NotFromOwnPage => (StatusCode::FORBIDDEN, "not_from_own_page"),
            Self::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "the marketplace failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            json!({ "status": status.as_u16(), "code": code }).to_string(),
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests;
