//! The JSON vectors of `tests/vectors`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// The folder of all vectors.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
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
