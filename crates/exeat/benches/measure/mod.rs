//! What the benches of verifying share: an issuer, a gate, and a stopwatch that interleaves what it compares.

use std::hint::black_box;
use std::time::Duration;

use exeat::exeat_jose::{
    Algorithm, AlgorithmSet, Clock, ImportPolicy, JwkSet, SigningKey, SystemClock, Typ,
};
use exeat::{ExternalApi, Verifier};
use serde::Serialize;

pub const ISSUER: &str = "https://market.example.com";
pub const AUDIENCE: &str = "loyalty-api";

/// The claims of the reference token: 163 bytes of JSON.
#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    name: &'a str,
    tenant: &'a str,
    iat: u64,
    exp: u64,
}

/// An issuer with one key.
pub struct Issuer {
    pub key: SigningKey,
    pub alg: Algorithm,
}

impl Issuer {
    pub fn new(alg: Algorithm) -> Self {
        let key = match alg {
            Algorithm::Rs256 => SigningKey::generate_rsa(2048),
            _ => SigningKey::generate(alg),
        };
        let (key, _) = key.expect("the backend generates keys");
        Self { key, alg }
    }

    pub fn token(&self, number: usize) -> String {
        let now = unix_now();
        let wire = Wire {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: format!("0192f3a4-7b1c-7def-8a90-{number:012x}"),
            name: "ada@example.com",
            tenant: "acme",
            iat: now,
            exp: now + 3600,
        };
        self.sign(&wire)
    }

    pub fn sign(&self, claims: &impl Serialize) -> String {
        let token = self.key.sign(Typ::Jwt, claims).expect("claims are JSON");
        token.into_string()
    }

    /// A verifier with this issuer's key pinned.
    pub fn verifier(&self, change: impl FnOnce(ExternalApi) -> ExternalApi) -> Verifier {
        let keys = serde_json::json!({ "keys": [self.key.public_jwk()] }).to_string();
        let keys = JwkSet::import(keys.as_bytes(), &ImportPolicy::default()).expect("a set");
        let api = ExternalApi::new(ISSUER, AUDIENCE)
            .with_algorithms(AlgorithmSet::EMPTY.with(self.alg))
            .with_static_keys(keys);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let gate = runtime.block_on(change(api).build()).expect("a gate");
        gate.verifier().clone()
    }
}

pub fn unix_now() -> u64 {
    SystemClock.now().as_secs()
}

/// One thing to measure: it is done once for the input of a number.
pub struct Case<'c>(Box<dyn FnMut(usize) + 'c>);

impl<'c> Case<'c> {
    pub fn new<T>(mut run: impl FnMut(usize) -> T + 'c) -> Self {
        Self(Box::new(move |input| {
            black_box(run(input));
        }))
    }
}

/// The median time of each case in nanoseconds: every round runs one batch of each case, in turn.
pub fn medians(cases: &mut [Case<'_>], rounds: usize, batch: usize) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..rounds {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            let started = thread_time();
            for input in round * batch..(round + 1) * batch {
                (case.0)(input);
            }
            let nanos = thread_time().saturating_sub(started).as_nanos();
            times.push(nanos as f64 / batch as f64);
        }
    }
    times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect()
}

/// The processor time that this thread has had: other processes may slow the wall clock, not this one.
pub fn thread_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("processor time is positive")
}

/// The number after a flag, such as `--tokens 2000`.
pub fn option(flag: &str, default: usize) -> usize {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    args.nth(1)
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
