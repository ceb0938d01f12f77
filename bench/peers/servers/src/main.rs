//! `servers NAME FOLDER`: one server, guarded by `NAME`, on a free port of the loopback. `raw` is no server: it checks signatures on request.

use std::path::PathBuf;

use anyhow::Context as _;
use axum::Router;
use bench::{service, token::Tokens};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::layer::util::Identity;
use tracing::subscriber::NoSubscriber;

mod limit;
mod raw;
mod rival;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "servers NAME FOLDER";
    let name = arguments.next().context(usage)?;
    let folder = PathBuf::from(arguments.next().context(usage)?);
    if name == "raw" {
        return raw::answer(&folder);
    }
    // A service listens to what it is told, if to nothing below a level. Without a subscriber each span is offered to the crate `log`.
    tracing::subscriber::set_global_default(NoSubscriber::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tokens = Tokens::read(&folder)?;
    runtime.block_on(async {
        let app = app(&name, tokens.jwks()).await?;
        drop(tokens);
        service::serve(app).await
    })
}

async fn app(name: &str, jwks: &str) -> anyhow::Result<Router> {
    Ok(match name {
        "bare" => service::hello(),
        "identity" => service::hello().layer(Identity::new()),
        "raw-check" => limit::raw_check(jwks)?,
        "exeat-token" => service::behind_token_gate(jwks)?,
        "exeat" => service::behind_gate(jwks)?,
        "exeat-api" => {
            PrometheusBuilder::new().install_recorder()?;
            service::behind_external_api(jwks)?
        }
        "axum-jwt-auth" => rival::axum_jwt_auth(jwks)?,
        "axum-jwt-auth-cors" => rival::axum_jwt_auth(jwks)?.layer(rival::cors()?),
        "tower-oauth2" => rival::tower_oauth2(jwks).await?,
        "tower-oauth2-cors" => rival::tower_oauth2(jwks).await?.layer(rival::cors()?),
        other => anyhow::bail!("no server is called {other}"),
    })
}
