//! One issuer and the gate's half that talks to it; every answer goes past the oracle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeat_jose::{Algorithm, Clock, InvalidToken, KeyId, NumericDate};
use tokio::time::{Instant, sleep};

use super::Tally;
use super::issuer::{PRINTS, ScriptedIssuer};
use super::oracle::{Token, Violation};
use crate::jwks::{HealthState, KeySource, MISS_WAIT, Need, Wanted};
use crate::rejection::Rejected;
use crate::verifier::Halt;

/// One issuer of the gate, from both sides.
pub(super) struct Site {
    pub(super) source: KeySource,
    pub(super) issuer: Arc<ScriptedIssuer>,
    pub(super) faults: Arc<Faults>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) tally: Arc<Tally>,
    pub(super) next_kid: AtomicU64,
}

impl Site {
    pub(super) fn name_next(&self) -> String {
        format!("k{}", self.next_kid.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn publish_new(&self, key: usize) {
        let kid = self.name_next();
        self.issuer.script().publish(&kid, key);
    }

    /// Judges a token at once; what it needs if that cannot be done.
    pub(super) fn ask(&self, token: &Token) -> Option<Need> {
        let now = self.clock.elapsed();
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        self.issuer.oracle().asked(token, now);
        let known = self.issuer.oracle().is_known(token, now);
        match self.judge(token) {
            Err(Halt::Need(need)) => {
                if known {
                    self.faults.note(Err(Violation::KnownKeyHeldUp));
                }
                Some(need)
            }
            Err(Halt::Rejected(rejected)) => {
                if known {
                    self.faults.note(Err(Violation::KnownKeyHeldUp));
                }
                self.check(token, &Err(rejected));
                None
            }
            Ok(()) => {
                self.check(token, &Ok(()));
                None
            }
        }
    }

    pub(super) async fn wait(&self, token: Token, need: Need) {
        let start = Instant::now();
        let verdict = self.source.judge_later(need, || self.judge(&token)).await;
        if start.elapsed() > MISS_WAIT + Duration::from_millis(2) {
            self.faults.note(Err(Violation::WaitedTooLong));
        }
        self.check(&token, &verdict);
    }

    /// As the verifier does it, but for the signature: it holds exactly under the key that made the token.
    fn judge(&self, token: &Token) -> Result<(), Halt> {
        let kid = token
            .kid
            .as_deref()
            .map(|kid| KeyId::try_from(kid).unwrap());
        let held = match self.source.current(self.clock.elapsed()) {
            Ok(held) => held,
            Err(None) => return Err(Halt::Need(Need::Keys)),
            Err(Some(retry_after)) => {
                let why = crate::KeysUnavailable::Expired;
                return Err(Rejected::KeysUnavailable { why, retry_after }.into());
            }
        };
        let Some(held) = &*held else {
            return Err(Halt::Need(Need::Keys));
        };
        let mut tried = false;
        for key in held.candidates(kid.as_ref(), token.alg) {
            if key.thumbprint() == token.signer {
                held.mark_used(key, self.clock.now());
                return Ok(());
            }
            tried = true;
        }
        let wanted = || Wanted {
            kid,
            alg: token.alg,
        };
        Err(Halt::Need(held.lacks(wanted, tried)))
    }

    fn check(&self, token: &Token, verdict: &Result<(), Rejected>) {
        let now = self.clock.elapsed();
        let oracle = self.issuer.oracle();
        let (count, checked) = match verdict {
            Ok(()) => (&self.tally.accepted, oracle.accepted(token, now)),
            Err(Rejected::UnknownKey) => (&self.tally.unknown, oracle.unknown(token, now)),
            Err(Rejected::Invalid(InvalidToken::BadSignature)) => {
                (&self.tally.bad_signature, oracle.bad_signature(token))
            }
            Err(Rejected::KeysUnavailable { why, retry_after }) => (
                &self.tally.unavailable,
                oracle.unavailable(*why, *retry_after, now),
            ),
            Err(_) => (&self.tally.unavailable, Err(Violation::AnotherAnswer)),
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.faults.note(checked);
    }

    /// Waits for usable keys, as long as the longest `Retry-After` may take. Nobody asks but the readiness probe.
    pub(super) async fn recovers(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < LONGEST_BACK_OFF {
            let state = self.source.health("").state;
            if self.source.is_ready() && state <= HealthState::Refreshing {
                return true;
            }
            sleep(PROBE_INTERVAL).await;
        }
        false
    }
}

pub(super) fn token(kid: Option<String>, key: usize) -> Token {
    Token {
        kid,
        alg: Algorithm::EdDsa,
        signer: PRINTS[key],
    }
}

/// Follows tokio's paused clock, and is ahead of it by the time that the machine slept.
pub(super) struct SimulatedClock {
    start: Instant,
    slept: AtomicU64,
}

impl SimulatedClock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            slept: AtomicU64::new(1),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed() + Duration::from_secs(self.slept.load(Ordering::Relaxed))
    }

    pub(super) fn sleep_through(&self, seconds: u64) {
        self.slept.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(1_800_000_000).saturating_add(self.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }
}

/// The first promise that was broken.
#[derive(Default)]
pub(super) struct Faults(Mutex<Option<Violation>>);

impl Faults {
    pub(super) fn note(&self, verdict: Result<(), Violation>) {
        if let Err(violation) = verdict {
            self.0.lock().unwrap().get_or_insert(violation);
        }
    }

    pub(super) fn first(&self) -> Option<Violation> {
        *self.0.lock().unwrap()
    }
}

/// `Retry-After` at its longest, a hanging fetch before it, a slow one after, and a probe.
pub(super) const LONGEST_BACK_OFF: Duration = Duration::from_secs(300 + 5 + 5 + 5);
/// A readiness probe's.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
