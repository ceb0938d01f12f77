//! `allocations FOLDER`: how often one call asks Rust's allocator for memory. What C libraries ask for is not counted. Prints figures.
//!
//! A program of its own, because the counting allocator makes every allocation dearer.

use std::{convert::Infallible, hint::black_box, path::PathBuf};

use allocation_counter::measure;
use anyhow::{Context as _, ensure};
use bench::{
    figures::Figures,
    gate,
    hostile::{Flaw, forged},
    token::{ALGORITHMS, Tokens},
};
use exeat_jose::Algorithm;
use http::{Request, Response, header::AUTHORIZATION};
use rivals::jsonwebtoken as jwt;
use tower::{Layer as _, Service as _, service_fn};

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("allocations FOLDER")?);
    let tokens = Tokens::read(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let _inside = runtime.enter();
    let gate = gate::build(gate::api(tokens.jwks())?)?;
    let verifier = gate.verifier();
    let (v9, v11) = (
        jwt::v9::Verifier::new(tokens.jwks())?,
        jwt::v11::Verifier::new(tokens.jwks())?,
    );
    let mut figures = Figures::default();
    for alg in ALGORITHMS {
        let [good, ..] = tokens.of(alg)? else {
            anyhow::bail!("no token")
        };
        let bad = forged(good)?;
        let name = alg.name();
        figures.insert(
            format!("allocations.verify.{name}.exeat"),
            count(|| gate::verify(verifier, good)),
        );
        figures.insert(
            format!("allocations.verify.{name}.jsonwebtoken-9"),
            count(|| v9.verify(good)),
        );
        figures.insert(
            format!("allocations.verify.{name}.jsonwebtoken-11"),
            count(|| v11.verify(good)),
        );
        figures.insert(
            format!("allocations.forged.{name}.exeat"),
            count(|| gate::verify(verifier, &bad)),
        );
    }
    let [good, ..] = tokens.of(Algorithm::Rs256)? else {
        anyhow::bail!("no token")
    };
    for flaw in Flaw::ALL {
        let (bad, name) = (flaw.put_into(good)?, flaw.name());
        figures.insert(
            format!("allocations.refuse.{name}.exeat"),
            count(|| gate::verify(verifier, &bad)),
        );
        figures.insert(
            format!("allocations.refuse.{name}.jsonwebtoken-9"),
            count(|| v9.verify(&bad)),
        );
        figures.insert(
            format!("allocations.refuse.{name}.jsonwebtoken-11"),
            count(|| v11.verify(&bad)),
        );
    }
    figures.insert("allocations.layer.exeat", layer(&gate, good)?);
    print!("{figures}");
    Ok(())
}

/// Allocations of one call, after one that fills whatever is filled once.
fn count<T>(mut call: impl FnMut() -> T) -> f64 {
    drop(black_box(call()));
    let counted = measure(|| drop(black_box(call())));
    counted.count_total as f64
}

/// Allocations of the layer around a service that makes none, for a request that is let in.
fn layer(gate: &exeat::Gate, token: &str) -> anyhow::Result<f64> {
    let hello =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = gate.layer().layer(hello);
    let request = || {
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(())
    };
    let mut call = |request| gate::at_once(service.call(request));
    let response = call(request()?).context("it waits")??;
    ensure!(response.status() == 200, "{}", response.status());
    let request = request()?;
    let mut response = None;
    let counted = measure(|| response = call(request));
    ensure!(response.is_some(), "it waits");
    Ok(counted.count_total as f64)
}
