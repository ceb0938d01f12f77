use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
pub(crate) use exeat::testkit::TestClock;
use exeat::testkit::{self, Fault};
use exeat::{ExternalApi, FetchError, Gate, HttpGet, IssuerHealth, Refused};
use exeat_jose::{Algorithm, ImportPolicy, Jwk, JwkSet, SigningKey, Typ};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const ISSUER: &str = "https://market.example";
pub(crate) const AUDIENCE: &str = "loyalty-api";
pub(crate) const PAGE: &str = "https://shop.example";
pub(crate) const JWKS_URI: &str = "https://market.example/jwks";
/// The wall clock's first reading: [`TestClock::START`].
pub(crate) const NOW: u64 = 1_800_000_000;

/// An issuer of the test kit that publishes the keys of a test in place of its own.
pub(crate) struct FakeIssuer {
    kit: testkit::FakeIssuer,
    panics: AtomicBool,
}

#[derive(Clone)]
pub(crate) enum Answer {
    /// The published keys.
    Keys,
    /// The published keys, or 304 for whoever has the `etag` that the test has set.
    Unchanged,
    Status(StatusCode),
    Body(String),
    /// The keys, this much later.
    Slow(Duration),
    Silence,
    Panic,
}

impl FakeIssuer {
    pub(crate) fn new(keys: &[&SigningKey]) -> Arc<Self> {
        let issuer = Self {
            kit: testkit::FakeIssuer::new(ISSUER, AUDIENCE),
            panics: AtomicBool::new(false),
        };
        // No lifetime but the gate's own, unless a test names one.
        issuer.kit.set_header("cache-control", "");
        issuer.publish(keys.iter().map(|key| key.public_jwk().clone()));
        Arc::new(issuer)
    }

    pub(crate) fn publish(&self, keys: impl IntoIterator<Item = Jwk>) {
        let keys: Vec<_> = keys.into_iter().collect();
        self.kit
            .publish_document(&json!({ "keys": keys }).to_string());
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.panics
            .store(matches!(answer, Answer::Panic), Ordering::Relaxed);
        self.kit.down_with(match answer {
            Answer::Keys | Answer::Unchanged | Answer::Panic => return self.kit.up(),
            Answer::Status(status) => Fault::Status(status.as_u16()),
            Answer::Body(body) => Fault::Body(body),
            Answer::Slow(delay) => Fault::SlowHeaders(delay),
            Answer::Silence => Fault::Hang,
        });
    }

    pub(crate) fn header(&self, name: &'static str, value: &str) {
        self.kit.set_header(name, value);
    }

    /// How many requests were made so far.
    pub(crate) fn asked(&self) -> usize {
        self.kit.key_set_requests()
    }

    pub(crate) fn request(&self, number: usize) -> (String, HeaderMap) {
        let request = &self.kit.requests()[number];
        (request.uri().to_string(), request.headers().clone())
    }
}

#[async_trait]
impl HttpGet for FakeIssuer {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        assert!(!self.panics.load(Ordering::Relaxed), "scripted");
        self.kit.get(request).await
    }
}

pub(crate) fn es256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().0
}

/// The claims of a good token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "name": "ada@example.com", "tenant": "T1",
        "iat": NOW, "nbf": NOW, "exp": NOW + 300, "jti": "j-1",
    })
}

/// [`claims`] with some members replaced; `null` removes one.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign(Typ::Jwt, claims).unwrap().into_string()
}

/// The configuration of most tests, without a source of keys.
pub(crate) fn api() -> ExternalApi {
    ExternalApi::new(ISSUER, AUDIENCE)
        .with_origin(PAGE)
        .with_clock(Arc::new(TestClock::new()))
}

/// A gate with one pinned key.
pub(crate) async fn pinned(
    key: &SigningKey,
    change: impl FnOnce(ExternalApi) -> ExternalApi,
) -> Gate {
    change(api().with_static_keys(key_set(&[key])))
        .build()
        .await
        .unwrap()
}

/// A gate that fetches from `issuer`.
pub(crate) async fn remote(
    issuer: &Arc<FakeIssuer>,
    change: impl FnOnce(ExternalApi) -> ExternalApi,
) -> Gate {
    let api = api()
        .with_jwks_uri(JWKS_URI)
        .with_http_client(issuer.clone());
    change(api).build().await.unwrap()
}

/// The health of the keys of a gate with one issuer.
pub(crate) fn only_issuer(gate: &Gate) -> IssuerHealth {
    let [only] = <[IssuerHealth; 1]>::try_from(gate.health().issuers).unwrap();
    only
}

pub(crate) fn key_set(keys: &[&SigningKey]) -> JwkSet {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk()).collect();
    JwkSet::import(
        json!({ "keys": keys }).to_string().as_bytes(),
        &ImportPolicy::default(),
    )
    .unwrap()
}

/// A router behind a gate, and how often its handler ran.
#[derive(Clone)]
pub(crate) struct App {
    router: Router,
    runs: Arc<AtomicUsize>,
}

impl App {
    pub(crate) fn new(gate: &Gate) -> Self {
        Self::with(gate, || Response::new(Body::from("ran")))
    }

    pub(crate) fn with(
        gate: &Gate,
        answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let handler = move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            answer()
        };
        Self {
            router: Router::new()
                .route("/points", any(handler))
                .layer(gate.layer()),
            runs,
        }
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Seen {
        Seen::new(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// A GET from the page with this token.
    pub(crate) async fn with_token(&self, token: &str) -> Seen {
        self.send(bearer(Method::GET, token)).await
    }
}

pub(crate) fn bearer(method: Method, token: &str) -> Request<Body> {
    from_page(method, &[("authorization", &format!("Bearer {token}"))])
}

pub(crate) fn from_page(method: Method, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri("/points")
        .header("origin", PAGE);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// Answers with what a handler sees: the URI, the user, and the headers.
pub(crate) fn mirror() -> axum::routing::MethodRouter {
    any(
        async |user: Option<exeat::User>,
               original: axum::extract::OriginalUri,
               request: Request<Body>| {
            let headers: serde_json::Map<_, _> = request
                .headers()
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.to_string(), value.into_owned().into())
                })
                .collect();
            axum::Json(json!({
                "uri": request.uri().to_string(),
                "original_uri": original.0.to_string(),
                "user": user.map(|user| user.sub),
                "headers": headers,
            }))
        },
    )
}

/// What [`mirror`], at this path behind the gate, answers.
pub(crate) async fn mirrored(gate: &Gate, path: &str, request: Request<Body>) -> Seen {
    let app = Router::new().route(path, mirror()).layer(gate.layer());
    Seen::new(app.oneshot(request).await.unwrap()).await
}

/// A GET without `Origin`, as programs send it.
pub(crate) fn plain(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// A response as a client sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) refused: Option<Refused>,
}

impl Seen {
    pub(crate) async fn new(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            refused: parts.extensions.get().copied(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn problem(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status and code, after checking all that every refusal of ours has in common.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("exeat-handler"), "not-run");
        assert!(
            self.header("vary").to_ascii_lowercase().contains("origin"),
            "{:?}",
            self.headers
        );
        let problem = self.problem();
        assert_eq!(problem.as_object().unwrap().len(), 4, "{problem}");
        assert_eq!(problem["status"], self.status);
        assert!(
            problem["type"].is_string() && problem["title"].is_string(),
            "{problem}"
        );
        let code = problem["code"].as_str().unwrap().to_owned();
        let refused = self.refused.expect("a refusal is marked");
        assert_eq!(
            (refused.status.as_u16(), refused.code),
            (self.status, code.as_str())
        );
        (self.status, code)
    }

    /// [`Self::refusal`], readable by the page that caused it.
    pub(crate) fn readable_refusal(&self) -> (u16, String) {
        assert_eq!(
            self.header("access-control-allow-origin"),
            PAGE,
            "{:?}",
            self.headers
        );
        let exposed = self
            .header("access-control-expose-headers")
            .to_ascii_lowercase();
        for name in ["www-authenticate", "retry-after", "exeat-handler"] {
            assert!(exposed.contains(name), "{name} is not exposed: {exposed}");
        }
        self.refusal()
    }
}
