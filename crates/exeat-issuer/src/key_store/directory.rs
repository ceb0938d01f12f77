//! The key directory.
//!
//! Each key is `<kid>.key.pem` (PKCS#8, mode 0600) and `<kid>.pub.jwk.json` (its public half and times), written in this order. A crash
//! in between leaves a private key without times: it was never published, and is taken over at the next start. A private key that an
//! operator puts there under any other name ending in `.pem` is taken over in the same way and renamed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use exeat_jose::{Algorithm, KeyError, KeyId, NumericDate, SigningKey};
use zeroize::Zeroizing;

use super::{
    KeyStoreError, entry,
    files::{self, Lock, PRIVATE, PUBLIC, UNFINISHED, failed},
    generation_failed, row_file,
};
use crate::{
    key_ring::{self, KeyEntry, KeyRing, KeyState, Lack, Row, Times},
    random::Random,
    session::SECRET_LEN,
    text::hex,
};

const PRIVATE_END: &str = ".key.pem";
const PUBLIC_END: &str = ".pub.jwk.json";
const PEM_END: &str = ".pem";
const SESSION_SECRET: &str = "session.secret";
/// What an imported key may be for, tried in this order.
const SIGNING: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];

/// Opens the directory, makes what is missing (an active and a pending key for each algorithm) and returns every key.
///
/// Blocks: reads and writes files, waits for another process that starts, makes RSA keys.
pub(crate) fn open(
    directory: &Path,
    algs: &[Algorithm],
    now: NumericDate,
) -> Result<KeyRing, KeyStoreError> {
    let _lock = prepare(directory)?;
    let listing = Listing::read(directory)?;
    listing.remove_unfinished()?;
    let mut entries = load(&listing)?;
    adopt(directory, &listing, &mut entries, now)?;
    for lack in key_ring::lacks(&rows(&entries), algs, now) {
        supply(directory, lack, &mut entries, now)?;
    }
    Ok(KeyRing::new(entries))
}

/// The facts about every key, read from the public files alone; changes nothing.
pub(crate) fn read_rows(directory: &Path) -> Result<Vec<Row>, KeyStoreError> {
    Listing::read(directory)?
        .public
        .iter()
        .map(|(kid, file)| read_row(kid, file).map(|(row, _)| row))
        .collect()
}

/// The keys without their private halves, read from the public files alone; changes nothing.
pub(crate) fn read_public(directory: &Path) -> Result<KeyRing, KeyStoreError> {
    let entries = Listing::read(directory)?
        .public
        .iter()
        .map(|(kid, file)| {
            read_row(kid, file).map(|(row, jwk)| KeyEntry {
                row,
                jwk,
                signing: None,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(KeyRing::new(entries))
}

/// Where the session secret is kept.
pub(crate) fn session_secret_file(directory: &Path) -> PathBuf {
    directory.join(SESSION_SECRET)
}

/// Reads the session secret, or makes it when `may_create`. `None`: it is missing.
pub(crate) fn session_secret(
    directory: &Path,
    may_create: bool,
    random: &dyn Random,
) -> Result<Option<Zeroizing<[u8; SECRET_LEN]>>, KeyStoreError> {
    let _lock = prepare(directory)?;
    let file = session_secret_file(directory);
    let exists = file
        .try_exists()
        .map_err(|source| failed("read", &file, source))?;
    if exists {
        let text = files::read_private(&file)?;
        return parse_secret(text.trim_ascii())
            .map(Some)
            .ok_or(KeyStoreError::Damaged {
                file,
                why: "not 64 hexadecimal digits",
            });
    }
    if !may_create {
        return Ok(None);
    }
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    random
        .fill(secret.as_mut_slice())
        .map_err(|_| KeyStoreError::Random)?;
    let text = Zeroizing::new(hex(secret.as_slice()) + "\n");
    Listing::read(directory)?.remove_unfinished()?;
    files::write_durably(&file, &text, PRIVATE)?;
    Ok(Some(secret))
}

fn parse_secret(text: &str) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    if text.len() != 2 * SECRET_LEN || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(secret)
}

/// Creates the directory if need be and locks it against other processes that start.
pub(crate) fn prepare(directory: &Path) -> Result<Lock, KeyStoreError> {
    let missing = !directory.is_dir();
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| failed("create", directory, source))?;
    if missing {
        files::sync_directory(directory)?;
    }
    Lock::acquire(directory)
}

/// The files of a key directory, by what their names say. Other files are left alone.
#[derive(Default)]
struct Listing {
    private: BTreeMap<KeyId, PathBuf>,
    public: BTreeMap<KeyId, PathBuf>,
    imports: Vec<PathBuf>,
    unfinished: Vec<PathBuf>,
}

impl Listing {
    fn read(directory: &Path) -> Result<Self, KeyStoreError> {
        let mut listing = Self::default();
        for item in fs::read_dir(directory).map_err(|source| failed("read", directory, source))? {
            let file = item
                .map_err(|source| failed("read", directory, source))?
                .path();
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let kid = |stem: &str| {
                KeyId::try_from(stem).map_err(|_| KeyStoreError::Damaged {
                    file: file.clone(),
                    why: "its name is not a key id",
                })
            };
            if name.ends_with(UNFINISHED) {
                listing.unfinished.push(file);
            } else if let Some(stem) = name.strip_suffix(PRIVATE_END) {
                listing.private.insert(kid(stem)?, file);
            } else if let Some(stem) = name.strip_suffix(PUBLIC_END) {
                listing.public.insert(kid(stem)?, file);
            } else if name.ends_with(PEM_END) && !name.starts_with('.') {
                listing.imports.push(file);
            }
        }
        listing.imports.sort();
        Ok(listing)
    }

    /// Removes what a crash left half-written. Such a file was never used: its rename did not happen.
    fn remove_unfinished(&self) -> Result<(), KeyStoreError> {
        self.unfinished.iter().try_for_each(|file| {
            fs::remove_file(file).map_err(|source| failed("remove", file, source))
        })
    }
}

fn rows(entries: &[KeyEntry]) -> Vec<&Row> {
    entries.iter().map(|entry| &entry.row).collect()
}

/// Reads every key that has times.
fn load(listing: &Listing) -> Result<Vec<KeyEntry>, KeyStoreError> {
    let mut entries = Vec::with_capacity(listing.public.len());
    for (kid, file) in &listing.public {
        let (row, jwk) = read_row(kid, file)?;
        let signing = match listing.private.get(kid) {
            Some(file) => Some(Arc::new(read_key(file, &[row.alg], Some(kid))?)),
            None => None,
        };
        entries.push(KeyEntry { row, jwk, signing });
    }
    Ok(entries)
}

/// After [`load`] and at `now`: a key that may have to sign needs its private half.
fn check_private_halves(
    directory: &Path,
    entries: &[KeyEntry],
    now: NumericDate,
) -> Result<(), KeyStoreError> {
    let states = key_ring::states(&rows(entries), now);
    let missing = entries.iter().zip(states).find(|(entry, state)| {
        entry.signing.is_none() && matches!(state, KeyState::Active | KeyState::Pending)
    });
    match missing {
        Some((entry, _)) => Err(KeyStoreError::PrivateKeyMissing {
            file: private_file(directory, &entry.row.kid),
        }),
        None => Ok(()),
    }
}

/// Gives times to private keys that have none: left by a crash, or put there by an operator.
fn adopt(
    directory: &Path,
    listing: &Listing,
    entries: &mut Vec<KeyEntry>,
    now: NumericDate,
) -> Result<(), KeyStoreError> {
    check_private_halves(directory, entries, now)?;
    let fresh = Times::published(now, None);
    for (kid, file) in listing
        .private
        .iter()
        .filter(|(kid, _)| !listing.public.contains_key(*kid))
    {
        let key = entry(read_key(file, &SIGNING, Some(kid))?, fresh);
        write_row(directory, &key)?;
        tracing::info!(%kid, "took over a private key without times");
        entries.push(key);
    }
    for file in &listing.imports {
        let key = entry(read_key(file, &SIGNING, None)?, fresh);
        let kid = &key.row.kid;
        if entries.iter().any(|known| known.row.kid == *kid) {
            return Err(KeyStoreError::Damaged {
                file: file.clone(),
                why: "this key is in the directory already; remove the copy",
            });
        }
        let place = private_file(directory, kid);
        let mode = fs::Permissions::from_mode(PRIVATE);
        fs::set_permissions(file, mode)
            .and_then(|()| fs::rename(file, &place))
            .map_err(|source| failed("take over", file, source))?;
        files::sync_directory(&place)?;
        write_row(directory, &key)?;
        tracing::info!(%kid, file = %file.display(), "took over an imported private key");
        entries.push(key);
    }
    Ok(())
}

fn supply(
    directory: &Path,
    lack: Lack,
    entries: &mut Vec<KeyEntry>,
    now: NumericDate,
) -> Result<(), KeyStoreError> {
    let (alg, sign_from) = match lack {
        Lack::Promotion(kid) => {
            if let Some(key) = entries.iter_mut().find(|entry| entry.row.kid == kid) {
                key.row.times.sign_from = Some(now);
                write_row(directory, key)?;
                tracing::info!(%kid, alg = key.row.alg.name(), "the standby key signs from now on: no other could");
            }
            return Ok(());
        }
        Lack::Active(alg) => (alg, Some(now)),
        Lack::Pending(alg) => (alg, None),
    };
    let (key, pem) = match SigningKey::generate(alg) {
        Ok(made) => made,
        Err(KeyError::GenerationUnsupported { .. }) if sign_from.is_none() => {
            // The service can sign; an operator adds the standby before the next rotation.
            let advice = generation_failed(alg, directory, KeyError::GenerationUnsupported { alg });
            tracing::warn!(alg = alg.name(), %advice, "no standby key");
            return Ok(());
        }
        Err(why) => return Err(generation_failed(alg, directory, why)),
    };
    let key = entry(key, Times::published(now, sign_from));
    files::write_durably(
        &private_file(directory, &key.row.kid),
        pem.expose(),
        PRIVATE,
    )?;
    write_row(directory, &key)?;
    tracing::info!(kid = %key.row.kid, alg = alg.name(), signs = sign_from.is_some(), "made a key");
    entries.push(key);
    Ok(())
}

fn read_row(kid: &KeyId, file: &Path) -> Result<(Row, exeat_jose::Jwk), KeyStoreError> {
    let damaged = |why| KeyStoreError::Damaged {
        file: file.to_owned(),
        why,
    };
    let (jwk, times) = row_file::read(&files::read_public(file)?).map_err(damaged)?;
    check_name(kid, &jwk.thumbprint().to_key_id(), file)?;
    if jwk.key_id() != Some(kid) {
        return Err(damaged("kid is not the thumbprint"));
    }
    let alg = jwk
        .algorithm()
        .filter(|alg| SIGNING.contains(alg))
        .ok_or_else(|| damaged("alg is neither ES256 nor RS256"))?;
    Ok((
        Row {
            kid: kid.clone(),
            alg,
            times,
        },
        jwk,
    ))
}

fn read_key(
    file: &Path,
    algs: &[Algorithm],
    kid: Option<&KeyId>,
) -> Result<SigningKey, KeyStoreError> {
    let pem = files::read_private(file)?;
    let key = algs
        .iter()
        .find_map(|alg| SigningKey::from_pkcs8_pem(&pem, *alg).ok())
        .ok_or_else(|| KeyStoreError::Damaged {
            file: file.to_owned(),
            why: "not a P-256 or RSA private key in PKCS#8 PEM",
        })?;
    match kid {
        Some(kid) => check_name(kid, key.key_id(), file).map(|()| key),
        None => Ok(key),
    }
}

fn check_name(name: &KeyId, thumbprint: &KeyId, file: &Path) -> Result<(), KeyStoreError> {
    if name == thumbprint {
        Ok(())
    } else {
        Err(KeyStoreError::WrongKeyId {
            file: file.to_owned(),
            thumbprint: thumbprint.clone(),
        })
    }
}

fn write_row(directory: &Path, key: &KeyEntry) -> Result<(), KeyStoreError> {
    let file = directory.join(format!("{}{PUBLIC_END}", key.row.kid));
    let text = row_file::write(&key.jwk, &key.row.times)
        .map_err(|why| failed("write", &file, std::io::Error::other(why)))?;
    files::write_durably(&file, &text, PUBLIC)
}

fn private_file(directory: &Path, kid: &KeyId) -> PathBuf {
    directory.join(format!("{kid}{PRIVATE_END}"))
}

#[cfg(test)]
mod tests;
