//! The published key set, made ahead of the requests that ask for it.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use exeat_jose::{Algorithm, Jwk, NumericDate, SigningKey};
use http::HeaderValue;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    key_ring::{KeyRing, KeyState},
    text::base64url,
};

/// Characters of an entity tag: 132 bits.
const ETAG_LEN: usize = 22;

/// The key that signs.
pub(crate) struct ActiveKey {
    pub(crate) key: Arc<SigningKey>,
    /// When it leaves the key set, if that is known.
    pub(crate) ends_at: Option<NumericDate>,
}

/// The key ring as it stands for a while.
pub(crate) struct KeySnapshot {
    active: Vec<ActiveKey>,
    /// Algorithms of every published key.
    pub(crate) algs: Vec<Algorithm>,
    pub(crate) body: Bytes,
    pub(crate) etag: HeaderValue,
    made_at: NumericDate,
    changes_at: Option<NumericDate>,
}

#[derive(Serialize)]
struct Document<'a> {
    keys: Vec<&'a Jwk>,
}

impl KeySnapshot {
    fn take(ring: &KeyRing, now: NumericDate) -> Self {
        let published = ring.published(now);
        let active = published
            .iter()
            .filter(|(state, _)| *state == KeyState::Active)
            .filter_map(|(_, entry)| {
                Some(ActiveKey {
                    key: Arc::clone(entry.signing.as_ref()?),
                    ends_at: entry.row.times.remove_at,
                })
            })
            .collect();
        let mut algs: Vec<Algorithm> = Vec::new();
        for (_, entry) in &published {
            if !algs.contains(&entry.row.alg) {
                algs.push(entry.row.alg);
            }
        }
        let keys = published.iter().map(|(_, entry)| &entry.jwk).collect();
        let body = Bytes::from(to_json(&Document { keys }));
        let mut tag = base64url(&Sha256::digest(&body));
        tag.truncate(ETAG_LEN);
        Self {
            active,
            algs,
            etag: etag(&tag),
            body,
            made_at: now,
            changes_at: ring.next_change(now),
        }
    }

    pub(crate) fn active(&self, alg: Algorithm) -> Option<&ActiveKey> {
        self.active
            .iter()
            .find(|active| active.key.algorithm() == alg)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.algs.is_empty()
    }

    fn holds_at(&self, now: NumericDate) -> bool {
        self.made_at <= now && self.changes_at.is_none_or(|change| now < change)
    }
}

/// The ring and its latest snapshot, read without a lock.
pub(crate) struct KeySnapshots {
    ring: KeyRing,
    latest: ArcSwap<KeySnapshot>,
}

impl KeySnapshots {
    pub(crate) fn new(ring: KeyRing, now: NumericDate) -> Self {
        let latest = ArcSwap::from_pointee(KeySnapshot::take(&ring, now));
        Self { ring, latest }
    }

    /// Brings the gauges of the keys up to date.
    #[cfg(feature = "metrics")]
    pub(crate) fn observe(&self, now: NumericDate) {
        crate::meter::keys::observe(&self.ring.rows(), now);
    }

    /// The snapshot that holds at `now`. A new one is made only when a key's time has come.
    pub(crate) fn current(&self, now: NumericDate) -> Arc<KeySnapshot> {
        let latest = self.latest.load_full();
        if latest.holds_at(now) {
            return latest;
        }
        let next = Arc::new(KeySnapshot::take(&self.ring, now));
        self.latest.store(Arc::clone(&next));
        next
    }
}

/// `max_age` moved by up to 20 % either way, so that caches filled together do not all come back together.
pub(crate) fn jittered(max_age: Duration, random: u16) -> Duration {
    let per_mille = 800 + u64::from(random) * 400 / u64::from(u16::MAX);
    Duration::from_secs(max_age.as_secs().saturating_mul(per_mille) / 1000)
}

/// Does an `If-None-Match` line name this tag? Weak comparison (RFC 9110 §13.1.2).
pub(crate) fn names_tag(line: &str, etag: &HeaderValue) -> bool {
    line.split(',').map(str::trim).any(|tag| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}

#[expect(
    clippy::expect_used,
    reason = "public keys are maps of strings: nothing in them can fail to be written"
)]
fn to_json(document: &Document<'_>) -> Vec<u8> {
    serde_json::to_vec(document).expect("a key set is plain JSON")
}

#[expect(clippy::expect_used, reason = "base64url is visible ASCII")]
fn etag(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).expect("visible ASCII")
}

#[cfg(test)]
mod tests;
