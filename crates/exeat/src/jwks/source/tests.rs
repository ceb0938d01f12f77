use std::sync::atomic::{AtomicU64, AtomicUsize};

use async_trait::async_trait;
use bytes::Bytes;
use exeat_jose::{Algorithm, ImportPolicy, NumericDate, SigningKey, SystemClock};
use http::{Request, Response};
use serde_json::json;

use super::*;
use crate::HttpGet;
use crate::jwks::{Target, Wanted};

struct Counted(String, Arc<AtomicUsize>);

#[async_trait]
impl HttpGet for Counted {
    async fn get(&self, _: Request<()>) -> Result<Response<Bytes>, FetchError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(self.0.clone().into()))
    }
}

/// A source over one published key, and how often it was fetched.
async fn source() -> (KeySource, Arc<AtomicUsize>) {
    source_by(Arc::new(SystemClock)).await
}

async fn source_by(clock: Arc<dyn Clock>) -> (KeySource, Arc<AtomicUsize>) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap().0;
    let asked = Arc::new(AtomicUsize::new(0));
    let http = Counted(
        json!({ "keys": [key.public_jwk()] }).to_string(),
        Arc::clone(&asked),
    );
    let target = Target::from_jwks_uri("https://issuer.example/jwks", false).unwrap();
    let settings = JwksSettings::default();
    let fetcher = Fetcher::new(Arc::new(http), target, ImportPolicy::default(), &settings);
    let meter = KeyMeter::new("https://issuer.example");
    let source = KeySource::remote(fetcher, settings, clock, meter);
    source.ready().await;
    (source, asked)
}

fn other_key() -> Wanted {
    Wanted {
        kid: Some(KeyId::try_from("other").unwrap()),
        alg: Algorithm::Es256,
    }
}

#[tokio::test]
async fn a_request_that_finds_no_place_to_wait_starts_the_fetch_it_paid_for() {
    let (source, asked) = source().await;
    let mut finished = source.shared.finished.subscribe();
    let need = Need::Key {
        wanted: other_key(),
        epoch: 1,
    };
    {
        let _everybody = source.shared.waiters.acquire_many(1024).await.unwrap();
        assert!(matches!(
            source.resolve(&need).await,
            Resolution::Unavailable {
                why: KeysUnavailable::MissUnresolved,
                ..
            }
        ));
    }
    tokio::time::timeout(Duration::from_secs(5), finished.changed())
        .await
        .expect("nobody woke the owner")
        .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_need_that_a_newer_set_may_meet_costs_no_fetch() {
    let (source, asked) = source().await;

    // Judged against the set before this one: what has come meanwhile is looked at first.
    let wanted = other_key();
    for need in [
        Need::Keys,
        Need::Key {
            wanted: wanted.clone(),
            epoch: 0,
        },
        Need::NewerKey { epoch: 0 },
    ] {
        assert!(
            matches!(source.resolve(&need).await, Resolution::LookAgain),
            "{need:?}"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let unmet = |epoch| Need::Key {
        wanted: wanted.clone(),
        epoch,
    };
    assert!(matches!(
        source.resolve(&unmet(1)).await,
        Resolution::LookAgain
    ));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert!(matches!(
        source.resolve(&unmet(2)).await,
        Resolution::Settled
    ));
}

/// tokio's clock, ahead of it by the time that the machine slept: timers know nothing of that.
struct Sleeper {
    start: tokio::time::Instant,
    slept: AtomicU64,
}

impl Sleeper {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            start: tokio::time::Instant::now(),
            slept: AtomicU64::new(0),
        })
    }

    fn sleep(&self, seconds: u64) {
        self.slept.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Sleeper {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(1_800_000_000).saturating_add(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + Duration::from_secs(self.slept.load(Ordering::Relaxed))
    }
}

/// Lifetime 10 min, `max_stale` 1 h.
const USABLE: u64 = 600 + 3600;

#[tokio::test(start_paused = true)]
async fn keys_age_while_the_machine_sleeps_and_the_first_request_fetches_new_ones() {
    let clock = Sleeper::new();
    let (source, asked) = source_by(clock.clone()).await;
    clock.sleep(USABLE - 1);
    assert!(source.current(clock.monotonic()).is_ok());
    clock.sleep(1);
    assert!(matches!(source.current(clock.monotonic()), Err(Some(_))));
    let ready = source.ready();
    tokio::time::timeout(Duration::from_millis(1), ready)
        .await
        .expect("the request has woken the owner, which no timer would have done");
    assert!(source.current(clock.monotonic()).is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_readiness_probe_wakes_a_gate_that_no_request_reaches() {
    let clock = Sleeper::new();
    let (source, asked) = source_by(clock.clone()).await;
    clock.sleep(USABLE);
    assert!(!source.is_ready());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(source.is_ready());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// `/proc/uptime` counts suspended time too, in hundredths of a second, cut off.
#[test]
#[cfg(target_os = "linux")]
fn the_monotonic_clock_of_linux_counts_the_time_that_the_machine_slept() {
    let uptime = || {
        let text = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds = text.split(' ').next().unwrap().parse().unwrap();
        Duration::from_secs_f64(seconds)
    };
    let before = uptime();
    let now = SystemClock.monotonic();
    let after = uptime() + Duration::from_millis(11);
    assert!(
        before <= now && now <= after,
        "{before:?} {now:?} {after:?}"
    );
}
