//! Stops of every kind: the same keys afterwards, every acknowledged session still there, and no start on a damaged directory.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use harness::{
    DEADLINE, binary, client,
    installation::{AUDIENCE, Installation, Service, session},
    process::Process,
};
use http::StatusCode;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

async fn published_kids(service: &Service) -> anyhow::Result<BTreeSet<String>> {
    let set: Value = client::get(&service.jwks_uri()).await?.json()?;
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .context("no keys")?;
    let kids = keys
        .iter()
        .map(|key| key.get("kid").and_then(Value::as_str).map(str::to_owned));
    kids.collect::<Option<_>>().context("a key without kid")
}

fn private_files(installation: &Installation) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(installation.keys())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".key.pem") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[tokio::test]
async fn a_second_start_has_the_same_keys_and_the_same_sessions() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let kids = published_kids(&service).await?;
    assert_eq!(
        kids.len(),
        4,
        "an active and a pending key for ES256 and for RS256"
    );
    assert_eq!(
        service.push(&session("first-session-id")).await?.status,
        StatusCode::CREATED
    );
    assert_eq!(service.process.terminate().await?.code(), Some(0));

    let service = installation.start().await?;
    assert_eq!(published_kids(&service).await?, kids);
    service.token("first-session-id", AUDIENCE).await?;
    assert_eq!(
        service.push(&session("first-session-id")).await?.status,
        StatusCode::OK,
        "it replaces what is there"
    );
    Ok(())
}

#[tokio::test]
async fn private_keys_and_the_session_secret_are_for_their_owner_alone() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    drop(installation.start().await?);
    let mut files = private_files(&installation)?;
    assert_eq!(files.len(), 4);
    files.push(installation.path("keys/session.secret"));
    for file in files {
        assert_eq!(
            fs::metadata(&file)?.permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_key_file_is_named_and_nothing_starts() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    assert!(
        installation
            .start()
            .await?
            .process
            .terminate()
            .await?
            .status
            .success()
    );
    for file in private_files(&installation)? {
        let good = fs::read(&file)?;
        let half = good.get(..good.len() / 2).context("an empty key file")?;
        for damaged in [
            half,
            b"",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            fs::write(&file, damaged)?;
            assert_refuses_and_names(&installation, &file).await?;
        }
        fs::write(&file, good)?;
    }
    drop(installation.start().await?);
    Ok(())
}

#[tokio::test]
async fn one_keys_private_half_under_anothers_name_is_named_and_nothing_starts()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    drop(installation.start().await?);
    let files = private_files(&installation)?;
    let (first, second) = (
        files.first().context("no key")?,
        files.get(1).context("one key")?,
    );
    fs::copy(second, first)?;
    assert_refuses_and_names(&installation, first).await
}

#[tokio::test]
async fn a_missing_session_secret_is_named_and_nothing_starts() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    assert_eq!(
        service.push(&session("first-session-id")).await?.status,
        StatusCode::CREATED
    );
    assert!(service.process.terminate().await?.status.success());
    let secret = installation.path("keys/session.secret");
    fs::remove_file(&secret)?;
    assert_refuses_and_names(&installation, &secret).await?;
    assert!(
        !secret.exists(),
        "a new secret would make every session unreadable"
    );
    Ok(())
}

async fn assert_refuses_and_names(installation: &Installation, file: &Path) -> anyhow::Result<()> {
    let finished = installation.start_and_fail().await?;
    let name = file.file_name().context("no name")?.to_string_lossy();
    assert_ne!(finished.code(), Some(0), "it started");
    assert!(finished.code().is_some(), "it crashed");
    assert_eq!(finished.stdout, "", "no listener may come up");
    assert!(
        finished.stderr.contains(&*name),
        "{name} is not named in\n{}",
        finished.stderr
    );
    Ok(())
}

/// Pushes sessions from several sides, kills the service with SIGKILL once `enough` pushes were acknowledged and others are under way, and gives
/// every acknowledged id.
async fn crash_during_pushes(
    service: Service,
    round: usize,
    enough: usize,
) -> anyhow::Result<Vec<String>> {
    let service = Arc::new(service);
    let (acknowledge, mut acknowledgements) = mpsc::unbounded_channel();
    for side in 0..4 {
        let (service, acknowledge) = (Arc::clone(&service), acknowledge.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let id = format!("session-of-round-{round}-side-{side}-number-{number}");
                match service.push(&session(&id)).await {
                    Ok(answer) if answer.status == StatusCode::CREATED => _ = acknowledge.send(id),
                    _ => break,
                }
            }
        });
    }
    drop(acknowledge);
    let mut ids = Vec::new();
    while let Some(id) = acknowledgements.recv().await {
        ids.push(id);
        if ids.len() == enough {
            service.process.signal("KILL").await?;
        }
    }
    Ok(ids)
}

#[tokio::test]
async fn kill_9_during_pushes_loses_no_acknowledged_session_and_no_key() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let mut acknowledged: Vec<String> = Vec::new();
    let mut kids = None;
    // The first crash meets a new database, the later ones what the earlier ones left behind.
    for (round, enough) in [1, 2, 7, 40].into_iter().enumerate() {
        let service = installation.start().await?;
        let found = published_kids(&service).await?;
        assert_eq!(
            *kids.get_or_insert_with(|| found.clone()),
            found,
            "round {round} has other keys"
        );
        let ids = crash_during_pushes(service, round, enough).await?;
        assert!(
            ids.len() >= enough,
            "round {round}: it died by itself after {}",
            ids.len()
        );
        acknowledged.extend(ids);
    }

    let service = installation.start().await?;
    assert_eq!(kids, Some(published_kids(&service).await?));
    for id in &acknowledged {
        service
            .token(id, AUDIENCE)
            .await
            .with_context(|| format!("{id} of {} was lost", acknowledged.len()))?;
    }
    Ok(())
}

#[tokio::test]
async fn kill_9_while_keys_are_made_leaves_a_directory_that_starts() -> anyhow::Result<()> {
    for moment in 0..4 {
        let installation = Installation::new()?;
        let starting = Process::start(&mut binary::serve_command(&installation.config())?)?;
        // As soon as the directory has so many private keys; RSA keys take long enough for each count to be seen.
        let reached = async {
            while private_files(&installation).map_or(0, |files| files.len()) < moment {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, reached)
            .await
            .context("the keys were never made")?;
        starting.signal("KILL").await?;
        starting.end().await?;

        let before = contents(private_files(&installation).unwrap_or_default())?;
        let service = installation
            .start()
            .await
            .with_context(|| format!("after a kill at {moment} keys"))?;
        let after = contents(private_files(&installation)?)?;
        assert!(
            before.is_subset(&after),
            "a key was lost after a kill at {moment} keys"
        );
        assert!(published_kids(&service).await?.len() >= 4);
    }
    Ok(())
}

fn contents(files: Vec<PathBuf>) -> anyhow::Result<BTreeSet<(PathBuf, Vec<u8>)>> {
    files
        .into_iter()
        .map(|file| Ok((file.clone(), fs::read(file)?)))
        .collect()
}
