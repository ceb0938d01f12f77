//! The issuer service as an operator installs it: a directory with a configuration, and the binary started on it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binary,
    client::{self, Answer},
    marketplace::{NAME, SUBJECT},
    process::{Finished, Process},
};

/// What the installation calls itself: the `iss` of its tokens, wherever it really listens.
pub const ISSUER: &str = "https://market.example.com";
/// The audience of API tokens, ES256.
pub const AUDIENCE: &str = "loyalty-api";
/// AppDirect's audience, RS256 and exactly five claims, behind the alias.
pub const APP_DIRECT: &str = "app-direct";
/// The path of AppDirect's own client.
pub const APP_DIRECT_PATH: &str = "/api/v1/personalization/graphql";

/// The admin token in [`Installation::admin_token_file`].
pub const ADMIN_TOKEN: &str = "correct-horse-battery-staple-admin";
const CONFIG: &str = r#"
issuer = "https://market.example.com"
admin_token_file = "admin.token"

[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[[alias]]
graphql = "/api/v1/personalization/graphql"
audience = "app-direct"
[[alias]]
jwks = "/api/v1/ext/keys"

[[audience]]
id = "loyalty-api"

[[audience]]
id = "loyalty-rsa"
alg = "RS256"

[[audience]]
id = "app-direct"
alg = "RS256"
profile = "appdirect"
strict_shape = true
"#;

/// A directory of its own; gone when this is dropped.
#[derive(Debug)]
pub struct Installation(TempDir);

impl Installation {
    /// With the audiences [`AUDIENCE`], `loyalty-rsa` and [`APP_DIRECT`], and free ports.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        Self::with_config(CONFIG)
    }

    /// With this text as the configuration.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn with_config(text: &str) -> anyhow::Result<Self> {
        let installation = Self(TempDir::new()?);
        fs::write(installation.config(), text)?;
        fs::write(installation.admin_token_file(), ADMIN_TOKEN)?;
        Ok(installation)
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("exeat.toml")
    }

    /// The file with the admin token.
    #[must_use]
    pub fn admin_token_file(&self) -> PathBuf {
        self.path("admin.token")
    }

    /// The key directory.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// A file or folder of the installation.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Starts the service and waits for both listeners.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(&self) -> anyhow::Result<Service> {
        let process = binary::serve(&self.config()).await?;
        let url = process.url("issuer")?.to_owned();
        let admin_url = process.url("admin")?.to_owned();
        Ok(Service {
            process,
            url,
            admin_url,
        })
    }

    /// Starts the service where it must refuse to start.
    ///
    /// # Errors
    /// It does not end before the deadline.
    pub async fn start_and_fail(&self) -> anyhow::Result<Finished> {
        let args = [
            "serve".as_ref(),
            "--config".as_ref(),
            self.config().into_os_string().as_os_str(),
        ]
        .map(std::ffi::OsStr::to_owned);
        binary::run(args, "").await
    }
}

/// The running service.
#[derive(Debug)]
pub struct Service {
    /// The process itself.
    pub process: Process,
    /// The public listener.
    pub url: String,
    /// The admin listener.
    pub admin_url: String,
}

impl Service {
    /// Pushes a session as the marketplace's own server does.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn push(&self, session: &Value) -> anyhow::Result<Answer> {
        self.admin("PUT", session).await
    }

    /// Revokes by `{"session_id"}` or `{"subject"}`.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn revoke(&self, which: &Value) -> anyhow::Result<Answer> {
        self.admin("DELETE", which).await
    }

    async fn admin(&self, method: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/admin/v1/sessions", self.admin_url))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .header("content-type", "application/json");
        client::send(request.body(body.to_string())?).await
    }

    /// Exchanges a session for a token, as a marketplace backend does.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn exchange(&self, session_id: &str, audience: &str) -> anyhow::Result<Answer> {
        exchange(&self.url, session_id, audience).await
    }

    /// A token for a session that must be there.
    ///
    /// # Errors
    /// The exchange was refused; the message has the answer.
    pub async fn token(&self, session_id: &str, audience: &str) -> anyhow::Result<String> {
        token_of(&self.exchange(session_id, audience).await?)
    }

    /// Where the keys are published.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }
}

/// `POST /v1/token` with `Authorization: Session`.
///
/// # Errors
/// Nobody answers.
pub async fn exchange(url: &str, session_id: &str, audience: &str) -> anyhow::Result<Answer> {
    let request = Request::post(format!("{url}/v1/token"))
        .header("authorization", format!("Session {session_id}"))
        .header("content-type", "application/json");
    client::send(request.body(json!({"audience": audience}).to_string())?).await
}

/// The token of a successful exchange.
///
/// # Errors
/// It was not successful; the message has the answer.
pub fn token_of(answer: &Answer) -> anyhow::Result<String> {
    let body: Value = answer.json()?;
    let token = body.get("token").and_then(Value::as_str);
    Ok(token
        .with_context(|| format!("{} without a token: {}", answer.status, answer.code()))?
        .to_owned())
}

/// A session as a marketplace pushes it: a user of a tenant, for an hour.
#[must_use]
pub fn session(session_id: &str) -> Value {
    json!({
        "session_id": session_id,
        "subject": SUBJECT,
        "name": NAME,
        "tenant": "acme",
        "expires_in": 3600,
    })
}
