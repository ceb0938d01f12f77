use super::KeyRefusal;
use crate::{Algorithm, base64url};

/// The numbers of a public key, in the canonical form of RFC 7518 §6: nothing padded, nothing left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Material {
    Rsa {
        n: Box<[u8]>,
        e: Box<[u8]>,
    },
    Ec {
        crv: Curve,
        x: Box<[u8]>,
        y: Box<[u8]>,
    },
    Ed25519 {
        x: [u8; 32],
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// The smallest and the largest RSA modulus, in bits (NIST SP 800-131A; 8192 bounds the work of one signature).
const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Every backend refuses larger exponents: they only make verifying slow.
const RSA_EXPONENT_BITS: usize = 33;

impl Material {
    pub(crate) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyRefusal> {
        let (Some(&[n_last]), Some(&[e_last])) = (n.last_chunk(), e.last_chunk()) else {
            return Err(KeyRefusal::NotAJwk("n or e is empty"));
        };
        if n.first() == Some(&0) || e.first() == Some(&0) {
            return Err(KeyRefusal::NotAJwk("n or e has leading zeros"));
        }
        let bits = bit_len(&n);
        if !RSA_MODULUS_BITS.contains(&bits) {
            return Err(KeyRefusal::RsaModulus { bits });
        }
        if n_last % 2 == 0 {
            return Err(KeyRefusal::NotAJwk("n is even"));
        }
        if e_last % 2 == 0 || *e == [1] || bit_len(&e) > RSA_EXPONENT_BITS {
            return Err(KeyRefusal::RsaExponent);
        }
        let (n, e) = (n.into(), e.into());
        Ok(Self::Rsa { n, e })
    }

    pub(crate) fn ec(crv: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, KeyRefusal> {
        if x.len() != crv.coordinate_len() || y.len() != crv.coordinate_len() {
            return Err(KeyRefusal::CoordinateLength);
        }
        let (x, y) = (x.into(), y.into());
        Ok(Self::Ec { crv, x, y })
    }

    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, KeyRefusal> {
        let x = x.try_into().map_err(|_| KeyRefusal::CoordinateLength)?;
        Ok(Self::Ed25519 { x })
    }

    pub(crate) fn fits(&self, alg: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => alg.is_rsa(),
            Self::Ec {
                crv: Curve::P256, ..
            } => alg == Algorithm::Es256,
            Self::Ec {
                crv: Curve::P384, ..
            } => alg == Algorithm::Es384,
            Self::Ed25519 { .. } => alg == Algorithm::EdDsa,
        }
    }

    pub(super) const fn kty(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Ec { .. } => "EC",
            Self::Ed25519 { .. } => "OKP",
        }
    }

    /// RFC 7638 §3: the required members alone, in lexical order, without white space.
    pub(super) fn thumbprint_input(&self) -> String {
        let kty = self.kty();
        match self {
            Self::Rsa { n, e } => {
                let (n, e) = (base64url::encode(n), base64url::encode(e));
                format!(r#"{{"e":"{e}","kty":"{kty}","n":"{n}"}}"#)
            }
            Self::Ec { crv, x, y } => {
                let (crv, x, y) = (crv.name(), base64url::encode(x), base64url::encode(y));
                format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519 { x } => {
                let x = base64url::encode(x);
                format!(r#"{{"crv":"Ed25519","kty":"{kty}","x":"{x}"}}"#)
            }
        }
    }
}

/// Bits of a big-endian number without leading zero bytes.
fn bit_len(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or_default())
}
