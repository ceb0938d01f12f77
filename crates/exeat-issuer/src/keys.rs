//! The key directory for operators: what `exeat keys` needs.

use std::path::Path;

use exeat_jose::{Algorithm, Clock, Jwk, KeyId, NumericDate};

pub use crate::{key_ring::KeyState, key_store::KeyStoreError};
use crate::{
    key_ring::{self, Row},
    key_store,
    random::SystemRandom,
};

/// The public facts about one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyRow {
    /// RFC 7638 thumbprint.
    pub kid: KeyId,
    /// What it signs.
    pub alg: Algorithm,
    /// Its state at the time asked for.
    pub state: KeyState,
    /// When it entered the key set.
    pub published_at: NumericDate,
    /// When it began to sign, or will; `None`: when it is promoted.
    pub sign_from: Option<NumericDate>,
    /// When it leaves the key set, if that is known.
    pub remove_at: Option<NumericDate>,
    /// When it was revoked.
    pub revoked_at: Option<NumericDate>,
}

/// Makes the directory ready to serve: an active and a pending key for each algorithm, and the session secret. What exists is checked and
/// kept, so a second call changes nothing. Blocks: making RSA keys can take seconds.
///
/// ```
/// use exeat_issuer::keys;
/// use exeat_jose::{Algorithm, Clock, SystemClock};
///
/// let directory = tempfile::tempdir()?;
/// let rows = keys::init(directory.path(), &[Algorithm::Es256], &SystemClock)?;
/// let states: Vec<_> = rows.iter().map(|row| row.state.name()).collect();
/// assert_eq!(states, ["active", "pending"]);
/// assert_eq!(keys::list(directory.path(), SystemClock.now())?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`KeyStoreError`], which names the file.
pub fn init(
    directory: &Path,
    algs: &[Algorithm],
    clock: &dyn Clock,
) -> Result<Vec<KeyRow>, KeyStoreError> {
    let now = clock.now();
    let ring = key_store::open(directory, algs, now)?;
    // Making it here is safe: a database filled with another secret notices and refuses.
    let _ = key_store::session_secret(directory, true, &SystemRandom)?;
    Ok(key_rows(ring.rows().into_iter().cloned().collect(), now))
}

/// The keys of a directory, read from their public files alone: active, pending, retiring, retired, revoked.
///
/// # Errors
/// [`KeyStoreError`], which names the file.
pub fn list(directory: &Path, now: NumericDate) -> Result<Vec<KeyRow>, KeyStoreError> {
    key_store::read_rows(directory).map(|rows| key_rows(rows, now))
}

/// The public halves that a service on this directory publishes at `now`, in its order: active, pending, retiring. Read from the public files
/// alone.
///
/// ```
/// use exeat_issuer::keys;
/// use exeat_jose::{Algorithm, Clock, SystemClock};
///
/// let directory = tempfile::tempdir()?;
/// keys::init(directory.path(), &[Algorithm::Es256], &SystemClock)?;
/// assert_eq!(keys::published(directory.path(), SystemClock.now())?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`KeyStoreError`], which names the file.
pub fn published(directory: &Path, now: NumericDate) -> Result<Vec<Jwk>, KeyStoreError> {
    let ring = key_store::read_public(directory)?;
    let published = ring.published(now);
    Ok(published
        .into_iter()
        .map(|(_, entry)| entry.jwk.clone())
        .collect())
}

fn key_rows(rows: Vec<Row>, now: NumericDate) -> Vec<KeyRow> {
    let states = key_ring::states(&rows.iter().collect::<Vec<_>>(), now);
    let mut rows: Vec<KeyRow> = rows
        .into_iter()
        .zip(states)
        .map(|(row, state)| KeyRow {
            kid: row.kid,
            alg: row.alg,
            state,
            published_at: row.times.published_at,
            sign_from: row.times.sign_from,
            remove_at: row.times.remove_at,
            revoked_at: row.times.revoked_at,
        })
        .collect();
    rows.sort_by_key(|row| (row.state, row.alg.name(), row.published_at));
    rows
}
