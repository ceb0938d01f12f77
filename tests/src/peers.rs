//! Other implementations: Node's `jose` and `oidc-provider`, Python's `PyJWT` and `Authlib`, installed by `cargo xtask setup`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Request;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::{
    client,
    process::{Finished, Process},
};

/// The exit code of a peer's script that says: the library refused the token. Any other failure is the script's own.
const REFUSED: i32 = 3;
const OIDC_CLIENT_SECRET: &str = "the-secret-of-the-client";

/// What a peer read from a token that it accepted.
#[derive(Debug, Deserialize)]
pub struct Accepted {
    /// The JOSE header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// A verifier that is not ours.
#[derive(Clone, Copy, Debug)]
pub enum Verifier {
    /// `jose`, with `createRemoteJWKSet`.
    NodeJose,
    /// `PyJWT`, with `PyJWKClient`.
    PyJwt,
}

impl Verifier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::NodeJose, Self::PyJwt];

    /// Lets the peer fetch the key set and verify `token`; the inner error is its refusal.
    ///
    /// # Errors
    /// The peer is not installed or broke.
    pub async fn verify(
        self,
        token: &str,
        jwks_uri: &str,
        issuer: &str,
        audience: &str,
    ) -> anyhow::Result<Result<Accepted, String>> {
        let (mut command, script) = match self {
            Self::NodeJose => (Command::new("node"), folder().join("node/verify.mjs")),
            Self::PyJwt => (Command::new(python()), folder().join("python/verify.py")),
        };
        command.arg(script).args([jwks_uri, issuer, audience]);
        let finished = Process::start(&mut command)?.finish(token).await?;
        match finished.code() {
            Some(0) => Ok(Ok(serde_json::from_str(&finished.stdout)?)),
            Some(REFUSED) => Ok(Err(finished.stderr.trim().to_owned())),
            _ => anyhow::bail!("{self:?} broke: {finished:?}"),
        }
    }
}

/// An issuer that is not ours, with its own keys and its own JWKS endpoint.
#[derive(Debug)]
pub struct ForeignIssuer(Process);

impl ForeignIssuer {
    /// Starts one made of `jose` on a free port.
    ///
    /// # Errors
    /// The peer is not installed or broke.
    pub async fn start_jose() -> anyhow::Result<Self> {
        Self::of(Command::new("node").arg(folder().join("node/issuer.mjs"))).await
    }

    /// Starts one made of `PyJWT` on a free port; it signs with ES256 and RS256.
    ///
    /// # Errors
    /// The peer is not installed or broke.
    pub async fn start_pyjwt() -> anyhow::Result<Self> {
        Self::start_python("PyJWT").await
    }

    /// Starts one made of `Authlib` on a free port; it signs with ES256 and RS256.
    ///
    /// # Errors
    /// The peer is not installed or broke.
    pub async fn start_authlib() -> anyhow::Result<Self> {
        Self::start_python("Authlib").await
    }

    async fn start_python(library: &str) -> anyhow::Result<Self> {
        let script = folder().join("python/issuer.py");
        Self::of(Command::new(python()).arg(script).arg(library)).await
    }

    async fn of(command: &mut Command) -> anyhow::Result<Self> {
        let mut process = Process::start(command)?;
        process.until_listening(&["peer"]).await?;
        Ok(Self(process))
    }

    /// Where it publishes its keys.
    ///
    /// # Errors
    /// Never after a start.
    pub fn jwks_uri(&self) -> anyhow::Result<String> {
        Ok(format!("{}/jwks", self.0.url("peer")?))
    }

    /// A token with these claims, signed by the peer.
    ///
    /// # Errors
    /// The peer broke.
    pub async fn sign(&mut self, alg: &str, typ: &str, claims: &Value) -> anyhow::Result<String> {
        self.0
            .write_line(&json!({"alg": alg, "typ": typ, "claims": claims}).to_string())
            .await?;
        self.0.next_line().await.context("the peer did not sign")
    }
}

/// npm's `oidc-provider`: an authorization server that hands JWT access tokens to one client of its own (RFC 6749 §4.4, RFC 9068).
#[derive(Debug)]
pub struct OidcProvider(Process);

impl OidcProvider {
    /// The resource whose tokens are signed with ES256 (RFC 8707).
    pub const ES256: &str = "https://es256.example";
    /// The resource whose tokens are signed with RS256.
    pub const RS256: &str = "https://rs256.example";
    /// The client.
    pub const CLIENT: &str = "shop";

    /// Starts it on a free port.
    ///
    /// # Errors
    /// The peer is not installed or broke.
    pub async fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command.arg(folder().join("node/oidc_provider.mjs"));
        let mut process = Process::start(command.args([Self::CLIENT, OIDC_CLIENT_SECRET]))?;
        process.until_listening(&["peer"]).await?;
        Ok(Self(process))
    }

    /// The `iss` of its tokens, under which its metadata is found.
    ///
    /// # Errors
    /// Never after a start.
    pub fn issuer(&self) -> anyhow::Result<&str> {
        self.0.url("peer")
    }

    /// An access token for `resource`, by the client credentials grant.
    ///
    /// # Errors
    /// The request was refused; the message has the answer.
    pub async fn token(&self, resource: &str) -> anyhow::Result<String> {
        let credentials = STANDARD.encode(format!("{}:{OIDC_CLIENT_SECRET}", Self::CLIENT));
        let request = Request::post(format!("{}/token", self.issuer()?))
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/x-www-form-urlencoded");
        let form = format!("grant_type=client_credentials&scope=points:read&resource={resource}");
        let answer = client::send(request.body(form)?).await?;
        let body: Value = answer.json()?;
        let token = body.get("access_token").and_then(Value::as_str);
        Ok(token.with_context(|| answer.text())?.to_owned())
    }

    /// Gives it new keys; nothing is left of the old ones.
    ///
    /// # Errors
    /// The peer broke.
    pub async fn replace_keys(&mut self) -> anyhow::Result<()> {
        self.0.write_line("replace").await?;
        let said = self.0.next_line().await?;
        anyhow::ensure!(said == "replaced", "{said}");
        Ok(())
    }
}

/// Lets Node play an extension's page, with the scripts in `folder`; prints `ok` when all went as it must.
///
/// # Errors
/// Node is not installed or does not end.
pub async fn extension(
    folder: &Path,
    issuer: &str,
    api: &str,
    cookie: &str,
) -> anyhow::Result<Finished> {
    let mut command = Command::new("node");
    command.arg(node().join("extension.mjs")).arg(folder);
    Process::start(command.args([issuer, api, cookie]))?
        .finish("")
        .await
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The folder whose `node_modules` has the Node peers.
pub(crate) fn node() -> PathBuf {
    folder().join("node")
}

/// The virtual environment of the Python peers.
pub(crate) fn venv() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or_else(|| Path::new("."));
    workspace.join("target/peers/venv")
}

fn python() -> PathBuf {
    venv().join("bin/python")
}
