//! The CORS vectors that need tokens (level `gate`), run through `exeat::ExternalApi`. The format is in `tests/vectors/cors/README.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use exeat::ExternalApi;
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
use tokio::sync::Mutex;

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
    token: Token,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Token {
    None,
    Valid,
    Expired,
    Garbage,
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
    status: u16,
    headers: Lines,
    body: String,
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
    inner_saw_absent: Vec<String>,
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
        let gate = ExternalApi::new(ISSUER, AUDIENCE)
            .with_static_keys(keys::published(&keys::p256()?)?)
            .with_clock(Arc::new(TestClock::frozen()))
            .with_policy(serde_json::from_value(policy)?)
            .build()
            .await?;

        let seen = Arc::new(Mutex::new(Vec::new()));
        let inner = self.inner.as_ref().unwrap_or(&fixtures.inner).response()?;
        let handler = {
            let seen = Arc::clone(&seen);
            async move |headers: HeaderMap| {
                seen.lock().await.push(headers);
                inner
            }
        };
        let router = Router::new().fallback(handler).layer(gate.layer());
        let server = Server::start(router).await?;
        let answer = client::send(self.request.build(&server.url())?).await?;
        let seen = seen.lock().await;
        expected
            .check(&answer, &seen)
            .with_context(|| answer.everything())
    }
}

impl Sent {
    fn build(&self, server: &str) -> anyhow::Result<Request<String>> {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("{server}{}", self.path))
            .body(String::new())?;
        fill(request.headers_mut(), &self.headers)?;
        if let Some(token) = self.token.text()? {
            let line = format!("Bearer {token}").parse()?;
            request.headers_mut().append("authorization", line);
        }
        Ok(request)
    }
}

impl Token {
    fn text(self) -> anyhow::Result<Option<String>> {
        let issued_at = match self {
            Self::None => return Ok(None),
            Self::Garbage => return Ok(Some("three.empty.words".into())),
            Self::Valid => TestClock::START,
            Self::Expired => hour_before(TestClock::START),
        };
        let claims = keys::claims(ISSUER, AUDIENCE, issued_at, &json!({"tenant": "T1"}))?;
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
        let calls = usize::from(self.inner_called);
        ensure!(seen.len() == calls, "the handler ran {} times", seen.len());
        // The mark of an answer made without the handler is on it if and only if that is so; a preflight that is allowed needs none.
        let marked = headers.contains_key("exeat-handler");
        let refused = !self.inner_called && !answer.status.is_success();
        ensure!(marked == refused, "exeat-handler is wrong");
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

fn hour_before(time: NumericDate) -> NumericDate {
    NumericDate::from_secs(time.as_secs() - Duration::from_hours(1).as_secs())
}

fn root() -> String {
    "/".to_owned()
}
