//! Files that hold secrets: their modes, and writing them so that a crash leaves the old file or the new one, never a part.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

use super::KeyStoreError;

/// Most bytes of a file read here: an RSA key of 8,192 bits in PEM is about 6 KiB.
const MAX_LEN: u64 = 32 * 1024;
/// End of the names of unfinished files.
pub(super) const UNFINISHED: &str = ".unfinished";
const LOCK_FILE: &str = ".lock";
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// 15 s in all: two RSA keys are made in less, also on a slow machine.
const LOCK_TRIES: u32 = 300;
const WORLD_WRITABLE: u32 = 0o002;
const OTHERS_READABLE: u32 = 0o044;

pub(super) const PRIVATE: u32 = 0o600;
pub(super) const PUBLIC: u32 = 0o644;

/// Reads a text file that holds a secret; it is wiped on drop.
///
/// A file that everyone may write is refused. One that others may read is only warned of: mounted secrets look so.
pub(crate) fn read_private(file: &Path) -> Result<Zeroizing<String>, KeyStoreError> {
    let handle = File::open(file).map_err(|source| failed("read", file, source))?;
    let mode = handle
        .metadata()
        .map_err(|source| failed("read", file, source))?
        .permissions()
        .mode();
    if mode & WORLD_WRITABLE != 0 {
        return Err(KeyStoreError::WorldWritable {
            file: file.to_owned(),
        });
    }
    if mode & OTHERS_READABLE != 0 {
        tracing::warn!(file = %file.display(), mode = format_args!("{:03o}", mode & 0o777), "a secret is readable by other users; chmod 600");
    }
    read_text(handle, file).map(Zeroizing::new)
}

/// Reads a text file of bounded length.
pub(super) fn read_public(file: &Path) -> Result<String, KeyStoreError> {
    read_text(
        File::open(file).map_err(|source| failed("read", file, source))?,
        file,
    )
}

fn read_text(handle: File, file: &Path) -> Result<String, KeyStoreError> {
    // One allocation, so that no half-grown copy of a secret stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(MAX_LEN + 1).unwrap_or_default(),
    ));
    handle
        .take(MAX_LEN + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| failed("read", file, source))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_LEN) {
        return Err(KeyStoreError::Damaged {
            file: file.to_owned(),
            why: "longer than 32 KiB",
        });
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(KeyStoreError::Damaged {
            file: file.to_owned(),
            why: "not text",
        }),
    }
}

/// Writes a file that is there, whole, after any crash once this returns: write aside, fsync, rename, fsync the directory.
pub(super) fn write_durably(file: &Path, text: &str, mode: u32) -> Result<(), KeyStoreError> {
    let mut aside = file.as_os_str().to_owned();
    aside.push(UNFINISHED);
    let aside = PathBuf::from(aside);
    let write = || {
        let mut handle = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&aside)?;
        handle.write_all(text.as_bytes())?;
        handle.sync_all()?;
        fs::rename(&aside, file)
    };
    write().map_err(|source| failed("write", file, source))?;
    sync_directory(file)
}

/// Makes the entry of `file` in its directory survive a power cut.
pub(crate) fn sync_directory(file: &Path) -> Result<(), KeyStoreError> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|source| failed("sync", directory, source))
}

/// Holds a key directory for one process at a time. The operating system lets go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: Option<File>,
}

impl Lock {
    /// Waits for the lock. A directory that cannot be written needs none: nothing in it will change.
    pub(super) fn acquire(directory: &Path) -> Result<Self, KeyStoreError> {
        let file = directory.join(LOCK_FILE);
        let handle = match OpenOptions::new()
            .create(true)
            .append(true)
            .mode(PRIVATE)
            .open(&file)
        {
            Ok(handle) => handle,
            Err(why) if is_read_only(&why) => return Ok(Self { _held: None }),
            Err(source) => return Err(failed("lock", &file, source)),
        };
        for _ in 0..LOCK_TRIES {
            match handle.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        _held: Some(handle),
                    });
                }
                Err(fs::TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
                Err(fs::TryLockError::Error(source)) => return Err(failed("lock", &file, source)),
            }
        }
        Err(KeyStoreError::Locked { file })
    }
}

fn is_read_only(why: &std::io::Error) -> bool {
    matches!(
        why.kind(),
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied
    )
}

pub(super) fn failed(action: &'static str, file: &Path, source: std::io::Error) -> KeyStoreError {
    KeyStoreError::Io {
        file: file.to_owned(),
        action,
        source,
    }
}
