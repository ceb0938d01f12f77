//! A vector through the whole layer, twice: what is remembered of the first time must not change the answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use exeat::exeat_jose::{Clock, ImportPolicy, JwkSet, NumericDate};
use exeat::{ExternalApi, FetchError, Gate, HttpGet, Refused, TrustedIssuer, VerifiedToken};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;
use tower::{Layer, ServiceExt};

use crate::vector::{Case, Configuration, Profile, Vectors};

pub(crate) fn run(case: &Case, vectors: &Vectors) -> Result<(), String> {
    let Some(status) = case.status else {
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let gate = gate(vectors.configuration(case), vectors.now).await;
        for time in ["the first time", "the second time"] {
            let seen = send(&gate, request(case)).await;
            let expected = Seen {
                status,
                code: case.code.clone(),
                error: case.error.clone(),
                runs: usize::from(case.code.is_none()),
                challenged: status == 400 || status == 401,
                retry_after: status == 503,
            };
            if seen != expected {
                return Err(format!("{time}: {seen:?}, expected {expected:?}"));
            }
        }
        Ok(())
    })
}

/// What a client sees of an answer, and whether the handler ran.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    status: u16,
    code: Option<String>,
    error: Option<String>,
    runs: usize,
    challenged: bool,
    retry_after: bool,
}

async fn send(gate: &Gate, request: Request<Body>) -> Seen {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = tower::service_fn(move |request: Request<Body>| {
        assert!(request.extensions().get::<Arc<VerifiedToken>>().is_some());
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let Ok(response) = gate.layer().layer(handler).oneshot(request).await;
    let refused = response.extensions().get::<Refused>().copied();
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().expect("ASCII"));
    Seen {
        status: response.status().as_u16(),
        code: refused.map(|refused| refused.code.to_owned()),
        error: challenge
            .and_then(|challenge| challenge.split_once("error=\""))
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(error, _)| error.to_owned()),
        runs: runs.load(Ordering::Relaxed),
        challenged: challenge.is_some_and(|challenge| challenge.starts_with("Bearer")),
        retry_after: response.headers().contains_key("retry-after"),
    }
}

fn request(case: &Case) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    if let Some(method) = &case.method {
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    }
    let bearer = case
        .token
        .iter()
        .map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
    let lines = case.headers.clone().unwrap_or_else(|| bearer.collect());
    for (name, value) in lines {
        // Characters are bytes.
        let bytes: Vec<u8> = value
            .chars()
            .map(|byte| u8::try_from(byte).expect("Latin-1"))
            .collect();
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::from_bytes(&bytes).expect("a header value");
        request.headers_mut().append(name, value);
    }
    request
}

async fn gate(configuration: &Configuration, now: u64) -> Gate {
    let Configuration {
        issuer,
        audience,
        tenants,
        ..
    } = configuration;
    let expected = || audience.clone().expect("this profile has an audience");
    let mut api = match configuration.profile {
        Profile::Exeat => ExternalApi::new(issuer, expected()),
        Profile::Rfc9068 => ExternalApi::rfc9068(issuer, expected()),
        Profile::AppDirect => ExternalApi::app_direct(issuer, audience.clone(), tenants.clone()),
    }
    .with_algorithms(configuration.algorithms())
    .with_leeway(Duration::from_secs(configuration.leeway))
    .with_clock(Arc::new(Standing(now)));
    if !tenants.is_empty() {
        api = api.with_tenants(tenants.clone());
    }
    if let Some(name) = &configuration.token_header {
        api = api.with_token_header(name);
    }
    if let Some(max) = configuration.max_lifetime {
        api = api.with_max_lifetime(Duration::from_secs(max));
    }
    if !configuration.revoked.is_empty() {
        let revoked = configuration.revoked.clone();
        api =
            api.with_revocation(move |token| revoked.iter().any(|jti| token.jwt_id() == Some(jti)));
    }
    for other in &configuration.others {
        api = api
            .with_issuer(TrustedIssuer::new(&other.issuer).with_static_keys(key_set(&other.keys)));
    }
    api = match &configuration.keys {
        Some(keys) => api.with_static_keys(key_set(keys)),
        None => api
            .with_jwks_uri("https://market.example.com/jwks")
            .with_http_client(Arc::new(Outage)),
    };
    api.build().await.expect("a good configuration")
}

fn key_set(keys: &Value) -> JwkSet {
    JwkSet::import(keys.to_string().as_bytes(), &ImportPolicy::default()).expect("a key set")
}

struct Standing(u64);

impl Clock for Standing {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Outage;

#[async_trait::async_trait]
impl HttpGet for Outage {
    async fn get(&self, _: Request<()>) -> Result<Response<bytes::Bytes>, FetchError> {
        let mut response = Response::new(bytes::Bytes::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Ok(response)
    }
}
