//! What `/metrics` of the two servers says after traffic that is known to the last request, and that the operator's guide knows every metric.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, routing::get};
use exeat::ExternalApi;
use exeat_jose::{Clock as _, SystemClock};
use harness::{
    binary,
    client::{self, Answer},
    guide::source,
    installation::{APP_DIRECT_PATH, AUDIENCE, ISSUER, Installation, session},
    keys,
    marketplace::Marketplace,
    process::Process,
    server::Server,
    tokens,
};
use http::{Request, StatusCode};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use serde_json::json;

const ID: &str = "session-that-is-counted";
const SHOP: &str = "https://shop.example";

/// The lines of a scrape, without comments and buckets.
struct Scrape(Vec<String>);

impl Scrape {
    async fn of(url: &str) -> anyhow::Result<Self> {
        let answer = client::get(&format!("{url}/metrics")).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let media_type = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let lines = answer.text();
        let lines = lines.lines().filter(|line| {
            !line.is_empty() && !line.starts_with('#') && !line.contains("_bucket{")
        });
        Ok(Self(lines.map(str::to_owned).collect()))
    }

    /// The series that start so, without that start; sorted.
    fn series(&self, start: &str) -> Vec<&str> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter_map(|line| line.strip_prefix(start))
            .collect();
        found.sort_unstable();
        found
    }

    /// Series that are on, of a gauge that is 1 for one of many.
    fn on(&self, start: &str, part: &str) -> usize {
        self.series(start)
            .iter()
            .filter(|line| line.contains(part) && line.ends_with("} 1"))
            .count()
    }
}

async fn ask(url: &str, audience: &str, session: &str) -> anyhow::Result<Answer> {
    harness::installation::exchange(url, session, audience).await
}

#[tokio::test]
async fn the_issuer_counts_what_it_did_and_shows_it_on_the_admin_listener_alone()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    service.push(&session(ID)).await?;
    let url = &service.url;
    for (audience, id) in [
        (AUDIENCE, ID),
        (AUDIENCE, ID),
        ("loyalty-rsa", ID),
        ("nobody", ID),
        (AUDIENCE, "session-that-is-unknown"),
        (AUDIENCE, "session-that-is-unknown"),
    ] {
        ask(url, audience, id).await?;
    }
    let query = r#"{"query":"{ userExternalServiceAuthenticationToken { token } }"}"#;
    let graphql = || {
        Request::post(format!("{url}{APP_DIRECT_PATH}")).header("content-type", "application/json")
    };
    let with_session = graphql().header("authorization", format!("Session {ID}"));
    client::send(with_session.body(query.to_owned())?).await?;
    client::send(graphql().body("{".to_owned())?).await?;
    let set = client::get(&service.jwks_uri()).await?;
    for etag in [set.header("etag"), "\"another\""] {
        let request = Request::get(service.jwks_uri()).header("if-none-match", etag);
        client::send(request.body(String::new())?).await?;
    }
    client::send(Request::post(service.jwks_uri()).body(String::new())?).await?;

    let public = client::get(&format!("{url}/metrics")).await?;
    assert_eq!(public.status, StatusCode::NOT_FOUND);
    let scrape = Scrape::of(&service.admin_url).await?;
    assert_eq!(
        scrape.series("exeat_tokens_issued_total"),
        [
            r#"{aud="app-direct",alg="RS256"} 1"#,
            r#"{aud="loyalty-api",alg="ES256"} 2"#,
            r#"{aud="loyalty-rsa",alg="RS256"} 1"#,
        ]
    );
    assert_eq!(
        scrape.series("exeat_exchange_refusals_total"),
        [
            r#"{code="invalid_request"} 1"#,
            r#"{code="no_session"} 2"#,
            r#"{code="unknown_audience"} 1"#,
        ]
    );
    assert_eq!(
        scrape.series("exeat_exchange_seconds_count"),
        [r#"{outcome="issued"} 4"#, r#"{outcome="refused"} 4"#]
    );
    assert_eq!(
        scrape.series("exeat_session_lookup_seconds_count"),
        [
            r#"{outcome="absent"} 2"#,
            r#"{outcome="expired"} 0"#,
            r#"{outcome="live"} 4"#,
            r#"{outcome="revoked"} 0"#,
            r#"{outcome="unavailable"} 0"#,
        ]
    );
    assert_eq!(
        scrape.series("exeat_signing_seconds_count"),
        [r#"{alg="ES256"} 2"#, r#"{alg="RS256"} 2"#]
    );
    assert_eq!(
        scrape.series("exeat_jwks_requests_total"),
        [
            r#"{status="200"} 2"#,
            r#"{status="304"} 1"#,
            r#"{status="405"} 1"#,
        ]
    );
    for alg in ["ES256", "RS256"] {
        for state in ["active", "pending"] {
            let part = format!("alg=\"{alg}\",state=\"{state}\"");
            assert_eq!(scrape.on("exeat_key_state{", &part), 1, "{part}");
        }
    }
    assert_eq!(
        scrape.on("exeat_key_state{", ""),
        4,
        "one state for each key"
    );
    let now = SystemClock.now().as_secs();
    for line in scrape.series("exeat_key_event_timestamp_seconds") {
        let (_, at) = line.rsplit_once(' ').unwrap_or_default();
        assert!((now - 600..=now).contains(&at.parse()?), "{line}");
    }
    assert_eq!(
        scrape.series("exeat_key_event_timestamp_seconds").len(),
        6,
        "four were published, two of them sign"
    );
    Ok(())
}

#[tokio::test]
async fn the_sample_api_counts_what_its_gate_did() -> anyhow::Result<()> {
    let set = json!({"keys": [keys::p256()?.public_jwk()]}).to_string();
    let server =
        Server::start(Router::new().route("/jwks", get(move || async move { set }))).await?;
    let uri = format!("{}/jwks", server.url());
    let mut process = Process::start(&mut binary::command([
        "sample-api",
        "--listen",
        "127.0.0.1:0",
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--audience",
        AUDIENCE,
        "--origin",
        SHOP,
    ])?)?;
    process.until_listening(&["sample-api"]).await?;
    let url = process.url("sample-api")?.to_owned();
    let now = SystemClock.now();
    let sign = |changes: serde_json::Value| -> anyhow::Result<String> {
        keys::sign(
            &keys::p256()?,
            &keys::claims(ISSUER, AUDIENCE, now, &changes)?,
        )
    };
    let good = sign(json!({}))?;
    let bearer = |token: &str| format!("Bearer {token}");
    let whoami = || Request::get(format!("{url}/whoami"));
    let preflight = |method: &str| {
        Request::options(format!("{url}/whoami"))
            .header("origin", SHOP)
            .header("access-control-request-method", method)
    };
    for request in [
        whoami().header("authorization", bearer(&good)),
        whoami().header("authorization", bearer(&good)),
        whoami(),
        whoami().header("authorization", bearer(&sign(json!({"aud": "another"}))?)),
        whoami().header("authorization", bearer(&tokens::tampered(&good)?)),
        whoami().header("origin", "https://evil.example"),
        preflight("GET"),
        preflight("DELETE"),
        Request::get(format!("{url}/public")),
        Request::get(format!("{url}/livez")),
    ] {
        client::send(request.body(String::new())?).await?;
    }
    let scrape = Scrape::of(&url).await?;
    // One preflight, one request without a token and one foreign preflight are the self-check's at start.
    assert_eq!(
        scrape.series("exeat_requests_total"),
        [
            r#"{outcome="admitted",code="none"} 2"#,
            r#"{outcome="preflight",code="none"} 2"#,
            r#"{outcome="refused",code="bad_signature"} 1"#,
            r#"{outcome="refused",code="method_not_allowed_cors"} 1"#,
            r#"{outcome="refused",code="no_token"} 2"#,
            r#"{outcome="refused",code="origin_not_allowed"} 2"#,
            r#"{outcome="refused",code="wrong_audience"} 1"#,
        ]
    );
    assert_eq!(
        scrape.series("exeat_gate_seconds_count"),
        [
            r#"{outcome="admitted"} 2"#,
            r#"{outcome="preflight"} 2"#,
            r#"{outcome="refused"} 7"#,
        ]
    );
    assert_eq!(
        scrape.series("exeat_verifications_total"),
        [
            r#"{outcome="refused",code="bad_signature"} 1"#,
            r#"{outcome="refused",code="wrong_audience"} 1"#,
            r#"{outcome="valid",code="none"} 2"#,
        ]
    );
    let issuer = format!("{{issuer=\"{ISSUER}\"");
    // The bad signature may have come from a new key under the old id, so the set was fetched once more.
    assert_eq!(
        scrape.series(&format!("exeat_jwks_fetches_total{issuer}")),
        [r#",outcome="updated"} 2"#]
    );
    assert_eq!(
        scrape.series(&format!("exeat_jwks_fetch_seconds_count{issuer}")),
        ["} 2"]
    );
    assert_eq!(
        scrape.on(&format!("exeat_jwks_state{issuer}"), "state=\"fresh\""),
        1
    );
    let version = format!("{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert_eq!(scrape.series("exeat_build_info"), [version]);
    Ok(())
}

/// Name and type of what is described to it; keeps no values.
#[derive(Clone, Default)]
struct Described(Arc<Mutex<BTreeSet<(String, &'static str)>>>);

impl Described {
    fn add(&self, name: &KeyName, kind: &'static str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((name.as_str().to_owned(), kind));
    }
}

impl Recorder for Described {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "counter");
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "gauge");
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "histogram");
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Every metric that a gate and an issuer register, and the one of the binary.
async fn registered() -> anyhow::Result<BTreeSet<(String, &'static str)>> {
    let recorder = Described::default();
    let _guard = metrics::set_default_local_recorder(&recorder);
    ExternalApi::new(ISSUER, AUDIENCE)
        .with_static_keys(keys::published(&keys::p256()?)?)
        .build()
        .await?;
    let audiences = json!([{"id": AUDIENCE}]);
    let marketplace = Marketplace::start(audiences, Arc::new(SystemClock)).await?;
    marketplace.issuer().observe_keys();
    recorder.add(&"exeat_build_info".into(), "gauge");
    let seen = recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.clone())
}

#[tokio::test]
async fn the_operators_table_has_every_metric_with_its_type_and_no_other() -> anyhow::Result<()> {
    let registered = registered().await?;
    let guide = source("docs/operator.md")?;
    let rows = guide.lines().filter(|line| line.starts_with("| `exeat_"));
    let mut documented = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, _labels, meaning, alert, _] = cells[..] else {
            anyhow::bail!("five cells in a row: {row}");
        };
        assert!(!meaning.is_empty() && !alert.is_empty(), "{row}");
        documented.insert((name.trim_matches('`').to_owned(), kind));
    }
    let missing: Vec<_> = registered.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&registered).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
    assert!(unknown.is_empty(), "in the table alone: {unknown:?}");
    Ok(())
}
