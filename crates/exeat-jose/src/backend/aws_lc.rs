use aws_lc_rs::{
    digest,
    signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents},
};

use crate::Algorithm;

/// A parsed public key: checked at import, nothing of it repeated per signature.
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(crate) fn rsa(alg: Algorithm, n: &[u8], e: &[u8]) -> Option<Self> {
        let parameters: &'static RsaParameters = match alg {
            Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
        };
        let parsed = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
        parsed.ok().map(Self)
    }

    /// An elliptic-curve point: uncompressed for ECDSA, 32 bytes for Ed25519.
    pub(crate) fn point(alg: Algorithm, bytes: &[u8]) -> Option<Self> {
        let parsed = match alg {
            Algorithm::Es256 => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, bytes),
            Algorithm::Es384 => ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, bytes),
            Algorithm::EdDsa => ParsedPublicKey::new(&signature::ED25519, bytes),
            _ => return None,
        };
        parsed.ok().map(Self)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a build without a backend has no digest"
)]
pub(crate) fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    Some(out)
}

#[cfg(feature = "sign")]
pub(crate) use private::PrivateKey;

#[cfg(feature = "sign")]
mod private {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rand::SystemRandom,
        rsa::KeySize,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
            RSA_PKCS1_SHA256, RsaKeyPair,
        },
    };
    use zeroize::Zeroizing;

    use crate::{
        Algorithm,
        backend::{Generated, PublicHalf},
    };

    /// A parsed private key. The library wipes its memory.
    pub(crate) enum PrivateKey {
        Rsa(RsaKeyPair),
        P256(EcdsaKeyPair),
        Ed25519(Ed25519KeyPair),
    }

    impl PrivateKey {
        pub(crate) fn from_pkcs8(alg: Algorithm, pkcs8: &[u8]) -> Option<Self> {
            match alg {
                Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa),
                Algorithm::Es256 => {
                    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
                    key.ok().map(Self::P256)
                }
                Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519),
                _ => None,
            }
        }

        /// P-256 and Ed25519, as PKCS#8 v1, which `openssl` reads too.
        pub(crate) fn generate(alg: Algorithm) -> Option<Generated> {
            let pkcs8 = match alg {
                Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .and_then(|key| key.to_pkcs8v1()),
                Algorithm::EdDsa => Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1()),
                _ => return None,
            };
            let pkcs8 = Zeroizing::new(pkcs8.ok()?.as_ref().to_vec());
            let key = Self::from_pkcs8(alg, &pkcs8)?;
            Some(Generated { key, pkcs8 })
        }

        pub(crate) fn generate_rsa(bits: usize) -> Option<Generated> {
            let size = match bits {
                2048 => KeySize::Rsa2048,
                3072 => KeySize::Rsa3072,
                _ => return None,
            };
            let key = RsaKeyPair::generate(size).ok()?;
            let der: Pkcs8V1Der<'_> = key.as_der().ok()?;
            let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
            let key = Self::Rsa(key);
            Some(Generated { key, pkcs8 })
        }

        pub(crate) fn public_half(&self) -> PublicHalf<'_> {
            match self {
                Self::Rsa(key) => PublicHalf::Rsa(key.public_key().as_ref()),
                Self::P256(key) => PublicHalf::P256(key.public_key().as_ref()),
                Self::Ed25519(key) => PublicHalf::Ed25519(key.public_key().as_ref()),
            }
        }

        /// Writes the signature to the start of `out` and returns its length.
        pub(crate) fn sign(&self, message: &[u8], out: &mut [u8]) -> Option<usize> {
            let random = SystemRandom::new();
            let signature = match self {
                Self::Rsa(key) => {
                    let out = out.get_mut(..key.public_modulus_len())?;
                    key.sign(&RSA_PKCS1_SHA256, &random, message, out).ok()?;
                    return Some(out.len());
                }
                Self::P256(key) => key.sign(&random, message).ok()?,
                Self::Ed25519(key) => key.try_sign(message).ok()?,
            };
            let signature = signature.as_ref();
            out.get_mut(..signature.len())?.copy_from_slice(signature);
            Some(signature.len())
        }
    }
}
