//! The CORS vectors that need tokens (level `gate`), run through `exeat::ExternalApi`. The format is in `tests/vectors/cors/README.md`.

mod inner;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use exeat::{ExternalApi, FetchError, Gate, HttpGet};
use exeat_jose::NumericDate;
use harness::{
    TestClock,
    client::{self, Answer},
    keys,
    server::Server,
    vectors,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::inner::Behaviour;

const ISSUER: &str = "https://market.example.com";
const AUDIENCE: &str = "loyalty-api";

/// One test per case that has vectors of this level: what only a gate can decide.
macro_rules! cases {
    ($($name:ident: $case:literal,)*) => {
        const CASES: &[u32] = &[$($case),*];

        $(
            #[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                every_vector_holds($case).await
            }
        )*
    };
}

cases! {
    case_049: 49,
    case_059: 59,
    case_061: 61,
    case_062: 62,
    case_063: 63,
    case_065: 65,
    case_078: 78,
    case_080: 80,
    case_081: 81,
    case_082: 82,
    case_083: 83,
    case_084: 84,
    case_085: 85,
    case_086: 86,
    case_093: 93,
    case_096: 96,
    case_097: 97,
    case_098: 98,
    case_100: 100,
    case_102: 102,
    case_103: 103,
    case_104: 104,
    case_105: 105,
    case_106: 106,
    case_108: 108,
    case_109: 109,
    case_110: 110,
    case_111: 111,
    case_112: 112,
    case_113: 113,
    case_114: 114,
    case_115: 115,
    case_116: 116,
    case_117: 117,
    case_118: 118,
    case_119: 119,
    case_120: 120,
    case_121: 121,
    case_122: 122,
    case_123: 123,
    case_124: 124,
    case_125: 125,
    case_126: 126,
}

type Lines = Vec<(String, String)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    case: u32,
    name: String,
    #[serde(rename = "level")]
    _level: String,
    policy: Value,
    #[serde(default)]
    api: Api,
    request: Sent,
    inner: Option<Inner>,
    expected: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    method: String,
    headers: Lines,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    body: String,
    token: Token,
}

/// The token is tenant T1's, unless it is said to be another's.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Token {
    None,
    Valid,
    /// Over, and within the leeway.
    JustOver,
    Expired,
    Garbage,
    WrongAudience,
    OfT2,
    OfNoTenant,
    /// Grants `points:read`.
    Reads,
}

/// How the gate is built, and what happens before the request.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Api {
    web_socket_token: Option<String>,
    query_token: Option<String>,
    without_fetch_metadata: bool,
    tenants: Option<Vec<String>>,
    keys_unreachable: bool,
    reload_policy: Option<Value>,
    replace_tenants: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
struct Fixtures {
    policies: BTreeMap<String, Value>,
    inner: Inner,
    outcomes: BTreeMap<String, Value>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: Lines,
    #[serde(default)]
    body: String,
    behaves: Option<Behaviour>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Line>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    no_access_control: bool,
    body: Option<String>,
    body_json: Option<Map<String, Value>>,
    inner_called: bool,
    #[serde(default)]
    inner_saw: BTreeMap<String, String>,
    #[serde(default)]
    inner_saw_absent: Vec<String>,
    /// Does the answer say that the handler has not run? Default: if that is so and it is a refusal of the gate.
    marked: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Exactly(String),
    Starting { prefix: String },
}

impl Line {
    fn fits(&self, value: &HeaderValue) -> bool {
        match self {
            Self::Exactly(whole) => value == whole.as_str(),
            Self::Starting { prefix } => value.as_bytes().starts_with(prefix.as_bytes()),
        }
    }
}

async fn every_vector_holds(case: u32) -> anyhow::Result<()> {
    let fixtures = vectors::read("cors/fixtures.json")?;
    let mut failures = Vec::new();
    for vector in gate_vectors()?.iter().filter(|vector| vector.case == case) {
        if let Err(error) = vector.run(&fixtures).await {
            failures.push(format!("case {case}, {}: {error:#}", vector.name));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

#[test]
fn every_case_with_a_vector_of_this_level_has_a_test_and_no_other() -> anyhow::Result<()> {
    let vectors = gate_vectors()?;
    let found: BTreeSet<u32> = vectors.iter().map(|vector| vector.case).collect();
    assert_eq!(Vec::from_iter(found), CASES);
    Ok(())
}

#[tokio::test]
async fn a_vector_that_expects_something_else_fails() -> anyhow::Result<()> {
    let fixtures: Fixtures = vectors::read("cors/fixtures.json")?;
    let base = json!({
        "case": 83, "name": "a request without an origin", "level": "gate", "policy": "P",
        "request": {"method": "GET", "headers": [["cookie", "a=b"]], "token": "valid"},
        "expected": {"status": 200, "inner_called": true},
    });
    let good: Vector = serde_json::from_value(base.clone())?;
    good.run(&fixtures).await?;
    for wrong in [
        json!({"status": 401, "inner_called": true}),
        json!({"status": 200, "inner_called": false}),
        json!({"status": 200, "inner_called": true, "headers": {"vary": "Origin"}}),
        json!({"status": 200, "inner_called": true, "headers": {"vary": {"prefix": "Origin"}}}),
        json!({"status": 200, "inner_called": true, "headers": {"etag": {"prefix": ""}}}),
        json!({"status": 200, "inner_called": true, "absent": ["vary"]}),
        json!({"status": 200, "inner_called": true, "body": "else"}),
        json!({"status": 200, "inner_called": true, "body_json": {"ok": false}}),
        json!({"status": 200, "inner_called": true, "inner_saw_absent": ["authorization"]}),
        json!({"status": 200, "inner_called": true, "inner_saw": {"uri": "/elsewhere"}}),
        json!({"status": 200, "inner_called": true, "marked": true}),
    ] {
        let mut vector: Vector = serde_json::from_value(base.clone())?;
        vector.expected = wrong.clone();
        assert!(vector.run(&fixtures).await.is_err(), "{wrong}");
    }
    let mut shared: Vector = serde_json::from_value(base)?;
    shared
        .request
        .headers
        .push(("origin".into(), "https://shop.example".into()));
    shared.expected = json!({"status": 200, "inner_called": true, "no_access_control": true});
    assert!(shared.run(&fixtures).await.is_err(), "it is shared");
    Ok(())
}

fn gate_vectors() -> anyhow::Result<Vec<Vector>> {
    let mut found = Vec::new();
    for section in vectors::sections("cors")? {
        for vector in vectors::read::<Vec<Value>>(&section)? {
            if vector.get("level").is_some_and(|level| level == "gate") {
                let written = vector.to_string();
                found.push(serde_json::from_value(vector).context(written)?);
            }
        }
    }
    Ok(found)
}

impl Vector {
    async fn run(&self, fixtures: &Fixtures) -> anyhow::Result<()> {
        let policy = named(&self.policy, &fixtures.policies)?;
        let expected: Expected =
            serde_json::from_value(named(&self.expected, &fixtures.outcomes)?)?;
        let issuer = Arc::new(Unreachable::default());
        let gate = self.api.gate(policy, &issuer).await?;
        let asked = issuer.asked.load(Ordering::SeqCst);

        let seen = Arc::default();
        let inner = self.inner.as_ref().unwrap_or(&fixtures.inner);
        let router = inner::router(inner.behaves, &gate, inner.response()?, &seen)?;
        let server = Server::start(router).await?;
        let answer = client::send(self.request.build(&server.url())?).await?;
        let asked = issuer.asked.load(Ordering::SeqCst) - asked;
        ensure!(asked == 0 || expected.status == 503, "keys were looked up");
        let seen = seen.lock().await;
        expected
            .check(&answer, &seen)
            .with_context(|| answer.everything())
    }
}

impl Api {
    async fn gate(&self, policy: Value, issuer: &Arc<Unreachable>) -> anyhow::Result<Gate> {
        let mut api = ExternalApi::new(ISSUER, AUDIENCE)
            .with_clock(Arc::new(TestClock::frozen()))
            .with_policy(serde_json::from_value(policy)?);
        api = if self.keys_unreachable {
            api.with_http_client(issuer.clone())
        } else {
            api.with_static_keys(keys::published(&keys::p256()?)?)
        };
        if let Some(namespace) = &self.web_socket_token {
            api = api.with_web_socket_token(namespace);
        }
        if let Some(parameter) = &self.query_token {
            api = api.with_query_token("/", parameter);
        }
        if self.without_fetch_metadata {
            api = api.without_fetch_metadata("/");
        }
        if let Some(tenants) = &self.tenants {
            api = api.with_tenants(tenants);
        }
        let gate = api.build().await?;
        if let Some(policy) = &self.reload_policy {
            gate.reload_policy(serde_json::from_value(policy.clone())?)?;
        }
        if let Some(tenants) = &self.replace_tenants {
            gate.replace_tenants(tenants.clone())?;
        }
        Ok(gate)
    }
}

/// An issuer that nobody can reach.
#[derive(Default)]
struct Unreachable {
    asked: AtomicUsize,
}

#[async_trait]
impl HttpGet for Unreachable {
    async fn get(&self, _: Request<()>) -> Result<Response<Bytes>, FetchError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(FetchError::Timeout)
    }
}

impl Sent {
    /// `{token}` and `{token64}`, the same in base64url, stand for the token, which is then nowhere else.
    fn build(&self, server: &str) -> anyhow::Result<Request<String>> {
        let token = self.token.text()?.unwrap_or_default();
        let encoded = URL_SAFE_NO_PAD.encode(&token);
        let filled = |text: &str| {
            text.replace("{token}", &token)
                .replace("{token64}", &encoded)
        };
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("{server}{}", filled(&self.path)))
            .body(self.body.clone())?;
        let headers: Lines = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), filled(value)))
            .collect();
        fill(request.headers_mut(), &headers)?;
        let is_elsewhere = headers != self.headers || filled(&self.path) != self.path;
        if !token.is_empty() && !is_elsewhere {
            let line = format!("Bearer {token}").parse()?;
            request.headers_mut().append("authorization", line);
        }
        Ok(request)
    }
}

impl Token {
    fn text(self) -> anyhow::Result<Option<String>> {
        const MINUTES: u64 = 60;
        let (age, changes) = match self {
            Self::None => return Ok(None),
            Self::Garbage => return Ok(Some("three.empty.words".into())),
            Self::Valid => (0, json!({})),
            // Five minutes are its life, and half a minute is the leeway.
            Self::JustOver => (5 * MINUTES + 10, json!({})),
            Self::Expired => (60 * MINUTES, json!({})),
            Self::WrongAudience => (0, json!({"aud": "another-api"})),
            Self::OfT2 => (0, json!({"tenant": "T2"})),
            Self::OfNoTenant => (0, json!({"tenant": null})),
            Self::Reads => (0, json!({"scope": "points:read"})),
        };
        let issued_at = NumericDate::from_secs(TestClock::START.as_secs() - age);
        let mut claims = keys::claims(ISSUER, AUDIENCE, issued_at, &json!({"tenant": "T1"}))?;
        for (name, value) in changes.as_object().into_iter().flatten() {
            match value {
                Value::Null => claims
                    .as_object_mut()
                    .and_then(|claims| claims.remove(name)),
                value => claims
                    .as_object_mut()
                    .and_then(|claims| claims.insert(name.clone(), value.clone())),
            };
        }
        Ok(Some(keys::sign(&keys::p256()?, &claims)?))
    }
}

impl Inner {
    fn response(&self) -> anyhow::Result<Response<String>> {
        let mut response = Response::builder()
            .status(self.status)
            .body(self.body.clone())?;
        fill(response.headers_mut(), &self.headers)?;
        Ok(response)
    }
}

impl Expected {
    fn check(&self, answer: &Answer, seen: &[HeaderMap]) -> anyhow::Result<()> {
        let headers = &answer.headers;
        ensure!(answer.status.as_u16() == self.status, "not {}", self.status);
        for (name, wanted) in &self.headers {
            let mut lines = headers.get_all(name).iter();
            let (Some(value), None) = (lines.next(), lines.next()) else {
                bail!("{name} is not there exactly once");
            };
            ensure!(wanted.fits(value), "{name} is {value:?}");
        }
        for name in headers.keys().map(HeaderName::as_str) {
            let unwanted = self.absent.iter().any(|absent| absent == name)
                || (self.no_access_control && name.starts_with("access-control-"));
            ensure!(!unwanted, "{name} is there");
        }
        if let Some(body) = &self.body {
            ensure!(answer.text() == *body, "another body");
        }
        if let Some(members) = &self.body_json {
            let body: Map<String, Value> = answer.json()?;
            for (name, value) in members {
                ensure!(body.get(name) == Some(value), "another {name}");
            }
        }
        for (name, value) in &self.inner_saw {
            let saw = |headers: &HeaderMap| headers.get(name).is_some_and(|seen| seen == value);
            ensure!(seen.iter().all(saw), "the handler did not see {name}");
        }
        let calls = usize::from(self.inner_called);
        ensure!(seen.len() == calls, "the handler ran {} times", seen.len());
        // The mark of an answer made without the handler is on it if and only if that is so; a preflight that is allowed needs none.
        let marked = headers.contains_key("exeat-handler");
        let refused = !self.inner_called && !answer.status.is_success();
        ensure!(
            marked == self.marked.unwrap_or(refused),
            "exeat-handler is wrong"
        );
        ensure!(!answer.text().contains("secret"), "the cause is told");
        for name in &self.inner_saw_absent {
            ensure!(
                seen.iter().all(|headers| !headers.contains_key(name)),
                "the handler saw {name}"
            );
        }
        Ok(())
    }
}

/// A member of the fixtures, or what is written in place.
fn named(written: &Value, fixtures: &BTreeMap<String, Value>) -> anyhow::Result<Value> {
    match written {
        Value::String(name) => fixtures
            .get(name)
            .cloned()
            .with_context(|| format!("no fixture {name}")),
        inline => Ok(inline.clone()),
    }
}

/// Each character stands for one byte.
fn fill(headers: &mut HeaderMap, lines: &Lines) -> anyhow::Result<()> {
    for (name, value) in lines {
        let bytes: Vec<u8> = value.chars().map(u8::try_from).collect::<Result<_, _>>()?;
        headers.append(
            name.parse::<HeaderName>()?,
            HeaderValue::from_bytes(&bytes)?,
        );
    }
    Ok(())
}

fn root() -> String {
    "/".to_owned()
}

fn ok() -> u16 {
    200
}
