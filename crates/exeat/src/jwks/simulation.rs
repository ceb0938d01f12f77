//! Random schedules against the real driver: the owner task, the waiting requests and the fetcher, on tokio's paused clock, with issuers that
//! fail in every way we know. Each schedule follows from its seed. What must hold is checked by [`oracle`] at every step.
//!
//! ```sh
//! SIMULATION_SEEDS=0..1000000 cargo test --release -p exeat --lib -- --ignored --nocapture jwks::simulation::seeds
//! ```

mod issuer;
mod oracle;
mod site;
mod world;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::oracle::Violation;
use self::world::World;
use super::JwksSettings;

/// What is simulated.
pub(super) struct Simulation {
    /// The settings the driver gets, from those the oracle holds it to.
    driver: fn(JwksSettings) -> JwksSettings,
}

/// In the ordinary tests; the long run goes on from there.
const SCHEDULES: u64 = 10_000;

/// As promised.
const TRUE: Simulation = Simulation {
    driver: |promised| promised,
};

#[test]
fn no_schedule_breaks_a_promise() {
    let tally = run(&TRUE, 0..SCHEDULES)
        .unwrap_or_else(|(seed, violation)| panic!("seed {seed}: {violation:?}"));
    // A simulation in which nothing happens proves nothing.
    for (count, least) in [
        (&tally.accepted, 50_000),
        (&tally.unknown, 10_000),
        (&tally.bad_signature, 1000),
        (&tally.unavailable, 10_000),
        (&tally.cancelled, 1000),
        (&tally.fetches, 100_000),
    ] {
        assert!(count.load(Ordering::Relaxed) >= least, "{tally:?}");
    }
}

/// A driver that is laxer than its promise is found out within a few schedules.
#[test]
fn a_driver_that_keeps_keys_or_fetches_too_long_is_caught() {
    let caught = |driver: fn(JwksSettings) -> JwksSettings| {
        let simulation = Simulation { driver };
        let (_, violation) = run(&simulation, 0..300).expect_err("nobody noticed");
        violation
    };
    let stale = |promised: JwksSettings| JwksSettings {
        max_stale: promised.max_stale + Duration::from_mins(30),
        ..promised
    };
    assert_eq!(caught(stale), Violation::AcceptedBeyondTheBound);
    let greedy = |promised: JwksSettings| JwksSettings {
        cooldown: promised.cooldown / 4,
        ..promised
    };
    assert_eq!(caught(greedy), Violation::FetchBeyondBudget);
    let hasty = |promised: JwksSettings| JwksSettings {
        max_stale: Duration::ZERO,
        ..promised
    };
    assert!(matches!(
        caught(hasty),
        Violation::KnownKeyHeldUp | Violation::ExpiredWithinTheBound
    ));
    let slow = |promised: JwksSettings| JwksSettings {
        cooldown: Duration::from_mins(5),
        ..promised
    };
    assert!(matches!(
        caught(slow),
        Violation::PublishedKeyNotAccepted | Violation::NoRecovery
    ));
}

/// The long run: `cargo xtask audit`.
#[test]
#[ignore = "as long as one likes: the seeds are in the environment"]
fn seeds() {
    #[expect(clippy::disallowed_methods, reason = "how a range gets into a test")]
    let given = std::env::var("SIMULATION_SEEDS").unwrap_or_else(|_| "0..10000".to_owned());
    let (from, to) = given.split_once("..").expect("FROM..TO");
    let seeds = from.parse().unwrap()..to.parse().unwrap();
    match run(&TRUE, seeds) {
        Ok(tally) => println!("seeds {given}: {tally:?}"),
        Err((seed, violation)) => panic!("seed {seed}: {violation:?}"),
    }
}

/// What happened, over all schedules.
#[derive(Debug, Default)]
pub(super) struct Tally {
    schedules: AtomicU64,
    steps: AtomicU64,
    requests: AtomicU64,
    accepted: AtomicU64,
    unknown: AtomicU64,
    bad_signature: AtomicU64,
    unavailable: AtomicU64,
    cancelled: AtomicU64,
    fetches: AtomicU64,
}

/// Every seed, on all cores; the first schedule that breaks a promise.
fn run(simulation: &Simulation, seeds: Range<u64>) -> Result<Arc<Tally>, (u64, Violation)> {
    let tally = Arc::new(Tally::default());
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime
                .block_on(async {
                    let world = World::new(seed, simulation, Arc::clone(&tally));
                    world.run().await
                })
                .inspect_err(|_| next.store(seeds.end, Ordering::Relaxed))
                .map_err(|violation| (seed, violation))?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap());
        ended.collect::<Result<Vec<()>, _>>()
    })?;
    Ok(tally)
}
