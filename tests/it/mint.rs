//! Tokens and key sets made on the command line, for the tests of an API that has no issuer at hand.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use axum::{Router, routing::get};
use harness::{
    binary, client,
    installation::{AUDIENCE, ISSUER, Installation},
    peers::Verifier,
    process::Finished,
    server::Server,
    tokens,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A key directory made by `keys init`.
struct Keys(TempDir);

impl Keys {
    async fn init(algs: &str) -> anyhow::Result<Self> {
        let keys = Self(TempDir::new()?);
        let made = run(
            &["keys", "init", "--alg", algs, "--directory", keys.path()?],
            "",
        )
        .await?;
        assert_eq!(made.code(), Some(0), "{}", made.stderr);
        Ok(keys)
    }

    fn path(&self) -> anyhow::Result<&str> {
        self.0.path().to_str().context("not UTF-8")
    }

    /// What `keys export-public` prints.
    async fn exported(&self) -> anyhow::Result<String> {
        let exported = run(&["keys", "export-public", "--directory", self.path()?], "").await?;
        assert_eq!(exported.code(), Some(0), "{}", exported.stderr);
        Ok(exported.stdout)
    }

    /// The private key of the active key of an algorithm.
    async fn active(&self, alg: &str) -> anyhow::Result<PathBuf> {
        let list = run(&["keys", "list", "--directory", self.path()?], "").await?;
        for line in list.stdout.lines() {
            let row: Value = serde_json::from_str(line)?;
            let fact = |name: &str| row.get(name).and_then(Value::as_str);
            if fact("alg") == Some(alg) && fact("state") == Some("active") {
                let kid = fact("kid").context("no kid")?;
                return Ok(self.0.path().join(format!("{kid}.key.pem")));
            }
        }
        anyhow::bail!("no active key for {alg}: {}", list.stdout)
    }
}

async fn run(args: &[&str], stdin: &str) -> anyhow::Result<Finished> {
    binary::run(args, stdin).await
}

async fn mint(claims: &Value, key: &Path, more: &[&str]) -> anyhow::Result<Finished> {
    let key = key.to_str().context("not UTF-8")?;
    let args = [&["token", "mint", "--claims", "-", "--key", key], more].concat();
    run(&args, &claims.to_string()).await
}

/// The keys of a set by their names: the order among keys made in the same second is nobody's promise.
fn members(set: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let set: Value = serde_json::from_str(set)?;
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.context("no keys")?;
    let named = keys
        .iter()
        .map(|key| Some((key.get("kid")?.as_str()?.to_owned(), key.clone())));
    named.collect::<Option<_>>().context("a key without a name")
}

#[tokio::test]
async fn the_exported_key_set_is_the_one_that_the_service_publishes() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let served = client::get(&service.jwks_uri()).await?;
    let keys = installation.keys();
    let keys = keys.to_str().context("not UTF-8")?;
    let exported = run(&["keys", "export-public", "--directory", keys], "").await?;
    assert_eq!(exported.code(), Some(0), "{}", exported.stderr);
    assert_eq!(members(&exported.stdout)?, members(&served.text())?);
    Ok(())
}

#[tokio::test]
async fn minted_tokens_hold_for_other_implementations_with_the_exported_key_set()
-> anyhow::Result<()> {
    let keys = Keys::init("ES256,RS256").await?;
    let set = keys.exported().await?;
    let server =
        Server::start(Router::new().route("/jwks", get(move || async move { set }))).await?;
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "level": 3});
    for (alg, typ) in [("ES256", "JWT"), ("RS256", "at+jwt")] {
        let minted = mint(&claims, &keys.active(alg).await?, &["--typ", typ]).await?;
        assert_eq!(minted.code(), Some(0), "{}", minted.stderr);
        assert_eq!(minted.stderr, "");
        let token = minted.stdout.strip_suffix('\n').context("no line")?;
        assert!(!token.contains(char::is_whitespace), "the token only");
        for peer in Verifier::ALL {
            let accepted = peer
                .verify(token, &format!("{}/jwks", server.url()), ISSUER, AUDIENCE)
                .await?
                .map_err(|why| anyhow::anyhow!("{peer:?} refused {alg}: {why}"))?;
            assert_eq!(accepted.header.get("alg"), Some(&alg.into()));
            assert_eq!(accepted.header.get("typ"), Some(&typ.into()));
            assert_eq!(accepted.claims.get("level"), Some(&3.into()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_minted_token_is_verified_by_inspect_and_lives_five_minutes() -> anyhow::Result<()> {
    let keys = Keys::init("ES256").await?;
    let files = TempDir::new()?;
    let jwks = files.path().join("jwks.json");
    let claims = files.path().join("claims.json");
    std::fs::write(&jwks, keys.exported().await?)?;
    std::fs::write(
        &claims,
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1"}).to_string(),
    )?;
    let key = keys.active("ES256").await?;
    let [jwks, claims, key] = [&jwks, &claims, &key].map(|path| path.to_str().unwrap_or_default());
    let minted = run(&["token", "mint", "--claims", claims, "--key", key], "").await?;
    assert_eq!(minted.code(), Some(0), "{}", minted.stderr);
    let held = tokens::claims(minted.stdout.trim())?;
    let time = |name: &str| held.get(name).and_then(Value::as_u64).context("no time");
    assert_eq!(time("exp")? - time("iat")?, 300);
    assert_eq!(held.len(), 5, "{held:?}");

    let verify = [
        "token",
        "inspect",
        "--issuer",
        ISSUER,
        "--audience",
        AUDIENCE,
        "--jwks",
        jwks,
    ];
    let verified = run(&verify, &minted.stdout).await?;
    assert_eq!(verified.code(), Some(0), "{}", verified.stderr);

    // Claims that name an end keep it: a token that has expired is one that tests need.
    let late = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "exp": 1_000_000_000});
    let expired = mint(&late, Path::new(key), &[]).await?;
    let refused = run(&verify, &expired.stdout).await?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("(expired)"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn a_key_for_another_algorithm_is_refused_and_not_shown() -> anyhow::Result<()> {
    let keys = Keys::init("ES256").await?;
    let key = keys.active("ES256").await?;
    let pem = std::fs::read_to_string(&key)?;
    let secret = pem.lines().nth(1).context("no key")?;
    let refused = mint(&json!({}), &key, &["--alg", "RS256"]).await?;
    assert_eq!(refused.code(), Some(1));
    assert_eq!(refused.stdout, "");
    assert!(
        refused.stderr.contains("does not fit RS256"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains(secret), "the key is not shown");
    Ok(())
}
