//! The life of a signing key, as pure functions of its times. No state is stored: every replica reads the same times and agrees.

use std::{cmp::Reverse, sync::Arc};

use exeat_jose::{Algorithm, Jwk, KeyId, NumericDate, SigningKey};

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeyState {
    /// Signs. Exactly one for each algorithm.
    Active,
    /// Published, so that verifiers know it before it signs. One always stands by.
    Pending,
    /// Signs no more, published until the last token it signed has ended.
    Retiring,
    /// Neither signs nor is published; kept as a record.
    Retired,
    /// Withdrawn by an operator, final.
    Revoked,
}

impl KeyState {
    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    const fn is_published(self) -> bool {
        matches!(self, Self::Active | Self::Pending | Self::Retiring)
    }
}

/// The facts about a key that its state follows from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Row {
    pub(crate) kid: KeyId,
    pub(crate) alg: Algorithm,
    pub(crate) times: Times,
}

/// The times of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Times {
    pub(crate) published_at: NumericDate,
    /// `None`: not before someone promotes it.
    pub(crate) sign_from: Option<NumericDate>,
    /// When its successor took over.
    pub(crate) sign_until: Option<NumericDate>,
    /// When it leaves the key set.
    pub(crate) remove_at: Option<NumericDate>,
    pub(crate) revoked_at: Option<NumericDate>,
}

impl Times {
    /// A key that is published now and whose end nobody knows yet.
    pub(crate) fn published(now: NumericDate, sign_from: Option<NumericDate>) -> Self {
        Self {
            published_at: now,
            sign_from,
            sign_until: None,
            remove_at: None,
            revoked_at: None,
        }
    }
}

impl Row {
    fn has_begun(&self, now: NumericDate) -> bool {
        self.times.revoked_at.is_none() && self.times.sign_from.is_some_and(|from| from <= now)
    }
}

/// The state of each row at `now`: active is the newest unrevoked row of its algorithm with `sign_from ≤ now`.
///
/// Of two rows that begin in the same second the one published later is newer, then the one with the greater kid.
pub(crate) fn states(rows: &[&Row], now: NumericDate) -> Vec<KeyState> {
    let newest = |alg: Algorithm| {
        rows.iter()
            .filter(|row| row.alg == alg && row.has_begun(now))
            .max_by_key(|row| (row.times.sign_from, row.times.published_at, &row.kid))
            .map(|row| &row.kid)
    };
    rows.iter()
        .map(|row| {
            let is_past = |time: Option<NumericDate>| time.is_some_and(|time| time <= now);
            if row.times.revoked_at.is_some() {
                // A revocation counts at once, also on a replica whose clock is behind.
                KeyState::Revoked
            } else if is_past(row.times.remove_at) {
                KeyState::Retired
            } else if !row.has_begun(now) {
                KeyState::Pending
            } else if newest(row.alg) == Some(&row.kid) && !is_past(row.times.sign_until) {
                KeyState::Active
            } else {
                KeyState::Retiring
            }
        })
        .collect()
}

/// What a set of keys lacks before the service can start.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Lack {
    /// No key signs, but one stands by: it signs from now on.
    Promotion(KeyId),
    /// No key of this algorithm.
    Active(Algorithm),
    /// No key stands by.
    Pending(Algorithm),
}

/// What has to happen so that each algorithm has an active and a pending key.
pub(crate) fn lacks(rows: &[&Row], algs: &[Algorithm], now: NumericDate) -> Vec<Lack> {
    let states = states(rows, now);
    let mut lacks = Vec::new();
    for alg in algs {
        let of_alg = |state| {
            rows.iter()
                .zip(&states)
                .filter(move |(row, is)| row.alg == *alg && **is == state)
                .map(|(row, _)| row)
        };
        let mut standby = of_alg(KeyState::Pending).count();
        if of_alg(KeyState::Active).next().is_none() {
            // The one published first is in the most caches.
            match of_alg(KeyState::Pending).min_by_key(|row| (row.times.published_at, &row.kid)) {
                Some(row) => {
                    lacks.push(Lack::Promotion(row.kid.clone()));
                    standby -= 1;
                }
                None => lacks.push(Lack::Active(*alg)),
            }
        }
        if standby == 0 {
            lacks.push(Lack::Pending(*alg));
        }
    }
    lacks
}

/// A key with its times.
#[derive(Debug)]
pub(crate) struct KeyEntry {
    pub(crate) row: Row,
    pub(crate) jwk: Jwk,
    /// Gone once a key is retired or revoked.
    pub(crate) signing: Option<Arc<SigningKey>>,
}

/// Every key of this service.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    entries: Vec<KeyEntry>,
}

impl KeyRing {
    pub(crate) fn new(entries: Vec<KeyEntry>) -> Self {
        Self { entries }
    }

    pub(crate) fn rows(&self) -> Vec<&Row> {
        self.entries.iter().map(|entry| &entry.row).collect()
    }

    /// The keys that are in the key set at `now`: active, pending, retiring; within each the newest first.
    pub(crate) fn published(&self, now: NumericDate) -> Vec<(KeyState, &KeyEntry)> {
        let mut published: Vec<_> = states(&self.rows(), now)
            .into_iter()
            .zip(&self.entries)
            .filter(|(state, _)| state.is_published())
            .collect();
        published.sort_by_key(|(state, entry)| (*state, Reverse(entry.row.times.published_at)));
        published
    }

    /// The first moment after `now` at which a state may change.
    pub(crate) fn next_change(&self, now: NumericDate) -> Option<NumericDate> {
        self.rows()
            .into_iter()
            .flat_map(|row| {
                [
                    row.times.sign_from,
                    row.times.sign_until,
                    row.times.remove_at,
                ]
            })
            .flatten()
            .filter(|time| *time > now)
            .min()
    }
}

#[cfg(test)]
mod tests;
