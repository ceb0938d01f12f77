//! The paved path: an axum API behind the gate.
//!
//! ```text
//! cargo run -p exeat --example points -- http://localhost:8080 loyalty-api http://localhost:8080 127.0.0.1:8090
//! ```
//!
//! The arguments are the issuer, the audience, the origin of the calling page, and the address to listen on.

use std::error::Error;

use axum::routing::get;
use axum::{Json, Router};
use exeat::{ExternalApi, User};
use serde::Serialize;
use tokio::net::TcpListener;

#[derive(Serialize)]
struct Points {
    user: String,
    tenant: Option<String>,
    balance: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Why a request was refused, or keys could not be fetched, is in the log.
    tracing_subscriber::fmt::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, origin, listen] = arguments.as_slice() else {
        return Err("usage: points ISSUER AUDIENCE ORIGIN LISTEN".into());
    };

    let gate = ExternalApi::new(issuer, audience)
        .with_origin(origin)
        .build()
        .await?;
    let app = Router::new()
        .route("/points", get(points))
        .layer(gate.layer());
    // A layer in the wrong place is found now, and not by the first browser.
    gate.self_check(&app, "/points").await?;
    // After the layer, and so outside the gate: a probe has no token.
    let app = app.route("/readyz", get(async move || gate.readiness()));

    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn points(user: User) -> Json<Points> {
    Json(Points {
        balance: 100 * user.sub.len(),
        user: user.sub,
        tenant: user.tenant,
    })
}
