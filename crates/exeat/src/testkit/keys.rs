//! The keys of a fake issuer: some announced, one signing, some left from before.

use std::sync::Arc;

use exeat_jose::{Algorithm, Jwk, KeyId, SigningKey};
use serde_json::json;

/// In the order in which they were made. Keys that are no longer published stay, so that their tokens can still be made.
pub(super) struct Keys {
    alg: Algorithm,
    all: Vec<Key>,
    /// The place of the one that signs.
    active: usize,
}

struct Key {
    key: Arc<SigningKey>,
    is_published: bool,
}

impl Keys {
    pub(super) fn new(alg: Algorithm) -> Self {
        let mut keys = Self {
            alg,
            all: Vec::new(),
            active: 0,
        };
        keys.publish(generate(alg));
        keys
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// A key for what comes next. Returns its name.
    pub(super) fn publish(&mut self, key: SigningKey) -> KeyId {
        let kid = key.key_id().clone();
        self.all.push(Key {
            key: Arc::new(key),
            is_published: true,
        });
        kid
    }

    /// The oldest key after the active one becomes the active one; without one, a new one does.
    pub(super) fn activate_next(&mut self) -> KeyId {
        if self.active + 1 >= self.all.len() {
            self.publish(generate(self.alg));
        }
        self.active += 1;
        self.active().key_id().clone()
    }

    /// The newest key becomes the active one.
    pub(super) fn activate_newest(&mut self) -> KeyId {
        self.active = self.all.len().saturating_sub(1);
        self.active().key_id().clone()
    }

    /// No key from before the active one is published any more.
    pub(super) fn retire_old(&mut self) {
        for key in self.all.iter_mut().take(self.active) {
            key.is_published = false;
        }
    }

    pub(super) fn withdraw(&mut self, kid: &KeyId) {
        for key in &mut self.all {
            key.is_published &= key.key.key_id() != kid;
        }
    }

    pub(super) fn active(&self) -> Arc<SigningKey> {
        self.all.get(self.active).map_or_else(
            // There is one from the start, and none is ever removed.
            || Arc::new(generate(self.alg)),
            |key| Arc::clone(&key.key),
        )
    }

    /// The newest key of this name.
    pub(super) fn find(&self, kid: &KeyId) -> Option<Arc<SigningKey>> {
        let found = self.all.iter().rfind(|key| key.key.key_id() == kid);
        found.map(|key| Arc::clone(&key.key))
    }

    pub(super) fn published(&self) -> impl Iterator<Item = &Jwk> {
        let published = self.all.iter().filter(|key| key.is_published);
        published.map(|key| key.key.public_jwk())
    }

    /// An entity tag (RFC 9110 §8.8.3) of the published keys: their thumbprints, so that a key put under an old name shows.
    pub(super) fn tag(&self) -> String {
        let prints: Vec<_> = self
            .published()
            .map(|key| key.thumbprint().to_string())
            .collect();
        format!("\"{}\"", prints.join("."))
    }

    /// The JWK Set (RFC 7517 §5) of the published keys.
    pub(super) fn key_set(&self) -> String {
        json!({ "keys": self.published().collect::<Vec<_>>() }).to_string()
    }
}

/// A key that nobody else has.
///
/// # Panics
/// For an algorithm that nobody can make keys for here.
#[expect(
    clippy::panic,
    reason = "the documented end of a test that asks for what this build cannot do"
)]
pub(super) fn generate(alg: Algorithm) -> SigningKey {
    match SigningKey::generate(alg) {
        Ok((key, _never_written)) => key,
        Err(error) => panic!("no key for a fake issuer: {error}"),
    }
}
