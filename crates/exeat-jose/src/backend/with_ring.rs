use ring::{
    digest,
    signature::{
        self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
    },
};

use crate::Algorithm;

/// A public key that ring parses, and whose point it checks, at each signature.
pub(crate) enum PublicKey {
    Rsa {
        parameters: &'static RsaParameters,
        key: RsaPublicKeyComponents<Box<[u8]>>,
    },
    Point(UnparsedPublicKey<Box<[u8]>>),
}

impl PublicKey {
    pub(crate) fn rsa(alg: Algorithm, n: &[u8], e: &[u8]) -> Option<Self> {
        let parameters = match alg {
            Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
        };
        let (n, e) = (n.into(), e.into());
        let key = RsaPublicKeyComponents { n, e };
        Some(Self::Rsa { parameters, key })
    }

    /// An elliptic-curve point: uncompressed for ECDSA, 32 bytes for Ed25519.
    pub(crate) fn point(alg: Algorithm, bytes: &[u8]) -> Option<Self> {
        let algorithm: &'static dyn VerificationAlgorithm = match alg {
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDsa => &signature::ED25519,
            _ => return None,
        };
        Some(Self::Point(UnparsedPublicKey::new(algorithm, bytes.into())))
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { parameters, key } => key.verify(parameters, message, signature).is_ok(),
            Self::Point(key) => key.verify(message, signature).is_ok(),
        }
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
    use ring::{
        rand::{SecureRandom, SystemRandom},
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

    /// A parsed private key.
    pub(crate) enum PrivateKey {
        Rsa(RsaKeyPair),
        P256(EcdsaKeyPair),
        Ed25519(Ed25519KeyPair),
    }

    /// The PKCS#8 v1 document of an Ed25519 key up to its 32 bytes (RFC 8410 §7). ring itself writes only v2, which `openssl` before
    /// 3.5 does not read.
    const ED25519_PKCS8_V1: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];

    impl PrivateKey {
        pub(crate) fn from_pkcs8(alg: Algorithm, pkcs8: &[u8]) -> Option<Self> {
            match alg {
                Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa),
                Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    pkcs8,
                    &SystemRandom::new(),
                )
                .ok()
                .map(Self::P256),
                Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
                    .ok()
                    .map(Self::Ed25519),
                _ => None,
            }
        }

        /// P-256 and Ed25519, as PKCS#8 v1, which `openssl` reads too.
        pub(crate) fn generate(alg: Algorithm) -> Option<Generated> {
            let random = SystemRandom::new();
            let pkcs8 = match alg {
                Algorithm::Es256 => {
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                        .ok()?
                        .as_ref()
                        .to_vec()
                }
                Algorithm::EdDsa => {
                    let mut seed = Zeroizing::new([0; 32]);
                    random.fill(&mut *seed).ok()?;
                    [&ED25519_PKCS8_V1[..], &seed[..]].concat()
                }
                _ => return None,
            };
            let pkcs8 = Zeroizing::new(pkcs8);
            let key = Self::from_pkcs8(alg, &pkcs8)?;
            Some(Generated { key, pkcs8 })
        }

        /// ring cannot.
        pub(crate) fn generate_rsa(_bits: usize) -> Option<Generated> {
            None
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
                    let out = out.get_mut(..key.public().modulus_len())?;
                    key.sign(&RSA_PKCS1_SHA256, &random, message, out).ok()?;
                    return Some(out.len());
                }
                Self::P256(key) => key.sign(&random, message).ok()?,
                Self::Ed25519(key) => key.sign(message),
            };
            let signature = signature.as_ref();
            out.get_mut(..signature.len())?.copy_from_slice(signature);
            Some(signature.len())
        }
    }
}
