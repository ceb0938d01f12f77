//! The main job: a pushed session becomes a token, and an API on another origin knows the user by it.

use std::{sync::Arc, time::Duration};

use exeat::ExternalApi;
use exeat_jose::{Clock as _, SystemClock};
use harness::{
    TestClock,
    api::Api,
    installation::{AUDIENCE, ISSUER, Installation, session},
    marketplace::{Marketplace, NAME, SUBJECT},
    tokens,
};
use http::StatusCode;
use serde_json::{Value, json};

const ID: &str = "session-of-the-main-job";
const SHOP: &str = "https://shop.example";

#[tokio::test]
async fn a_session_becomes_a_token_and_the_api_knows_the_user() -> anyhow::Result<()> {
    let audiences = json!([{"id": "es-api"}, {"id": "rs-api", "alg": "RS256"}]);
    let marketplace = Marketplace::start(audiences, Arc::new(SystemClock)).await?;
    marketplace.log_in(ID, "acme", 3600).await?;
    for (audience, alg) in [("es-api", "ES256"), ("rs-api", "RS256")] {
        // Nothing but issuer, audience and origin: the keys are found by discovery.
        let gate = ExternalApi::new(marketplace.url(), audience)
            .with_origin(SHOP)
            .build()
            .await?;
        assert!(gate.is_ready());
        let api = Api::start(gate).await?;

        let token = marketplace.token(ID, audience).await?;
        assert_eq!(tokens::header(&token)?.get("alg"), Some(&alg.into()));
        let request = api
            .request("GET")
            .header("origin", SHOP)
            .header("authorization", format!("Bearer {token}"));
        let answer = api.send(request).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        assert_eq!(
            answer.json::<Value>()?,
            json!({"sub": SUBJECT, "name": NAME, "tenant": "acme"})
        );
        assert_eq!(api.handled(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_for_one_api_is_refused_by_the_other() -> anyhow::Result<()> {
    let marketplace =
        Marketplace::start(json!([{"id": "one"}, {"id": "two"}]), Arc::new(SystemClock)).await?;
    marketplace.log_in(ID, "acme", 3600).await?;
    let two = Api::start(ExternalApi::new(marketplace.url(), "two").build().await?).await?;
    let answer = two.call(&marketplace.token(ID, "one").await?).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "wrong_audience")
    );
    assert_eq!(two.handled(), 0);
    Ok(())
}

#[tokio::test]
async fn the_binary_and_the_gate_do_the_same_over_two_processes() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    assert_eq!(
        service.push(&session(ID)).await?.status,
        StatusCode::CREATED
    );
    let gate = ExternalApi::new(ISSUER, AUDIENCE)
        .with_jwks_uri(&service.jwks_uri())
        .build()
        .await?;
    let api = Api::start(gate).await?;
    let answer = api.call(&service.token(ID, AUDIENCE).await?).await?;
    assert_eq!(
        answer.json::<Value>()?,
        json!({"sub": SUBJECT, "name": NAME, "tenant": "acme"}),
        "{}",
        answer.status
    );
    Ok(())
}

#[tokio::test]
async fn the_answer_says_what_a_client_needs_and_the_token_has_every_claim() -> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let now = clock.now().as_secs();
    let marketplace = Marketplace::start(
        json!([{"id": "loyalty-api", "aud": "urn:loyalty"}]),
        Arc::new(clock),
    )
    .await?;
    marketplace.log_in(ID, "acme", 3600).await?;
    let answer = marketplace.exchange(ID, "loyalty-api").await?;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");

    let body: Value = answer.json()?;
    let token = body["token"].as_str().unwrap_or_default();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["refresh_after"], 210);
    assert_eq!(body["issued_at"], now);
    assert_eq!(body["server_time"], now);

    let claims = tokens::claims(token)?;
    let mut names: Vec<_> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aud", "exp", "iat", "iss", "jti", "name", "nbf", "sid", "sub", "tenant"
        ]
    );
    assert_eq!(claims["iss"], marketplace.url());
    assert_eq!(claims["aud"], "urn:loyalty");
    assert_eq!(
        (&claims["iat"], &claims["nbf"], &claims["exp"]),
        (&json!(now), &json!(now - 5), &json!(now + 300))
    );
    assert_eq!(claims["sid"].as_str().map(str::len), Some(22));
    assert!(
        !token.contains(ID) && !body.to_string().contains(ID),
        "the session id stays with the marketplace"
    );
    Ok(())
}

#[tokio::test]
async fn a_token_never_outlives_its_session() -> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let marketplace =
        Marketplace::start(json!([{"id": AUDIENCE}]), Arc::new(clock.clone())).await?;
    marketplace.log_in(ID, "acme", 310).await?;
    let end = clock.now().as_secs() + 310;
    let life = async |audience: &str| -> anyhow::Result<Option<u64>> {
        let claims = tokens::claims(&marketplace.token(ID, audience).await?)?;
        Ok(claims.get("exp").and_then(Value::as_u64))
    };
    assert_eq!(
        life(AUDIENCE).await?,
        Some(end - 10),
        "the audience's own life comes first"
    );
    clock.advance(Duration::from_secs(250));
    assert_eq!(life(AUDIENCE).await?, Some(end), "then the session's end");
    clock.advance(Duration::from_secs(50));
    assert_eq!(
        life(AUDIENCE).await?,
        Some(end),
        "10 s are still worth a token"
    );
    clock.advance(Duration::from_secs(1));
    let answer = marketplace.exchange(ID, AUDIENCE).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "session_expired")
    );
    clock.advance(Duration::from_secs(9));
    let answer = marketplace.exchange(ID, AUDIENCE).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "session_expired")
    );
    Ok(())
}

#[tokio::test]
async fn an_unknown_and_a_revoked_session_are_told_apart() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let unknown = service.exchange(ID, AUDIENCE).await?;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (StatusCode::UNAUTHORIZED, "no_session")
    );
    assert_eq!(unknown.header("www-authenticate"), "Session");

    service.push(&session(ID)).await?;
    service.token(ID, AUDIENCE).await?;
    assert!(
        service
            .revoke(&json!({"session_id": ID}))
            .await?
            .status
            .is_success()
    );
    let revoked = service.exchange(ID, AUDIENCE).await?;
    assert_eq!(
        (revoked.status, revoked.code().as_str()),
        (StatusCode::UNAUTHORIZED, "session_revoked")
    );
    Ok(())
}
