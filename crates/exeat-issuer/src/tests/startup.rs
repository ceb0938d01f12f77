//! Opening the service on files.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::{OpenError, RawSessionSource, keys};

fn on_disk(directory: &Path) -> Config {
    fs::write(directory.join("admin.token"), format!("{ADMIN_TOKEN}\n")).unwrap();
    let raw = RawConfig {
        admin_token_file: Some("admin.token".to_owned()),
        session_source: vec![RawSessionSource {
            id: Some("pushed".to_owned()),
            kind: Some("pushed".to_owned()),
            database: Some("sqlite:sessions.db".to_owned()),
        }],
        ..raw_config()
    };
    Config::from_raw(raw, directory).unwrap()
}

async fn open(directory: &Path) -> Result<Issuer, OpenError> {
    Issuer::open(on_disk(directory), FakeClock::at(NOW)).await
}

#[tokio::test]
async fn sessions_and_keys_outlive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).await.unwrap();
    first.sessions().put(ada()).await.unwrap();
    let keys_then = send(first.router(), get("/.well-known/jwks.json"))
        .await
        .text;
    let sid_then = first.sessions().put(ada()).await.unwrap().sid;
    // Dropped without any orderly end.
    std::mem::drop(first);
    let second = open(directory.path()).await.unwrap();
    assert_eq!(
        send(second.router(), get("/.well-known/jwks.json"))
            .await
            .text,
        keys_then
    );
    let answer = send(second.router(), post("/v1/token", &[BACKEND], LOYALTY)).await;
    assert_eq!(
        claims(answer.json()["token"].as_str().unwrap())["sid"],
        sid_then
    );
    assert!(second.is_ready().await);
}

#[tokio::test]
async fn no_session_id_is_written_to_any_file() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = open(directory.path()).await.unwrap();
    issuer.sessions().put(ada()).await.unwrap();
    let mut read = 0;
    for folder in [directory.path().to_owned(), directory.path().join("keys")] {
        for item in fs::read_dir(folder)
            .unwrap()
            .filter(|item| item.as_ref().unwrap().path().is_file())
        {
            let bytes = fs::read(item.unwrap().path()).unwrap();
            assert!(
                !bytes
                    .windows(SESSION.len())
                    .any(|window| window == SESSION.as_bytes())
            );
            read += bytes.len();
        }
    }
    assert!(read > 4_096, "the database and its log were read");
}

#[tokio::test]
async fn secrets_are_created_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let keys = directory.path().join("keys");
    assert_eq!(
        (mode(&keys), mode(&keys.join("session.secret"))),
        (0o700, 0o600)
    );
    assert_eq!(mode(&directory.path().join("sessions.db")), 0o600);
    let private: Vec<_> = fs::read_dir(keys)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "pem"))
        .collect();
    assert_eq!(private.len(), 2);
    assert!(private.iter().all(|path| mode(path) == 0o600));
}

#[tokio::test]
async fn a_missing_session_secret_is_named_while_sessions_exist() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path())
        .await
        .unwrap()
        .sessions()
        .put(ada())
        .await
        .unwrap();
    let secret = directory.path().join("keys/session.secret");
    let kept = fs::read(&secret).unwrap();
    fs::remove_file(&secret).unwrap();
    let refused = open(directory.path()).await.unwrap_err();
    assert!(
        refused.to_string().contains(secret.to_str().unwrap()),
        "{refused}"
    );
    assert!(!secret.exists(), "a refusal makes no new secret");
    fs::write(&secret, kept).unwrap();
    let issuer = open(directory.path()).await.unwrap();
    assert_eq!(
        send(issuer.router(), post("/v1/token", &[BACKEND], LOYALTY))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_missing_session_secret_is_made_anew_when_no_session_is_left() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path())
        .await
        .unwrap()
        .sessions()
        .put(ada())
        .await
        .unwrap();
    fs::remove_file(directory.path().join("keys/session.secret")).unwrap();
    let later = FakeClock::at(NOW.saturating_add(Duration::from_hours(1)));
    assert!(Issuer::open(on_disk(directory.path()), later).await.is_ok());
}

#[tokio::test]
async fn another_session_secret_is_refused_while_sessions_exist() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path())
        .await
        .unwrap()
        .sessions()
        .put(ada())
        .await
        .unwrap();
    let secret = directory.path().join("keys/session.secret");
    fs::write(&secret, format!("{}\n", "0".repeat(64))).unwrap();
    assert!(matches!(
        open(directory.path()).await,
        Err(OpenError::SessionSecret { .. })
    ));
}

#[tokio::test]
async fn a_damaged_session_secret_is_named() {
    for text in ["", "0", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("keys")).unwrap();
        fs::write(directory.path().join("keys/session.secret"), text).unwrap();
        let refused = open(directory.path()).await.unwrap_err().to_string();
        assert!(refused.contains("session.secret"), "{text}: {refused}");
    }
}

#[tokio::test]
async fn an_admin_token_is_one_line_of_at_least_32_characters() {
    let directory = tempfile::tempdir().unwrap();
    let config = || on_disk(directory.path());
    for (token, passes) in [
        ("x".repeat(32), true),
        ("x".repeat(31), false),
        ("x ".repeat(32), false),
        (String::new(), false),
    ] {
        let config = config();
        fs::write(directory.path().join("admin.token"), &token).unwrap();
        let opened = Issuer::open(config, FakeClock::at(NOW)).await;
        assert_eq!(opened.is_ok(), passes, "{token}");
        if let Err(why) = opened {
            let why = why.to_string();
            assert!(
                why.contains("admin_token_file") && why.contains("admin.token"),
                "{why}"
            );
            assert!(token.is_empty() || !why.contains(&token));
        }
    }
    let config = config();
    fs::remove_file(directory.path().join("admin.token")).unwrap();
    assert!(
        Issuer::open(config, FakeClock::at(NOW))
            .await
            .unwrap_err()
            .to_string()
            .contains("admin.token")
    );
}

#[test]
fn the_admin_token_is_checked_with_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("admin.token");
    let problem = |named: Option<&str>| {
        let raw = RawConfig {
            admin_token_file: named.map(str::to_owned),
            ..raw_config()
        };
        raw.check_files(directory.path())
            .err()
            .map(|errors| errors.to_string())
    };
    let refused = |part: &str| {
        let problem = problem(Some("admin.token")).unwrap();
        assert!(
            problem.starts_with("admin_token_file: ") && problem.contains(part),
            "{problem}"
        );
    };
    refused("No such file");
    fs::write(&file, "x".repeat(31)).unwrap();
    refused("at least 32");
    fs::write(&file, "x".repeat(32)).unwrap();
    assert_eq!(problem(Some("admin.token")), None);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o602)).unwrap();
    refused("writable by everyone");
    // Not named: that is for from_raw to say.
    assert_eq!((problem(None), problem(Some(""))), (None, None));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_world_writable_admin_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = on_disk(directory.path());
    fs::set_permissions(
        directory.path().join("admin.token"),
        fs::Permissions::from_mode(0o602),
    )
    .unwrap();
    assert!(
        Issuer::open(config, FakeClock::at(NOW))
            .await
            .unwrap_err()
            .to_string()
            .contains("writable by everyone")
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("sessions.db"),
        "this is not a database, but long enough to be read as one".repeat(100),
    )
    .unwrap();
    let refused = open(directory.path()).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap();
    assert_eq!(
        (refused.to_string(), cause.to_string()),
        (
            format!(
                "{} cannot be used",
                directory.path().join("sessions.db").display()
            ),
            "cannot open or migrate the database".to_owned()
        ),
        "each says its own part, and nothing twice"
    );
}

#[tokio::test]
async fn keys_made_by_init_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let made = keys::init(
        &directory.path().join("keys"),
        &[exeat_jose::Algorithm::Es256],
        &*FakeClock::at(NOW),
    )
    .unwrap();
    let issuer = open(directory.path()).await.unwrap();
    let served = send(issuer.router(), get("/.well-known/jwks.json"))
        .await
        .json();
    let served: Vec<_> = served["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        served,
        made.iter()
            .map(|row| row.kid.to_string())
            .collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_that_start_together_on_nothing_all_start_with_the_same_keys() {
    let directory = tempfile::tempdir().unwrap();
    let configs: Vec<_> = (0..4).map(|_| on_disk(directory.path())).collect();
    let starts: Vec<_> = configs
        .into_iter()
        .map(|config| tokio::spawn(Issuer::open(config, FakeClock::at(NOW))))
        .collect();
    let mut sets = Vec::new();
    for start in starts {
        let issuer = start.await.unwrap().unwrap();
        sets.push(
            send(issuer.router(), get("/.well-known/jwks.json"))
                .await
                .text,
        );
        issuer.sessions().put(ada()).await.unwrap();
    }
    sets.dedup();
    assert_eq!(sets.len(), 1);
}
