//! The guide for operators, command by command, up to a service restored from its backup.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context as _;
use harness::{
    binary,
    guide::{Guide, shell, source},
    installation::{ADMIN_TOKEN, exchange, session, token_of},
    process::Process,
};
use serde_json::Value;
use tempfile::TempDir;

const ID: &str = "session-that-is-in-the-backup";

async fn succeed(folder: &Path, lines: &str) -> anyhow::Result<String> {
    let finished = shell(folder, lines).await?;
    anyhow::ensure!(finished.code() == Some(0), "{lines}\n{finished:?}");
    Ok(finished.stdout)
}

/// The guide's own arguments on free ports.
async fn serve(guide: &Guide, folder: &Path) -> anyhow::Result<Process> {
    let line = guide.block("sh", "serve")?;
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("exeat"));
    let mut command = binary::command(words)?;
    command
        .current_dir(folder)
        .env("EXEAT_SERVER__LISTEN", "127.0.0.1:0")
        .env("EXEAT_SERVER__ADMIN_LISTEN", "127.0.0.1:0");
    let mut service = Process::start(&mut command)?;
    service.until_listening(&["issuer", "admin"]).await?;
    Ok(service)
}

#[tokio::test]
async fn the_operator_guide_leads_to_a_service_that_survives_its_loss() -> anyhow::Result<()> {
    let guide = Guide::read("docs/operator.md")?;
    let names = [
        "toml exeat.toml",
        "sh prepare",
        "toml all.toml",
        "sh serve",
        "sh health",
        "sh metrics",
        "sh keys",
        "sh rotate",
        "sh retire",
        "sh stolen",
        "sh backup",
        "sh restore",
        "sh replace",
    ];
    assert_eq!(guide.infos(), names, "a block that no test runs");
    let folder = TempDir::new()?;
    let folder = folder.path();
    fs::write(
        folder.join("exeat.toml"),
        guide.block("toml", "exeat.toml")?,
    )?;
    succeed(folder, &guide.block("sh", "prepare")?).await?;
    fs::write(folder.join("admin.token"), ADMIN_TOKEN)?;

    let service = serve(&guide, folder).await?;
    let health = guide
        .block("sh", "health")?
        .replace("http://127.0.0.1:8080", service.url("issuer")?);
    assert_eq!(succeed(folder, &health).await?, "200 OK\n200 OK\n");
    let metrics = guide
        .block("sh", "metrics")?
        .replace("http://127.0.0.1:8081", service.url("admin")?);
    let metrics = succeed(folder, &metrics).await?;
    assert!(metrics.contains("exeat_build_info{"), "{metrics}");
    let keys = succeed(folder, &guide.block("sh", "keys")?).await?;
    assert_eq!(
        keys.lines().count(),
        4,
        "active and pending, of two algorithms: {keys}"
    );
    fs::write(folder.join("session.json"), session(ID).to_string())?;
    push(folder, &service).await?;
    let stopped = service.terminate().await?;
    assert_eq!(stopped.code(), Some(0));
    for line in stopped.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line)?;
    }
    assert!(!stopped.stderr.contains(ID), "{}", stopped.stderr);

    succeed(folder, &guide.block("sh", "backup")?).await?;
    for lost in ["admin.token", "exeat.db"] {
        fs::remove_file(folder.join(lost))?;
    }
    fs::write(folder.join("keys/session.secret"), "not what it was")?;
    succeed(folder, &guide.block("sh", "restore")?).await?;
    succeed(folder, &guide.block("sh", "replace")?).await?;
    assert_eq!(
        succeed(folder, &guide.block("sh", "keys")?).await?,
        keys,
        "the same keys"
    );
    let service = serve(&guide, folder).await?;
    token_of(&exchange(service.url("issuer")?, ID, "loyalty-api").await?)?;
    service.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn every_key_of_the_configuration_is_in_a_file_that_passes_the_check() -> anyhow::Result<()> {
    let guide = Guide::read("docs/operator.md")?;
    let text = guide.block("toml", "all.toml")?;
    let folder = TempDir::new()?;
    let folder = folder.path();
    fs::write(folder.join("exeat.toml"), &text)?;
    succeed(folder, &guide.block("sh", "prepare")?).await?;

    let written: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split([' ', '#']).next())
        .map(|word| word.trim_matches(['[', ']']))
        .filter(|word| !word.is_empty())
        .collect();
    let raw = source("crates/exeat-issuer/src/config/raw.rs")?;
    let known: BTreeSet<&str> = raw
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split_once(": "))
        .map(|(name, _)| name)
        .filter(|name| !name.contains(' '))
        .collect();
    assert!(known.len() > 20, "{known:?}");
    assert_eq!(written, known);
    Ok(())
}

/// What `keys list` says of each key: its id and its state.
async fn states(guide: &Guide, folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let list = succeed(folder, &guide.block("sh", "keys")?).await?;
    list.lines()
        .map(|line| {
            let key: Value = serde_json::from_str(line)?;
            let text = |name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
            text("kid").zip(text("state")).context("no kid or no state")
        })
        .collect()
}

fn in_state<'a>(states: &'a BTreeMap<String, String>, state: &str) -> BTreeSet<&'a str> {
    let of_state = states.iter().filter(|(_, is)| *is == state);
    of_state.map(|(kid, _)| kid.as_str()).collect()
}

#[tokio::test]
async fn keys_are_rotated_and_given_up_as_the_operator_guide_says() -> anyhow::Result<()> {
    let guide = Guide::read("docs/operator.md")?;
    let folder = TempDir::new()?;
    let folder = folder.path();
    let file = guide.block("toml", "exeat.toml")?;
    fs::write(folder.join("exeat.toml"), file)?;
    fs::write(folder.join("admin.token"), ADMIN_TOKEN)?;
    let service = serve(&guide, folder).await?;
    fs::write(folder.join("session.json"), session(ID).to_string())?;
    push(folder, &service).await?;
    let old = token_of(&exchange(service.url("issuer")?, ID, "loyalty-api").await?)?;
    service.terminate().await?;
    let before = states(&guide, folder).await?;
    // Nobody rotates keys in the second in which they were made.
    age_keys(folder)?;

    succeed(folder, &guide.block("sh", "rotate")?).await?;
    let service = serve(&guide, folder).await?;
    let rotated = states(&guide, folder).await?;
    assert_eq!(in_state(&rotated, "active"), in_state(&before, "pending"));
    assert_eq!(in_state(&rotated, "retiring"), in_state(&before, "active"));
    assert_eq!(in_state(&rotated, "pending").len(), 2, "{rotated:?}");
    let new = token_of(&exchange(service.url("issuer")?, ID, "loyalty-api").await?)?;
    assert!(is_good(&service, &old).await? && is_good(&service, &new).await?);
    service.terminate().await?;

    succeed(folder, &guide.block("sh", "retire")?).await?;
    let service = serve(&guide, folder).await?;
    let retired = states(&guide, folder).await?;
    assert_eq!(in_state(&retired, "active"), in_state(&rotated, "active"));
    assert_eq!(in_state(&retired, "pending"), in_state(&rotated, "pending"));
    assert_eq!(retired.len(), 4, "{retired:?}");
    assert!(!is_good(&service, &old).await? && is_good(&service, &new).await?);
    service.terminate().await?;

    succeed(folder, &guide.block("sh", "stolen")?).await?;
    let service = serve(&guide, folder).await?;
    let made = states(&guide, folder).await?;
    assert_eq!(made.len(), 4, "{made:?}");
    assert!(made.keys().all(|kid| !retired.contains_key(kid)));
    let newest = token_of(&exchange(service.url("issuer")?, ID, "loyalty-api").await?)?;
    assert!(!is_good(&service, &new).await? && is_good(&service, &newest).await?);
    service.terminate().await?;
    Ok(())
}

/// Makes every key of the directory an hour older.
fn age_keys(folder: &Path) -> anyhow::Result<()> {
    let mut aged = 0;
    for file in fs::read_dir(folder.join("keys"))? {
        let path = file?.path();
        if !path.to_string_lossy().ends_with(".pub.jwk.json") {
            continue;
        }
        let mut key: Value = serde_json::from_slice(&fs::read(&path)?)?;
        for name in ["published_at", "sign_from"] {
            let time = key.pointer_mut(&format!("/exeat/{name}"));
            if let Some((time, at)) = time.and_then(|time| time.as_u64().map(|at| (time, at))) {
                *time = (at - 3600).into();
                aged += 1;
            }
        }
        fs::write(&path, serde_json::to_string_pretty(&key)?)?;
    }
    anyhow::ensure!(aged > 0, "no key has a time");
    Ok(())
}

async fn push(folder: &Path, service: &Process) -> anyhow::Result<()> {
    let push = format!(
        "curl -sS --fail-with-body -X PUT -H 'Authorization: Bearer {ADMIN_TOKEN}' -H 'Content-Type: application/json' \
         --data @session.json {}/admin/v1/sessions",
        service.url("admin")?
    );
    succeed(folder, &push).await?;
    Ok(())
}

/// Would an API that fetches the keys now accept it?
async fn is_good(service: &Process, token: &str) -> anyhow::Result<bool> {
    let jwks = format!("{}/.well-known/jwks.json", service.url("issuer")?);
    let arguments = [
        "token",
        "inspect",
        "--issuer",
        "https://market.example.com",
        "--audience",
        "loyalty-api",
        "--jwks",
        &jwks,
    ];
    let finished = binary::run(arguments, token).await?;
    let is_unknown =
        finished.stderr.contains("unknown_key") || finished.stdout.contains("unknown_key");
    anyhow::ensure!((finished.code() == Some(0)) != is_unknown, "{finished:?}");
    Ok(!is_unknown)
}
