use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Algorithm, Jwk, KeyId, KeyRefusal, VerifyingKey, jwk, members::RawMembers};

/// How a JWK Set is imported.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ImportPolicy {
    /// The most keys a set may have, usable or not. Default 64.
    pub max_keys: usize,
    /// The algorithm of an RSA key without `alg`. Default RS256.
    pub rsa_default: Algorithm,
}

impl Default for ImportPolicy {
    fn default() -> Self {
        Self {
            max_keys: 64,
            rsa_default: Algorithm::Rs256,
        }
    }
}

/// A JWK Set (RFC 7517 §5), each key imported alone: one that cannot be used is set aside with its reason and harms no other.
///
/// ```
/// use exeat_jose::{ImportPolicy, JwkSet, KeyRefusal};
/// let set = JwkSet::import(br#"{"keys":[
///     {"kty":"oct","k":"AA","kid":"shared"},
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#, &ImportPolicy::default())?;
/// assert_eq!(set.keys().len(), 1);
/// assert_eq!(set.refused()[0].why, KeyRefusal::Symmetric);
/// # Ok::<(), exeat_jose::JwkSetError>(())
/// ```
#[derive(Debug)]
pub struct JwkSet {
    keys: Vec<Arc<VerifyingKey>>,
    refused: Vec<RefusedKey>,
}

impl JwkSet {
    /// The most keys tried for one token.
    pub const MAX_CANDIDATES: usize = 4;

    /// Reads a set. The caller bounds the length of `json`. A set without a usable key is `Ok`: see [`Self::is_empty`].
    ///
    /// # Errors
    /// [`JwkSetError::NotASet`] if it is not an object with an array `keys`; [`JwkSetError::TooManyKeys`].
    pub fn import(json: &[u8], policy: &ImportPolicy) -> Result<Self, JwkSetError> {
        #[derive(Deserialize)]
        struct RawSet<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let json = std::str::from_utf8(json).map_err(|_| JwkSetError::NotASet("not UTF-8"))?;
        if !json.trim_start().starts_with('{') {
            return Err(JwkSetError::NotASet("not an object"));
        }
        let RawSet { keys } = serde_json::from_str(json)
            .map_err(|_| JwkSetError::NotASet("not well-formed, or no array of keys"))?;
        if keys.len() > policy.max_keys {
            let max = policy.max_keys;
            return Err(JwkSetError::TooManyKeys { max });
        }
        let mut set = Self::from_keys([]);
        for (position, key) in keys.into_iter().enumerate() {
            match import_key(key.get(), policy.rsa_default) {
                Ok(key) => set.keys.push(Arc::new(key)),
                Err((kid, why)) => set.refused.push(RefusedKey { position, kid, why }),
            }
        }
        Ok(set)
    }

    /// A set of keys that are at hand.
    pub fn from_keys(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self {
            keys: keys.into_iter().map(Arc::new).collect(),
            refused: Vec::new(),
        }
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The usable keys, in the order of the set.
    #[must_use]
    pub fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// The keys that were set aside, each with its reason.
    #[must_use]
    pub fn refused(&self) -> &[RefusedKey] {
        &self.refused
    }

    /// The keys to try for a header: those of this `kid` and algorithm, at most [`Self::MAX_CANDIDATES`]; without a `kid` the one
    /// key of that algorithm, and none if there are several. A key without a `kid` is never an answer to one.
    pub fn select(
        &self,
        kid: Option<&KeyId>,
        alg: Algorithm,
    ) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        let of_alg = move |key: &&Arc<VerifyingKey>| key.algorithm() == alg;
        let limit = match kid {
            Some(_) => Self::MAX_CANDIDATES,
            None => usize::from(self.keys.iter().filter(of_alg).count() == 1),
        };
        self.keys
            .iter()
            .filter(of_alg)
            .filter(move |key| kid.is_none_or(|kid| key.key_id() == Some(kid)))
            .take(limit)
    }

    /// Whether a usable key has this `kid`, whatever its algorithm.
    #[must_use]
    pub fn contains_key_id(&self, kid: &KeyId) -> bool {
        self.keys.iter().any(|key| key.key_id() == Some(kid))
    }
}

fn import_key(
    json: &str,
    rsa_default: Algorithm,
) -> Result<VerifyingKey, (Option<KeyId>, KeyRefusal)> {
    let members = RawMembers::parse(json).map_err(|fault| (None, KeyRefusal::NotAJwk(fault)))?;
    Jwk::from_members(&members)
        .and_then(|jwk| VerifyingKey::from_jwk(jwk, rsa_default))
        .map_err(|why| (jwk::key_id(&members).unwrap_or_default(), why))
}

/// A key of a set that cannot be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefusedKey {
    /// Its place in `keys`, from 0.
    pub position: usize,
    /// Its `kid`, if that could be read.
    pub kid: Option<KeyId>,
    /// What is wrong with it.
    pub why: KeyRefusal,
}

/// Why a whole set was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not a JSON object with an array `keys`.
    #[error("not a JWK set: {0}")]
    NotASet(&'static str),
    /// More keys than [`ImportPolicy::max_keys`].
    #[error("more than {max} keys")]
    TooManyKeys {
        /// Keys allowed.
        max: usize,
    },
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod tests;
