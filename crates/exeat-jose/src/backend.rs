//! The cryptographic library, behind one small interface. Nothing else in the workspace names it.
//!
//! With both features aws-lc-rs is used: a dependency that turns on the other one must not change what a binary does. With neither,
//! `absent` takes their place and every key is refused, so that a build without a choice is a clear state and not a broken build.

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod absent;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
mod with_ring;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
use absent as chosen;
#[cfg(feature = "aws-lc-rs")]
use aws_lc as chosen;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use with_ring as chosen;

#[cfg(feature = "sign")]
pub(crate) use chosen::PrivateKey;
pub(crate) use chosen::{PublicKey, sha256};

/// What generating a private key gives: the key and its PKCS#8 document.
#[cfg(feature = "sign")]
pub(crate) struct Generated {
    pub(crate) key: PrivateKey,
    pub(crate) pkcs8: zeroize::Zeroizing<Vec<u8>>,
}

/// The public half of a private key, as the backend gives it.
#[cfg(feature = "sign")]
#[cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "ring")),
    expect(dead_code, reason = "without a backend there is no private key")
)]
pub(crate) enum PublicHalf<'k> {
    /// A DER `RSAPublicKey` (RFC 8017 §A.1.1).
    Rsa(&'k [u8]),
    /// An uncompressed point of P-256 (SEC 1 §2.3.3).
    P256(&'k [u8]),
    /// 32 bytes (RFC 8032 §5.1.5).
    Ed25519(&'k [u8]),
}
