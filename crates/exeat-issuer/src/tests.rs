//! The whole service through its routers: in-memory keys and sessions, a clock that stands still until a test moves it.

mod admin;
mod admit;
mod client_address;
mod documents;
mod graphql;
mod issue;
#[cfg(feature = "metrics")]
mod metrics;
mod order;
mod outage;
mod startup;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use exeat_jose::{Clock, NumericDate};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    Config, Issuer, NewSession, RawAlias, RawAudience, RawConfig, RawKeys, SessionCredential,
    admin_token::AdminToken,
    random::{Random, RandomUnavailable},
};

pub(crate) const NOW: NumericDate = NumericDate::from_secs(1_702_416_920);
pub(crate) const SESSION: &str = "session-id-of-ada-0001";
pub(crate) const ADMIN_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OWN: &str = "https://market.example.com";
const SHOP: &str = "https://shop.example.net";

/// Stands still until a test moves it.
pub(crate) struct FakeClock(AtomicU64);

impl FakeClock {
    pub(crate) fn at(now: NumericDate) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(now.as_secs())))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Each call fills with the next number.
#[derive(Default)]
pub(crate) struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        bytes
            .iter_mut()
            .zip(number.into_iter().rev().cycle())
            .for_each(|(byte, of_number)| *byte = of_number);
        Ok(())
    }
}

/// A service with its clock.
struct Stage {
    issuer: Issuer,
    clock: Arc<FakeClock>,
}

/// `loyalty-api` (shop and own origin), `games` (own origin, tenant-2 alone), `seed` (strict).
fn raw_config() -> RawConfig {
    let text = |text: &str| Some(text.to_owned());
    let list = |items: &[&str]| {
        Some(
            items
                .iter()
                .map(|item| (*item).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    RawConfig {
        issuer: text(OWN),
        carriers: list(&[
            "cookie:sid",
            "authorization-session",
            "header:X-Session-Id",
            "body",
        ]),
        keys: RawKeys {
            algs: list(&["ES256"]),
            ..RawKeys::default()
        },
        alias: vec![
            RawAlias {
                graphql: text("/api/v1/personalization/graphql"),
                audience: text("loyalty-api"),
                jwks: None,
            },
            RawAlias {
                jwks: text("/api/v1/ext/keys"),
                ..RawAlias::default()
            },
        ],
        audience: vec![
            RawAudience {
                id: text("loyalty-api"),
                aud: text("https://api.loyalty.example"),
                origins: list(&[SHOP, OWN]),
                scopes: list(&["points:read", "points:write"]),
                profile: text("appdirect"),
                ..RawAudience::default()
            },
            RawAudience {
                id: text("games"),
                tenants: list(&["tenant-2"]),
                ..RawAudience::default()
            },
            RawAudience {
                id: text("seed"),
                strict_shape: Some(true),
                ..RawAudience::default()
            },
        ],
        ..RawConfig::default()
    }
}

impl Stage {
    /// With Ada's session, which ends in an hour.
    async fn new() -> Self {
        Self::with(raw_config()).await
    }

    async fn with(raw: RawConfig) -> Self {
        let clock = FakeClock::at(NOW);
        let config = Config::in_memory(raw).unwrap();
        let token = AdminToken::new(ADMIN_TOKEN.as_bytes());
        let issuer = Issuer::in_memory_with(
            config,
            clock.clone(),
            Arc::new(CountingRandom::default()),
            Some(token),
        )
        .unwrap();
        let stage = Self { issuer, clock };
        stage.put(ada()).await;
        stage
    }

    async fn put(&self, session: NewSession) {
        self.issuer.sessions().put(session).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        send(self.issuer.router(), request).await
    }

    async fn admin(&self, request: Request<Body>) -> Answer {
        send(self.issuer.admin_router(), request).await
    }
}

fn ada() -> NewSession {
    NewSession::new(
        "user-1",
        "ada@example.com",
        "tenant-1",
        NOW.saturating_add(Duration::from_hours(1)),
    )
    .with_id(SessionCredential::try_from(SESSION).unwrap())
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem document or a GraphQL error.
    fn refusal(&self) -> (u16, String) {
        let json = self.json();
        let code = json
            .get("code")
            .unwrap_or_else(|| &json["errors"][0]["extensions"]["reason"]);
        (
            self.status.as_u16(),
            code.as_str().unwrap_or("none").to_owned(),
        )
    }
}

async fn send(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = Response::into_parts(router.oneshot(request).await.unwrap());
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// A request of a marketplace backend: `POST /v1/token` with `Authorization: Session`.
fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    request(
        Method::POST,
        path,
        &[&[("content-type", "application/json")], headers].concat(),
        body,
    )
}

fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, &[], Body::empty())
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    segment(token, 1)
}

fn segment(token: &str, place: usize) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let segment = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

/// `Authorization: Session <id>` of Ada's session.
const BACKEND: (&str, &str) = ("authorization", "Session session-id-of-ada-0001");
const COOKIE: (&str, &str) = ("cookie", "sid=session-id-of-ada-0001");
const CSRF: (&str, &str) = ("x-requested-by", "page");
const LOYALTY: &str = r#"{"audience":"loyalty-api"}"#;

/// Status and code of a refused exchange; 200 and nothing of one that passed.
async fn token_refusal(stage: &Stage, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let answer = stage
        .send(post("/v1/token", headers, body.to_owned()))
        .await;
    if answer.status.is_success() {
        (200, String::new())
    } else {
        answer.refusal()
    }
}
