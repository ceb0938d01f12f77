//! Tokens that are refused, for us and for rivals alike.

mod corpora;
mod requests;

pub use self::corpora::corpora;
pub use self::requests::{Hostile, requests};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Why a token is refused before its signature is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// As long as a token, without a dot.
    Shape,
    /// A header with a character that base64url does not have.
    Base64,
    /// `alg` is `none`.
    AlgNone,
    /// `alg` is `HS256`, to be taken for a public key used as a secret.
    AlgHs256,
    /// A `kid` that the key set does not have.
    Kid,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Shape,
        Self::Base64,
        Self::AlgNone,
        Self::AlgHs256,
        Self::Kid,
    ];

    /// Its part of a figure's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Base64 => "base64",
            Self::AlgNone => "alg-none",
            Self::AlgHs256 => "alg-hs256",
            Self::Kid => "kid",
        }
    }

    /// The token with this flaw.
    ///
    /// # Errors
    /// It is no token.
    pub fn put_into(self, token: &str) -> anyhow::Result<String> {
        let (header, rest) = token.split_once('.').context("no token")?;
        let with_header = |header: &str| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        Ok(match self {
            Self::Shape => token.replace('.', "A"),
            Self::Base64 => {
                let kept = header.get(1..).context("no header")?;
                format!("{kept}!.{rest}")
            }
            Self::AlgNone => with_header(r#"{"alg":"none","kid":"2026-11","typ":"JWT"}"#),
            Self::AlgHs256 => with_header(r#"{"alg":"HS256","kid":"2026-11","typ":"JWT"}"#),
            Self::Kid => with_header(r#"{"alg":"RS256","kid":"2026-11","typ":"JWT"}"#),
        })
    }
}

/// The token with one character in the middle of its signature changed.
///
/// # Errors
/// It is no token.
pub fn forged(token: &str) -> anyhow::Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("no token")?;
    let (front, back) = signature
        .split_at_checked(signature.len() / 2)
        .context("no token")?;
    let other = if back.starts_with('A') { 'B' } else { 'A' };
    let back = back.get(1..).context("no signature")?;
    Ok(format!("{signed}.{front}{other}{back}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_differs_in_its_signature_alone() {
        assert_eq!(forged("aa.bb.xxAx").unwrap(), "aa.bb.xxBx");
        assert_eq!(forged("aa.bb.xxxx").unwrap(), "aa.bb.xxAx");
        assert!(forged("aa").is_err());
    }
}
