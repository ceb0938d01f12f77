//! Answers with and without the token cache are the same, whatever happens between them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use exeat_jose::{Algorithm, AlgorithmSet, Expectations, ImportPolicy, KeyId, SigningKey, Typ};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::dice::Dice;
use crate::jwks::{Fetcher, JwksSettings, KeySource, Target};
use crate::meter::KeyMeter;
use crate::tenant::Tenants;
use crate::token_cache::TokenCacheSize;
use crate::{FetchError, HttpGet};

const NOW: u64 = 1_800_000_000;
/// Every other world has both; the corpus is of the first. They publish the same keys until the schedule takes some from one.
const ISSUERS: [&str; 2] = ["https://market.example.com", "https://second.example.com"];

#[tokio::test(start_paused = true)]
async fn answers_with_and_without_the_cache_are_equal() {
    let mut hits = 0;
    for seed in 0..4 {
        let world = World::new(seed).await;
        let seen = world.run(attempt).await;
        assert_eq!(seen.different, Vec::<String>::new(), "seed {seed}");
        hits += seen.hits;
    }
    assert!(hits > 2_000, "{hits}");
}

/// The same schedules find every cache that forgets to ask something again.
#[tokio::test(start_paused = true)]
async fn a_cache_that_does_not_ask_again_is_found_out() {
    for forgotten in [
        Forgotten::Issuer,
        Forgotten::KeySet,
        Forgotten::Key,
        Forgotten::Times,
        Forgotten::Checks,
    ] {
        let mut is_found_out = false;
        for seed in 0..4 {
            let world = World::new(seed).await;
            let careless = |verifier: &Verifier, token: &str| reuse(verifier, token, forgotten);
            is_found_out |= !world.run(careless).await.different.is_empty();
            if is_found_out {
                break;
            }
        }
        assert!(is_found_out, "nobody missed {forgotten:?}");
    }
}

/// As the verifier does.
fn attempt(verifier: &Verifier, token: &str) -> Result<Arc<VerifiedToken>, Halt> {
    verifier.attempt(&Presented::Token(token.into()), None)
}

/// What is not asked again of a token in the cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Forgotten {
    /// Whose the token is: the first issuer answers for all.
    Issuer,
    /// Nor the key in it.
    KeySet,
    Key,
    Times,
    Checks,
}

/// A verifier that trusts its cache too far.
fn reuse(
    verifier: &Verifier,
    token: &str,
    forgotten: Forgotten,
) -> Result<Arc<VerifiedToken>, Halt> {
    let at = verifier.moment(None);
    let cache = verifier.inner.cache.as_ref().unwrap();
    let found = cache.find(token.as_bytes(), |signed, verified| {
        let trust = match forgotten {
            Forgotten::Issuer => verifier.issuers().first(),
            _ => verifier.issuers().of(verified).unwrap(),
        };
        if forgotten != Forgotten::KeySet {
            let held = usable_keys(trust, at)?;
            let is_held = held.as_ref().is_some_and(|held| {
                held.candidates(signed.kid.as_ref(), signed.alg)
                    .any(|key| key.thumbprint() == signed.thumbprint)
            });
            if !is_held && forgotten != Forgotten::Key {
                return Ok(None);
            }
        }
        if forgotten != Forgotten::Times {
            trust.expectations.check_times(verified.times(), at.now)?;
        }
        if forgotten != Forgotten::Checks {
            verifier.inner.checks.run(&verified.borrowed())?;
        }
        Ok::<_, Rejected>(Some(Arc::clone(verified)))
    });
    found
        .transpose()?
        .flatten()
        .map_or_else(|| attempt(verifier, token), Ok)
}

/// Follows tokio's paused clock.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(NOW).saturating_add(self.0.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// An issuer that publishes what the schedule says, or cannot be reached.
#[derive(Default)]
struct Published(Mutex<Option<Vec<Value>>>);

#[async_trait]
impl HttpGet for Published {
    async fn get(&self, _: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let keys = self.0.lock().unwrap().clone();
        let body = keys
            .as_ref()
            .map(|keys| json!({ "keys": keys }).to_string());
        let mut response = Response::new(body.unwrap_or_default().into());
        if keys.is_none() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    }
}

#[derive(Deserialize)]
struct Corpus {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// Where each case has a key of its own.
    jwk: Option<Value>,
    /// A few cases are about requests without a token.
    token: Option<String>,
}

struct World {
    dice: Dice,
    verifier: Verifier,
    issuers: Vec<Arc<Published>>,
    keys: Vec<Value>,
    tokens: Vec<String>,
    revoked: Arc<Mutex<HashSet<String>>>,
}

#[derive(Default)]
struct Seen {
    different: Vec<String>,
    hits: usize,
}

impl World {
    async fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let (mut keys, mut tokens) = corpus();
        let names = ISSUERS.iter().take(1 + usize::from(seed % 2 == 1));
        for number in 0..3 {
            let key = SigningKey::generate(Algorithm::Es256).unwrap().0;
            keys.push(serde_json::to_value(key.public_jwk()).unwrap());
            tokens.extend(
                names
                    .clone()
                    .flat_map(|name| own_tokens(&key, name, number)),
            );
        }
        let clock: Arc<dyn Clock> = Arc::new(PausedClock(Instant::now()));
        let (mut issuers, mut trusts) = (Vec::new(), Vec::new());
        for name in names {
            let issuer = Arc::new(Published(Mutex::new(Some(keys.clone()))));
            trusts.push(trust(name, &issuer, &clock).await);
            issuers.push(issuer);
        }
        let revoked = Arc::new(Mutex::new(HashSet::new()));
        let mut checks = Checks::default();
        let list = Arc::clone(&revoked);
        checks.set_revocation(move |token| list.lock().unwrap().contains(token.subject()));
        let list = Arc::clone(&revoked);
        checks.set_check(move |token| {
            let barred = format!("!{}", token.subject());
            let is_barred = list.lock().unwrap().contains(&barred);
            if is_barred {
                Err(Rejected::TenantNotAllowed)
            } else {
                Ok(())
            }
        });
        let others = trusts.split_off(1);
        let trusts = Issuers::new(trusts.remove(0), others);
        let cache = TokenCache::new(TokenCacheSize::default());
        Self {
            dice,
            verifier: Verifier::new(trusts, checks, Some(cache), clock),
            issuers,
            keys,
            tokens,
            revoked,
        }
    }

    async fn run(
        mut self,
        attempt: impl Fn(&Verifier, &str) -> Result<Arc<VerifiedToken>, Halt>,
    ) -> Seen {
        let mut seen = Seen::default();
        for step in 0..24 {
            let happened = self.happen().await;
            for token in &self.tokens {
                let cached = attempt(&self.verifier, token);
                let at = self.verifier.moment(None);
                let mut buffer = PayloadBuf::new();
                let direct = self
                    .verifier
                    .signed(token, None, None, &mut buffer)
                    .and_then(|signed| {
                        Ok(self.verifier.judge(
                            signed.trust,
                            &buffer.verified().unwrap(),
                            at.now,
                        )?)
                    });
                let direct = direct.map(|token| Arc::new(token.into_owned()));
                let is_same = match (&cached, &direct) {
                    (Ok(cached), Ok(direct)) => cached == direct,
                    _ => outcome(&cached) == outcome(&direct),
                };
                if !is_same {
                    let (cached, direct) = (outcome(&cached), outcome(&direct));
                    seen.different.push(format!("step {step}, {happened}: {cached} with the cache, {direct} without: {token:.60}"));
                }
                let cache = self.verifier.inner.cache.as_ref().unwrap();
                seen.hits += usize::from(cache.find(token.as_bytes(), |_, _| ()).is_some());
            }
        }
        seen
    }

    /// One thing that changes what the right answers are, of one issuer where it is about issuers.
    async fn happen(&mut self) -> &'static str {
        let at = self.dice.index(self.issuers.len());
        let published = Arc::clone(&self.issuers[at]);
        match self.dice.index(8) {
            0 => {
                let dice = &mut self.dice;
                let some = self.keys.iter().filter(|_| dice.index(4) > 0).cloned();
                let some: Vec<_> = some.collect();
                *published.0.lock().unwrap() = Some(some);
                let _ = self.verifier.issuers().refresh().await;
                "rotation"
            }
            1 => {
                // Two keys trade their names.
                let (one, other) = (
                    self.dice.index(self.keys.len()),
                    self.dice.index(self.keys.len()),
                );
                let mut keys = self.keys.clone();
                let (a, b) = (keys[one]["kid"].clone(), keys[other]["kid"].clone());
                (keys[one]["kid"], keys[other]["kid"]) = (b, a);
                *published.0.lock().unwrap() = Some(keys);
                let _ = self.verifier.issuers().refresh().await;
                "keys trade names"
            }
            2 => {
                *published.0.lock().unwrap() = None;
                let _ = self.verifier.issuers().refresh().await;
                "outage"
            }
            3 => {
                *published.0.lock().unwrap() = Some(self.keys.clone());
                let _ = self.verifier.issuers().refresh().await;
                "all is well"
            }
            4 if self.dice.index(4) == 0 => {
                let key = &self.keys[self.dice.index(self.keys.len())];
                if let Some(kid) = key["kid"].as_str() {
                    self.verifier
                        .issuers()
                        .invalidate(Some(ISSUERS[at]), &KeyId::try_from(kid).unwrap());
                }
                "invalidation"
            }
            5 => {
                let bar = if self.dice.index(2) == 0 { "" } else { "!" };
                let subject = format!("{bar}u-{}", self.dice.index(4));
                let mut revoked = self.revoked.lock().unwrap();
                if !revoked.remove(&subject) {
                    revoked.insert(subject);
                }
                "revocation"
            }
            6 => {
                let mins = self.dice.index(12);
                tokio::time::sleep(Duration::from_mins(mins.try_into().unwrap())).await;
                "minutes"
            }
            _ => {
                let secs = self.dice.index(31);
                tokio::time::sleep(Duration::from_secs(secs.try_into().unwrap())).await;
                "seconds"
            }
        }
    }
}

/// All that is expected of the issuer's tokens, and its keys, fetched once.
async fn trust(name: &str, issuer: &Arc<Published>, clock: &Arc<dyn Clock>) -> Trust {
    let settings = JwksSettings {
        max_stale: Duration::from_mins(5),
        ..JwksSettings::default()
    };
    let http: Arc<dyn HttpGet> = Arc::<Published>::clone(issuer);
    let target = Target::from_jwks_uri(&format!("{name}/jwks"), false).unwrap();
    let fetcher = Fetcher::new(http, target, ImportPolicy::default(), &settings);
    let keys = KeySource::remote(fetcher, settings, Arc::clone(clock), KeyMeter::new(name));
    keys.ready().await;
    Trust {
        expectations: Expectations::new(name, "loyalty-api")
            .with_algorithms(Algorithm::ALL.into_iter().collect::<AlgorithmSet>())
            .with_max_lifetime(Duration::from_hours(2)),
        keys,
        tenants: Tenants::Any,
        may_be_unnamed: false,
    }
}

fn outcome(verdict: &Result<Arc<VerifiedToken>, Halt>) -> String {
    match verdict {
        Ok(token) => format!("{:?}", token.claims::<Value>()),
        Err(halt) => format!("{halt:?}"),
    }
}

/// The keys and tokens that other implementations made: good ones and every class of bad ones.
fn corpus() -> (Vec<Value>, Vec<String>) {
    let read = |name: &str| {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
        std::fs::read_to_string(format!("{dir}/{name}.json")).unwrap()
    };
    let set: Value = serde_json::from_str(&read("tokens/keys")).unwrap();
    let mut keys = BTreeMap::new();
    let mut tokens = Vec::new();
    for name in [
        "jose/valid",
        "jose/valid_python",
        "jose/refused",
        "tokens/node",
        "tokens/python",
    ] {
        for case in serde_json::from_str::<Corpus>(&read(name)).unwrap().cases {
            keys.extend(case.jwk.map(|jwk| (jwk.to_string(), jwk)));
            tokens.extend(case.token);
        }
    }
    for jwk in set["keys"].as_array().unwrap() {
        keys.insert(jwk.to_string(), jwk.clone());
    }
    assert!(tokens.len() > 900 && keys.len() < 60);
    (keys.into_values().collect(), tokens)
}

fn own_tokens<'k>(
    key: &'k SigningKey,
    issuer: &'k str,
    number: u64,
) -> impl Iterator<Item = String> + use<'k> {
    let sign = move |from: u64, life: u64, subject: u64| {
        let claims = json!({
            "iss": issuer, "aud": ["another", "loyalty-api"], "sub": format!("u-{subject}"),
            "nbf": NOW + from, "iat": NOW, "exp": NOW + from + life,
        });
        key.sign(Typ::Jwt, &claims).unwrap().into_string()
    };
    (0..4).flat_map(move |subject| {
        [
            (0, 60),
            (0, 600),
            (30, 7200 - 30),
            (31, 600),
            (600, 600),
            (0, 7201),
        ]
        .map(|(from, life)| sign(from, life + number, subject))
    })
}
