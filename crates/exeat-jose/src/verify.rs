use std::fmt;

use crate::{
    Algorithm, InvalidToken, Jwk, KeyId, KeyRefusal, Thumbprint, backend, base64url,
    jwk::{Curve, Material},
};

/// A public key ready to verify: bound to one algorithm, parsed once where the backend can. Share it in an `Arc`.
///
/// ```
/// use exeat_jose::{Algorithm, Jwk, VerifyingKey};
/// // RFC 8037, appendix A.2
/// let jwk = Jwk::from_json(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// let key = VerifyingKey::from_jwk(jwk, Algorithm::Rs256)?;
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), exeat_jose::KeyRefusal>(())
/// ```
pub struct VerifyingKey {
    jwk: Jwk,
    alg: Algorithm,
    key: backend::PublicKey,
}

impl VerifyingKey {
    /// Prepares a key. `rsa_default` is the algorithm of an RSA key without `alg`; every other key type has only one.
    ///
    /// # Errors
    /// [`KeyRefusal::AlgMismatch`] if `rsa_default` is needed and is no RSA algorithm; [`KeyRefusal::NotOnCurve`] (under ring an
    /// impossible point is found when verifying, as a bad signature).
    pub fn from_jwk(jwk: Jwk, rsa_default: Algorithm) -> Result<Self, KeyRefusal> {
        let alg = jwk.algorithm().unwrap_or(match jwk.material() {
            Material::Rsa { .. } => rsa_default,
            Material::Ec {
                crv: Curve::P256, ..
            } => Algorithm::Es256,
            Material::Ec {
                crv: Curve::P384, ..
            } => Algorithm::Es384,
            Material::Ed25519 { .. } => Algorithm::EdDsa,
        });
        if !jwk.material().fits(alg) {
            return Err(KeyRefusal::AlgMismatch);
        }
        let key = match jwk.material() {
            Material::Rsa { n, e } => backend::PublicKey::rsa(alg, n, e).ok_or(
                KeyRefusal::NotAJwk("RSA key refused by the cryptographic library"),
            )?,
            Material::Ec { x, y, .. } => {
                // SEC 1 §2.3.3, uncompressed.
                let point = [&[4], &**x, &**y].concat();
                backend::PublicKey::point(alg, &point).ok_or(KeyRefusal::NotOnCurve)?
            }
            Material::Ed25519 { x } => {
                backend::PublicKey::point(alg, x).ok_or(KeyRefusal::NotOnCurve)?
            }
        };
        Ok(Self { jwk, alg, key })
    }

    /// The JWK's own `kid`, by which tokens name it.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.jwk.key_id()
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// The RFC 7638 thumbprint: this key's identity, whatever it is called.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.jwk.thumbprint()
    }

    /// The key as it was imported.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(crate) fn verify(&self, signing_input: &str, signature: &str) -> Result<(), InvalidToken> {
        /// RSA of 2048 bits, and everything that is no RSA: a quarter of the memory to clear before each signature.
        const USUAL: usize = 256_usize.next_multiple_of(3);
        /// RSA of 8192 bits. Both in whole groups of three bytes, as the decoder asks.
        const MAX: usize = 1024_usize.next_multiple_of(3);
        if signature.len() <= USUAL / 3 * 4 {
            self.verify_within::<USUAL>(signing_input, signature)
        } else if signature.len() <= MAX / 3 * 4 {
            self.verify_within::<MAX>(signing_input, signature)
        } else {
            Err(InvalidToken::BadSignature)
        }
    }

    fn verify_within<const MAX_SIGNATURE: usize>(
        &self,
        signing_input: &str,
        signature: &str,
    ) -> Result<(), InvalidToken> {
        let mut buffer = [0; MAX_SIGNATURE];
        let signature =
            base64url::decode_into(signature, &mut buffer).map_err(|_| InvalidToken::Malformed)?;
        if self.key.verify(signing_input.as_bytes(), signature) {
            Ok(())
        } else {
            Err(InvalidToken::BadSignature)
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.key_id())
            .field("alg", &self.alg)
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod tests;
#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod wycheproof_sets;
