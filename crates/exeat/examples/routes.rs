//! Routes that are looser or stricter than the gate around them.
//!
//! ```text
//! cargo run -p exeat --example routes -- http://localhost:8080 loyalty-api http://localhost:8080 127.0.0.1:8091
//! ```
//!
//! The arguments are the issuer, the audience, the origin of the calling page, and the address to listen on.

use std::error::Error;

use axum::Router;
use axum::routing::{get, post};
use exeat::exeat_jose::InvalidScope;
use exeat::{ExternalApi, Gate, RequireScope, TokenMode, User};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, origin, listen] = arguments.as_slice() else {
        return Err("usage: routes ISSUER AUDIENCE ORIGIN LISTEN".into());
    };
    let gate = with_loose_routes(ExternalApi::new(issuer, audience).with_origin(origin))
        .build()
        .await?;
    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, routes(&gate)?).await?;
    Ok(())
}

pub(crate) fn with_loose_routes(api: ExternalApi) -> ExternalApi {
    api.with_route("/prices", TokenMode::Public)
        .with_route("/offers/{id}", TokenMode::Optional)
        .with_query_token("/statements/{id}", "access_token")
        .without_fetch_metadata("/statements/{id}")
}

pub(crate) fn routes(gate: &Gate) -> Result<Router, InvalidScope> {
    let app = Router::new()
        .route("/transfers", post(transfer))
        .route_layer(RequireScope::new("points:write")?) // for the routes before this line
        .route("/prices", get(async || "a coffee is 40 points"))
        .route("/offers/{id}", get(offer))
        .route("/statements/{id}", get(statement))
        .layer(gate.layer());
    Ok(app)
}

async fn transfer(user: User) -> String {
    format!("sent by {}", user.sub)
}

async fn statement(user: User) -> String {
    format!("a statement for {}", user.sub)
}

async fn offer(user: Option<User>) -> String {
    user.map_or("an offer for everybody".to_owned(), |user| {
        format!("an offer for {}", user.sub)
    })
}
