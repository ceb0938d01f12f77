//! An API that runs for long: its CORS policy is a file that SIGHUP has read again, and its streams and sockets end with their tokens.
//!
//! ```text
//! cargo run -p exeat --example long_lived -- http://localhost:8080 loyalty-api policy.json 127.0.0.1:8092
//! ```
//!
//! The arguments are the issuer, the audience, the file of the CORS policy (`PolicyConfig` as JSON), and the address to listen on.

use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Extension, Router};
use exeat::exeat_cors::PolicyConfig;
use exeat::{ExternalApi, Gate, VerifiedToken};
use futures_util::{Stream, StreamExt, stream};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, file, listen] = arguments.as_slice() else {
        return Err("usage: long_lived ISSUER AUDIENCE POLICY LISTEN".into());
    };
    let file = PathBuf::from(file);
    let gate = ExternalApi::new(issuer, audience)
        .with_policy(policy(&file)?)
        .with_web_socket_token("api.example.com")
        .build()
        .await?;
    #[cfg(unix)]
    tokio::spawn(reload_at_hangup(gate.clone(), file)?);
    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, routes(&gate)).await?;
    Ok(())
}

fn policy(file: &Path) -> io::Result<PolicyConfig> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

pub(crate) fn reload(gate: &Gate, file: &Path) -> Result<(), Box<dyn Error>> {
    gate.reload_policy(policy(file)?)?;
    Ok(())
}

#[cfg(unix)]
fn reload_at_hangup(gate: Gate, file: PathBuf) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if let Err(error) = reload(&gate, &file) {
                tracing::error!(%error, "the old policy stays in force");
            }
        }
    })
}

pub(crate) fn routes(gate: &Gate) -> Router {
    let layers = ServiceBuilder::new()
        .layer(gate.layer())
        .layer(TimeoutLayer::new(Duration::from_secs(5)));
    Router::new()
        .route("/events", get(events))
        .route("/live", get(live))
        .with_state(gate.clone())
        .layer(layers)
}

async fn events(
    State(gate): State<Gate>,
    Extension(token): Extension<Arc<VerifiedToken>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let points = stream::once(async { Ok(Event::default().data("42")) }).chain(stream::pending());
    let last = stream::once(async { Ok(Event::default().event("expired").data("expired")) });
    Sse::new(points.take_until(gate.expiry(&token)).chain(last))
}

async fn live(
    State(gate): State<Gate>,
    Extension(token): Extension<Arc<VerifiedToken>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols(["points.v1"]);
    upgrade.on_upgrade(async move |mut socket| {
        tokio::select! {
            () = talk(&mut socket) => {}
            () = gate.expiry(&token) => {
                let (code, reason) = (Gate::CLOSE_EXPIRED, "expired".into());
                // Whoever is gone already needs no reason.
                let _ = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
            }
        }
    })
}

/// Gives back what it gets.
async fn talk(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
