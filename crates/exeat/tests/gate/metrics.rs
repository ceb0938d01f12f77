//! Every metric of the gate: what moves it, by how much, and what does not.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use exeat::{Gate, JwksSettings, Rejected, RequireScope, VerifiedClaims};
use exeat_cors::{Enforcement, PolicyConfig};
use exeat_jose::SigningKey;
use http::{Method, Request, StatusCode};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde_json::json;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::fixture::{
    Answer, App, FakeIssuer, ISSUER, NOW, PAGE, bearer, claims, claims_with, es256, from_page,
    pinned, remote, sign,
};

/// What a recorder of this test alone has seen. The handles of a gate belong to the recorder that is there when it is built.
struct Seen(PrometheusHandle);

impl Seen {
    /// The value of one series; `None` when there is no such series.
    fn value(&self, series: &str) -> Option<f64> {
        self.0.render().lines().find_map(|line| {
            let value = line.strip_prefix(series)?.strip_prefix(' ')?;
            Some(value.parse().unwrap())
        })
    }

    /// Every series that starts so, with its value; in the order of their names.
    fn series(&self, start: &str) -> Vec<String> {
        let text = self.0.render();
        let mut found: Vec<_> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix(start)?.to_owned()))
            .collect();
        found.sort();
        found
    }
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().build_recorder()
}

/// Runs what follows in this test under a recorder of its own.
macro_rules! recorded {
    ($seen:ident) => {
        let recorder = recorder();
        let $seen = Seen(recorder.handle());
        let _guard = metrics::set_default_local_recorder(&recorder);
    };
}

fn long_lived(key: &SigningKey) -> String {
    sign(key, &claims_with(&json!({ "exp": NOW + 1_000_000 })))
}

fn of_issuer(name: &str, more: &str) -> String {
    format!("{name}{{issuer=\"{ISSUER}\"{more}}}")
}

/// The state whose gauge is 1, after the look at the keys that comes every few seconds.
async fn state(seen: &Seen) -> String {
    sleep(Duration::from_secs(5)).await;
    let start = format!("exeat_jwks_state{{issuer=\"{ISSUER}\",state=\"");
    let states = seen.series(&start);
    assert_eq!(states.len(), 6, "{states:?}");
    let on: Vec<_> = states
        .iter()
        .filter_map(|line| line.strip_suffix("\"} 1"))
        .collect();
    let [one] = on[..] else { panic!("{states:?}") };
    one.to_owned()
}

async fn quiet(issuer: &std::sync::Arc<FakeIssuer>) -> Gate {
    issuer.header("cache-control", "max-age=86400");
    let settings = JwksSettings {
        max_lifetime: Duration::from_hours(24),
        ..JwksSettings::default()
    };
    remote(issuer, |api| api.with_jwks_settings(settings)).await
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_once_by_what_was_done_with_it() {
    recorded!(seen);
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    for _ in 0..3 {
        app.with_token(&sign(&key, &claims())).await;
    }
    app.send(from_page(Method::GET, &[])).await;
    app.send(from_page(Method::GET, &[])).await;
    app.with_token(&sign(&key, &claims_with(&json!({ "exp": NOW - 100 }))))
        .await;
    let preflight = |method: &str| {
        Request::options("/points")
            .header("origin", PAGE)
            .header("access-control-request-method", method)
            .body(Body::empty())
            .unwrap()
    };
    app.send(preflight("GET")).await;
    app.send(preflight("DELETE")).await;
    let mut foreign = from_page(Method::GET, &[]);
    *foreign.headers_mut().get_mut("origin").unwrap() = "https://evil.example".parse().unwrap();
    app.send(foreign).await;
    assert_eq!(
        seen.series("exeat_requests_total"),
        [
            r#"{outcome="admitted",code="none"} 3"#,
            r#"{outcome="preflight",code="none"} 1"#,
            r#"{outcome="refused",code="expired"} 1"#,
            r#"{outcome="refused",code="method_not_allowed_cors"} 1"#,
            r#"{outcome="refused",code="no_token"} 2"#,
            r#"{outcome="refused",code="origin_not_allowed"} 1"#,
        ]
    );
    for (outcome, count) in [("admitted", 3.0), ("preflight", 1.0), ("refused", 5.0)] {
        let series = format!("exeat_gate_seconds_count{{outcome=\"{outcome}\"}}");
        assert_eq!(seen.value(&series), Some(count), "{outcome}");
    }
    assert_eq!(seen.series("exeat_report_only_total{"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_enforcement_would_have_refused_counts_apart_and_is_still_one_request() {
    recorded!(seen);
    let key = es256();
    let policy = PolicyConfig {
        origins: vec![PAGE.to_owned()],
        enforcement: Enforcement::ReportOnly,
        ..PolicyConfig::default()
    };
    let app = App::new(&pinned(&key, |api| api.with_policy(policy)).await);
    let mut request = bearer(Method::GET, &sign(&key, &claims()));
    *request.headers_mut().get_mut("origin").unwrap() = "https://evil.example".parse().unwrap();
    app.send(request).await;
    assert_eq!(
        seen.series("exeat_report_only_total"),
        [r#"{code="origin_not_allowed"} 1"#]
    );
    assert_eq!(
        seen.series("exeat_requests_total{outcome=\"admitted\""),
        [r#",code="none"} 1"#]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_the_gate_counts_once_beside_the_admission() {
    recorded!(seen);
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let app = Router::new()
        .route("/scope", any(async || "ran"))
        .route_layer(RequireScope::new("points:write").unwrap())
        .route("/claims", any(async |_: VerifiedClaims<u8>| "ran"))
        .route("/handler", any(async || Rejected::NoToken))
        .layer(gate.layer())
        // A gate around the gate neither sees nor counts the refusal again.
        .layer(pinned(&key, |api| api).await.layer());
    let good = sign(&key, &claims_with(&json!({ "scope": "points:write" })));
    for (path, token) in [
        ("/scope", &good),
        ("/scope", &sign(&key, &claims())),
        ("/claims", &good),
        ("/handler", &good),
        ("/handler", &"nonsense".to_owned()),
    ] {
        let mut request = bearer(Method::GET, token);
        *request.uri_mut() = path.parse().unwrap();
        app.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(
        seen.series("exeat_refused_inside_total"),
        [
            r#"{code="bad_claim_type"} 1"#,
            r#"{code="insufficient_scope"} 1"#,
            r#"{code="no_token"} 1"#,
        ]
    );
    // Two gates, four requests that both let in, one that the outer refused.
    assert_eq!(
        seen.series("exeat_requests_total"),
        [
            r#"{outcome="admitted",code="none"} 8"#,
            r#"{outcome="preflight",code="none"} 0"#,
            r#"{outcome="refused",code="malformed"} 1"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_in_the_gate_includes_the_wait_for_keys() {
    recorded!(seen);
    let (key, stranger) = (es256(), es256());
    let issuer = FakeIssuer::new(&[]);
    issuer.answer(Answer::Slow(Duration::from_secs(3)));
    issuer.publish([key.public_jwk().clone()]);
    let app = App::new(&remote(&issuer, |api| api).await);
    // The gate waited 2 s for keys at its start; one more is left.
    app.with_token(&long_lived(&key)).await;
    let sum =
        |outcome: &str| seen.value(&format!("exeat_gate_seconds_sum{{outcome=\"{outcome}\"}}"));
    assert_eq!(sum("admitted"), Some(1.0));
    assert_eq!(sum("refused"), Some(0.0));
    issuer.answer(Answer::Slow(Duration::from_millis(500)));
    app.with_token(&long_lived(&stranger)).await;
    assert_eq!((sum("admitted"), sum("refused")), (Some(1.0), Some(0.5)));
    assert_eq!(
        seen.series("exeat_requests_total"),
        [
            r#"{outcome="admitted",code="none"} 1"#,
            r#"{outcome="preflight",code="none"} 0"#,
            r#"{outcome="refused",code="unknown_key"} 1"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_counts_once_by_its_verdict_with_and_without_http() {
    recorded!(seen);
    let (key, late) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let gate = quiet(&issuer).await;
    let app = App::new(&gate);
    app.with_token(&long_lived(&key)).await;
    gate.verifier().verify(&long_lived(&key)).await.unwrap();
    app.with_token("nonsense").await;
    // A key that has to be fetched: judged more than once, one verdict.
    issuer.publish([key.public_jwk().clone(), late.public_jwk().clone()]);
    gate.verifier().verify(&long_lived(&late)).await.unwrap();
    app.with_token(&long_lived(&es256())).await;
    // No token, no verdict; a verdict and then a gate that is stricter.
    app.send(from_page(Method::GET, &[])).await;
    let read_only = claims_with(&json!({ "ro": true, "exp": NOW + 1_000_000 }));
    app.send(bearer(Method::POST, &sign(&key, &read_only)))
        .await;
    assert_eq!(
        seen.series("exeat_verifications_total"),
        [
            r#"{outcome="refused",code="malformed"} 1"#,
            r#"{outcome="refused",code="unknown_key"} 1"#,
            r#"{outcome="valid",code="none"} 4"#,
        ]
    );
    assert_eq!(
        seen.value(r#"exeat_requests_total{outcome="refused",code="read_only_token"}"#),
        Some(1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_seen_again_counts_as_found() {
    recorded!(seen);
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    let count = |result: &str| {
        let series = format!("exeat_token_cache_lookups_total{{result=\"{result}\"}}");
        seen.value(&series)
    };
    let counts = || (count("hit"), count("miss"), count("bad_signature"));
    assert_eq!(counts(), (Some(0.0), Some(0.0), Some(0.0)));
    let good = long_lived(&key);
    for _ in 0..3 {
        app.with_token(&good).await;
    }
    assert_eq!(counts(), (Some(2.0), Some(1.0), Some(0.0)));
    // One that had to wait for its key was looked for twice, and counts once.
    let late = es256();
    issuer.publish([key.public_jwk().clone(), late.public_jwk().clone()]);
    assert_eq!(app.with_token(&long_lived(&late)).await.status, 200);
    assert_eq!(counts(), (Some(2.0), Some(2.0), Some(0.0)));
    // The payload of one token under the signature of another.
    let other = sign(&key, &claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    let bad = format!("{signed}.{signature}");
    app.with_token(&bad).await;
    let (_, misses, before) = counts();
    app.with_token(&bad).await;
    let (hits, again, after) = counts();
    assert_eq!(hits, Some(2.0));
    assert_eq!(again, misses.map(|misses| misses + 1.0));
    assert_eq!(after, before.map(|before| before + 1.0));
}

#[tokio::test(start_paused = true)]
async fn exactly_one_state_of_the_keys_is_on_at_any_time() {
    recorded!(seen);
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    let gate = remote(&issuer, |api| api).await;
    let validated = of_issuer("exeat_jwks_validated_timestamp_seconds", "");
    assert_eq!(state(&seen).await, "cold");
    assert_eq!(seen.value(&validated), Some(0.0));

    issuer.answer(Answer::Keys);
    gate.ready().await;
    assert_eq!(state(&seen).await, "fresh");
    let first = seen.value(&validated).unwrap();
    let age = gate.health().issuers[0]
        .validated_ago
        .unwrap()
        .as_secs_f64();
    let now = f64::from(u32::try_from(NOW).unwrap());
    assert!((5.0..65.0).contains(&(first - now + age)), "{first}");

    // Ten minutes of life and an hour beyond it.
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    sleep(Duration::from_mins(10)).await;
    assert_eq!(state(&seen).await, "stale");
    assert_eq!(seen.value(&validated), Some(first));
    sleep(Duration::from_hours(1)).await;
    assert_eq!(state(&seen).await, "expired");

    issuer.answer(Answer::Keys);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(state(&seen).await, "fresh");
    assert!(seen.value(&validated).unwrap() > first + 4000.0);
}

#[tokio::test(start_paused = true)]
async fn pinned_keys_have_one_state() {
    recorded!(seen);
    let _gate = pinned(&es256(), |api| api).await;
    assert_eq!(state(&seen).await, "pinned");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_counts_by_its_outcome_and_its_time() {
    recorded!(seen);
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.header("etag", "\"v1\"");
    issuer.answer(Answer::Unchanged);
    let gate = remote(&issuer, |api| api).await;
    gate.refresh().await.unwrap();
    for answer in [
        Answer::Status(StatusCode::FOUND),
        Answer::Body("[]".to_owned()),
        Answer::Body(r#"{"keys":[]}"#.to_owned()),
        Answer::Body(" ".repeat(exeat::MAX_BODY + 1)),
        Answer::Panic,
    ] {
        issuer.answer(answer);
        gate.refresh().await.unwrap_err();
    }
    let count = of_issuer("exeat_jwks_fetch_seconds_count", "");
    let sum = of_issuer("exeat_jwks_fetch_seconds_sum", "");
    assert_eq!(
        (seen.value(&count), seen.value(&sum)),
        (Some(7.0), Some(0.0))
    );
    issuer.answer(Answer::Silence);
    gate.refresh().await.unwrap_err();
    assert_eq!(
        (seen.value(&count), seen.value(&sum)),
        (Some(8.0), Some(5.0))
    );
    assert_eq!(
        seen.series(&format!(
            "exeat_jwks_fetches_total{{issuer=\"{ISSUER}\",outcome="
        )),
        [
            "\"key_set\"} 1",
            "\"no_usable_key\"} 1",
            "\"not_modified\"} 1",
            "\"panicked\"} 1",
            "\"status\"} 1",
            "\"timeout\"} 1",
            "\"too_large\"} 1",
            "\"updated\"} 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_miss_beyond_the_budget_counts_and_one_within_does_not() {
    recorded!(seen);
    let issuer = FakeIssuer::new(&[&es256()]);
    let app = App::new(&quiet(&issuer).await);
    let denied = of_issuer("exeat_jwks_misses_denied_total", "");
    for _ in 0..2 {
        app.with_token(&long_lived(&es256())).await;
    }
    assert_eq!(seen.value(&denied), Some(0.0));
    for _ in 0..3 {
        app.with_token(&long_lived(&es256())).await;
    }
    assert_eq!(seen.value(&denied), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn a_token_judged_with_stale_keys_counts() {
    recorded!(seen);
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&remote(&issuer, |api| api).await);
    let stale = of_issuer("exeat_jwks_stale_serves_total", "");
    app.with_token(&long_lived(&key)).await;
    assert_eq!(seen.value(&stale), Some(0.0));
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    sleep(Duration::from_mins(11)).await;
    app.with_token(&long_lived(&key)).await;
    app.with_token(&long_lived(&key)).await;
    assert_eq!(seen.value(&stale), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_counts_until_its_end_or_until_its_sender_gives_up() {
    recorded!(seen);
    let (key, late) = (es256(), es256());
    let issuer = FakeIssuer::new(&[&key]);
    let app = App::new(&quiet(&issuer).await);
    let waiting = of_issuer("exeat_jwks_waiting_requests", "");
    assert_eq!(seen.value(&waiting), Some(0.0));
    issuer.publish([key.public_jwk().clone(), late.public_jwk().clone()]);
    issuer.answer(Answer::Slow(Duration::from_secs(1)));
    let (token, other) = (long_lived(&late), app.clone());
    let patient = tokio::spawn(async move { other.with_token(&token).await.status });
    let impatient = long_lived(&late);
    let given_up = tokio::time::timeout(Duration::from_millis(500), app.with_token(&impatient));
    let seen_within = async {
        sleep(Duration::from_millis(100)).await;
        seen.value(&waiting)
    };
    let (gone, within) = tokio::join!(given_up, seen_within);
    assert!(gone.is_err());
    assert_eq!(within, Some(2.0));
    assert_eq!(seen.value(&waiting), Some(1.0));
    assert_eq!(patient.await.unwrap(), 200);
    assert_eq!(seen.value(&waiting), Some(0.0));
}
