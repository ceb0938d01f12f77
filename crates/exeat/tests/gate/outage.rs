//! Keys that cannot be fetched: 503, never 401, and recovery without help.

use std::time::Duration;

use exeat::{FetchError, HealthState, JwksSettings};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{
    Answer, App, FakeIssuer, Seen, claims, claims_with, es256, only_issuer, remote, sign,
};

fn unavailable(seen: &Seen) -> u64 {
    assert_eq!(
        seen.readable_refusal(),
        (503, "keys_unavailable".to_owned())
    );
    assert!(
        !seen.headers.contains_key("www-authenticate"),
        "a challenge would log users out"
    );
    seen.header("retry-after").parse().unwrap()
}

/// A token that outlives the test.
fn long_lived(key: &exeat_jose::SigningKey) -> String {
    sign(
        key,
        &claims_with(&json!({ "exp": crate::fixture::NOW + 1_000_000 })),
    )
}

#[tokio::test(start_paused = true)]
async fn a_cold_gate_answers_503_and_recovers_by_itself() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Status(StatusCode::INTERNAL_SERVER_ERROR));
    let gate = remote(&issuer, |api| api).await;
    let app = App::new(&gate);
    assert!(!gate.is_ready());
    assert_eq!(gate.health().state, HealthState::Cold);
    assert!(only_issuer(&gate).last_error.unwrap().contains("500"));
    unavailable(&app.with_token(&long_lived(&key)).await);

    issuer.answer(Answer::Keys);
    tokio::time::timeout(Duration::from_secs(61), gate.ready())
        .await
        .expect("recovers within the longest back-off");
    assert!(gate.is_ready());
    assert_eq!(app.with_token(&long_lived(&key)).await.status, 200);
    assert_eq!(only_issuer(&gate).last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_cold_gate_still_tells_a_bad_token_from_an_outage() {
    let issuer = FakeIssuer::new(&[]);
    issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    let app = App::new(&remote(&issuer, |api| api).await);
    assert_eq!(app.with_token("nonsense").await.status, 401);
    let expired = sign(
        &es256(),
        &claims_with(&json!({ "exp": crate::fixture::NOW - 1000 })),
    );
    assert_eq!(
        app.with_token(&expired).await.readable_refusal(),
        (401, "expired".to_owned())
    );
    assert_eq!(
        app.send(crate::fixture::from_page(http::Method::GET, &[]))
            .await
            .status,
        401
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_issuer_holds_up_start_and_requests_for_two_seconds_only() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Silence);
    let start = tokio::time::Instant::now();
    let gate = remote(&issuer, |api| api).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    let app = App::new(&gate);
    assert_eq!(unavailable(&app.with_token(&long_lived(&key)).await), 1);
    let waited = start.elapsed().saturating_sub(Duration::from_secs(2));
    assert!((2000..2010).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_cold_gate_waits_for_the_fetch_in_flight() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Slow(Duration::from_secs(3)));
    let app = App::new(&remote(&issuer, |api| api).await);
    assert_eq!(app.with_token(&long_lived(&key)).await.status, 200);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_fetch_ends_at_the_time_out() {
    let issuer = FakeIssuer::new(&[]);
    issuer.answer(Answer::Silence);
    let settings = JwksSettings {
        timeout: Duration::from_millis(500),
        ..JwksSettings::default()
    };
    let gate = remote(&issuer, |api| api.with_jwks_settings(settings)).await;
    assert!(only_issuer(&gate).last_error.unwrap().contains("in time"));
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_the_issuer_reaches_the_client_in_whole_seconds() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Status(StatusCode::TOO_MANY_REQUESTS));
    issuer.header("retry-after", "120");
    let app = App::new(&remote(&issuer, |api| api).await);
    assert_eq!(unavailable(&app.with_token(&long_lived(&key)).await), 120);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(
        unavailable(&app.with_token(&long_lived(&key)).await),
        120,
        "rounded up"
    );
    sleep(Duration::from_secs(100)).await;
    assert_eq!(issuer.asked(), 1);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_used_stale_up_to_the_bound_and_not_beyond() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.header("cache-control", "max-age=600");
    let settings = JwksSettings {
        max_stale: Duration::from_mins(5),
        ..JwksSettings::default()
    };
    let gate = remote(&issuer, |api| api.with_jwks_settings(settings)).await;
    let app = App::new(&gate);
    let token = long_lived(&key);
    issuer.answer(Answer::Status(StatusCode::SERVICE_UNAVAILABLE));
    let second = Duration::from_secs(1);
    for (until, state, status) in [
        (0, HealthState::Fresh, 200),
        (599, HealthState::Refreshing, 200),
        (600, HealthState::Stale, 200),
        (899, HealthState::Stale, 200),
        (900, HealthState::Expired, 503),
        (5000, HealthState::Expired, 503),
    ] {
        sleep((second * until).saturating_sub(only_issuer(&gate).validated_ago.unwrap())).await;
        assert_eq!(gate.health().state, state, "at {until}");
        assert_eq!(app.with_token(&token).await.status, status, "at {until}");
        assert_eq!(gate.is_ready(), status == 200);
    }
    unavailable(&app.with_token(&token).await);

    issuer.answer(Answer::Keys);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(
        (app.with_token(&token).await.status, gate.health().state),
        (200, HealthState::Fresh)
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_good_set_replaces_the_last_good_one() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let gate = remote(&issuer, |api| api).await;
    let app = App::new(&gate);
    for bad in [
        Answer::Status(StatusCode::FOUND),
        Answer::Status(StatusCode::NOT_MODIFIED),
        Answer::Status(StatusCode::NO_CONTENT),
        Answer::Body(String::new()),
        Answer::Body("<html>".to_owned()),
        Answer::Body(r#"{"keys":[]}"#.to_owned()),
        Answer::Body(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned()),
        Answer::Body(format!(
            r#"{{"keys":[],"filler":"{}"}}"#,
            "x".repeat(exeat::MAX_BODY)
        )),
        Answer::Panic,
    ] {
        issuer.answer(bad);
        gate.refresh().await.unwrap_err();
        assert!(only_issuer(&gate).last_error.is_some());
        assert_eq!(app.with_token(&sign(&key, &claims())).await.status, 200);
    }
    issuer.answer(Answer::Keys);
    gate.refresh().await.unwrap();
    assert_eq!(only_issuer(&gate).epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_exactly_the_largest_size_is_read() {
    let key = es256();
    let issuer = FakeIssuer::new(&[]);
    let body = |filler: usize| {
        json!({ "keys": [key.public_jwk()], "filler": "x".repeat(filler) }).to_string()
    };
    let room = exeat::MAX_BODY - body(0).len();
    issuer.answer(Answer::Body(body(room)));
    let gate = remote(&issuer, |api| api).await;
    assert!(gate.is_ready());
    issuer.answer(Answer::Body(body(room + 1)));
    assert!(matches!(
        *gate.refresh().await.unwrap_err(),
        FetchError::TooLarge
    ));
}

#[tokio::test(start_paused = true)]
async fn the_fetching_task_ends_with_its_gate() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    let gate = remote(&issuer, |api| api).await;
    let clone = gate.clone();
    drop(gate);
    sleep(Duration::from_hours(1)).await;
    let asked = issuer.asked();
    assert!(asked > 1, "refreshed for the clone");
    drop(clone);
    sleep(Duration::from_hours(10)).await;
    assert_eq!(issuer.asked(), asked);
}
