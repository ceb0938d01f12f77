use std::convert::Infallible;

use crate::Algorithm;

/// There is none.
pub(crate) struct PublicKey(Infallible);

impl PublicKey {
    pub(crate) fn rsa(_alg: Algorithm, _n: &[u8], _e: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn point(_alg: Algorithm, _bytes: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn verify(&self, _message: &[u8], _signature: &[u8]) -> bool {
        match self.0 {}
    }
}

pub(crate) fn sha256(_bytes: &[u8]) -> Option<[u8; 32]> {
    None
}

/// There is none.
#[cfg(feature = "sign")]
pub(crate) struct PrivateKey(Infallible);

#[cfg(feature = "sign")]
impl PrivateKey {
    pub(crate) fn from_pkcs8(_alg: Algorithm, _pkcs8: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) fn generate(_alg: Algorithm) -> Option<super::Generated> {
        None
    }

    pub(crate) fn generate_rsa(_bits: usize) -> Option<super::Generated> {
        None
    }

    pub(crate) fn public_half(&self) -> super::PublicHalf<'_> {
        match self.0 {}
    }

    pub(crate) fn sign(&self, _message: &[u8], _out: &mut [u8]) -> Option<usize> {
        match self.0 {}
    }
}
