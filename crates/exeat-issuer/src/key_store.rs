//! Where keys are kept.

mod directory;
mod files;
mod row_file;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use exeat_jose::{Algorithm, KeyError, KeyId, NumericDate, SigningKey};

pub(crate) use directory::{
    open, prepare, read_public, read_rows, session_secret, session_secret_file,
};
pub(crate) use files::{read_private, sync_directory};

use crate::key_ring::{KeyEntry, KeyRing, Row, Times};

/// The key directory cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The operating system refused.
    #[error("cannot {action} {}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what its name says. Nothing is replaced: restore it from a backup, or move it away on purpose.
    #[error("{} is damaged: {why}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file is named after another key than the one in it (RFC 7638).
    #[error("{} holds the key {thumbprint}, which is not its name", file.display())]
    WrongKeyId {
        /// The file.
        file: PathBuf,
        /// The thumbprint of the key in it.
        thumbprint: KeyId,
    },
    /// A key that signs, or stands by to sign, has lost its private half.
    #[error("{} is missing: restore it, or move the .pub.jwk.json beside it away to give the key up", file.display())]
    PrivateKeyMissing {
        /// The file that should be there.
        file: PathBuf,
    },
    /// Anyone on this machine could replace the secret.
    #[error("{} is writable by everyone: run `chmod 600` on it, and replace the secret if others use this machine", file.display())]
    WorldWritable {
        /// The file.
        file: PathBuf,
    },
    /// Another process keeps the directory locked.
    #[error("{} has been locked by another process for too long", file.display())]
    Locked {
        /// The lock file.
        file: PathBuf,
    },
    /// This build's cryptographic backend makes no such keys.
    #[error(
        "this build cannot generate {} keys: make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {}` \
         and start again; a private key put into that directory is taken over at start",
        alg.name(),
        directory.join("rsa.pem").display()
    )]
    CannotGenerate {
        /// The algorithm.
        alg: Algorithm,
        /// The key directory.
        directory: PathBuf,
    },
    /// The cryptographic library failed to make a key.
    #[error("cannot generate a key of {}", alg.name())]
    Generate {
        /// The algorithm.
        alg: Algorithm,
        /// Its answer.
        #[source]
        source: KeyError,
    },
    /// No randomness for the session secret.
    #[error("no randomness from the operating system")]
    Random,
}

/// New keys that live as long as the process: an active one for each algorithm. RSA keys take up to seconds.
pub(crate) fn in_memory(algs: &[Algorithm], now: NumericDate) -> Result<KeyRing, KeyStoreError> {
    let mut entries = Vec::new();
    for alg in algs {
        for sign_from in [Some(now), None] {
            let (key, _pem) = SigningKey::generate(*alg)
                .map_err(|why| generation_failed(*alg, Path::new("keys"), why))?;
            entries.push(entry(key, Times::published(now, sign_from)));
        }
    }
    Ok(KeyRing::new(entries))
}

fn entry(key: SigningKey, times: Times) -> KeyEntry {
    KeyEntry {
        row: Row {
            kid: key.key_id().clone(),
            alg: key.algorithm(),
            times,
        },
        jwk: key.public_jwk().clone(),
        signing: Some(Arc::new(key)),
    }
}

fn generation_failed(alg: Algorithm, directory: &Path, why: KeyError) -> KeyStoreError {
    match why {
        KeyError::GenerationUnsupported { .. } => KeyStoreError::CannotGenerate {
            alg,
            directory: directory.to_owned(),
        },
        source => KeyStoreError::Generate { alg, source },
    }
}
