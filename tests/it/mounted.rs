//! The issuer service as part of a marketplace's own axum app.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use exeat::ExternalApi;
use exeat_issuer::{Config, Issuer, NewSession, RawConfig, SessionCredential};
use exeat_jose::{Clock as _, SystemClock};
use harness::{
    api::Api,
    client,
    installation::{exchange, token_of},
    marketplace::{NAME, SUBJECT},
    server::Port,
};
use http::StatusCode;
use serde_json::{Value, json};

const ID: &str = "session-of-a-mounted-issuer";

#[tokio::test]
async fn a_marketplace_mounts_the_issuer_beside_its_own_routes() -> anyhow::Result<()> {
    let port = Port::any().await?;
    let url = port.url();
    let raw: RawConfig = serde_json::from_value(
        json!({"issuer": url, "keys": {"algs": ["ES256"]}, "audience": [{"id": "loyalty-api"}]}),
    )?;
    let issuer = Issuer::in_memory(Config::in_memory(raw)?, Arc::new(SystemClock))?;

    // The marketplace's own login handler pushes the session without any network.
    let session = NewSession::new(
        SUBJECT,
        NAME,
        "acme",
        SystemClock.now().saturating_add(Duration::from_mins(10)),
    );
    issuer
        .sessions()
        .put(session.with_id(SessionCredential::try_from(ID)?))
        .await?;
    let app = Router::new()
        .route("/", get(async || "the shop"))
        .merge(issuer.router())
        .fallback(async || (StatusCode::NOT_FOUND, "no such page"));
    let _server = port.serve(app);

    assert_eq!(client::get(&url).await?.text(), "the shop");
    assert_eq!(
        client::get(&format!("{url}/nowhere")).await?.text(),
        "no such page",
        "the marketplace keeps its own 404"
    );

    let token = token_of(&exchange(&url, ID, "loyalty-api").await?)?;
    let api = Api::start(ExternalApi::new(&url, "loyalty-api").build().await?).await?;
    assert_eq!(
        api.call(&token).await?.json::<Value>()?,
        json!({"sub": SUBJECT, "name": NAME, "tenant": "acme"})
    );
    Ok(())
}
