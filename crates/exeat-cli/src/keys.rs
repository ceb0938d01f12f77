//! `exeat keys init|list`: the key directory, public facts only.

use std::path::Path;

use anyhow::Context as _;
use exeat_issuer::keys::{self, KeyRow};
use exeat_jose::{Clock as _, NumericDate, SystemClock};
use serde::Serialize;

use crate::{
    args::{KeysCommand, KeysInitArgs, KeysListArgs},
    failure::Failure,
    output,
};

/// Creates or lists keys and prints each as one JSON object a line.
///
/// # Errors
/// When the directory cannot be read or written; the error names the file.
pub(crate) async fn run(command: KeysCommand) -> Result<(), Failure> {
    // Making an RSA key takes seconds, and files block too.
    let rows = tokio::task::spawn_blocking(move || rows(command))
        .await
        .context("the key command broke")??;
    for row in &rows {
        let line = serde_json::to_string(&KeyLine::from(row))
            .context("a key cannot be written as JSON")?;
        output::print(&line).context("stdout cannot be written")?;
    }
    Ok(())
}

fn rows(command: KeysCommand) -> anyhow::Result<Vec<KeyRow>> {
    match command {
        KeysCommand::Init(KeysInitArgs { directory, algs }) => {
            Ok(keys::init(&directory, &algs, &SystemClock)?)
        }
        KeysCommand::List(KeysListArgs { directory }) => {
            exists(&directory)?;
            Ok(keys::list(&directory, SystemClock.now())?)
        }
    }
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
