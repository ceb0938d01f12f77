//! ring behind jsonwebtoken's plug. It has every algorithm that jsonwebtoken has, HMAC too: a provider serves the whole process, and
//! what other dependencies do with theirs must go on working.

use ::jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    jwk::{EllipticCurve, ThumbprintHash},
    signature::{self, Signer, Verifier},
};
use ring::{
    digest, hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};

use crate::der;

/// jsonwebtoken's cryptography by `ring` instead of `aws-lc-rs` or the `RustCrypto` crates.
///
/// A binary that wants it calls `ring_provider().install_default()` before its first token. A library must not: there is one provider
/// per process, and it cannot be changed.
#[must_use]
pub fn ring_provider() -> &'static CryptoProvider {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |alg, key| Ok(Box::new(RingSigner::new(*alg, key)?)),
        verifier_factory: |alg, key| Ok(Box::new(RingVerifier::new(*alg, key)?)),
        key_utils: KeyUtils {
            rsa_pub_components_from_private_key,
            rsa_pub_components_from_public_key,
            ec_pub_components_from_private_key,
            ed_pub_components_from_private_key,
            compute_digest,
        },
    };
    &PROVIDER
}

struct RingVerifier {
    alg: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    /// An RSA key in DER, a point, or 32 bytes.
    Bytes(UnparsedPublicKey<Vec<u8>>),
    Hmac(hmac::Key),
}

impl RingVerifier {
    fn new(alg: Algorithm, key: &DecodingKey) -> Result<Self> {
        if key.family() != alg.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let bytes = |parameters: &'static dyn VerificationAlgorithm| -> Result<PublicKey> {
            let key = key.try_get_as_bytes()?;
            Ok(PublicKey::Bytes(UnparsedPublicKey::new(
                parameters,
                key.to_vec(),
            )))
        };
        let key = match (family(alg)?, key.kind()) {
            (Family::Hmac(hash), _) => {
                PublicKey::Hmac(hmac::Key::new(hash, key.try_get_as_bytes()?))
            }
            (Family::Rsa(parameters, _), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let (n, e) = (n.clone(), e.clone());
                PublicKey::Rsa(parameters, RsaPublicKeyComponents { n, e })
            }
            (Family::Rsa(parameters, _), DecodingKeyKind::SecretOrDer(_)) => bytes(parameters)?,
            (Family::Ec(Curve::P256), _) => bytes(&ECDSA_P256_SHA256_FIXED)?,
            (Family::Ec(Curve::P384), _) => bytes(&ECDSA_P384_SHA384_FIXED)?,
            (Family::Ed, _) => bytes(&ED25519)?,
        };
        Ok(Self { alg, key })
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        match &self.key {
            PublicKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
            PublicKey::Bytes(key) => key.verify(message, signature),
            PublicKey::Hmac(key) => hmac::verify(key, message, signature),
        }
        .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.alg
    }
}

struct RingSigner {
    alg: Algorithm,
    key: PrivateKey,
}

enum PrivateKey {
    Rsa(&'static dyn RsaEncoding, RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(hmac::Key),
}

impl RingSigner {
    fn new(alg: Algorithm, key: &EncodingKey) -> Result<Self> {
        if key.family() != alg.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let key = match family(alg)? {
            Family::Hmac(hash) => PrivateKey::Hmac(hmac::Key::new(hash, key.as_bytes())),
            Family::Rsa(_, padding) => PrivateKey::Rsa(padding, rsa_key_pair(key.as_bytes())?),
            Family::Ec(curve) => PrivateKey::Ec(ecdsa_key_pair(curve, key.as_bytes())?),
            Family::Ed => PrivateKey::Ed(ed25519_key_pair(key.as_bytes())?),
        };
        Ok(Self { alg, key })
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let random = SystemRandom::new();
        match &self.key {
            PrivateKey::Rsa(padding, key) => {
                let mut made = vec![0; key.public().modulus_len()];
                key.sign(*padding, &random, message, &mut made)
                    .map(|()| made)
            }
            PrivateKey::Ec(key) => key
                .sign(&random, message)
                .map(|made| made.as_ref().to_vec()),
            PrivateKey::Ed(key) => Ok(key.sign(message).as_ref().to_vec()),
            PrivateKey::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
        .map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.alg
    }
}

/// What ring needs to know of an algorithm.
enum Family {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters, &'static dyn RsaEncoding),
    Ec(Curve),
    Ed,
}

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
}

fn family(alg: Algorithm) -> Result<Family> {
    Ok(match alg {
        Algorithm::HS256 => Family::Hmac(hmac::HMAC_SHA256),
        Algorithm::HS384 => Family::Hmac(hmac::HMAC_SHA384),
        Algorithm::HS512 => Family::Hmac(hmac::HMAC_SHA512),
        Algorithm::RS256 => Family::Rsa(&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_SHA256),
        Algorithm::RS384 => Family::Rsa(&RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_SHA384),
        Algorithm::RS512 => Family::Rsa(&RSA_PKCS1_2048_8192_SHA512, &RSA_PKCS1_SHA512),
        Algorithm::PS256 => Family::Rsa(&RSA_PSS_2048_8192_SHA256, &RSA_PSS_SHA256),
        Algorithm::PS384 => Family::Rsa(&RSA_PSS_2048_8192_SHA384, &RSA_PSS_SHA384),
        Algorithm::PS512 => Family::Rsa(&RSA_PSS_2048_8192_SHA512, &RSA_PSS_SHA512),
        Algorithm::ES256 => Family::Ec(Curve::P256),
        Algorithm::ES384 => Family::Ec(Curve::P384),
        Algorithm::EdDSA => Family::Ed,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    })
}

/// PKCS #1, which jsonwebtoken takes out of a PEM file, or PKCS #8.
fn rsa_key_pair(der: &[u8]) -> Result<RsaKeyPair> {
    RsaKeyPair::from_der(der)
        .or_else(|_| RsaKeyPair::from_pkcs8(der))
        .map_err(|refused| ErrorKind::InvalidRsaKey(refused.to_string()).into())
}

fn ecdsa_key_pair(curve: Curve, pkcs8: &[u8]) -> Result<EcdsaKeyPair> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    };
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new())
        .map_err(|_| ErrorKind::InvalidEcdsaKey.into())
}

/// PKCS #8 of version 1, which `openssl` writes, or 2.
fn ed25519_key_pair(pkcs8: &[u8]) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

fn rsa_pub_components_from_private_key(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let key = rsa_key_pair(der)?;
    let PublicKeyComponents { n, e } = key.public().into();
    Ok((n, e))
}

fn rsa_pub_components_from_public_key(document: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let (n, e) = der::rsa_public_key(document)
        .ok_or_else(|| ErrorKind::InvalidRsaKey("not an RSAPublicKey".to_owned()))?;
    Ok((n.to_vec(), e.to_vec()))
}

fn ec_pub_components_from_private_key(
    pkcs8: &[u8],
    alg: Algorithm,
) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
    let (curve, name) = match family(alg)? {
        Family::Ec(Curve::P256) => (Curve::P256, EllipticCurve::P256),
        Family::Ec(Curve::P384) => (Curve::P384, EllipticCurve::P384),
        _ => return Err(ErrorKind::InvalidEcdsaKey.into()),
    };
    let key = ecdsa_key_pair(curve, pkcs8)?;
    // Uncompressed (SEC 1 §2.3.3): a byte, then two coordinates of one length.
    let point = key.public_key().as_ref().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    Ok((name, x.to_vec(), y.to_vec()))
}

fn ed_pub_components_from_private_key(pkcs8: &[u8], curve: &EllipticCurve) -> Result<Vec<u8>> {
    if *curve != EllipticCurve::Ed25519 {
        return Err(ErrorKind::InvalidEddsaKey.into());
    }
    Ok(ed25519_key_pair(pkcs8)?.public_key().as_ref().to_vec())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is jsonwebtoken's"
)]
fn compute_digest(bytes: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &digest::SHA256,
        ThumbprintHash::SHA384 => &digest::SHA384,
        ThumbprintHash::SHA512 => &digest::SHA512,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(digest::digest(algorithm, bytes).as_ref().to_vec())
}
