//! The JSON vectors of `tests/vectors`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::de::DeserializeOwned;

/// The folder of all vectors.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The files of a folder below [`folder`] whose names begin with one letter and a dash, sorted; as [`read`] takes them.
///
/// # Errors
/// The folder cannot be read, or has no such file.
pub fn sections(below: &str) -> anyhow::Result<Vec<String>> {
    let mut sections = Vec::new();
    for entry in fs::read_dir(folder().join(below)).with_context(|| below.to_owned())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.get(1..2) == Some("-") && path.extension().is_some_and(|is| is == "json") {
            sections.push(format!("{below}/{name}"));
        }
    }
    sections.sort_unstable();
    ensure!(!sections.is_empty(), "{below} has no sections");
    Ok(sections)
}

/// Reads a vector file, given by its path below [`folder`].
///
/// # Errors
/// The file is missing or does not have the shape of `T`; the message names it.
pub fn read<T: DeserializeOwned>(path: &str) -> anyhow::Result<T> {
    let file = folder().join(path);
    let text = fs::read_to_string(&file).with_context(|| format!("{path} cannot be read"))?;
    serde_json::from_str(&text).with_context(|| format!("{path} is not the vectors expected"))
}
