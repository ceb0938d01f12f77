//! The bearer token of the admin listener.

use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::key_store;

/// Fewest bytes of an admin token.
const MIN_LEN: usize = 32;

/// SHA-256 of the admin token: equal lengths, so that comparing takes equal time.
pub(crate) struct AdminToken([u8; 32]);

impl AdminToken {
    pub(crate) fn new(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Reads the file; `Err` says what is wrong with it and never what it holds.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = key_store::read_private(file).map_err(|why| with_cause(&why))?;
        let token = text.trim_ascii();
        if token.len() < MIN_LEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "{} must hold one line of at least {MIN_LEN} visible ASCII characters; make one with `openssl rand -hex 32`",
                file.display()
            ));
        }
        Ok(Self::new(token.as_bytes()))
    }

    pub(crate) fn matches(&self, presented: &[u8]) -> bool {
        Self::new(presented).0.ct_eq(&self.0).into()
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
