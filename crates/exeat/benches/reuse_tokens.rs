//! Tokens that come again: one, a thousand, twenty thousand of them, and one on two cores.
#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

mod measure;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use exeat::exeat_jose::Algorithm;
use exeat::{TokenCacheSize, Verifier};
use futures_util::FutureExt;
use measure::{Case, Issuer, medians, option, thread_time};

fn main() {
    let issuer = Issuer::new(Algorithm::Rs256);
    let rounds = option("--rounds", 201);
    let tokens = (0..option("--tokens", 20_000))
        .map(|number| issuer.token(number))
        .collect::<Vec<_>>();
    println!("RS256, {} characters; ns a look-up", tokens[0].len());
    for count in [1, 1_000, tokens.len()] {
        let verifier = issuer.verifier(|api| {
            api.with_token_cache(TokenCacheSize {
                max_entries: count.max(64),
                max_bytes: count.max(256) * 2048,
            })
        });
        // In the order of no list: what comes next cannot be guessed.
        let order: Vec<_> = (0..count).map(|at| at * 7919 % count).collect();
        for token in &tokens[..count] {
            verify(&verifier, token);
        }
        let mut cases = [Case::new(|i| {
            verify(&verifier, &tokens[order[i % count]]);
        })];
        let time = medians(&mut cases, rounds, 2_000)[0];
        println!("among {count:6} {time:6.0}");
        if count == 1 {
            let ratios = (0..rounds.min(51)).map(|_| {
                let alone = on_cores(1, &verifier, &tokens[0]);
                on_cores(2, &verifier, &tokens[0]) / alone
            });
            let mut ratios: Vec<_> = ratios.collect();
            ratios.sort_by(f64::total_cmp);
            println!("two cores ÷ one {:.2}", ratios[ratios.len() / 2]);
        }
    }
}

fn verify(verifier: &Verifier, token: &str) {
    let verdict = verifier.verify(token).now_or_never();
    black_box(verdict.unwrap().unwrap());
}

/// Nanoseconds a look-up on each of so many threads, which look up the same token at the same time.
fn on_cores(threads: usize, verifier: &Verifier, token: &str) -> f64 {
    const EACH: usize = 20_000;
    let barrier = Barrier::new(threads);
    let times = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let started = thread_time();
                    for _ in 0..EACH {
                        verify(verifier, token);
                    }
                    thread_time().saturating_sub(started).as_nanos() as f64
                })
            })
            .collect();
        let times = started.into_iter().map(|thread| thread.join().unwrap());
        times.fold(0.0, f64::max)
    });
    times / EACH as f64
}
