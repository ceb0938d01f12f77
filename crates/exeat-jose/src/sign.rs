use std::fmt;

use pem_rfc7468::LineEnding;
use serde::{Serialize, ser::Error};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Algorithm, Jwk, KeyId, KeyRefusal, Typ,
    backend::{Generated, PrivateKey, PublicHalf},
    base64url, der,
    der::KeyKind,
    jwk::{Curve, Material},
};

/// A private key, parsed once: RS256, ES256 or `EdDSA`. The key's name is its RFC 7638 thumbprint unless it is given another.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// use exeat_jose::{Algorithm, SigningKey, Typ};
/// let (key, pem) = SigningKey::generate(Algorithm::Es256)?;
/// let token = key.sign(Typ::Jwt, &serde_json::json!({ "sub": "u1" }))?;
/// assert_eq!(token.as_str().split('.').count(), 3);
/// let again = SigningKey::from_pkcs8_pem(pem.expose(), Algorithm::Es256)?;
/// assert_eq!(again.key_id(), key.key_id());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It can be neither copied nor serialised nor shown:
///
/// ```compile_fail
/// fn copy(key: &exeat_jose::SigningKey) -> exeat_jose::SigningKey { key.clone() }
/// ```
/// ```compile_fail
/// fn publish(key: &exeat_jose::SigningKey) -> String { serde_json::to_string(key).unwrap() }
/// ```
/// ```compile_fail
/// fn show(key: &exeat_jose::SigningKey) -> String { key.to_string() }
/// ```
pub struct SigningKey {
    key: PrivateKey,
    alg: Algorithm,
    kid: KeyId,
    public: Jwk,
    /// Encoded once: nothing in a header depends on the token.
    headers: Headers,
    /// Room for the signature and the dots.
    reserve: usize,
}

impl SigningKey {
    /// The longest PEM text that is read, in bytes: an RSA key of 8192 bits has about 6,400.
    pub const MAX_PEM_LEN: usize = 16 * 1024;

    /// Makes a key: P-256 for [`Algorithm::Es256`], Ed25519 for [`Algorithm::EdDsa`], RSA of 2048 bits for [`Algorithm::Rs256`]
    /// (slow: keep it off the threads that serve requests).
    ///
    /// # Errors
    /// [`KeyError::GenerationUnsupported`] for other algorithms, for RSA under ring, and if the library has no randomness.
    pub fn generate(alg: Algorithm) -> Result<(Self, PrivateKeyPem), KeyError> {
        match alg {
            Algorithm::Rs256 => Self::generate_rsa(2048),
            Algorithm::Es256 | Algorithm::EdDsa => {
                Self::from_generated(PrivateKey::generate(alg), alg)
            }
            _ => Err(KeyError::GenerationUnsupported { alg }),
        }
    }

    /// Makes an RSA key of 2048 or 3072 bits for RS256. Slow: keep it off the threads that serve requests.
    ///
    /// # Errors
    /// [`KeyError::GenerationUnsupported`] for another size, and under ring.
    pub fn generate_rsa(bits: usize) -> Result<(Self, PrivateKeyPem), KeyError> {
        Self::from_generated(PrivateKey::generate_rsa(bits), Algorithm::Rs256)
    }

    fn from_generated(
        generated: Option<Generated>,
        alg: Algorithm,
    ) -> Result<(Self, PrivateKeyPem), KeyError> {
        let Generated { key, pkcs8 } = generated.ok_or(KeyError::GenerationUnsupported { alg })?;
        let pem = pem_rfc7468::encode_string(PEM_LABEL, LineEnding::LF, &pkcs8)
            .map_err(|_| KeyError::Refused)?;
        Ok((Self::new(key, alg)?, PrivateKeyPem(pem)))
    }

    /// Reads a PKCS#8 private key in PEM form (`BEGIN PRIVATE KEY`, RFC 7468 §10), as `openssl genpkey` writes it. Encrypted keys
    /// and the older forms (`BEGIN RSA PRIVATE KEY`, `BEGIN EC PRIVATE KEY`) are not read.
    ///
    /// # Errors
    /// [`KeyError::NotPem`]; [`KeyError::WrongAlgorithm`] if it is a key of another type or curve; [`KeyError::Refused`] if the
    /// library finds it damaged, or it is an RSA key under 2048 bits.
    pub fn from_pkcs8_pem(pem: &str, alg: Algorithm) -> Result<Self, KeyError> {
        if pem.len() > Self::MAX_PEM_LEN {
            return Err(KeyError::NotPem);
        }
        let (label, pkcs8) =
            pem_rfc7468::decode_vec(pem.as_bytes()).map_err(|_| KeyError::NotPem)?;
        let pkcs8 = Zeroizing::new(pkcs8);
        if label != PEM_LABEL {
            return Err(KeyError::NotPem);
        }
        let kind = der::pkcs8_kind(&pkcs8).ok_or(KeyError::NotPem)?;
        match (alg, kind) {
            (Algorithm::Rs256, KeyKind::Rsa)
            | (Algorithm::Es256, KeyKind::P256)
            | (Algorithm::EdDsa, KeyKind::Ed25519) => {}
            _ => return Err(KeyError::WrongAlgorithm { alg }),
        }
        let key = PrivateKey::from_pkcs8(alg, &pkcs8).ok_or(KeyError::Refused)?;
        Self::new(key, alg)
    }

    fn new(key: PrivateKey, alg: Algorithm) -> Result<Self, KeyError> {
        let public = public_jwk(&key, alg).map_err(|_| KeyError::Refused)?;
        let kid = public.thumbprint().to_key_id();
        Ok(Self {
            headers: Headers::new(alg, &kid),
            // An encoded signature of RSA 3072, of ECDSA or EdDSA. More is correct too, only slower.
            reserve: if alg.is_rsa() { 520 } else { 96 },
            public: public.with_key_id(kid.clone()),
            kid,
            alg,
            key,
        })
    }

    /// The same key under another name, for an issuer that does not name its keys by their thumbprints.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
    /// use exeat_jose::{Algorithm, KeyId, SigningKey};
    /// let (key, _pem) = SigningKey::generate(Algorithm::Es256)?;
    /// let key = key.with_key_id(KeyId::try_from("2026-11")?);
    /// assert_eq!(key.public_jwk().key_id(), Some(key.key_id()));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_key_id(self, kid: KeyId) -> Self {
        Self {
            headers: Headers::new(self.alg, &kid),
            public: self.public.with_key_id(kid.clone()),
            kid,
            ..self
        }
    }

    /// The key's name: its RFC 7638 thumbprint, base64url, unless [`Self::with_key_id`] gave it another.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.kid
    }

    /// The one algorithm that this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// The public half, with `kid`, `alg` and `use` = `sig`: what goes into a JWK Set.
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// Signs any JSON object. The header is `alg`, `kid` and `typ`, nothing else. The claims are not looked at.
    ///
    /// # Errors
    /// [`SignError::Claims`] if they cannot be serialised or are no object; [`SignError::Backend`] if the library fails.
    pub fn sign<C: Serialize>(&self, typ: Typ, claims: &C) -> Result<SignedToken, SignError> {
        let payload = serde_json::to_vec(claims).map_err(SignError::Claims)?;
        if payload.first() != Some(&b'{') {
            let error = serde_json::Error::custom("a JWT Claims Set is a JSON object");
            return Err(SignError::Claims(error));
        }
        let header = self.headers.of(typ);
        let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + self.reserve);
        token.push_str(header);
        token.push('.');
        base64url::encode_onto(&payload, &mut token);
        let mut signature = [0; MAX_SIGNATURE];
        let len = self.key.sign(token.as_bytes(), &mut signature);
        let signature = len
            .and_then(|len| signature.get(..len))
            .ok_or(SignError::Backend)?;
        token.push('.');
        base64url::encode_onto(signature, &mut token);
        Ok(SignedToken(token))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

fn public_jwk(key: &PrivateKey, alg: Algorithm) -> Result<Jwk, KeyRefusal> {
    let material = match key.public_half() {
        PublicHalf::Rsa(document) => {
            let (n, e) = der::rsa_public_key(document).ok_or(KeyRefusal::Unsupported)?;
            Material::rsa(n.to_vec(), e.to_vec())?
        }
        PublicHalf::P256(point) => {
            let coordinates = point.strip_prefix(&[4]).ok_or(KeyRefusal::Unsupported)?;
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            Material::ec(Curve::P256, x.to_vec(), y.to_vec())?
        }
        PublicHalf::Ed25519(bytes) => Material::ed25519(bytes)?,
    };
    Jwk::new(material, Some(alg), true)
}

/// The encoded header segment for each `typ`.
struct Headers {
    jwt: String,
    access_token: String,
}

impl Headers {
    fn new(alg: Algorithm, kid: &KeyId) -> Self {
        // A key id may hold quotes; the names hold nothing that JSON escapes.
        let kid = serde_json::Value::from(kid.as_str());
        let encode = |typ: Typ| {
            let (alg, typ) = (alg.name(), typ.name());
            base64url::encode(format!(r#"{{"alg":"{alg}","kid":{kid},"typ":"{typ}"}}"#).as_bytes())
        };
        Self {
            jwt: encode(Typ::Jwt),
            access_token: encode(Typ::AccessToken),
        }
    }

    fn of(&self, typ: Typ) -> &str {
        match typ {
            Typ::Jwt => &self.jwt,
            Typ::AccessToken => &self.access_token,
        }
    }
}

/// RSA of 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// RFC 7468 §10.
const PEM_LABEL: &str = "PRIVATE KEY";

/// A private key as PKCS#8 in PEM form, wiped when dropped. Not shown by `Debug`.
///
/// ```compile_fail
/// fn copy(pem: &exeat_jose::PrivateKeyPem) -> exeat_jose::PrivateKeyPem { pem.clone() }
/// ```
/// ```compile_fail
/// fn show(pem: &exeat_jose::PrivateKeyPem) -> String { pem.to_string() }
/// ```
pub struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// The text, to be written to a place that only the issuer reads.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for PrivateKeyPem {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(..)")
    }
}

/// A signed JWT: whoever has it can use it. Not shown by `Debug`.
pub struct SignedToken(String);

impl SignedToken {
    /// The token in compact form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The token in compact form, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(..)")
    }
}

/// Why there is no signing key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not one `BEGIN PRIVATE KEY` block with a PKCS#8 document of at most 16 KiB.
    #[error("not a PKCS#8 private key in PEM form")]
    NotPem,
    /// A key of another type or curve, or an algorithm that exeat does not sign with.
    #[error("key does not fit {}", .alg.name())]
    WrongAlgorithm {
        /// The algorithm asked for.
        alg: Algorithm,
    },
    /// Damaged, inconsistent, or an RSA key under 2048 bits.
    #[error("key refused by the cryptographic library")]
    Refused,
    /// ring cannot make RSA keys, and no backend makes keys for algorithms that exeat only verifies.
    #[error("this backend cannot generate {} keys", .alg.name())]
    GenerationUnsupported {
        /// The algorithm asked for.
        alg: Algorithm,
    },
}

/// Why a token was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The claims cannot be serialised, or are no JSON object.
    #[error("claims cannot be serialised")]
    Claims(#[source] serde_json::Error),
    /// The cryptographic library failed.
    #[error("signing failed")]
    Backend,
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod tests;
