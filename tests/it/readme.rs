//! What the README tells a new user to type, typed.

use std::{fs, path::Path};

use anyhow::Context as _;
use harness::{
    binary,
    process::{Finished, Process},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// The fenced blocks of a language below a heading.
fn blocks(heading: &str, language: &str) -> anyhow::Result<Vec<String>> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let section = readme
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .with_context(|| format!("the README has no section {heading}"))?;
    let fence = format!("```{language}\n");
    let blocks: Vec<String> = section
        .split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect();
    anyhow::ensure!(!blocks.is_empty(), "no {language} below {heading}");
    Ok(blocks)
}

/// Runs lines of a shell as written, but for `cargo run --release --`, which becomes the binary under test.
async fn shell(folder: &Path, lines: &str) -> anyhow::Result<Finished> {
    let run = r#"cargo() { [ "$1 $2 $3" = "run --release --" ] && shift 3 && "$EXEAT" "$@"; }"#;
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", &format!("{run}\n{lines}")])
        .env("EXEAT", binary::path()?)
        .current_dir(folder);
    Process::start(&mut command)?.finish("").await
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
