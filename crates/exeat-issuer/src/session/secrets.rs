//! The two keys derived from `session.secret`.

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SessionCredential;
use crate::text::base64url;

/// Bytes of the secret and of each key derived from it.
pub(crate) const SECRET_LEN: usize = 32;
/// Characters of the public `sid`: 132 bits.
const SID_LEN: usize = 22;
const LOOKUP_LABEL: &[u8] = b"exeat session lookup v1";
const SID_LABEL: &[u8] = b"exeat sid v1";
/// Hashed under the lookup key, this tells which secret a database was filled with. No session id holds a space.
const WITNESS: &[u8] = b"exeat session secret witness v1";

/// Keyed hash of a session id: the only form of it that is stored.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey(pub(crate) [u8; SECRET_LEN]);

/// HKDF (RFC 5869) of the session secret under two labels, so that the public `sid` says nothing about the stored key.
pub(crate) struct SessionSecrets {
    lookup: Zeroizing<[u8; SECRET_LEN]>,
    sid: Zeroizing<[u8; SECRET_LEN]>,
}

impl SessionSecrets {
    pub(crate) fn derive(secret: &[u8; SECRET_LEN]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret);
        Self {
            lookup: expand(&hkdf, LOOKUP_LABEL),
            sid: expand(&hkdf, SID_LABEL),
        }
    }

    pub(crate) fn key(&self, credential: &SessionCredential) -> SessionKey {
        SessionKey(keyed_hash(&self.lookup, credential.expose().as_bytes()))
    }

    /// The public name of a session: the `sid` claim.
    pub(crate) fn sid(&self, credential: &SessionCredential) -> String {
        let mut text = base64url(&keyed_hash(&self.sid, credential.expose().as_bytes()));
        text.truncate(SID_LEN);
        text
    }

    pub(crate) fn witness(&self) -> [u8; SECRET_LEN] {
        keyed_hash(&self.lookup, WITNESS)
    }
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA-256 refuses only outputs over 8,160 bytes; these are 32"
)]
fn expand(hkdf: &Hkdf<Sha256>, label: &[u8]) -> Zeroizing<[u8; SECRET_LEN]> {
    let mut key = Zeroizing::new([0; SECRET_LEN]);
    hkdf.expand(label, key.as_mut_slice())
        .expect("32 bytes are within HKDF's limit");
    key
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed_hash(key: &[u8; SECRET_LEN], message: &[u8]) -> [u8; SECRET_LEN] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
