//! `allocations FOLDER`: how often one call asks Rust's allocator for memory. What C libraries ask for is not counted. Prints figures.
//!
//! A program of its own, because the counting allocator makes every allocation dearer.

use std::{convert::Infallible, future::pending, hint::black_box, path::PathBuf};

use allocation_counter::measure;
use anyhow::{Context as _, ensure};
use bench::{figures::Figures, gate, hostile::Flaw, token::Tokens};
use exeat::Gate;
use exeat_jose::{Algorithm, PayloadBuf};
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
    let v9 = jwt::v9::Verifier::new(tokens.jwks())?;
    let v11 = jwt::v11::Verifier::new(tokens.jwks())?;
    let good = tokens.of(Algorithm::Rs256)?;
    let good = good.first().context("no token")?;

    let mut figures = Figures::default();
    let mut keep = |name: String, count: f64| figures.insert(format!("allocations.{name}"), count);
    let mut buffer = PayloadBuf::new();
    let direct = count(|| gate::verify_with(verifier, good, &mut buffer).is_some());
    keep("direct.exeat".to_owned(), direct);
    keep(
        "hit.exeat".to_owned(),
        count(|| gate::verify(verifier, good)),
    );
    keep("layer.exeat".to_owned(), layer(&gate, good)?);
    keep(
        "verify.RS256.jsonwebtoken-9".to_owned(),
        count(|| v9.verify(good)),
    );
    keep(
        "verify.RS256.jsonwebtoken-11".to_owned(),
        count(|| v11.verify(good)),
    );
    for flaw in Flaw::ALL {
        let (bad, name) = (flaw.put_into(good)?, flaw.name());
        keep(
            format!("refuse.{name}.exeat"),
            count(|| gate::verify(verifier, &bad)),
        );
        keep(
            format!("refuse.{name}.jsonwebtoken-9"),
            count(|| v9.verify(&bad)),
        );
        keep(
            format!("refuse.{name}.jsonwebtoken-11"),
            count(|| v11.verify(&bad)),
        );
    }
    figures.insert("memory.10000.exeat", memory(&tokens)?);
    print!("{figures}");
    Ok(())
}

/// Allocations of one call, after two that fill whatever is filled once.
fn count<T>(mut call: impl FnMut() -> T) -> f64 {
    for _ in 0..2 {
        drop(black_box(call()));
    }
    let counted = measure(|| drop(black_box(call())));
    counted.count_total as f64
}

/// Allocations of the layer until the handler has the request, on a cache hit.
fn layer(gate: &Gate, token: &str) -> anyhow::Result<f64> {
    let mut service = gate.layer().layer(service_fn(|_: Request<()>| {
        pending::<Result<Response<String>, Infallible>>()
    }));
    let request = || {
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
        // Servers and routers put things there too.
        request.extension("a server's own").body(())
    };
    let mut requests = (0..3).map(|_| request()).collect::<Result<Vec<_>, _>>()?;
    let mut reached = 0;
    let counted = count(|| {
        let request = requests.pop()?;
        reached += u32::from(gate::at_once(service.call(request)).is_none());
        Some(())
    });
    ensure!(reached == 3, "the handler did not get the request");
    Ok(counted)
}

/// What a gate with the cache as shipped holds, with as many tokens in it as fit.
fn memory(tokens: &Tokens) -> anyhow::Result<f64> {
    let mut built = None;
    let taken = measure(|| {
        built = Some((|| {
            let gate = gate::build(gate::api(tokens.jwks())?)?;
            for token in tokens.of(Algorithm::Rs256)?.iter().take(10_000) {
                gate::verify(gate.verifier(), token).context("it waits")??;
            }
            anyhow::Ok(gate)
        })());
    });
    built.context("measured")??;
    Ok(taken.bytes_current as f64)
}
