//! Tokens taken apart, for attacks and for finding their traces.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// The token with the last bit of its signature flipped.
///
/// # Errors
/// It is not three segments of base64url.
pub fn tampered(token: &str) -> anyhow::Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("no segments")?;
    let mut bytes = URL_SAFE_NO_PAD.decode(signature)?;
    *bytes.last_mut().context("no signature")? ^= 1;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The claims, unverified.
///
/// # Errors
/// The payload is not a JSON object in base64url.
pub fn claims(token: &str) -> anyhow::Result<Map<String, Value>> {
    part(token, 1)
}

/// The JOSE header, unverified.
///
/// # Errors
/// It is not a JSON object in base64url.
pub fn header(token: &str) -> anyhow::Result<Map<String, Value>> {
    part(token, 0)
}

fn part(token: &str, index: usize) -> anyhow::Result<Map<String, Value>> {
    let segment = token.split('.').nth(index).context("too few segments")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment)?)?)
}

/// Which of `secrets` stand in `text`, a token also by any one of its segments. For a failing assertion it names them by position only.
#[must_use]
pub fn leaks(text: &str, secrets: &[&str]) -> Vec<usize> {
    let stands = |secret: &str| {
        secret
            .split('.')
            .filter(|part| part.len() >= 8)
            .any(|part| text.contains(part))
    };
    (0..)
        .zip(secrets)
        .filter(|(_, secret)| stands(secret) || text.contains(**secret))
        .map(|(at, _)| at)
        .collect()
}
