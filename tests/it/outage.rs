//! The issuer cannot be reached: 503 with `Retry-After`, never 401, and recovery without anyone's help. Time passes only by the test's clock.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use exeat::{ExternalApi, Gate, JwksSettings};
use exeat_jose::Clock as _;
use harness::{DEADLINE, TestClock, api::Api, client::Answer, keys, marketplace::Marketplace};
use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

const ID: &str = "session-before-the-outage";
const AUDIENCE: &str = "loyalty-api";
const SHOP: &str = "https://shop.example";
/// Longer than the longest back-off between two attempts.
const AFTER_BACK_OFF: Duration = Duration::from_secs(61);

async fn marketplace(clock: &TestClock) -> anyhow::Result<Marketplace> {
    let marketplace = Marketplace::start(
        json!([{"id": AUDIENCE, "ttl": "24h"}]),
        Arc::new(clock.clone()),
    )
    .await?;
    marketplace.log_in(ID, "acme", 90_000).await?;
    Ok(marketplace)
}

async fn gate(marketplace: &Marketplace, clock: &TestClock) -> anyhow::Result<Gate> {
    let settings = JwksSettings {
        max_stale: Duration::ZERO,
        ..JwksSettings::default()
    };
    let api = ExternalApi::new(marketplace.url(), AUDIENCE)
        .with_origin(SHOP)
        .with_jwks_settings(settings);
    Ok(api.with_clock(Arc::new(clock.clone())).build().await?)
}

fn assert_unavailable(answer: &Answer) -> anyhow::Result<()> {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
    );
    let retry_after: u64 = answer
        .header("retry-after")
        .parse()
        .context("Retry-After is not seconds")?;
    assert!(
        (1..=60).contains(&retry_after),
        "Retry-After: {retry_after}"
    );
    assert_eq!(
        answer.header("www-authenticate"),
        "",
        "a challenge would log the user out"
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        SHOP,
        "a browser must be able to read it"
    );
    Ok(())
}

async fn call(api: &Api, token: &str) -> anyhow::Result<Answer> {
    api.send(
        api.request("GET")
            .header("origin", SHOP)
            .header("authorization", format!("Bearer {token}")),
    )
    .await
}

async fn until_ready(gate: &Gate) -> anyhow::Result<()> {
    timeout(DEADLINE, gate.ready())
        .await
        .context("the gate did not recover")
}

#[tokio::test]
async fn an_api_that_starts_before_its_issuer_answers_503_and_recovers_by_itself()
-> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let mut marketplace = marketplace(&clock).await?;
    let token = marketplace.token(ID, AUDIENCE).await?;
    marketplace.go_down().await;

    let gate = gate(&marketplace, &clock).await?;
    let api = Api::start(gate.clone()).await?;
    assert_eq!(api.readiness().await?, StatusCode::SERVICE_UNAVAILABLE);
    assert_unavailable(&call(&api, &token).await?)?;
    assert_eq!(api.handled(), 0);

    marketplace.come_back().await?;
    clock.advance(AFTER_BACK_OFF);
    // Requests are what notices that the time has come; whether this one already finds the keys does not matter.
    call(&api, &token).await?;
    until_ready(&gate).await?;
    assert_eq!(api.readiness().await?, StatusCode::OK);
    assert_eq!(call(&api, &token).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn keys_in_hand_outlast_a_short_outage_and_a_long_one_is_503_until_the_issuer_is_back()
-> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let mut marketplace = marketplace(&clock).await?;
    let token = marketplace.token(ID, AUDIENCE).await?;
    let gate = gate(&marketplace, &clock).await?;
    let api = Api::start(gate.clone()).await?;
    assert_eq!(call(&api, &token).await?.status, StatusCode::OK);

    marketplace.go_down().await;
    // The key set is good for at least 4 minutes (5, less 20 % of jitter).
    clock.advance(Duration::from_secs(200));
    assert_eq!(
        call(&api, &token).await?.status,
        StatusCode::OK,
        "nobody notices a short outage"
    );
    clock.advance(Duration::from_secs(200));
    assert_eq!(api.readiness().await?, StatusCode::SERVICE_UNAVAILABLE);
    assert_unavailable(&call(&api, &token).await?)?;
    clock.advance(AFTER_BACK_OFF);
    assert_unavailable(&call(&api, &token).await?)?;

    marketplace.come_back().await?;
    clock.advance(AFTER_BACK_OFF);
    call(&api, &token).await?;
    until_ready(&gate).await?;
    assert_eq!(api.readiness().await?, StatusCode::OK);
    assert_eq!(call(&api, &token).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn an_unknown_key_during_an_outage_is_503_and_not_401() -> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let mut marketplace = marketplace(&clock).await?;
    let other = self::marketplace(&clock).await?;
    let gate = gate(&marketplace, &clock).await?;
    let api = Api::start(gate).await?;
    let foreign = other.token(ID, AUDIENCE).await?;
    let answer = call(&api, &foreign).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "wrong_issuer"),
        "refused without asking anyone"
    );

    // The same issuer, a key that this gate has not seen: it may be new.
    let claims = keys::claims(
        marketplace.url(),
        AUDIENCE,
        clock.now(),
        &json!({"exp": clock.now().as_secs() + 86_400}),
    )?;
    let token = keys::sign(&keys::p256()?, &claims)?;
    let answer = call(&api, &token).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unknown_key"),
        "the issuer was asked"
    );
    marketplace.go_down().await;
    clock.advance(AFTER_BACK_OFF);
    assert_unavailable(&call(&api, &token).await?)?;
    Ok(())
}
