//! The guide for operators, command by command, up to a service restored from its backup.

use std::{fs, path::Path};

use harness::{
    binary,
    guide::{Guide, shell},
    installation::{ADMIN_TOKEN, exchange, session, token_of},
    process::Process,
};
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
        "sh serve",
        "sh health",
        "sh metrics",
        "sh keys",
        "sh backup",
        "sh restore",
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
    let push = format!(
        "curl -sS --fail-with-body -X PUT -H 'Authorization: Bearer {ADMIN_TOKEN}' -H 'Content-Type: application/json' \
         --data @session.json {}/admin/v1/sessions",
        service.url("admin")?
    );
    succeed(folder, &push).await?;
    let stopped = service.terminate().await?;
    assert_eq!(stopped.code(), Some(0));
    for line in stopped.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line)?;
    }
    assert!(!stopped.stderr.contains(ID), "{}", stopped.stderr);

    succeed(folder, &guide.block("sh", "backup")?).await?;
    for lost in ["exeat.toml", "admin.token", "exeat.db"] {
        fs::remove_file(folder.join(lost))?;
    }
    fs::remove_dir_all(folder.join("keys"))?;
    succeed(folder, &guide.block("sh", "restore")?).await?;
    let restored = folder.join("restored");
    assert_eq!(
        succeed(&restored, &guide.block("sh", "keys")?).await?,
        keys,
        "the same keys"
    );
    let service = serve(&guide, &restored).await?;
    token_of(&exchange(service.url("issuer")?, ID, "loyalty-api").await?)?;
    service.terminate().await?;
    Ok(())
}
