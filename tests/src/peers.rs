//! Other implementations: Node's `jose` and Python's `PyJWT`, installed by `cargo xtask setup`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::process::{Finished, Process};

/// The exit code of a peer's script that says: the library refused the token. Any other failure is the script's own.
const REFUSED: i32 = 3;

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
        Self::of(Command::new(python()).arg(folder().join("python/issuer.py"))).await
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
