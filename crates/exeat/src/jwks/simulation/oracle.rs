//! The promises of `spec` made checkable: told what the issuer and the gate did, the oracle says what must not have happened. It shares no
//! code with the cache: lifetimes, budgets and proofs are computed again here, from the outside.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use exeat_jose::{Algorithm, Thumbprint};

use crate::jwks::JwksSettings;
use crate::rejection::KeysUnavailable;

/// A broken promise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Violation {
    TwoFetchesAtOnce,
    FetchDuringBackOff,
    FetchBeyondBudget,
    AcceptedBeyondTheBound,
    AcceptedUnpublishedKey,
    AcceptedInvalidatedKey,
    KnownKeyHeldUp,
    UnknownWithoutProof,
    GoodSignatureCalledBad,
    ColdWithKeys,
    ExpiredWithinTheBound,
    RetryAfterTooLong,
    WaitedTooLong,
    AnotherAnswer,
    PublishedKeyNotAccepted,
    NoRecovery,
}

/// What a token says: its header, and which key signed it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kid: Option<String>,
    pub(super) alg: Algorithm,
    pub(super) signer: Thumbprint,
}

/// How a fetch ended.
pub(super) enum Ended {
    /// 200 with these keys, or 304 for the ones before.
    Good {
        /// By `kid`. Every one is for EdDSA.
        keys: Option<HashMap<String, Thumbprint>>,
        max_age: Option<Duration>,
    },
    Failed {
        retry_after: Option<Duration>,
    },
}

struct Good {
    started: Duration,
    ended: Duration,
    lifetime: Duration,
    keys: HashMap<String, Thumbprint>,
}

/// The history of one issuer and one gate.
pub(super) struct Oracle {
    settings: JwksSettings,
    in_flight: Option<Duration>,
    failed: Option<(Duration, Option<Duration>)>,
    goods: Vec<Good>,
    /// The operator asked for a fetch that has not started.
    operator: bool,
    /// Starts of the fetches that no schedule explains.
    charged: Vec<Duration>,
    asked: HashMap<(Option<String>, Algorithm), Duration>,
    invalidated: HashSet<Thumbprint>,
}

impl Oracle {
    pub(super) fn new(settings: JwksSettings) -> Self {
        Self {
            settings,
            in_flight: None,
            failed: None,
            goods: Vec::new(),
            operator: false,
            charged: Vec::new(),
            asked: HashMap::new(),
            invalidated: HashSet::new(),
        }
    }

    /// Single flight; never more fetches than schedule, back-off and budget allow.
    pub(super) fn fetch_started(&mut self, now: Duration) -> Result<(), Violation> {
        if self.in_flight.replace(now).is_some() {
            return Err(Violation::TwoFetchesAtOnce);
        }
        if std::mem::take(&mut self.operator) {
            return Ok(());
        }
        if let Some((attempt, wish)) = self.failed {
            let least = wish
                .unwrap_or_default()
                .min(MAX_RETRY_AFTER)
                .max(LEAST_BACK_OFF);
            if now < attempt + least {
                return Err(Violation::FetchDuringBackOff);
            }
        }
        let scheduled = |good: &Good| now >= good.started + good.lifetime.mul_f64(EARLIEST_REFRESH);
        if self.goods.last().is_none_or(scheduled) {
            return Ok(());
        }
        self.charged.push(now);
        let within_budget = self.charged.iter().enumerate().all(|(position, since)| {
            let made = u128::try_from(self.charged.len() - position).unwrap();
            let earned =
                now.saturating_sub(*since).as_millis() / self.settings.cooldown.as_millis();
            made <= BUDGET + earned
        });
        if within_budget {
            Ok(())
        } else {
            Err(Violation::FetchBeyondBudget)
        }
    }

    pub(super) fn fetch_ended(&mut self, ended: Ended, now: Duration) {
        let Some(started) = self.in_flight.take() else {
            return;
        };
        match ended {
            Ended::Failed { retry_after } => self.failed = Some((started, retry_after)),
            Ended::Good { keys, max_age } => {
                let keys = keys.or(self.goods.last().map(|good| good.keys.clone()));
                let lifetime = max_age
                    .unwrap_or(self.settings.lifetime)
                    .clamp(LEAST_LIFETIME, self.settings.max_lifetime);
                self.failed = None;
                self.goods.push(Good {
                    started,
                    ended: now,
                    lifetime,
                    keys: keys.unwrap_or_default(),
                });
            }
        }
    }

    pub(super) fn operator_refreshed(&mut self) {
        self.operator = true;
    }

    pub(super) fn invalidated(&mut self, kid: &str) {
        let held = self.goods.last().and_then(|good| good.keys.get(kid));
        self.invalidated.extend(held);
    }

    pub(super) fn asked(&mut self, token: &Token, now: Duration) {
        let key = (token.kid.clone(), token.alg);
        self.asked.entry(key).or_insert(now);
    }

    /// Must a token of this kind be accepted at once? The key is in the last set, and the set within its bound.
    pub(super) fn is_known(&self, token: &Token, now: Duration) -> bool {
        self.usable(now).is_some_and(|good| self.holds(good, token))
    }

    pub(super) fn accepted(&self, token: &Token, now: Duration) -> Result<(), Violation> {
        if self.invalidated.contains(&token.signer) {
            Err(Violation::AcceptedInvalidatedKey)
        } else if !self
            .goods
            .last()
            .is_some_and(|good| self.holds(good, token))
        {
            Err(Violation::AcceptedUnpublishedKey)
        } else if self.usable(now).is_none() {
            Err(Violation::AcceptedBeyondTheBound)
        } else {
            Ok(())
        }
    }

    /// 401 `unknown_key` needs a proof: a fetch that started after the key was first asked for, ended well, without the key, and not long
    /// ago.
    pub(super) fn unknown(&self, token: &Token, now: Duration) -> Result<(), Violation> {
        let asked = self.asked.get(&(token.kid.clone(), token.alg));
        let proves = |good: &Good| {
            let later = asked.is_some_and(|asked| good.started >= *asked);
            let recent = now < good.ended + NEGATIVE_MEMORY;
            later && recent && self.candidate(good, token).is_none()
        };
        if self.goods.iter().rev().any(proves) {
            Ok(())
        } else {
            Err(Violation::UnknownWithoutProof)
        }
    }

    pub(super) fn bad_signature(&self, token: &Token) -> Result<(), Violation> {
        if self
            .goods
            .last()
            .is_some_and(|good| self.holds(good, token))
        {
            Err(Violation::GoodSignatureCalledBad)
        } else {
            Ok(())
        }
    }

    pub(super) fn unavailable(
        &self,
        why: KeysUnavailable,
        retry_after: Duration,
        now: Duration,
    ) -> Result<(), Violation> {
        if retry_after > MAX_RETRY_AFTER {
            return Err(Violation::RetryAfterTooLong);
        }
        match why {
            KeysUnavailable::Cold if !self.goods.is_empty() => Err(Violation::ColdWithKeys),
            KeysUnavailable::Expired if self.usable(now).is_some() => {
                Err(Violation::ExpiredWithinTheBound)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_invalidated(&self, print: Thumbprint) -> bool {
        self.invalidated.contains(&print)
    }

    /// The last fetch went well, so that neither back-off nor a `Retry-After` holds the next one up.
    pub(super) fn is_reachable(&self) -> bool {
        self.failed.is_none() && self.in_flight.is_none() && !self.goods.is_empty()
    }

    fn usable(&self, now: Duration) -> Option<&Good> {
        self.goods
            .last()
            .filter(|good| now < good.started + good.lifetime + self.settings.max_stale)
    }

    fn holds(&self, good: &Good, token: &Token) -> bool {
        self.candidate(good, token) == Some(token.signer)
    }

    /// The key that such a token is checked with.
    fn candidate(&self, good: &Good, token: &Token) -> Option<Thumbprint> {
        let candidate = match &token.kid {
            Some(kid) => good.keys.get(kid),
            None if good.keys.len() == 1 => good.keys.values().next(),
            None => None,
        };
        candidate
            .copied()
            .filter(|print| token.alg == Algorithm::EdDsa && !self.invalidated.contains(print))
    }
}

// The numbers of the specification, written down a second time.
const BUDGET: u128 = 2;
const LEAST_BACK_OFF: Duration = Duration::from_millis(100);
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);
const LEAST_LIFETIME: Duration = Duration::from_mins(1);
/// 80 % less a tenth of that, less what rounding to a timer tick may take.
const EARLIEST_REFRESH: f64 = 0.7199;
const NEGATIVE_MEMORY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
