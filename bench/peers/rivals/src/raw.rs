//! The limit: a key parsed once, and nothing but the check of the signature.

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use exeat_jose::Algorithm;
use serde::Deserialize;

/// A key of a set, parsed once.
pub struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// The key of this algorithm.
    pub fn parse(jwks: &str, alg: Algorithm) -> anyhow::Result<Self> {
        parsed(jwks, alg).map(Self)
    }

    /// Whether the signature of this token holds.
    pub fn holds(&self, token: &str) -> anyhow::Result<bool> {
        let (message, signature) = token.rsplit_once('.').context("no token")?;
        let mut buffer = [0; LONGEST_SIGNATURE];
        let len = URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer)?;
        let signature = buffer.get(..len).context("no signature is longer")?;
        Ok(self.check(message.as_bytes(), signature))
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A key, and what it is to check: split and decoded beforehand.
pub struct Raw<'t> {
    key: PublicKey,
    checks: Vec<(&'t [u8], Vec<u8>)>,
}

impl<'t> Raw<'t> {
    /// Prepares the checks of tokens of one algorithm, all of which must hold.
    pub fn new(jwks: &str, alg: Algorithm, tokens: &'t [String]) -> anyhow::Result<Self> {
        let raw = Self {
            key: PublicKey::parse(jwks, alg)?,
            checks: tokens
                .iter()
                .map(|token| split(token))
                .collect::<anyhow::Result<_>>()?,
        };
        ensure!(
            (0..raw.len()).all(|index| raw.check(index)),
            "a good signature"
        );
        Ok(raw)
    }

    pub fn len(&self) -> usize {
        self.checks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Whether the signature of this token holds.
    pub fn check(&self, index: usize) -> bool {
        let (message, signature) = &self.checks[index];
        self.key.check(message, signature)
    }
}

fn split(token: &str) -> anyhow::Result<(&[u8], Vec<u8>)> {
    let (message, signature) = token.rsplit_once('.').context("no token")?;
    Ok((message.as_bytes(), URL_SAFE_NO_PAD.decode(signature)?))
}

fn parsed(jwks: &str, alg: Algorithm) -> anyhow::Result<ParsedPublicKey> {
    let Set { keys } = serde_json::from_str(jwks)?;
    let key = keys
        .iter()
        .find(|key| key.alg == alg.name())
        .context("no such key")?;
    let member = |text: &Option<String>| {
        let text = text.as_ref().context("a member is missing")?;
        anyhow::Ok(URL_SAFE_NO_PAD.decode(text)?)
    };
    Ok(match alg {
        Algorithm::Rs256 => {
            let (n, e) = (member(&key.n)?, member(&key.e)?);
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?
        }
        Algorithm::Es256 => {
            let point = [vec![4], member(&key.x)?, member(&key.y)?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?
        }
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, member(&key.x)?)?,
        _ => bail!("{} is not measured", alg.name()),
    })
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    alg: String,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Of RSA with 2,048 bits.
const LONGEST_SIGNATURE: usize = 256;
