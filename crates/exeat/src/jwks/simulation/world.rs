//! One schedule: issuers that misbehave, honest clients, strangers, an operator and a machine that falls asleep, all by the dice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeat_jose::{Algorithm, ImportPolicy, KeyId};
use futures_util::FutureExt;
use http::StatusCode;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::issuer::{KEYS, Mode, PRINTS, ScriptedIssuer};
use super::oracle::{Oracle, Token, Violation};
use super::site::{Faults, LONGEST_BACK_OFF, SimulatedClock, Site, token};
use super::{Simulation, Tally};
use crate::dice::Dice;
use crate::jwks::owner::Shared;
use crate::jwks::{Fetcher, JwksSettings, KeySource, Target};
use crate::meter::KeyMeter;

pub(super) struct World {
    dice: Dice,
    clock: Arc<SimulatedClock>,
    sites: Vec<Arc<Site>>,
    faults: Arc<Faults>,
    tally: Arc<Tally>,
    clients: JoinSet<()>,
    handles: Vec<AbortHandle>,
    operators: JoinSet<()>,
}

impl World {
    pub(super) fn new(seed: u64, simulation: &Simulation, tally: Arc<Tally>) -> Self {
        let mut dice = Dice::new(seed);
        let clock = Arc::new(SimulatedClock::new());
        let faults = Arc::new(Faults::default());
        let sites = (0..=dice.below(3))
            .map(|_| {
                let promised = JwksSettings {
                    max_stale: Duration::from_secs(dice.below(3) * 600),
                    cooldown: Duration::from_secs(1 + dice.below(20)),
                    ..JwksSettings::default()
                };
                let issuer = Arc::new(ScriptedIssuer::new(
                    dice.below(u64::from(u32::MAX)),
                    Oracle::new(promised.clone()),
                    Arc::clone(&clock),
                    Arc::clone(&faults),
                    Arc::clone(&tally),
                ));
                let settings = (simulation.driver)(promised);
                let fetcher = Fetcher::new(
                    issuer.clone(),
                    Target::from_jwks_uri("https://issuer.example/jwks", false).unwrap(),
                    ImportPolicy::default(),
                    &settings,
                );
                let chances = Mutex::new(Dice::new(dice.below(u64::from(u32::MAX))));
                let mut shared = Shared::new(
                    None,
                    clock.clone(),
                    Some(fetcher),
                    settings,
                    KeyMeter::new("simulated"),
                );
                shared.chance = Box::new(move || chances.lock().unwrap().chance());
                // Nobody watches a gauge here, and hours pass.
                shared.observe_every = Duration::MAX;
                let clock = Arc::clone(&clock);
                Arc::new(Site {
                    source: KeySource::driven(shared),
                    issuer,
                    faults: Arc::clone(&faults),
                    clock,
                    tally: Arc::clone(&tally),
                    next_kid: AtomicU64::new(1),
                })
            })
            .collect();
        Self {
            dice,
            clock,
            sites,
            faults,
            tally,
            clients: JoinSet::new(),
            handles: Vec::new(),
            operators: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), Violation> {
        let steps = 4 + self.dice.below(40);
        let publication = self.dice.below(steps);
        for step in 0..steps {
            self.act().await;
            if step == publication {
                self.publish_and_watch().await;
            }
            while self.clients.try_join_next().is_some() {}
            if let Some(violation) = self.faults.first() {
                return Err(violation);
            }
        }
        self.recover().await;
        // Longer than any request waits, and than the fetch of an operator after one in flight.
        sleep(Duration::from_secs(12)).await;
        while self.clients.try_join_next().is_some() {}
        while self.operators.try_join_next().is_some() {}
        if !(self.clients.is_empty() && self.operators.is_empty()) {
            self.faults.note(Err(Violation::WaitedTooLong));
        }
        self.tally.schedules.fetch_add(1, Ordering::Relaxed);
        self.faults.first().map_or(Ok(()), Err)
    }

    async fn act(&mut self) {
        self.tally.steps.fetch_add(1, Ordering::Relaxed);
        let site = self.any_site();
        match self.dice.below(24) {
            0..=5 => {
                let longest = self
                    .dice
                    .pick(&[5, 50, 1000, 7000, 60_000, 400_000, 2_000_000]);
                sleep(self.dice.millis_below(longest)).await;
            }
            6 => {
                let mode = self.mode();
                site.issuer.script().mode = mode;
            }
            7 => site.issuer.script().mode = Mode::Up(1000),
            8 => {
                let key = self.any_key();
                site.publish_new(key);
            }
            9 => site.issuer.script().withdraw_oldest(),
            10 => {
                // A new key under an old kid.
                let key = self.any_key();
                let mut script = site.issuer.script();
                let (kid, _) = self.dice_pick(&script.published);
                script.publish(&kid, key);
            }
            11 => {
                let max_age = self
                    .dice
                    .pick(&[None, Some(0), Some(60), Some(600), Some(7200)]);
                let revalidates = self.dice.one_in(2);
                let mut script = site.issuer.script();
                script.max_age = max_age;
                script.revalidates = revalidates;
            }
            12 => self.strangers(&site),
            13 => self.forgery(&site),
            14 if self.dice.one_in(3) => {
                // What was asked for has begun before the machine falls asleep.
                sleep(Duration::from_millis(1)).await;
                self.clock.sleep_through(self.dice.below(20_000));
            }
            15 if self.dice.one_in(2) => {
                site.issuer.oracle().operator_refreshed();
                let mut refresh = Box::pin(async move { site.source.refresh().await });
                // The fetch is asked for before anything else happens.
                if (&mut refresh).now_or_never().is_none() {
                    // How it ends is the issuer's affair.
                    self.operators.spawn(async move { drop(refresh.await) });
                }
            }
            16 if self.dice.one_in(8) => {
                let (kid, _) = self.dice_pick(&site.issuer.script().published);
                site.issuer.oracle().invalidated(&kid);
                let _ = site
                    .source
                    .invalidate(&KeyId::try_from(kid.as_str()).unwrap());
            }
            17 => {
                // A client hangs up.
                self.handles.retain(|client| !client.is_finished());
                if !self.handles.is_empty() {
                    let choice = self.dice.below(u64::try_from(self.handles.len()).unwrap());
                    let handle = self.handles.swap_remove(usize::try_from(choice).unwrap());
                    handle.abort();
                    self.tally.cancelled.fetch_add(1, Ordering::Relaxed);
                }
            }
            18 => {
                site.source.is_ready();
            }
            _ => {
                let (kid, key) = self.dice_pick(&site.issuer.script().published);
                let kid = (!self.dice.one_in(10)).then_some(kid);
                self.request(&site, token(kid, key));
            }
        }
    }

    fn mode(&mut self) -> Mode {
        match self.dice.below(6) {
            0 => Mode::Hangs,
            1 => Mode::Garbage,
            2 => Mode::NoKeys,
            3 => Mode::Busy(self.dice.below(1000)),
            4 => Mode::Up(4900),
            _ => Mode::Status(self.dice.pick(&[
                StatusCode::INTERNAL_SERVER_ERROR,
                StatusCode::FOUND,
                StatusCode::NOT_FOUND,
            ])),
        }
    }

    /// Many tokens with kids that nobody has.
    fn strangers(&mut self, site: &Arc<Site>) {
        for _ in 0..=self.dice.below(12) {
            self.stranger(site);
        }
    }

    fn stranger(&mut self, site: &Arc<Site>) {
        let kid = format!("stranger-{}", self.dice.below(1 << 20));
        let key = self.any_key();
        self.request(site, token(Some(kid), key));
    }

    /// Tokens under a known kid that its key has not signed, or not with this algorithm.
    fn forgery(&mut self, site: &Arc<Site>) {
        let (kid, key) = self.dice_pick(&site.issuer.script().published);
        let mut forged = token(Some(kid), (key + 1) % KEYS);
        if self.dice.one_in(2) {
            forged.alg = Algorithm::Es256;
        }
        self.request(site, forged);
    }

    /// One request, judged now or, if it has to wait, by a client of its own.
    fn request(&mut self, site: &Arc<Site>, token: Token) {
        if let Some(need) = site.ask(&token) {
            let site = Arc::clone(site);
            let client = self
                .clients
                .spawn(async move { site.wait(token, need).await });
            self.handles.push(client);
        }
    }

    /// A key that becomes published is accepted within 30 s plus one fetch, whatever strangers do meanwhile, if only the issuer answers.
    async fn publish_and_watch(&mut self) {
        let site = self.any_site();
        site.issuer.script().mode = Mode::Up(SLOWEST);
        if !(site.recovers().await && self.settles(&site).await) {
            return self.faults.note(Err(Violation::NoRecovery));
        }
        let key = self.any_good_key(&site);
        let kid = site.name_next();
        let new = token(Some(kid.clone()), key);
        if self.dice.one_in(2) {
            // Somebody asked too early: that the key does not exist is remembered.
            self.request(&site, new.clone());
            sleep(self.dice.millis_below(20_000)).await;
        }
        site.issuer.script().publish(&kid, key);
        let published = Instant::now();
        let under_attack = self.dice.one_in(2);
        let patience = NEGATIVE_MEMORY + Duration::from_millis(3 * SLOWEST);
        while !site.issuer.oracle().is_known(&new, self.clock.elapsed()) {
            if published.elapsed() > patience {
                return self.faults.note(Err(Violation::PublishedKeyNotAccepted));
            }
            if under_attack {
                self.stranger(&site);
            }
            self.request(&site, new.clone());
            sleep(Duration::from_millis(SLOWEST)).await;
        }
        self.request(&site, new);
    }

    /// Once the issuers answer again everything is well within the longest back-off, with no request but the readiness probe's.
    async fn recover(&mut self) {
        for site in self.sites.clone() {
            site.issuer.script().mode = Mode::Up(SLOWEST);
            if !site.recovers().await {
                return self.faults.note(Err(Violation::NoRecovery));
            }
            let all = site.issuer.script().published.clone();
            for (kid, key) in all {
                self.request(&site, token(Some(kid), key));
            }
        }
    }

    /// Waits until a fetch for an unknown key goes well: no back-off holds up the next one.
    async fn settles(&mut self, site: &Arc<Site>) -> bool {
        let start = Instant::now();
        while !site.issuer.oracle().is_reachable() {
            if start.elapsed() > LONGEST_BACK_OFF {
                return false;
            }
            self.stranger(site);
            sleep(Duration::from_secs(2)).await;
        }
        true
    }

    fn any_site(&mut self) -> Arc<Site> {
        let choice = self.dice.below(u64::try_from(self.sites.len()).unwrap());
        Arc::clone(&self.sites[usize::try_from(choice).unwrap()])
    }

    fn any_key(&mut self) -> usize {
        usize::try_from(self.dice.below(u64::try_from(KEYS).unwrap())).unwrap()
    }

    /// One that the operator has not invalidated.
    fn any_good_key(&mut self, site: &Arc<Site>) -> usize {
        loop {
            let key = self.any_key();
            if !site.issuer.oracle().is_invalidated(PRINTS[key]) {
                return key;
            }
        }
    }

    fn dice_pick(&mut self, published: &[(String, usize)]) -> (String, usize) {
        let choice = self.dice.below(u64::try_from(published.len()).unwrap());
        published[usize::try_from(choice).unwrap()].clone()
    }
}

/// The slowest answer of an issuer that works, in milliseconds.
const SLOWEST: u64 = 500;
const NEGATIVE_MEMORY: Duration = Duration::from_secs(30);
