//! The raw check, in the same rounds and on the same core as the servers: each line on standard input is an algorithm and a number of checks.

use std::{io, path::Path};

use anyhow::Context as _;
use bench::token::{ALGORITHMS, Tokens};
use rivals::raw::Raw;

pub fn answer(folder: &Path) -> anyhow::Result<()> {
    let tokens = Tokens::read(folder)?;
    let mut prepared = Vec::new();
    for alg in ALGORITHMS {
        prepared.push((
            alg.name(),
            Raw::new(tokens.jwks(), alg, tokens.of(alg)?)?,
            0,
        ));
    }
    println!("ready");
    for line in io::stdin().lines() {
        let line = line?;
        let (alg, checks) = line.split_once(' ').context("ALGORITHM CHECKS")?;
        let wanted = prepared.iter_mut().find(|(name, ..)| *name == alg);
        let (_, raw, next) = wanted.context("no such algorithm")?;
        for _ in 0..checks.parse::<u32>()? {
            std::hint::black_box(raw.check(*next));
            *next = (*next + 1) % raw.len();
        }
        println!("done");
    }
    Ok(())
}
