//! One token on two cores at once: whether they wait for each other.

use std::{hint::black_box, sync::Barrier, thread, time::Duration};

use anyhow::{Context as _, ensure};
use bench::{
    figures::Figures,
    gate,
    rounds::{median, thread_time},
    token::Tokens,
};
use exeat::Verifier;
use exeat_jose::Algorithm;

const ROUNDS: usize = 101;
const CALLS: u32 = 20_000;

pub fn measure(tokens: &Tokens) -> anyhow::Result<()> {
    ensure!(
        thread::available_parallelism()?.get() > 1,
        "one core is no two"
    );
    let gate = gate::build(gate::api(tokens.jwks())?.with_token_cache(gate::cache_of(1)))?;
    let token = tokens.of(Algorithm::Rs256)?.first().context("no token")?;
    let rounds = (0..ROUNDS).map(|_| {
        let [alone, together] = [1, 2].map(|threads| on_cores(threads, gate.verifier(), token));
        together.as_secs_f64() / alone.as_secs_f64()
    });
    let mut figures = Figures::default();
    figures.insert("cached.two-cores.exeat.ratio", median(rounds.collect())?);
    print!("{figures}");
    Ok(())
}

/// The processor time that the slowest of these threads needs for its calls.
fn on_cores(threads: usize, verifier: &Verifier, token: &str) -> Duration {
    let start = Barrier::new(threads);
    let call = || {
        start.wait();
        let before = thread_time();
        for _ in 0..CALLS {
            black_box(gate::verify(verifier, token));
        }
        thread_time().saturating_sub(before)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(call)).collect();
        let times = running
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        times.max().unwrap_or_default()
    })
}
