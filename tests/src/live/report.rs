use std::{collections::BTreeMap, fmt, time::Duration};

use exeat::JwksSettings;
use exeat_jose::KeyId;

use crate::client::Answer;

/// What a call carries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A good token of the key that signs.
    Current,
    /// A good token of a key that is published and does not sign yet; the gate need not know it.
    JustPublished,
    /// A good token's header and claims under another key's signature.
    BadSignature,
    /// A good token of a key that was never published.
    UnknownKey,
    /// A token that has ended.
    Expired,
    /// A token for another API.
    WrongAudience,
}

/// A call, and what was known before it was made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    /// The key that signed, or is said to have signed.
    pub(super) key: KeyId,
    /// The gate had this key.
    pub(super) is_held: bool,
    /// The issuer was away.
    pub(super) is_down: bool,
}

/// What a live run came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Calls by kind, status and code.
    pub outcomes: BTreeMap<(Kind, u16, String), u64>,
    /// Good tokens of the key that signs that were accepted while the issuer was away.
    pub accepted_in_outage: u64,
    /// What must not happen and did; the first twenty.
    pub violations: Vec<String>,
    /// Requests for the key set, those into the outage among them.
    pub key_set_requests: usize,
    /// The most that the gate may make: one at the start, two, and one in each cooldown.
    pub budget: usize,
    /// How long the run was, by the clock of issuer and gate.
    pub lasted: Duration,
    /// When the issuer was away, and how many requests for the key set it did not answer then.
    pub outage: Option<(Duration, Duration, usize)>,
    keys: BTreeMap<KeyId, Life>,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    published: Duration,
    accepted: Option<Duration>,
}

/// 30 s and one fetch: how long a gate may take to accept a key that was published.
const NOTICE: Duration = Duration::from_secs(30 + 5);
const MOST_VIOLATIONS: usize = 20;

impl Report {
    pub(super) fn published(&mut self, kid: &KeyId, now: Duration) {
        let life = Life {
            published: now,
            accepted: None,
        };
        self.keys.insert(kid.clone(), life);
    }

    /// The key that has waited longest for its first acceptance; without one, the youngest.
    pub(super) fn expected(&self) -> Option<KeyId> {
        let by_age = |(_, life): &(&KeyId, &Life)| life.published;
        let waiting = self.keys.iter().filter(|(_, life)| life.accepted.is_none());
        let key = waiting
            .min_by_key(by_age)
            .or_else(|| self.keys.iter().max_by_key(by_age));
        key.map(|(kid, _)| kid.clone())
    }

    pub(super) fn outage_begins(&mut self, now: Duration, asked: usize) {
        self.outage = Some((now, Duration::MAX, asked));
    }

    pub(super) fn outage_ends(&mut self, now: Duration, asked: usize) {
        if let Some((_, end, before)) = &mut self.outage {
            (*end, *before) = (now, asked.saturating_sub(*before));
        }
    }

    /// Counts and judges one answer.
    pub(super) fn answered(&mut self, call: &Call, answer: &Answer, now: Duration) {
        let Call {
            kind,
            ref key,
            is_held,
            is_down,
        } = *call;
        let (status, code) = (answer.status.as_u16(), answer.code());
        let is_later = (status, code.as_str()) == (503, "keys_unavailable")
            && answer
                .header("retry-after")
                .parse::<u64>()
                .is_ok_and(|wait| (1..=300).contains(&wait));
        let is_right = match (kind, status, code.as_str()) {
            (Kind::Current | Kind::JustPublished, 200, _)
            | (Kind::UnknownKey, 401, "unknown_key")
            | (Kind::BadSignature, 401, "bad_signature")
            | (Kind::Expired, 401, "expired")
            | (Kind::WrongAudience, 401, "wrong_audience") => true,
            (Kind::UnknownKey, ..) => is_later,
            (Kind::Current | Kind::JustPublished | Kind::BadSignature, ..) => is_later && !is_held,
            _ => false,
        };
        if !is_right {
            self.violation(format!(
                "{kind:?}, key held: {is_held}, issuer away: {is_down}: {status} {code}"
            ));
        }
        if status == 200 {
            self.accepted_in_outage += u64::from(is_down && kind == Kind::Current);
            if let Some(life) = self.keys.get_mut(key) {
                life.accepted.get_or_insert(now);
            }
        }
        *self.outcomes.entry((kind, status, code)).or_default() += 1;
    }

    /// The end: what can only be judged now.
    pub(super) fn close(&mut self, key_set_requests: usize, now: Duration) {
        self.lasted = now;
        self.key_set_requests = key_set_requests;
        let refills = now.as_secs() / JwksSettings::default().cooldown.as_secs();
        self.budget = usize::try_from(1 + 2 + refills).unwrap_or(usize::MAX);
        if self.key_set_requests > self.budget {
            self.violation(format!("{key_set_requests} requests for the key set"));
        }
        let late: Vec<_> = self
            .undisturbed()
            .filter(|life| life.accepted.unwrap_or(now) > life.published + NOTICE)
            .map(|life| format!("published, and not accepted in time: {life:?}"))
            .collect();
        for violation in late {
            self.violation(violation);
        }
    }

    /// The longest time from the publication of a key to its first acceptance, of keys that no outage kept from being noticed.
    #[must_use]
    pub fn longest_notice(&self) -> Option<Duration> {
        let accepted = self.undisturbed().filter_map(Life::notice);
        accepted.max()
    }

    /// The same of the other keys.
    #[must_use]
    pub fn longest_notice_with_outage(&self) -> Option<Duration> {
        let lives = self.keys.values();
        let disturbed = lives.filter(|life| self.is_disturbed(life));
        disturbed.filter_map(Life::notice).max()
    }

    /// How many keys were published, and how many of them accepted.
    #[must_use]
    pub fn keys(&self) -> (usize, usize) {
        let accepted = self.keys.values().filter(|life| life.accepted.is_some());
        (self.keys.len(), accepted.count())
    }

    /// Calls of this kind, whatever they ended with.
    #[must_use]
    pub fn calls(&self, kind: Kind) -> u64 {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|((of, ..), _)| *of == kind)
            .map(|(_, count)| count)
            .sum()
    }

    fn undisturbed(&self) -> impl Iterator<Item = &Life> {
        let lives = self.keys.values();
        lives.filter(|life| !self.is_disturbed(life))
    }

    /// Whether the issuer was away while the key should have been noticed.
    fn is_disturbed(&self, life: &Life) -> bool {
        self.outage.is_some_and(|(begin, end, _)| {
            life.published < end && life.accepted.is_none_or(|accepted| accepted >= begin)
        })
    }

    fn violation(&mut self, violation: String) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        }
    }
}

impl Life {
    fn notice(&self) -> Option<Duration> {
        self.accepted
            .map(|accepted| accepted.saturating_sub(self.published))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.outcomes.values().sum();
        writeln!(f, "{total} calls in {:.1} s", self.lasted.as_secs_f32())?;
        writeln!(
            f,
            "{:<15}{:>7}  {:<17}{:>10}",
            "token", "status", "code", "calls"
        )?;
        for ((kind, status, code), count) in &self.outcomes {
            let kind = format!("{kind:?}");
            writeln!(f, "{kind:<15}{status:>7}  {code:<17}{count:>10}")?;
        }
        if let Some((begin, end, asked)) = self.outage {
            let away = end.saturating_sub(begin).as_secs_f32();
            writeln!(
                f,
                "issuer away for {away:.1} s: good tokens accepted meanwhile: {}, requests for the key set in vain: {asked}",
                self.accepted_in_outage
            )?;
        }
        writeln!(
            f,
            "requests for the key set: {}, of at most {}",
            self.key_set_requests, self.budget
        )?;
        let (published, accepted) = self.keys();
        writeln!(f, "keys published: {published}, accepted: {accepted}")?;
        for (what, longest) in [
            ("", self.longest_notice()),
            (", across the outage", self.longest_notice_with_outage()),
        ] {
            if let Some(longest) = longest {
                let longest = longest.as_secs_f32();
                writeln!(
                    f,
                    "longest from publication to first acceptance{what}: {longest:.1} s"
                )?;
            }
        }
        writeln!(f, "violations: {}", self.violations.len())?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
