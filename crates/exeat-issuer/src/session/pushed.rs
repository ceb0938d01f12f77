//! Pushed sessions in SQLite.
//!
//! Write-ahead log with `synchronous = FULL`: a statement returns after its log record reached the disk, so a session that was
//! acknowledged survives `kill -9` and a power cut.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use exeat_jose::{NumericDate, Scope};
use sqlx::{
    Row, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use super::{Session, SessionKey, SessionLookup, SessionSecrets, SessionSource, SourceError};
use crate::key_store;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 4;
/// How long an ended session is kept, so that "expired" is not answered as "absent".
const KEEP_EXPIRED: Duration = Duration::from_hours(24);

const LOOKUP: &str = "SELECT subject, name, tenant, scopes, read_only, expires_at, revoked_at FROM sessions WHERE key = ?";
const PUT: &str = "INSERT INTO sessions (key, subject, name, tenant, scopes, read_only, created_at, expires_at) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (key) DO UPDATE SET subject = excluded.subject, name = excluded.name, tenant = excluded.tenant, \
    scopes = excluded.scopes, read_only = excluded.read_only, created_at = excluded.created_at, \
    expires_at = excluded.expires_at, revoked_at = NULL, puts = puts + 1 RETURNING puts";
const REVOKE: &str =
    "UPDATE sessions SET revoked_at = ? WHERE key = ? AND revoked_at IS NULL AND expires_at > ?";
const REVOKE_SUBJECT: &str = "UPDATE sessions SET revoked_at = ? WHERE subject = ? AND revoked_at IS NULL AND expires_at > ?";
const PURGE: &str = "DELETE FROM sessions WHERE expires_at <= ?";

/// The table of pushed sessions.
pub(crate) struct PushedSessions {
    pool: SqlitePool,
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot create the file")]
    Create(#[source] io::Error),
    #[error("cannot open or migrate the database")]
    Open(#[source] sqlx::Error),
    /// The rows were made with another `session.secret`: no id would find its session.
    #[error("holds sessions made with another session secret")]
    ForeignSecret,
}

impl PushedSessions {
    /// Opens the file, creating and migrating it as needed.
    pub(crate) async fn open(file: &Path) -> Result<Self, StoreError> {
        // SQLite would create it readable by all; names in it are e-mail addresses. Its log files inherit the mode.
        create_private(file.to_owned())
            .await
            .map_err(StoreError::Create)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(StoreError::Open)?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|why| StoreError::Open(why.into()))?;
        Ok(Self { pool })
    }

    /// Are there sessions that have not ended?
    pub(crate) async fn any_live(&self, now: NumericDate) -> Result<bool, StoreError> {
        sqlx::query("SELECT 1 FROM sessions WHERE expires_at > ? LIMIT 1")
            .bind(seconds(now))
            .fetch_optional(&self.pool)
            .await
            .map(|row| row.is_some())
            .map_err(StoreError::Open)
    }

    /// Binds the database to its secret: refuses one that its live sessions were not made with.
    pub(crate) async fn bind_secret(
        &self,
        secrets: &SessionSecrets,
        now: NumericDate,
    ) -> Result<(), StoreError> {
        let witness = secrets.witness();
        let stored: Option<Vec<u8>> = sqlx::query("SELECT witness FROM session_secret")
            .fetch_optional(&self.pool)
            .await
            .and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(StoreError::Open)?;
        match stored {
            Some(stored) if stored == witness => return Ok(()),
            Some(_) if self.any_live(now).await? => return Err(StoreError::ForeignSecret),
            _ => {}
        }
        sqlx::query("INSERT OR REPLACE INTO session_secret (only_row, witness) VALUES (1, ?)")
            .bind(witness.as_slice())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::Open)
    }
}

#[async_trait]
impl SessionSource for PushedSessions {
    async fn lookup(
        &self,
        key: &SessionKey,
        now: NumericDate,
    ) -> Result<SessionLookup, SourceError> {
        let row = sqlx::query(LOOKUP)
            .bind(key.0.as_slice())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.map_or(Ok(SessionLookup::Absent), |row| read(&row, now))
    }

    async fn put(
        &self,
        key: &SessionKey,
        session: &Session,
        now: NumericDate,
    ) -> Result<bool, SourceError> {
        sqlx::query(PURGE)
            .bind(seconds(now.saturating_sub(KEEP_EXPIRED)))
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        let row = sqlx::query(PUT)
            .bind(key.0.as_slice())
            .bind(&session.subject)
            .bind(&session.name)
            .bind(&session.tenant)
            .bind(
                session
                    .scopes
                    .as_ref()
                    .map(|scopes| scopes.to_claim().unwrap_or_default()),
            )
            .bind(session.read_only)
            .bind(seconds(now))
            .bind(seconds(session.expires_at))
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        let puts: i64 = row.try_get(0).map_err(unavailable)?;
        Ok(puts > 1)
    }

    async fn revoke(&self, key: &SessionKey, now: NumericDate) -> Result<usize, SourceError> {
        let done = sqlx::query(REVOKE)
            .bind(seconds(now))
            .bind(key.0.as_slice())
            .bind(seconds(now))
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn revoke_subject(&self, subject: &str, now: NumericDate) -> Result<usize, SourceError> {
        let done = sqlx::query(REVOKE_SUBJECT)
            .bind(seconds(now))
            .bind(subject)
            .bind(seconds(now))
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn health(&self) -> Result<(), SourceError> {
        sqlx::query("SELECT 1 FROM sessions LIMIT 1")
            .fetch_optional(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }
}

fn read(row: &SqliteRow, now: NumericDate) -> Result<SessionLookup, SourceError> {
    let revoked_at: Option<i64> = row.try_get("revoked_at").map_err(unavailable)?;
    if revoked_at.is_some() {
        return Ok(SessionLookup::Revoked);
    }
    let expires_at: i64 = row.try_get("expires_at").map_err(unavailable)?;
    let expires_at = NumericDate::from_secs(
        u64::try_from(expires_at).map_err(|_| SourceError::Malformed("expires_at"))?,
    );
    if expires_at <= now {
        return Ok(SessionLookup::Expired);
    }
    let scopes: Option<String> = row.try_get("scopes").map_err(unavailable)?;
    let scopes = match scopes.as_deref() {
        None => None,
        Some("") => Some(Scope::default()),
        Some(names) => Some(Scope::parse(names).map_err(|_| SourceError::Malformed("scopes"))?),
    };
    Ok(SessionLookup::Live(Session {
        subject: row.try_get("subject").map_err(unavailable)?,
        name: row.try_get("name").map_err(unavailable)?,
        tenant: row.try_get("tenant").map_err(unavailable)?,
        expires_at,
        scopes,
        read_only: row.try_get("read_only").map_err(unavailable)?,
    }))
}

/// SQLite's integers are signed; no time here passes the year 292 billion.
fn seconds(date: NumericDate) -> i64 {
    i64::try_from(date.as_secs()).unwrap_or(i64::MAX)
}

fn unavailable(why: sqlx::Error) -> SourceError {
    SourceError::Unavailable(Box::new(why))
}

/// An existing file is not even opened: closing it would drop the locks that other connections of this process hold on it.
async fn create_private(file: PathBuf) -> io::Result<()> {
    let create = move || {
        let made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        match made {
            Ok(_) => key_store::sync_directory(&file).map_err(io::Error::other),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(why) => Err(why),
        }
    };
    tokio::task::spawn_blocking(create)
        .await
        .map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
