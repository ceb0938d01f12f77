//! Every metric of the service: what moves it, and by how much.

use exeat_jose::Algorithm;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{
    outage::{Trouble, ending_in, issuer},
    *,
};
use crate::{Revoke, key_store, meter::keys};

/// What a recorder of this test alone has seen. The handles of a service belong to the recorder that is there when it is opened.
struct Seen(PrometheusHandle);

impl Seen {
    /// Every series that starts so and is not 0, without that start; sorted.
    fn series(&self, start: &str) -> Vec<String> {
        let text = self.0.render();
        let mut found: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix(start))
            .filter(|line| !line.ends_with("} 0"))
            .map(str::to_owned)
            .collect();
        found.sort();
        found
    }
}

/// Runs what follows in this test under a recorder of its own.
macro_rules! recorded {
    ($seen:ident) => {
        let recorder = PrometheusBuilder::new().build_recorder();
        let $seen = Seen(recorder.handle());
        let _guard = ::metrics::set_default_local_recorder(&recorder);
    };
}

/// A second passes each time that somebody looks.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> NumericDate {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

const QUERY: &str = r#"{"query":"{userExternalServiceAuthenticationToken{token}}"}"#;

#[tokio::test]
async fn a_token_counts_for_its_audience_and_a_refusal_by_its_code_in_both_dialects() {
    recorded!(seen);
    let stage = Stage::new().await;
    stage.send(post("/v1/token", &[BACKEND], LOYALTY)).await;
    let alias = "/api/v1/personalization/graphql";
    stage.send(post(alias, &[BACKEND], QUERY)).await;
    stage
        .send(post("/v1/token", &[BACKEND], r#"{"audience":"seed"}"#))
        .await;
    stage.send(post(alias, &[], QUERY)).await;
    stage.send(post("/v1/token", &[], LOYALTY)).await;
    stage.send(post("/v1/token", &[BACKEND], "{")).await;
    stage.send(get("/v1/token")).await;
    let preflight = [("origin", SHOP), ("access-control-request-method", "POST")];
    let preflight = request(Method::OPTIONS, "/v1/token", &preflight, Body::empty());
    assert!(stage.send(preflight).await.status.is_success());
    assert_eq!(
        seen.series("exeat_tokens_issued_total"),
        [
            r#"{aud="https://api.loyalty.example",alg="ES256"} 2"#,
            r#"{aud="seed",alg="ES256"} 1"#,
        ]
    );
    assert_eq!(
        seen.series("exeat_exchange_refusals_total"),
        [
            r#"{code="invalid_request"} 1"#,
            r#"{code="method_not_allowed"} 1"#,
            r#"{code="no_session"} 2"#,
        ]
    );
    assert_eq!(
        seen.series("exeat_exchange_seconds_count"),
        [r#"{outcome="issued"} 3"#, r#"{outcome="refused"} 4"#]
    );
}

#[tokio::test]
async fn each_time_is_that_of_its_own_step() {
    recorded!(seen);
    let clock = Arc::new(Ticking(AtomicU64::new(0)));
    let config = Config::in_memory(raw_config()).unwrap();
    let random = Arc::new(CountingRandom::default());
    let issuer = Issuer::in_memory_with(config, clock, random, None).unwrap();
    issuer.sessions().put(ada()).await.unwrap();
    send(issuer.router(), post("/v1/token", &[BACKEND], LOYALTY)).await;
    send(issuer.router(), post("/v1/token", &[], LOYALTY)).await;
    // Begin, look-up begins and ends, signature begins and ends, end.
    assert_eq!(
        seen.series("exeat_exchange_seconds_sum"),
        [r#"{outcome="issued"} 5"#, r#"{outcome="refused"} 1"#]
    );
    assert_eq!(
        seen.series("exeat_session_lookup_seconds_sum"),
        [r#"{outcome="live"} 1"#]
    );
    assert_eq!(
        seen.series("exeat_signing_seconds_sum"),
        [r#"{alg="ES256"} 1"#]
    );
}

#[tokio::test]
async fn a_look_up_counts_by_its_outcome() {
    recorded!(seen);
    let stage = Stage::new().await;
    let ask = async || {
        stage.send(post("/v1/token", &[BACKEND], LOYALTY)).await;
    };
    ask().await;
    stage.clock.advance(3600);
    ask().await;
    let again = NewSession::new(
        "user-1",
        "n",
        "t",
        NOW.saturating_add(Duration::from_hours(2)),
    )
    .with_id(SessionCredential::try_from(SESSION).unwrap());
    stage.put(again).await;
    let id = SessionCredential::try_from(SESSION).unwrap();
    stage
        .issuer
        .sessions()
        .revoke(Revoke::Id(id))
        .await
        .unwrap();
    ask().await;
    let unknown = ("authorization", "Session session-id-of-nobody");
    stage.send(post("/v1/token", &[unknown], LOYALTY)).await;
    let ring = key_store::in_memory(&[Algorithm::Es256], NOW).unwrap();
    let refusing = issuer(Trouble::Refuses, ring);
    send(refusing.router(), post("/v1/token", &[BACKEND], LOYALTY)).await;
    assert_eq!(
        seen.series("exeat_session_lookup_seconds_count"),
        [
            r#"{outcome="absent"} 1"#,
            r#"{outcome="expired"} 1"#,
            r#"{outcome="live"} 1"#,
            r#"{outcome="revoked"} 1"#,
            r#"{outcome="unavailable"} 1"#,
        ]
    );
}

#[tokio::test]
async fn requests_for_the_key_set_count_by_status() {
    recorded!(seen);
    let stage = Stage::new().await;
    let path = "/.well-known/jwks.json";
    let etag = stage.send(get(path)).await.header("etag").to_owned();
    stage.send(get("/api/v1/ext/keys")).await;
    let known = [("if-none-match", etag.as_str())];
    stage
        .send(request(Method::GET, path, &known, Body::empty()))
        .await;
    stage.send(post(path, &[], "")).await;
    let preflight = |method| {
        let headers = [("origin", SHOP), ("access-control-request-method", method)];
        request(Method::OPTIONS, path, &headers, Body::empty())
    };
    stage.send(preflight("GET")).await;
    stage.send(preflight("DELETE")).await;
    let no_keys = issuer(Trouble::Slow(0), ending_in(0));
    send(no_keys.router(), get(path)).await;
    assert_eq!(
        seen.series("exeat_jwks_requests_total"),
        [
            r#"{status="200"} 2"#,
            r#"{status="204"} 1"#,
            r#"{status="304"} 1"#,
            r#"{status="403"} 1"#,
            r#"{status="405"} 1"#,
            r#"{status="503"} 1"#,
        ]
    );
}

#[test]
fn a_key_has_one_state_at_a_time_and_the_times_that_are_known() {
    recorded!(seen);
    let ring = ending_in(60);
    let states = |seconds| {
        keys::observe(
            &ring.rows(),
            NOW.saturating_add(Duration::from_secs(seconds)),
        );
        let on = seen.series("exeat_key_state").into_iter();
        on.map(|line| line.split_once(",alg=").unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(59), [r#""ES256",state="active"} 1"#]);
    assert_eq!(states(60), [r#""ES256",state="retired"} 1"#]);
    let events = seen.series("exeat_key_event_timestamp_seconds").into_iter();
    let events: Vec<_> = events
        .map(|line| line.split_once(",event=").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        events,
        [
            r#""publish"} 1702416920"#,
            r#""remove"} 1702416980"#,
            r#""sign_from"} 1702416920"#,
        ]
    );
}

#[tokio::test]
async fn the_keys_of_a_service_are_looked_at_when_they_are_asked_for() {
    recorded!(seen);
    let stage = Stage::new().await;
    assert_eq!(seen.series("exeat_key_state"), [""; 0]);
    stage.issuer.observe_keys();
    assert_eq!(
        seen.series("exeat_key_state").len(),
        2,
        "active and pending"
    );
}
