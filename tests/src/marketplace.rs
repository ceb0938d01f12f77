//! The issuer service inside this process, as a marketplace mounts it: its clock is ours to move, and it can go away and come back.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use exeat_issuer::{Config, Issuer, NewSession, RawConfig, SessionCredential};
use exeat_jose::Clock;
use serde_json::{Value, json};

use crate::{
    client::Answer,
    installation,
    server::{Port, Server},
};

/// Ann's `sub`.
pub const SUBJECT: &str = "8f3b1c0a-2f7e-4f0e-9d58-3a0d1d3c9c11";
/// Ann's `name`: an e-mail address, as AppDirect has it.
pub const NAME: &str = "ann@example.com";

/// An issuer in memory on a port of its own. Its `iss` is its real URL, so a gate finds the keys by discovery.
pub struct Marketplace {
    issuer: Issuer,
    clock: Arc<dyn Clock>,
    url: String,
    address: SocketAddr,
    server: Option<Server>,
}

impl Marketplace {
    /// With these `[[audience]]` tables; ES256 keys alone unless one of them asks for RS256, because RSA keys are slow to make.
    ///
    /// # Errors
    /// The configuration is wrong or there is no free port.
    pub async fn start(audiences: Value, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::with(json!({}), audiences, clock).await
    }

    /// The same with further keys of the configuration.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn with(
        mut config: Value,
        audiences: Value,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let port = Port::any().await?;
        let url = port.url();
        let algs = if audiences.to_string().contains("RS256") {
            json!(["ES256", "RS256"])
        } else {
            json!(["ES256"])
        };
        let members = config
            .as_object_mut()
            .context("the configuration is an object")?;
        members.extend([
            ("issuer".to_owned(), json!(url)),
            ("keys".to_owned(), json!({"algs": algs})),
            ("audience".to_owned(), audiences),
        ]);
        let config = Config::in_memory(serde_json::from_value::<RawConfig>(config)?)?;
        let issuer = Issuer::in_memory(config, Arc::clone(&clock))?;
        let server = port.serve(issuer.router());
        Ok(Self {
            issuer,
            clock,
            url,
            address: server.address(),
            server: Some(server),
        })
    }

    /// Its URL, which is its `iss`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The issuer itself.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Ann of a tenant logs in for so long; her session has this id.
    ///
    /// # Errors
    /// The id is none.
    pub async fn log_in(
        &self,
        session_id: &str,
        tenant: &str,
        for_secs: u64,
    ) -> anyhow::Result<()> {
        let expires_at = self
            .clock
            .now()
            .saturating_add(Duration::from_secs(for_secs));
        let session = NewSession::new(SUBJECT, NAME, tenant, expires_at)
            .with_id(SessionCredential::try_from(session_id)?);
        self.issuer.sessions().put(session).await?;
        Ok(())
    }

    /// Exchanges a session for a token.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn exchange(&self, session_id: &str, audience: &str) -> anyhow::Result<Answer> {
        installation::exchange(&self.url, session_id, audience).await
    }

    /// A token for a session that must be there.
    ///
    /// # Errors
    /// The exchange was refused; the message has the answer.
    pub async fn token(&self, session_id: &str, audience: &str) -> anyhow::Result<String> {
        installation::token_of(&self.exchange(session_id, audience).await?)
    }

    /// Goes off the network.
    pub async fn go_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Comes back on the same port, with the same keys.
    ///
    /// # Errors
    /// Somebody else has taken the port.
    pub async fn come_back(&mut self) -> anyhow::Result<()> {
        self.server = Some(Port::at(self.address).await?.serve(self.router()));
        Ok(())
    }

    fn router(&self) -> Router {
        self.issuer.router()
    }
}
