//! The servers: a "hello" alone, behind the token gate, and behind all that the gate does for a page.

use std::io;

use axum::{Router, routing::get, serve::ListenerExt as _};
use exeat::ExternalApi;
use tokio::net::TcpListener;

use crate::{gate, token::ALGORITHMS};

/// The page whose requests the full gate lets in.
pub const PAGE: &str = "https://shop-00000.example.com";

/// What is answered without any check, at `/RS256` and so on: a rival has a route for each algorithm, so all have. Rivals guard the same.
pub fn hello() -> Router {
    ALGORITHMS.into_iter().fold(Router::new(), |router, alg| {
        router.route(&format!("/{}", alg.name()), get(async || "hello"))
    })
}

/// Behind the token gate alone, for callers that are no pages: as the rivals', it adds no headers that harden an answer.
///
/// # Errors
/// It is no JWK Set.
pub fn behind_token_gate(jwks: &str) -> anyhow::Result<Router> {
    guarded(
        HARDENING
            .into_iter()
            .fold(gate::api(jwks)?, ExternalApi::without_hardening),
    )
}

/// Behind the gate as shipped, for callers that are no pages.
///
/// # Errors
/// It is no JWK Set.
pub fn behind_gate(jwks: &str) -> anyhow::Result<Router> {
    guarded(gate::api(jwks)?)
}

/// Behind the whole gate: CORS, tenants, the headers of a hardened answer, and metrics for whichever recorder is installed.
///
/// # Errors
/// It is no JWK Set.
pub fn behind_external_api(jwks: &str) -> anyhow::Result<Router> {
    guarded(gate::api(jwks)?.with_origin(PAGE).with_tenants(["T1"]))
}

fn guarded(api: ExternalApi) -> anyhow::Result<Router> {
    Ok(hello().layer(gate::build(api)?.layer()))
}

/// Serves on a free port of the loopback, says which on standard output, and ends with standard input.
///
/// # Errors
/// There is no free port.
pub async fn serve(app: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(listener.local_addr()?.port());
    std::thread::spawn(|| {
        // Whoever started this server holds the other end, and is gone when it closes.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the parent reads the port there")]
fn announce(port: u16) {
    println!("{port}");
}

/// The headers that harden an answer: those of exeat, which tells nobody their names. A test finds one that is missing here.
const HARDENING: [&str; 4] = [
    "x-content-type-options",
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
];
