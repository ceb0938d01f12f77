//! A live run: an issuer that rotates its keys all the time and goes away in between, an API behind the gate, and callers of every kind on
//! connections that stay open. Everything is real: sockets, keys, the default HTTP client. It counts what each caller got, and judges it.

mod caller;
mod report;

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use exeat::{
    ExternalApi, Gate, JwksSettings,
    testkit::{FakeIssuer, TestClock},
};
use exeat_jose::{Clock as _, KeyId};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{DEADLINE, api::Api};

pub use report::{Kind, Report};

/// How a live run goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Callers, each with a connection of its own.
    pub connections: usize,
    /// Rotations.
    pub rounds: u32,
    /// In which rounds the issuer is away. It does not rotate then.
    pub outage: Range<u32>,
    /// What a round is.
    pub pace: Pace,
}

/// How time passes.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// By itself.
    Real {
        /// From one rotation to the next.
        round: Duration,
        /// After each call.
        pause: Duration,
    },
    /// A round ends when each caller has made so many calls, and the clock of issuer and gate jumps by the cooldown of the gate.
    Skipping {
        /// Calls of each caller.
        calls: u64,
    },
}

/// How many keys are published ahead of their use. Times a round it must be more than what a gate may take to notice: 30 s and a fetch.
const AHEAD: u32 = 10;

/// What director and callers share.
struct Stage {
    issuer: FakeIssuer,
    gate: Gate,
    api: Api,
    plan: Plan,
    is_over: AtomicBool,
    is_down: AtomicBool,
    /// How many calls each caller has made.
    calls: Vec<AtomicU64>,
    called: Notify,
    report: Mutex<Report>,
}

/// Runs `plan` to its end.
///
/// # Errors
/// There is no port, somebody got no answer at all, or nothing moves any more.
pub async fn run(plan: Plan) -> anyhow::Result<Report> {
    let clock = match plan.pace {
        Pace::Real { .. } => TestClock::new(),
        Pace::Skipping { .. } => TestClock::frozen(),
    };
    let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api").with_clock(clock);
    let server = issuer.serve().await?;
    let api = ExternalApi::new(issuer.name(), issuer.audience());
    let gate = server.connect(api).build().await?;
    let stage = Arc::new(Stage {
        api: Api::start(gate.clone()).await?,
        calls: (0..plan.connections).map(|_| AtomicU64::new(0)).collect(),
        is_over: AtomicBool::new(false),
        is_down: AtomicBool::new(false),
        called: Notify::new(),
        report: Mutex::new(Report::default()),
        issuer,
        gate,
        plan,
    });
    let mut callers = JoinSet::new();
    for number in 0..stage.plan.connections {
        callers.spawn(caller::run(Arc::clone(&stage), number));
    }
    let directed = stage.direct().await;
    stage.is_over.store(true, Ordering::SeqCst);
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    directed?;
    let mut report = stage.report().clone();
    report.close(stage.issuer.key_set_requests(), stage.now());
    Ok(report)
}

impl Stage {
    async fn direct(&self) -> anyhow::Result<()> {
        for _ in 0..AHEAD {
            self.publish();
        }
        for round in 0..self.plan.rounds {
            if round == self.plan.outage.start {
                self.report()
                    .outage_begins(self.now(), self.issuer.key_set_requests());
                self.is_down.store(true, Ordering::SeqCst);
                self.issuer.down();
            }
            if round == self.plan.outage.end {
                self.issuer.up();
                self.is_down.store(false, Ordering::SeqCst);
                self.report()
                    .outage_ends(self.now(), self.issuer.key_set_requests());
            }
            if !self.plan.outage.contains(&round) {
                // The key before this one leaves a whole round after it signed for the last time.
                self.issuer.retire_old();
                self.issuer.activate_next();
                self.publish();
            }
            self.pass_a_round().await?;
        }
        Ok(())
    }

    fn publish(&self) {
        let kid = self.issuer.publish_next();
        self.report().published(&kid, self.now());
    }

    fn just_published(&self) -> KeyId {
        let expected = self.report().expected();
        expected.unwrap_or_else(|| self.issuer.active_key())
    }

    async fn pass_a_round(&self) -> anyhow::Result<()> {
        let calls = match self.plan.pace {
            Pace::Real { round, .. } => {
                sleep(round).await;
                1
            }
            Pace::Skipping { calls } => calls,
        };
        let goals: Vec<u64> = self
            .calls
            .iter()
            .map(|made| made.load(Ordering::SeqCst) + calls)
            .collect();
        let reached = || {
            let mut pairs = self.calls.iter().zip(&goals);
            pairs.all(|(made, goal)| made.load(Ordering::SeqCst) >= *goal)
        };
        let all_called = async {
            while !reached() && !self.is_over() {
                self.called.notified().await;
            }
        };
        timeout(DEADLINE, all_called)
            .await
            .context("a caller waits for ever")?;
        if let Pace::Skipping { .. } = self.plan.pace {
            self.issuer
                .clock()
                .advance(JwksSettings::default().cooldown);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn now(&self) -> Duration {
        self.issuer.clock().monotonic()
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
