use std::process::Command;

use super::*;
use crate::session::SECRET_LEN;

const NOW: NumericDate = NumericDate::from_secs(1_000);
const KEY: SessionKey = SessionKey([1; SECRET_LEN]);

fn session(subject: &str, expires_at: u64) -> Session {
    Session {
        subject: subject.to_owned(),
        name: "n".to_owned(),
        tenant: "t".to_owned(),
        expires_at: NumericDate::from_secs(expires_at),
        scopes: None,
        read_only: false,
    }
}

async fn database() -> (tempfile::TempDir, PushedSessions) {
    let directory = tempfile::tempdir().unwrap();
    let database = PushedSessions::open(&directory.path().join("s.db"))
        .await
        .unwrap();
    (directory, database)
}

fn name(lookup: &SessionLookup) -> &'static str {
    match lookup {
        SessionLookup::Live(_) => "live",
        SessionLookup::Absent => "absent",
        SessionLookup::Expired => "expired",
        SessionLookup::Revoked => "revoked",
    }
}

#[tokio::test]
async fn what_was_put_is_found_whole_after_reopening() {
    let (directory, database) = database().await;
    for scopes in [
        None,
        Some(Scope::default()),
        Some(Scope::parse("a:read b").unwrap()),
    ] {
        let written = Session {
            scopes,
            read_only: true,
            ..session("s", 2_000)
        };
        database.put(&KEY, &written, NOW).await.unwrap();
        let again = PushedSessions::open(&directory.path().join("s.db"))
            .await
            .unwrap();
        let Ok(SessionLookup::Live(read)) = again.lookup(&KEY, NOW).await else {
            panic!("not found")
        };
        assert!(read == written);
    }
}

#[tokio::test]
async fn a_session_expires_at_its_second() {
    let (_directory, database) = database().await;
    database.put(&KEY, &session("s", 2_000), NOW).await.unwrap();
    for (now, expected) in [(1_999, "live"), (2_000, "expired")] {
        assert_eq!(
            name(
                &database
                    .lookup(&KEY, NumericDate::from_secs(now))
                    .await
                    .unwrap()
            ),
            expected
        );
    }
    assert_eq!(
        name(
            &database
                .lookup(&SessionKey([2; SECRET_LEN]), NOW)
                .await
                .unwrap()
        ),
        "absent"
    );
}

#[tokio::test]
async fn an_ended_session_is_remembered_for_a_day() {
    let (_directory, database) = database().await;
    database.put(&KEY, &session("s", 2_000), NOW).await.unwrap();
    let other = SessionKey([2; SECRET_LEN]);
    let day_later = 2_000 + KEEP_EXPIRED.as_secs();
    for (now, expected) in [(day_later - 1, "expired"), (day_later, "absent")] {
        let now = NumericDate::from_secs(now);
        database
            .put(&other, &session("s", day_later * 2), now)
            .await
            .unwrap();
        assert_eq!(name(&database.lookup(&KEY, now).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn putting_again_replaces_and_revives() {
    let (_directory, database) = database().await;
    assert!(!database.put(&KEY, &session("s", 2_000), NOW).await.unwrap());
    assert_eq!(database.revoke(&KEY, NOW).await.unwrap(), 1);
    assert_eq!(name(&database.lookup(&KEY, NOW).await.unwrap()), "revoked");
    assert!(
        database
            .put(&KEY, &session("s2", 2_000), NOW)
            .await
            .unwrap()
    );
    assert_eq!(name(&database.lookup(&KEY, NOW).await.unwrap()), "live");
}

#[tokio::test]
async fn revoking_counts_only_what_was_live() {
    let (_directory, database) = database().await;
    for number in 1..=3 {
        database
            .put(
                &SessionKey([number; SECRET_LEN]),
                &session("s", 2_000 * u64::from(number)),
                NOW,
            )
            .await
            .unwrap();
    }
    let now = NumericDate::from_secs(2_000);
    assert_eq!(database.revoke_subject("nobody", now).await.unwrap(), 0);
    assert_eq!(database.revoke_subject("s", now).await.unwrap(), 2);
    assert_eq!(database.revoke_subject("s", now).await.unwrap(), 0);
    assert_eq!(database.revoke(&KEY, now).await.unwrap(), 0);
}

#[tokio::test]
async fn writes_wait_for_the_disk() {
    let (_directory, database) = database().await;
    let read =
        async |pragma: &'static str| sqlx::query(pragma).fetch_one(&database.pool).await.unwrap();
    assert_eq!(read("PRAGMA journal_mode").await.get::<String, _>(0), "wal");
    assert_eq!(read("PRAGMA synchronous").await.get::<i64, _>(0), 2, "FULL");
}

#[tokio::test]
async fn a_row_that_was_not_written_here_is_an_outage_not_a_missing_session() {
    let (_directory, database) = database().await;
    database.put(&KEY, &session("s", 2_000), NOW).await.unwrap();
    sqlx::query("UPDATE sessions SET scopes = 'two  spaces'")
        .execute(&database.pool)
        .await
        .unwrap();
    assert!(matches!(
        database.lookup(&KEY, NOW).await,
        Err(SourceError::Malformed("scopes"))
    ));
}

#[tokio::test]
async fn a_database_that_went_away_is_an_error_not_an_absence() {
    let (_directory, database) = database().await;
    database.pool.close().await;
    assert!(matches!(
        database.lookup(&KEY, NOW).await,
        Err(SourceError::Unavailable(_))
    ));
    assert!(database.health().await.is_err());
}

/// The child of the next test: acknowledges each session on stdout, and never ends by itself.
#[tokio::test]
#[ignore = "run by sessions_that_were_acknowledged_survive_kill_9"]
async fn put_sessions_until_killed() {
    use std::io::Write;
    let file = std::env::args().next_back().unwrap();
    let database = PushedSessions::open(Path::new(&file)).await.unwrap();
    for number in 0..u32::MAX {
        let mut key = [0; SECRET_LEN];
        key[..4].copy_from_slice(&number.to_be_bytes());
        database
            .put(&SessionKey(key), &session("s", 2_000), NOW)
            .await
            .unwrap();
        writeln!(std::io::stdout().lock(), "put {number}").unwrap();
    }
}

#[tokio::test]
async fn sessions_that_were_acknowledged_survive_kill_9() {
    use std::io::{BufRead, BufReader};
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.db");
    // The path is one more test filter, which matches nothing: how an argument reaches a test.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "session::pushed::tests::put_sessions_until_killed",
        ])
        .arg(&file)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let number = |line: &str| {
        line.strip_prefix("put ")
            .and_then(|number| number.parse::<u32>().ok())
    };
    let mut last = lines
        .by_ref()
        .find_map(|line| number(&line).filter(|number| *number >= 20))
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Those it told of before it died.
    last = lines
        .filter_map(|line| number(&line))
        .last()
        .unwrap_or(last);

    let database = PushedSessions::open(&file).await.unwrap();
    let whole: String = sqlx::query("PRAGMA integrity_check")
        .fetch_one(&database.pool)
        .await
        .unwrap()
        .get(0);
    assert_eq!(whole, "ok");
    for number in 0..=last {
        let mut key = [0; SECRET_LEN];
        key[..4].copy_from_slice(&number.to_be_bytes());
        assert_eq!(
            name(&database.lookup(&SessionKey(key), NOW).await.unwrap()),
            "live",
            "{number} of {last}"
        );
    }
}
