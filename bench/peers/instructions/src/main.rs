//! What a request costs before it is authenticated: the layer judges each hostile request once, and prints its name. Run under callgrind, which
//! dumps its counters after every call of [`judge`].

use std::{convert::Infallible, hint::black_box};

use anyhow::Context as _;
use bench::{
    gate,
    hostile::{self, Hostile},
    service::PAGE,
    token::Tokens,
};
use exeat::{GateLayer, Refused};
use exeat_jose::Algorithm;
use http::{Request, Response};
use tower::{Layer as _, Service, service_fn};

fn main() -> anyhow::Result<()> {
    let tokens = Tokens::mint([Algorithm::Es256], 1)?;
    let [token] = tokens.of(Algorithm::Es256)? else {
        anyhow::bail!("one token was minted")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let _inside = runtime.enter();
    let gate = gate::build(gate::api(tokens.jwks())?.with_origin(PAGE))?;
    let mut all = hostile::requests(token)?;
    all.extend(hostile::corpora()?);
    for Hostile { name, request } in all {
        if costs_a_signature(gate.layer(), request.clone()).with_context(|| name.clone())? {
            continue;
        }
        judge(gate.layer(), request).context("it did not wait before")?;
        println!("{name}");
    }
    Ok(())
}

/// Of the corpora, some. Those are not asked about here.
fn costs_a_signature(layer: GateLayer, request: Request<()>) -> anyhow::Result<bool> {
    let mut service = layer.layer(service_fn(handler));
    let response = gate::at_once(service.call(request)).context("it waits")??;
    let refused: Option<&Refused> = response.extensions().get();
    let code = refused.context("it was let in")?.code;
    Ok(code == "bad_signature")
}

async fn handler(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(String::new()))
}

/// One request through the layer, to its answer.
#[inline(never)]
fn judge(layer: GateLayer, request: Request<()>) -> Option<Response<String>> {
    let mut service = layer.layer(service_fn(handler));
    gate::at_once(black_box(service.call(black_box(request))))?.ok()
}
