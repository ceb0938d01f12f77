//! Tokens verified lately, by their exact bytes. Only what does not change is reused: that the signature holds under a key, and what
//! the claims say. Whether the key may still be used, the times, the application's own checks are the verifier's to ask at every hit.

mod table;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exeat_jose::{Algorithm, KeyId, Thumbprint, UntrustedHeader};

use self::table::Table;
use crate::VerifiedToken;
use crate::meter::TokenCacheMeter;

/// How many verified tokens are remembered. A token found there costs no signature check.
///
/// ```
/// let size = exeat::TokenCacheSize { max_entries: 100_000, max_bytes: 160 << 20 };
/// assert_eq!(exeat::TokenCacheSize::default().max_entries, 10_000);
/// # drop(size);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenCacheSize {
    /// 1 to 10 million; default 10,000.
    pub max_entries: usize,
    /// Memory for all of it, 256 KiB to 1 TiB and at least 256 bytes an entry; default 16 MiB. Long tokens reach it before they reach `max_entries`.
    pub max_bytes: usize,
}

impl Default for TokenCacheSize {
    fn default() -> Self {
        Self {
            max_entries: 10_000,
            max_bytes: 16 << 20,
        }
    }
}

impl TokenCacheSize {
    pub(crate) fn problem(self) -> Option<&'static str> {
        if !(1..=10_000_000).contains(&self.max_entries) {
            Some("max_entries must be 1 to 10000000; without_token_cache() turns it off")
        } else if self.max_bytes < 256 << 10 || self.max_bytes / self.max_entries < 256 {
            Some("max_bytes must be at least 262144, and 256 for each entry")
        } else if u64::try_from(self.max_bytes).is_ok_and(|bytes| bytes > 1 << 40) {
            // What the table weighs is a sum that must not overflow.
            Some("max_bytes must be at most 1 TiB")
        } else {
            None
        }
    }
}

/// The verified tokens of one verifier, and its bad signatures. Never shared: what is in it holds under one policy.
pub(crate) struct TokenCache {
    verified: Table<Verified>,
    bad: Table<BadSignature>,
    /// Until when any of `bad` counts, in milliseconds of the monotonic clock: without attacks nothing is looked up there.
    bad_until: AtomicU64,
    hasher: RandomState,
    pub(crate) meter: TokenCacheMeter,
}

struct Verified {
    token: Box<str>,
    signed: SignedBy,
    verdict: Arc<VerifiedToken>,
}

/// The key that a signature held under, and what the token's header says about it.
#[derive(Clone)]
pub(crate) struct SignedBy {
    pub(crate) kid: Option<KeyId>,
    pub(crate) alg: Algorithm,
    pub(crate) thumbprint: Thumbprint,
    /// When that was found out, by the monotonic clock.
    checked_at: Duration,
}

impl SignedBy {
    pub(crate) fn new(header: &UntrustedHeader, thumbprint: Thumbprint, now: Duration) -> Self {
        Self {
            kid: header.key_id().cloned(),
            alg: header.algorithm(),
            thumbprint,
            checked_at: now,
        }
    }

    /// Whether it is too long ago to be relied on.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        now >= self.checked_at.saturating_add(MAX_AGE)
    }
}

/// A token whose signature did not hold under any key that the set of this epoch has for it.
struct BadSignature {
    token: Box<str>,
    epoch: u64,
    kept_at: Duration,
}

impl TokenCache {
    pub(crate) fn new(size: TokenCacheSize) -> Self {
        Self {
            verified: Table::new(size.max_entries, size.max_bytes),
            bad: Table::new(MAX_BAD, MAX_BAD_BYTES),
            bad_until: AtomicU64::new(0),
            hasher: RandomState::new(),
            meter: TokenCacheMeter::new(),
        }
    }

    /// Gives `read` the verdict on a token that was kept.
    pub(crate) fn find<T>(
        &self,
        token: &[u8],
        read: impl FnOnce(&SignedBy, &Arc<VerifiedToken>) -> T,
    ) -> Option<T> {
        self.verified.find(
            self.hash_of_tail(token),
            |kept| kept.token.as_bytes() == token,
            |kept| read(&kept.signed, &kept.verdict),
        )
    }

    pub(crate) fn keep(&self, token: &str, signed: SignedBy, verdict: &Arc<VerifiedToken>) {
        let kept = Verified {
            token: token.into(),
            signed,
            verdict: Arc::clone(verdict),
        };
        let bytes = token.len() + verdict.size();
        self.verified
            .insert(self.hash_of_tail(token.as_bytes()), kept, bytes);
    }

    /// Whether the signature is known not to hold under the keys of this epoch.
    pub(crate) fn is_bad(&self, token: &str, epoch: u64, now: Duration) -> bool {
        millis(now) < self.bad_until.load(Ordering::Relaxed)
            && self
                .bad
                .find(
                    self.hasher.hash_one(token),
                    |bad| {
                        bad.epoch == epoch
                            && *bad.token == *token
                            && now < bad.kept_at.saturating_add(MAX_BAD_AGE)
                    },
                    |_| (),
                )
                .is_some()
    }

    pub(crate) fn keep_bad(&self, token: &str, epoch: u64, now: Duration) {
        let bad = BadSignature {
            token: token.into(),
            epoch,
            kept_at: now,
        };
        self.bad
            .insert(self.hasher.hash_one(token), bad, token.len());
        self.bad_until
            .fetch_max(millis(now.saturating_add(MAX_BAD_AGE)), Ordering::Relaxed);
    }

    /// Of the end of the signature alone, which in a token worth keeping nobody can choose; all bytes are compared afterwards.
    fn hash_of_tail(&self, token: &[u8]) -> u64 {
        const TAIL: usize = 32;
        let tail = token.len().saturating_sub(TAIL);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(token.get(tail..).unwrap_or_default());
        hasher.finish()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long a verdict is reused. Longer would save one signature in five minutes and keep what nobody asks for.
const MAX_AGE: Duration = Duration::from_mins(5);
/// How long a bad signature is remembered: an attack repeats at once or not at all.
const MAX_BAD_AGE: Duration = Duration::from_secs(10);
/// How many bad signatures are remembered.
const MAX_BAD: usize = 1024;
const MAX_BAD_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
