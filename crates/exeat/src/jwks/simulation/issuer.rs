//! An issuer's HTTP side that misbehaves as it is told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use exeat_jose::{Algorithm, Jwk, SigningKey, Thumbprint};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use http::{Request, Response, StatusCode};

use super::Tally;
use super::oracle::{Ended, Oracle};
use super::site::{Faults, SimulatedClock};
use crate::dice::Dice;
use crate::{FetchError, HttpGet};

/// What a fetch meets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// The keys, after at most so many milliseconds.
    Up(u64),
    Status(StatusCode),
    /// 429 or 503 with this `Retry-After`.
    Busy(u64),
    Hangs,
    /// 200 with something else, or with no usable key.
    Garbage,
    NoKeys,
}

pub(super) struct ScriptedIssuer {
    script: Mutex<Script>,
    pub(super) oracle: Arc<Mutex<Oracle>>,
    clock: Arc<SimulatedClock>,
    faults: Arc<Faults>,
    tally: Arc<Tally>,
}

pub(super) struct Script {
    pub(super) mode: Mode,
    /// Key ids, and which of [`PRINTS`] each names.
    pub(super) published: Vec<(String, usize)>,
    /// `None`: the answer names no lifetime.
    pub(super) max_age: Option<u64>,
    pub(super) revalidates: bool,
    version: u64,
    dice: Dice,
}

impl Script {
    pub(super) fn publish(&mut self, kid: &str, key: usize) {
        self.published.retain(|(held, _)| held != kid);
        self.published.push((kid.to_owned(), key));
        self.version += 1;
    }

    pub(super) fn withdraw_oldest(&mut self) {
        if self.published.len() > 1 {
            self.published.remove(0);
            self.version += 1;
        }
    }
}

impl ScriptedIssuer {
    pub(super) fn new(
        seed: u64,
        oracle: Oracle,
        clock: Arc<SimulatedClock>,
        faults: Arc<Faults>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            script: Mutex::new(Script {
                mode: Mode::Up(50),
                published: vec![("k0".to_owned(), 0)],
                max_age: Some(600),
                revalidates: true,
                version: 0,
                dice: Dice::new(seed),
            }),
            oracle: Arc::new(Mutex::new(oracle)),
            clock,
            faults,
            tally,
        }
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(super) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap()
    }
}

#[async_trait]
impl HttpGet for ScriptedIssuer {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let started = self.oracle().fetch_started(self.clock.elapsed());
        self.faults.note(started);
        self.tally.fetches.fetch_add(1, Ordering::Relaxed);
        // A fetch that is given up (time-out, end of the gate) has failed.
        let mut flight = Flight {
            issuer: self,
            ended: Some(Ended::Failed { retry_after: None }),
        };
        let (answer, ended, delay) = self.answer(&request);
        tokio::time::sleep(delay).await;
        flight.ended = Some(ended);
        Ok(answer)
    }
}

impl ScriptedIssuer {
    /// Decided when the request is read, whenever it arrives.
    fn answer(&self, request: &Request<()>) -> (Response<Bytes>, Ended, Duration) {
        let mut script = self.script();
        let mut response = Response::new(Bytes::new());
        let failed = Ended::Failed { retry_after: None };
        let slowest = match script.mode {
            Mode::Up(slowest) => slowest,
            Mode::Hangs => return (response, failed, Duration::from_hours(1)),
            _ => 50,
        };
        let delay = script.dice.millis_below(slowest);
        match script.mode {
            Mode::Up(_) | Mode::Hangs => {}
            Mode::Garbage => {
                *response.body_mut() = Bytes::from_static(b"<html>");
                return (response, failed, delay);
            }
            Mode::NoKeys => {
                *response.body_mut() = Bytes::from_static(b"{\"keys\":[]}");
                return (response, failed, delay);
            }
            Mode::Status(status) => {
                *response.status_mut() = status;
                return (response, failed, delay);
            }
            Mode::Busy(seconds) => {
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
                let retry_after = Some(Duration::from_secs(seconds));
                return (response, Ended::Failed { retry_after }, delay);
            }
        }
        let headers = response.headers_mut();
        if let Some(seconds) = script.max_age {
            let value = format!("public, max-age={seconds}").try_into().unwrap();
            headers.insert(CACHE_CONTROL, value);
        }
        let etag = format!("\"{}\"", script.version);
        if script.revalidates {
            headers.insert(ETAG, etag.as_str().try_into().unwrap());
        }
        let max_age = script.max_age.map(Duration::from_secs);
        let asked = request.headers().get(IF_NONE_MATCH);
        if script.revalidates && asked.is_some_and(|asked| asked == etag.as_str()) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            let keys = None;
            return (response, Ended::Good { keys, max_age }, delay);
        }
        let body: Vec<_> = script
            .published
            .iter()
            .map(|(kid, key)| jwk(kid, *key))
            .collect();
        *response.body_mut() = format!("{{\"keys\":[{}]}}", body.join(",")).into();
        let published = script.published.iter();
        let keys = Some(
            published
                .map(|(kid, key)| (kid.clone(), PRINTS[*key]))
                .collect(),
        );
        (response, Ended::Good { keys, max_age }, delay)
    }
}

struct Flight<'i> {
    issuer: &'i ScriptedIssuer,
    ended: Option<Ended>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            let now = self.issuer.clock.elapsed();
            self.issuer.oracle().fetch_ended(ended, now);
        }
    }
}

fn jwk(kid: &str, key: usize) -> String {
    format!("{{\"kid\":\"{kid}\",{}", &MATERIAL[key])
}

/// Public keys, made once: the members of a JWK but for `kid`.
static MATERIAL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let make = |_| {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap().0;
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk.to_string()[1..].to_owned()
    };
    (0..KEYS).map(make).collect()
});

/// Their thumbprints.
pub(super) static PRINTS: LazyLock<Vec<Thumbprint>> = LazyLock::new(|| {
    let print = |members: &String| {
        let jwk = Jwk::from_json(&format!("{{{members}")).unwrap();
        jwk.thumbprint()
    };
    MATERIAL.iter().map(print).collect()
});

/// How many keys there are in the world.
pub(super) const KEYS: usize = 32;
