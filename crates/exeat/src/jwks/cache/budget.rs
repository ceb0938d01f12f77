use std::collections::VecDeque;
use std::time::Duration;

use exeat_jose::{Algorithm, KeyId};

/// Token bucket for fetches that strangers can cause. Full at the start, so that the first rotation after a start is not held up.
#[derive(Debug)]
pub(crate) struct MissBudget {
    left: u32,
    refilled_at: Duration,
    cooldown: Duration,
}

impl MissBudget {
    pub(crate) fn new(cooldown: Duration) -> Self {
        Self {
            left: BUDGET_CAPACITY,
            refilled_at: Duration::ZERO,
            cooldown,
        }
    }

    pub(crate) fn take(&mut self, now: Duration) -> bool {
        self.refill(now);
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    /// Time until one fetch is allowed; zero when it is now.
    pub(crate) fn wait(&mut self, now: Duration) -> Duration {
        self.refill(now);
        if self.left > 0 {
            Duration::ZERO
        } else {
            (self.refilled_at + self.cooldown).saturating_sub(now)
        }
    }

    fn refill(&mut self, now: Duration) {
        while self.left < BUDGET_CAPACITY && now >= self.refilled_at + self.cooldown {
            self.left += 1;
            self.refilled_at += self.cooldown;
        }
        if self.left == BUDGET_CAPACITY {
            // A full bucket earns nothing: the next refill counts from the next withdrawal.
            self.refilled_at = self.refilled_at.max(now);
        }
    }
}

/// What a token asks for: its `kid` (if any) and `alg`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) kid: Option<KeyId>,
    pub(crate) alg: Algorithm,
}

/// Which keys were asked for and not found, and which of them are known to be absent. Bounded; the oldest entry makes room.
///
/// In the order of the first question: a flood costs a walk over 256 short entries, and which one makes room is no matter of chance.
#[derive(Debug, Default)]
pub(crate) struct MissList {
    entries: VecDeque<Missed>,
}

#[derive(Debug)]
struct Missed {
    wanted: Wanted,
    seen_at: Duration,
    /// How many fetches had been started when this key was first asked for.
    seen_after: u64,
    /// Set by a fetch that started later and ended without the key.
    absent_until: Option<Duration>,
}

impl MissList {
    /// True while the key is known to be absent. `started`: fetches started so far; `good`: the number of the last one
    /// that succeeded, and when it ended.
    pub(crate) fn is_absent(
        &mut self,
        wanted: &Wanted,
        started: u64,
        (good, good_at): (u64, Duration),
        now: Duration,
    ) -> bool {
        self.entries
            .retain(|missed| now < missed.absent_until.unwrap_or(missed.seen_at + MISS_MEMORY));
        let known = |missed: &&mut Missed| missed.wanted == *wanted;
        if let Some(missed) = self.entries.iter_mut().find(known) {
            if missed.absent_until.is_none() && missed.seen_after < good {
                // From the fetch, not from this question: what it did not find may have been published since.
                missed.absent_until = Some(good_at + MISS_MEMORY);
            }
            return missed.absent_until.is_some();
        }
        if self.entries.len() >= MAX_MISSES {
            self.entries.pop_front();
        }
        self.entries.push_back(Missed {
            wanted: wanted.clone(),
            seen_at: now,
            seen_after: started,
            absent_until: None,
        });
        false
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

pub(crate) const BUDGET_CAPACITY: u32 = 2;
pub(crate) const MAX_MISSES: usize = 256;
/// How long a key stays known as absent, and how long an unanswered question is remembered.
pub(crate) const MISS_MEMORY: Duration = Duration::from_secs(30);
