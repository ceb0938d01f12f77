//! Tokens to verify, all different: one ES256 token over and over reads too fast, because branch predictors learn its signature.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use exeat_jose::{Algorithm, Clock as _, SigningKey, SystemClock, Typ};
use serde::Serialize;
use serde_json::json;

/// `iss` of all tokens.
pub const ISSUER: &str = "https://market.example.com";

/// `aud` of all tokens.
pub const AUDIENCE: &str = "loyalty-api";

/// The algorithms that are measured.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

/// How many different tokens of each algorithm a full run uses.
pub const MANY: usize = 20_000;

/// The tokens of a run and the keys that verify them.
pub struct Tokens {
    jwks: String,
    by_algorithm: Vec<(Algorithm, Vec<String>)>,
}

impl Tokens {
    /// Makes keys and `count` tokens for each of `algorithms`, good for a day.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn mint(
        algorithms: impl IntoIterator<Item = Algorithm>,
        count: usize,
    ) -> anyhow::Result<Self> {
        let now = SystemClock.now().as_secs();
        let mut keys = Vec::new();
        let mut by_algorithm = Vec::new();
        for alg in algorithms {
            let (key, _) = SigningKey::generate(alg)?;
            let tokens = (0..count)
                .map(|number| Ok(key.sign(Typ::Jwt, &Claims::new(number, now))?.into_string()))
                .collect::<anyhow::Result<_>>()?;
            keys.push(key.public_jwk().clone());
            by_algorithm.push((alg, tokens));
        }
        Ok(Self {
            jwks: json!({ "keys": keys }).to_string(),
            by_algorithm,
        })
    }

    /// Writes all of it into a folder, for programs in other processes and languages.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(JWKS), &self.jwks)?;
        for (alg, tokens) in &self.by_algorithm {
            fs::write(folder.join(alg.name()), tokens.join("\n"))?;
        }
        Ok(())
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// A file is missing.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let read =
            |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
        let by_algorithm = ALGORITHMS
            .into_iter()
            .map(|alg| Ok((alg, read(alg.name())?.lines().map(str::to_owned).collect())))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            jwks: read(JWKS)?,
            by_algorithm,
        })
    }

    /// The JWK Set.
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The tokens of one algorithm.
    ///
    /// # Errors
    /// There are none.
    pub fn of(&self, alg: Algorithm) -> anyhow::Result<&[String]> {
        let found = self.by_algorithm.iter().find(|(known, _)| *known == alg);
        let (_, tokens) = found.with_context(|| format!("no {} tokens", alg.name()))?;
        ensure!(!tokens.is_empty(), "no {} tokens", alg.name());
        Ok(tokens)
    }
}

/// The same tokens in an order that no prefetcher knows, the same in each run.
#[must_use]
pub fn shuffled(tokens: &[String]) -> Vec<&str> {
    let mut numbered: Vec<(u64, &str)> = tokens
        .iter()
        .zip(1_u64..)
        .map(|(token, number)| (scramble(number), token.as_str()))
        .collect();
    numbered.sort_unstable();
    numbered.into_iter().map(|(_, token)| token).collect()
}

/// The finaliser of `SplitMix64`: neighbours end up far apart.
const fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What exeat's issuer writes, without `jti`.
#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    aud: &'static str,
    sub: String,
    name: String,
    tenant: &'static str,
    iat: u64,
    exp: u64,
}

impl Claims {
    fn new(number: usize, now: u64) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: format!("6f1c2a9e-52d4-4b8e-9d0a-{number:012x}"),
            name: format!("u{number:05}@example.com"),
            tenant: "T1",
            iat: now,
            exp: now + DAY,
        }
    }
}

const JWKS: &str = "jwks.json";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shuffling_keeps_every_token_and_no_order() {
        let tokens: Vec<String> = (0..1_000).map(|number| format!("{number:03}")).collect();
        let mixed = shuffled(&tokens);
        assert_eq!(mixed.iter().collect::<BTreeSet<_>>().len(), 1_000);
        let neighbours = mixed.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((400..600).contains(&neighbours), "{neighbours}");
    }
}
