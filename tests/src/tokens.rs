//! Tokens taken apart, for attacks and for finding their traces.

use std::collections::HashSet;

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

/// Which of `secrets` stand in `text`: whole; a token also by one of its segments, and by any 16 bytes of its signature. For a failing
/// assertion it names them by position only.
#[must_use]
pub fn leaks(text: &str, secrets: &[&str]) -> Vec<usize> {
    let windows: HashSet<&[u8]> = text.as_bytes().windows(SIGNATURE_PIECE).collect();
    let has_segment = |secret: &str| {
        secret
            .split('.')
            .filter(|part| part.len() >= 8)
            .any(|part| text.contains(part))
    };
    let has_signature_piece = |secret: &str| {
        let signature = secret.splitn(3, '.').nth(2).unwrap_or_default();
        signature
            .as_bytes()
            .windows(SIGNATURE_PIECE)
            .any(|piece| windows.contains(piece))
    };
    (0..)
        .zip(secrets)
        .filter(|(_, secret)| {
            text.contains(**secret) || has_segment(secret) || has_signature_piece(secret)
        })
        .map(|(at, _)| at)
        .collect()
}

/// So many characters in a row are no chance: 96 bits.
const SIGNATURE_PIECE: usize = 16;

#[cfg(test)]
mod tests {
    use super::leaks;

    const TOKEN: &str =
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.MEUCIQDx8hk-3vQ2kq1tq0Zr5xS_9aYw7uJbO4c";

    #[test]
    fn every_piece_that_gives_a_token_away_is_found() {
        let [header, payload, signature] = TOKEN.splitn(3, '.').collect::<Vec<_>>()[..] else {
            panic!("three segments");
        };
        let last = signature.len() - 16;
        for planted in [
            TOKEN,
            header,
            payload,
            signature,
            &signature[..16],
            &signature[5..21],
            &signature[last..],
        ] {
            let text = format!("DEBUG hyper: sent «{planted}»\n");
            assert_eq!(leaks(&text, &["another", TOKEN]), [1], "{planted}");
        }
        let short = format!("DEBUG hyper: sent «{}»\n", &signature[1..16]);
        for text in ["", "DEBUG hyper: sent 400 bytes\n", &short] {
            assert!(leaks(text, &["another", TOKEN]).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_secret_without_dots_is_found_whole() {
        assert_eq!(leaks("sid=a-session-id;", &["a-session-id"]), [0]);
        assert!(leaks("sid=a-session;", &["a-session-id"]).is_empty());
    }
}
