//! What the README tells a new user to type, typed.

use std::fs;

use anyhow::Context as _;
use harness::{
    binary,
    guide::{Guide, shell},
    process::Process,
};
use serde_json::Value;
use tempfile::TempDir;

/// The blocks of a language below a heading.
fn blocks(heading: &str, language: &str) -> anyhow::Result<Vec<String>> {
    let section = Guide::read("README.md")?.below(heading)?;
    let blocks = section.blocks().into_iter();
    Ok(blocks
        .filter(|block| block.language == language)
        .map(|block| block.text)
        .collect())
}

#[tokio::test]
async fn the_commands_that_issue_a_token_issue_one() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let [config] = blocks("Issue tokens", "toml")?
        .try_into()
        .ok()
        .context("one file")?;
    fs::write(folder.path().join("exeat.toml"), config)?;
    let [start, exchange] = blocks("Issue tokens", "sh")?
        .try_into()
        .ok()
        .context("two blocks")?;

    let serve = "cargo run --release -- serve --config exeat.toml\n";
    let before = start
        .strip_suffix(serve)
        .context("the first block ends by serving")?;
    let prepared = shell(folder.path(), before).await?;
    assert_eq!(prepared.code(), Some(0), "{}", prepared.stderr);

    let mut command = binary::command(["serve", "--config", "exeat.toml"])?;
    command
        .current_dir(folder.path())
        .env("EXEAT_SERVER__LISTEN", "127.0.0.1:0")
        .env("EXEAT_SERVER__ADMIN_LISTEN", "127.0.0.1:0");
    let mut service = Process::start(&mut command)?;
    service.until_listening(&["issuer", "admin"]).await?;

    let admin = format!("session put --admin-url {}", service.url("admin")?);
    let exchange = exchange
        .replace("http://localhost:8080", service.url("issuer")?)
        .replace("session put", &admin);
    let finished = shell(folder.path(), &exchange).await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let answer: Value = serde_json::from_str(finished.stdout.lines().last().context("no answer")?)?;
    assert_eq!(answer["expires_in"], 300, "{answer}");
    assert_eq!(answer["audience"], "loyalty-api");
    let token = answer["token"].as_str().context("no token")?;
    assert_eq!(token.split('.').count(), 3);
    service.terminate().await?;
    Ok(())
}
