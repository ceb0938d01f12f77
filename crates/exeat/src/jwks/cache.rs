//! The life of a remote key set as a pure state machine: no clock, no randomness, no I/O, no keys.
//!
//! The driver asks [`Cache::next`] what to do, does it, and reports with [`Cache::succeeded`] or [`Cache::failed`]. A request that
//! lacks a key asks [`Cache::cold`], [`Cache::miss`] or [`Cache::signature_failed`]. Every `now` is the monotonic time; every
//! `chance` is a random number in 0.0..1.0.

mod budget;
mod validity;

use std::time::Duration;

use self::budget::{MissBudget, MissList};
use super::JwksSettings;

pub(crate) use self::budget::Wanted;
pub(crate) use self::validity::{Freshness, Phase, Validity};

/// State of one remote key set.
#[derive(Debug)]
pub(crate) struct Cache {
    settings: JwksSettings,
    validity: Option<Validity>,
    flight: Option<Flight>,
    /// A fetch that a request or the operator asked for, not started yet.
    requested: Option<Cause>,
    /// Fetches started so far; each fetch is known by its number.
    started: u64,
    /// The number of the last fetch that succeeded; 0 = none.
    good: u64,
    /// When that one ended.
    good_at: Duration,
    failures: u32,
    /// No fetch before this time, unless the operator asks.
    blocked_until: Duration,
    budget: MissBudget,
    misses: MissList,
    same_kid_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    started_at: Duration,
    cause: Cause,
}

/// Why a fetch is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    Schedule,
    Miss,
    SameKid,
    Operator,
}

/// What the driver has to do now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Fetch, and report the end.
    Fetch,
    /// Nothing before this much time has passed, unless woken.
    Wait(Duration),
}

/// What a request that lacks a key has to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// A fetch is on its way: wait for its end, look again, ask again.
    Join,
    /// The key does not exist: a fetch that started after it was first asked for ended without it.
    Absent,
    /// Whether it exists cannot be found out now.
    Unavailable { retry_after: Duration },
}

impl Cache {
    pub(crate) fn new(settings: JwksSettings) -> Self {
        Self {
            budget: MissBudget::new(settings.cooldown),
            settings,
            validity: None,
            flight: None,
            requested: None,
            started: 0,
            good: 0,
            good_at: Duration::ZERO,
            failures: 0,
            blocked_until: Duration::ZERO,
            misses: MissList::default(),
            same_kid_at: None,
        }
    }

    /// What to do now. `Step::Fetch` starts the single flight: nothing else is fetched until its end is reported.
    pub(crate) fn next(&mut self, now: Duration) -> Step {
        if self.flight.is_some() {
            return Step::Wait(IDLE);
        }
        let due = self.scheduled_at();
        let cause = match self.requested {
            Some(cause) => cause,
            None if now >= due => Cause::Schedule,
            None => return Step::Wait(due.saturating_sub(now)),
        };
        self.requested = None;
        self.started += 1;
        self.flight = Some(Flight {
            started_at: now,
            cause,
        });
        Step::Fetch
    }

    /// The fetch brought a usable set, or word that the set has not changed. Returns until when it may be used.
    pub(crate) fn succeeded(
        &mut self,
        freshness: Freshness,
        now: Duration,
        chance: f64,
    ) -> Validity {
        let started_at = self.flight.take().map_or(now, |flight| flight.started_at);
        self.good = self.started;
        self.good_at = now;
        self.failures = 0;
        self.blocked_until = Duration::ZERO;
        let validity = Validity::new(freshness, &self.settings, started_at, chance);
        self.validity = Some(validity);
        validity
    }

    /// The fetch failed: the last good set stays, and the next fetch waits. `retry_after` is the answer's own wish.
    pub(crate) fn failed(&mut self, retry_after: Option<Duration>, now: Duration, chance: f64) {
        let started_at = self.flight.take().map_or(now, |flight| flight.started_at);
        let ceiling = BACK_OFF_STEP
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(BACK_OFF_CAP);
        let delay = ceiling
            .mul_f64(chance.clamp(0.0, 1.0))
            .max(BACK_OFF_FLOOR)
            .max(retry_after.unwrap_or_default().min(RETRY_AFTER_CAP));
        self.failures = self.failures.saturating_add(1);
        self.blocked_until = started_at + delay;
    }

    /// No set was ever fetched.
    pub(crate) fn cold(&mut self, now: Duration) -> Answer {
        if self.is_fetching(now) {
            Answer::Join
        } else {
            Answer::Unavailable {
                retry_after: self.next_fetch_in(now),
            }
        }
    }

    /// The current set lacks the key that a plausible token asks for.
    pub(crate) fn miss(&mut self, wanted: &Wanted, now: Duration) -> Answer {
        if self
            .misses
            .is_absent(wanted, self.started, (self.good, self.good_at), now)
        {
            Answer::Absent
        } else if self.is_fetching(now) {
            Answer::Join
        } else if now < self.blocked_until || !self.budget.take(now) {
            Answer::Unavailable {
                retry_after: self.next_miss_fetch_in(now),
            }
        } else {
            self.requested = Some(Cause::Miss);
            Answer::Join
        }
    }

    /// A signature did not match although the key is known: has the issuer put a new key under an old `kid`? True when a fetch finds out.
    pub(crate) fn signature_failed(&mut self, now: Duration) -> bool {
        if self
            .flight
            .is_some_and(|flight| flight.cause == Cause::SameKid)
            || self.requested == Some(Cause::SameKid)
        {
            return true;
        }
        let spaced = self
            .same_kid_at
            .is_none_or(|last| now >= last + SAME_KID_SPACING);
        if !spaced || self.is_fetching(now) || now < self.blocked_until || !self.budget.take(now) {
            return false;
        }
        self.same_kid_at = Some(now);
        self.requested = Some(Cause::SameKid);
        true
    }

    /// The operator wants a fetch now, whatever budget and back-off say.
    pub(crate) fn refresh(&mut self) {
        self.requested = Some(Cause::Operator);
    }

    /// Time until a fetch for an unknown key is permitted again: the `Retry-After` of a miss.
    pub(crate) fn next_miss_fetch_in(&mut self, now: Duration) -> Duration {
        self.blocked_until
            .saturating_sub(now)
            .max(self.budget.wait(now))
    }

    /// Time until the next fetch that happens without anyone asking: the `Retry-After` without a usable set.
    pub(crate) fn next_fetch_in(&self, now: Duration) -> Duration {
        self.scheduled_at().saturating_sub(now)
    }

    /// How the last fetch that started after the first `number` ones ended; `None` while it has not.
    pub(crate) fn outcome_after(&self, number: u64) -> Option<bool> {
        (self.flight.is_none() && self.started > number).then_some(self.good == self.started)
    }

    /// Fetches started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// The next fetch that happens without anyone asking.
    pub(crate) fn scheduled_at(&self) -> Duration {
        self.validity
            .map_or(Duration::ZERO, |validity| validity.soft_at)
            .max(self.blocked_until)
    }

    fn is_fetching(&self, now: Duration) -> bool {
        self.flight.is_some() || self.requested.is_some() || now >= self.scheduled_at()
    }
}

const BACK_OFF_STEP: Duration = Duration::from_secs(1);
const BACK_OFF_CAP: Duration = Duration::from_mins(1);
/// Full jitter may draw zero; a failing issuer is never asked faster than this.
const BACK_OFF_FLOOR: Duration = Duration::from_millis(100);
const RETRY_AFTER_CAP: Duration = Duration::from_mins(5);
const SAME_KID_SPACING: Duration = Duration::from_mins(5);
/// Upper bound of a wait without a date: the driver is woken anyway.
const IDLE: Duration = Duration::from_hours(1);

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
