//! `exeat keys init|list|export-public`: the key directory, public facts only.

use std::path::Path;

use anyhow::Context as _;
use exeat_issuer::keys::{self, KeyRow};
use exeat_jose::{Clock as _, Jwk, NumericDate, SystemClock};
use serde::Serialize;

use crate::{
    args::{KeysCommand, KeysExportArgs, KeysInitArgs, KeysListArgs},
    failure::Failure,
    output,
};

/// Creates or lists keys and prints each as one JSON object a line, or prints the key set.
///
/// # Errors
/// When the directory cannot be read or written; the error names the file.
pub(crate) async fn run(command: KeysCommand) -> Result<(), Failure> {
    // Making an RSA key takes seconds, and files block too.
    let lines = tokio::task::spawn_blocking(move || lines(command))
        .await
        .context("the key command broke")??;
    for line in &lines {
        output::print(line).context("stdout cannot be written")?;
    }
    Ok(())
}

fn lines(command: KeysCommand) -> anyhow::Result<Vec<String>> {
    match command {
        KeysCommand::Init(KeysInitArgs { directory, algs }) => {
            facts(&keys::init(&directory, &algs, &SystemClock)?)
        }
        KeysCommand::List(KeysListArgs { directory }) => {
            exists(&directory)?;
            facts(&keys::list(&directory, SystemClock.now())?)
        }
        KeysCommand::ExportPublic(KeysExportArgs { directory }) => {
            exists(&directory)?;
            let keys = keys::published(&directory, SystemClock.now())?;
            anyhow::ensure!(
                !keys.is_empty(),
                "{} holds no key that is published; `exeat keys init --directory {}` makes some",
                directory.display(),
                directory.display()
            );
            Ok(vec![serde_json::to_string(&KeySet { keys })?])
        }
    }
}

fn facts(rows: &[KeyRow]) -> anyhow::Result<Vec<String>> {
    let lines = rows
        .iter()
        .map(|row| serde_json::to_string(&KeyLine::from(row)));
    lines
        .collect::<Result<_, _>>()
        .context("a key cannot be written as JSON")
}

/// RFC 7517 §5.
#[derive(Serialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

fn exists(directory: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        directory.is_dir(),
        "{} is not a directory; `exeat keys init --directory {}` makes one",
        directory.display(),
        directory.display()
    );
    Ok(())
}

/// Times in seconds since 1970; null means that it is not known yet.
#[derive(Serialize)]
struct KeyLine<'a> {
    kid: &'a str,
    alg: &'static str,
    state: &'static str,
    published_at: u64,
    sign_from: Option<u64>,
    remove_at: Option<u64>,
    revoked_at: Option<u64>,
}

impl<'a> From<&'a KeyRow> for KeyLine<'a> {
    fn from(row: &'a KeyRow) -> Self {
        Self {
            kid: row.kid.as_str(),
            alg: row.alg.name(),
            state: row.state.name(),
            published_at: row.published_at.as_secs(),
            sign_from: row.sign_from.map(NumericDate::as_secs),
            remove_at: row.remove_at.map(NumericDate::as_secs),
            revoked_at: row.revoked_at.map(NumericDate::as_secs),
        }
    }
}
