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
        let x: [u8; 32] = x.try_into().map_err(|_| KeyRefusal::CoordinateLength)?;
        if is_of_small_order(&x) {
            return Err(KeyRefusal::SmallOrder);
        }
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

/// Ed25519's points of small order as they are encoded, canonically or not, without the sign bit: the y of order 4, 1, 8, 8, 2, and
/// those of order 4 and 1 again with 2^255 - 19 added. Under such a key a signature can be made that holds for many messages, or for
/// all, without any private key.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with_ends([1, 0], [0, 0], 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    with_ends([0xec, 0xff], [0xff, 0x7f], 0xff),
    with_ends([0xed, 0xff], [0xff, 0x7f], 0xff),
    with_ends([0xee, 0xff], [0xff, 0x7f], 0xff),
];

const fn with_ends(first: [u8; 2], last: [u8; 2], between: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    [bytes[0], bytes[1]] = first;
    [bytes[30], bytes[31]] = last;
    bytes
}

fn is_of_small_order(x: &[u8; 32]) -> bool {
    let [y @ .., last] = x;
    SMALL_ORDER
        .iter()
        .any(|[small @ .., end]| y == small && last & 0x7f == *end)
}

/// Bits of a big-endian number without leading zero bytes.
fn bit_len(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or_default())
}
