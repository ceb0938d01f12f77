//! Random schedules against the state machine, seeded: an issuer that fails, rotates and answers slowly, honest clients and strangers
//! with random kids. What must hold is checked at every step.

use std::collections::{HashMap, HashSet};

use exeat_jose::{Algorithm, KeyId};

use super::budget::MISS_MEMORY;
use super::*;
use crate::dice::Dice;

const SCHEDULES: u64 = 10_000;
const STEPS: usize = 60;

#[test]
fn no_schedule_breaks_a_promise() {
    for seed in 0..SCHEDULES {
        World::new(seed).run();
    }
}

struct World {
    seed: u64,
    dice: Dice,
    settings: JwksSettings,
    cache: Cache,
    now: Duration,
    issuer_up: bool,
    published: HashSet<u64>,
    next_kid: u64,
    /// The snapshot of the driver.
    held: Option<Held>,
    /// When each kid was asked for first.
    seen: HashMap<u64, Duration>,
    /// Every successful fetch: when it started and ended, and what it brought.
    good: Vec<(Duration, Duration, HashSet<u64>)>,
    flight: Option<InFlight>,
    /// Starts of the fetches that strangers could cause.
    caused: Vec<Duration>,
}

struct Held {
    keys: HashSet<u64>,
    validity: Validity,
    started: Duration,
}

struct InFlight {
    started: Duration,
    /// What the issuer answers, decided when it reads the request.
    answer: Option<HashSet<u64>>,
    ends: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let settings = JwksSettings {
            max_stale: Duration::from_secs(dice.below(3) * 600),
            cooldown: Duration::from_secs(1 + dice.below(20)),
            ..JwksSettings::default()
        };
        Self {
            seed,
            cache: Cache::new(settings.clone()),
            settings,
            issuer_up: dice.below(4) > 0,
            dice,
            now: Duration::from_secs(1),
            published: HashSet::from([0]),
            next_kid: 1,
            held: None,
            seen: HashMap::new(),
            good: Vec::new(),
            flight: None,
            caused: Vec::new(),
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            let millis =
                [1, 50, 1000, 7000, 60_000, 400_000][usize::try_from(self.dice.below(6)).unwrap()];
            let by = Duration::from_millis(1 + self.dice.below(millis));
            self.advance(by);
            match self.dice.below(12) {
                0 => self.issuer_up = !self.issuer_up,
                1 => {
                    self.published.insert(self.next_kid);
                    self.next_kid += 1;
                }
                2 if self.published.len() > 1 => {
                    let oldest = *self.published.iter().min().unwrap();
                    self.published.remove(&oldest);
                }
                3 => {
                    self.signature_fails();
                }
                4..=7 => {
                    let stranger = 1_000_000 + self.dice.below(1000);
                    self.request(stranger);
                }
                _ => self.request(*self.published.iter().max().unwrap()),
            }
            self.drive();
        }
        self.recovers();
    }

    /// Lets time pass as a driver does: it sleeps as told, and reports when the answer is there.
    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        loop {
            self.drive();
            let wake = match (&self.flight, self.cache.next_wait(self.now)) {
                (Some(flight), _) => flight.ends,
                (None, wait) => self.now + wait,
            };
            if wake > until {
                break;
            }
            self.now = wake.max(self.now);
            self.land();
        }
        self.now = until;
        self.land();
    }

    fn drive(&mut self) {
        if self.flight.is_some() {
            return;
        }
        let requested = matches!(self.cache.requested, Some(Cause::Miss | Cause::SameKid));
        let blocked = self.now < self.cache.blocked_until;
        if self.cache.next(self.now) == Step::Fetch {
            assert!(!blocked, "seed {}: fetch during back-off", self.seed);
            if requested {
                self.caused.push(self.now);
                self.check_budget();
            }
            let delay = Duration::from_millis(1 + self.dice.below(5000));
            let answer = self.issuer_up.then(|| self.published.clone());
            self.flight = Some(InFlight {
                started: self.now,
                answer,
                ends: self.now + delay,
            });
        }
    }

    fn land(&mut self) {
        let Some(flight) = self.flight.take_if(|flight| flight.ends <= self.now) else {
            return;
        };
        let chance = self.dice.chance();
        if let Some(keys) = flight.answer {
            let max_age =
                (self.dice.below(3) > 0).then(|| Duration::from_secs(self.dice.below(7200)));
            let freshness = Freshness {
                max_age,
                age: Duration::ZERO,
            };
            let validity = self.cache.succeeded(freshness, self.now, chance);
            assert!(validity.soft_at < validity.hard_at, "seed {}", self.seed);
            assert!(validity.hard_at <= validity.dead_at, "seed {}", self.seed);
            self.good.push((flight.started, self.now, keys.clone()));
            self.held = Some(Held {
                keys,
                validity,
                started: flight.started,
            });
        } else {
            let wish =
                (self.dice.below(4) == 0).then(|| Duration::from_secs(self.dice.below(1000)));
            self.cache.failed(wish, self.now, chance);
        }
    }

    /// Never more than the capacity plus one per cooldown, in any window.
    fn check_budget(&self) {
        for (position, start) in self.caused.iter().enumerate() {
            let window = self.now.saturating_sub(*start);
            let allowed = 2 + window.as_millis() / self.settings.cooldown.as_millis();
            let made = self.caused.len() - position;
            assert!(
                u128::try_from(made).unwrap() <= allowed,
                "seed {}: {made} fetches in {window:?}",
                self.seed
            );
        }
    }

    fn request(&mut self, kid: u64) {
        let wanted = Wanted {
            kid: Some(KeyId::try_from(kid.to_string().as_str()).unwrap()),
            alg: Algorithm::Es256,
        };
        match &self.held {
            None => {
                if let Answer::Unavailable { retry_after } = self.cache.cold(self.now) {
                    self.check_retry_after(retry_after);
                }
            }
            // Refused with 503 until a fetch succeeds, which `recovers` proves.
            Some(held) if held.validity.phase(self.now) == Phase::Expired => {}
            Some(held) => {
                let age = self.now.saturating_sub(held.started);
                assert!(
                    age < self.settings.max_lifetime + self.settings.max_stale,
                    "seed {}: served at {age:?}",
                    self.seed
                );
                // A known kid is served from the snapshot: it neither asks nor waits, whatever strangers do.
                if !held.keys.contains(&kid) {
                    self.miss(kid, &wanted);
                }
            }
        }
    }

    fn miss(&mut self, kid: u64, wanted: &Wanted) {
        let seen = *self.seen.entry(kid).or_insert(self.now);
        match self.cache.miss(wanted, self.now) {
            Answer::Absent => {
                let proof = self.good.iter().any(|(started, ended, keys)| {
                    *started >= seen && self.now < *ended + MISS_MEMORY && !keys.contains(&kid)
                });
                assert!(
                    proof,
                    "seed {}: absent without a fetch that says so",
                    self.seed
                );
            }
            Answer::Join => assert!(
                self.flight.is_some()
                    || self.cache.requested.is_some()
                    || self.now >= self.cache.scheduled_at(),
                "seed {}: waits for nothing",
                self.seed
            ),
            Answer::Unavailable { retry_after } => self.check_retry_after(retry_after),
        }
    }

    fn signature_fails(&mut self) {
        if self.held.is_some() {
            let before = self.cache.same_kid_at;
            self.cache.signature_failed(self.now);
            if let (Some(before), Some(after)) = (before, self.cache.same_kid_at) {
                assert!(
                    after == before || after >= before + SAME_KID_SPACING,
                    "seed {}",
                    self.seed
                );
            }
        }
    }

    fn check_retry_after(&self, retry_after: Duration) {
        assert!(
            retry_after > Duration::ZERO,
            "seed {}: told to wait for nothing",
            self.seed
        );
        assert!(
            retry_after <= RETRY_AFTER_CAP,
            "seed {}: told to wait {retry_after:?}",
            self.seed
        );
    }

    /// Once the issuer answers again the newest key is accepted, without anyone's help, within the longest back-off and one fetch;
    /// a kid that was found absent just before, within 30 s more.
    fn recovers(&mut self) {
        self.issuer_up = true;
        let newest = self.next_kid;
        self.published.insert(newest);
        let dead = self
            .held
            .as_ref()
            .is_none_or(|held| held.validity.phase(self.now) != Phase::Fresh);
        let deadline = self.now + RETRY_AFTER_CAP + Duration::from_mins(1);
        while self.now < deadline {
            self.request(newest);
            self.advance(Duration::from_secs(3));
        }
        let held = self
            .held
            .as_ref()
            .unwrap_or_else(|| panic!("seed {}: still cold", self.seed));
        if dead {
            assert!(
                held.validity.phase(self.now) != Phase::Expired,
                "seed {}: still expired",
                self.seed
            );
        }
        assert!(
            held.keys.contains(&newest),
            "seed {}: a published key is not accepted",
            self.seed
        );
    }
}

impl Cache {
    /// What `next` would answer, without starting anything.
    fn next_wait(&self, now: Duration) -> Duration {
        if self.requested.is_some() {
            Duration::ZERO
        } else {
            self.next_fetch_in(now)
        }
    }
}
