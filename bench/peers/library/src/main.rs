//! `library FOLDER [--quick]`: all that is a function call, exeat and rivals in turn in one process. Prints figures.
//! `library FOLDER --two-cores`: the one that needs another core.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bench::{
    cors,
    figures::Figures,
    gate,
    hostile::{Flaw, forged},
    rounds::{Case, Plan, Samples},
    token::{ALGORITHMS, Tokens},
};
use exeat_jose::Algorithm;
use rivals::{jsonwebtoken as jwt, raw::Raw};

mod tower_http;
mod two_cores;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("library FOLDER [--quick]")?);
    let tokens = Tokens::read(&folder)?;
    // Nothing here waits, but a gate that might have to asks for a timer.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let _inside = runtime.enter();
    let plan = match arguments.next().as_deref() {
        None => Plan::FULL,
        Some("--quick") => Plan::QUICK,
        Some("--two-cores") => return two_cores::measure(&tokens),
        Some(other) => anyhow::bail!("what is {other}?"),
    };
    let mut figures = Figures::default();
    verify(&tokens, plan, &mut figures)?;
    refuse(&tokens, plan, &mut figures)?;
    let cached = gate::cached_cases(tokens.jwks(), tokens.of(Algorithm::Rs256)?)?;
    medians(&plan.run(cached), &mut figures)?;
    decide(plan, &mut figures)?;
    print!("{figures}");
    Ok(())
}

/// Good and forged tokens, each divided by the raw check of the same round.
fn verify(tokens: &Tokens, plan: Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let uncached = gate::build(gate::api(tokens.jwks())?.without_token_cache())?;
    let shipped = gate::build(gate::api(tokens.jwks())?)?;
    let (v9, v11) = (
        jwt::v9::Verifier::new(tokens.jwks())?,
        jwt::v11::Verifier::new(tokens.jwks())?,
    );
    let mut cases = gate::verify_cases(uncached.verifier(), shipped.verifier(), tokens)?;
    for alg in ALGORITHMS {
        let (name, good) = (alg.name(), tokens.of(alg)?);
        let bad: Vec<String> = good
            .iter()
            .map(|token| forged(token))
            .collect::<anyhow::Result<_>>()?;
        let raw = Raw::new(tokens.jwks(), alg, good)?;
        cases.push(Case::new(format!("raw.{name}"), raw.len(), move |index| {
            raw.check(index)
        }));
        ensure!(v9.verify(&good[0]).is_some() && v9.verify(&bad[0]).is_none());
        ensure!(v11.verify(&good[0]).is_some() && v11.verify(&bad[0]).is_none());
        cases.push(Case::new(
            format!("verify.{name}.jsonwebtoken-9"),
            good.len(),
            |index| v9.verify(&good[index]),
        ));
        cases.push(Case::new(
            format!("verify.{name}.jsonwebtoken-11"),
            good.len(),
            |index| v11.verify(&good[index]),
        ));
        let (v9, v11, again) = (&v9, &v11, bad.clone());
        cases.push(Case::new(
            format!("forged.{name}.jsonwebtoken-9"),
            bad.len(),
            move |index| v9.verify(&bad[index]),
        ));
        cases.push(Case::new(
            format!("forged.{name}.jsonwebtoken-11"),
            again.len(),
            move |index| v11.verify(&again[index]),
        ));
    }
    let samples = plan.run(cases);
    medians(&samples, figures)?;
    for alg in ALGORITHMS {
        let reference = format!("raw.{}", alg.name());
        let of_alg = |name: &&str| name.split('.').nth(1) == Some(alg.name());
        for name in samples
            .names()
            .filter(of_alg)
            .filter(|name| *name != reference)
        {
            figures.insert(format!("{name}.ratio"), samples.ratio(name, &reference)?);
            figures.insert(
                format!("{name}.overhead"),
                samples.difference(name, &reference)?,
            );
        }
    }
    Ok(())
}

/// What is refused before its signature.
fn refuse(tokens: &Tokens, plan: Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let gate = gate::build(gate::api(tokens.jwks())?)?;
    let (v9, v11) = (
        jwt::v9::Verifier::new(tokens.jwks())?,
        jwt::v11::Verifier::new(tokens.jwks())?,
    );
    let good = tokens.of(Algorithm::Rs256)?;
    let good = &good[..good.len().min(2_000)];
    let mut cases = gate::refuse_cases(gate.verifier(), good)?;
    let (v9, v11) = (&v9, &v11);
    for flaw in Flaw::ALL {
        let bad: Vec<String> = good
            .iter()
            .map(|token| flaw.put_into(token))
            .collect::<anyhow::Result<_>>()?;
        ensure!(v9.verify(&bad[0]).is_none() && v11.verify(&bad[0]).is_none());
        let (name, again) = (flaw.name(), bad.clone());
        cases.push(Case::new(
            format!("refuse.{name}.jsonwebtoken-9"),
            bad.len(),
            move |index| v9.verify(&bad[index]),
        ));
        cases.push(Case::new(
            format!("refuse.{name}.jsonwebtoken-11"),
            again.len(),
            move |index| v11.verify(&again[index]),
        ));
    }
    medians(&plan.run(cases), figures)
}

/// The CORS decision; tower-http has no decision apart from its layer.
fn decide(plan: Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let mut cases = cors::cases()?;
    cases.extend(tower_http::cases()?);
    let samples = plan.run(cases);
    medians(&samples, figures)?;
    for who in ["exeat", "tower-http"] {
        let [one, many] = cors::ORIGINS.map(|origins| format!("cors.allowed.{origins}.{who}"));
        figures.insert(format!("cors.growth.{who}"), samples.ratio(&many, &one)?);
    }
    Ok(())
}

fn medians(samples: &Samples, figures: &mut Figures) -> anyhow::Result<()> {
    for name in samples.names() {
        figures.insert(name, samples.median(name)?);
    }
    Ok(())
}
