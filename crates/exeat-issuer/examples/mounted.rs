//! A marketplace that mounts the issuer service in its own application: one origin, one process.
//!
//! Run it, then: `curl -c jar -d '' http://localhost:8080/login` and
//! `curl -b jar -H 'X-Requested-By: curl' -H 'Content-Type: application/json' -d '{"audience":"loyalty-api"}' http://localhost:8080/v1/token`

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use exeat_issuer::{Config, Issuer, NewSession, RawAudience, RawConfig, RawKeys};
use exeat_jose::{Clock, SystemClock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::in_memory(RawConfig {
        issuer: Some("http://localhost:8080".to_owned()),
        // Over https this is `__Host-Http-sid`, the default.
        carriers: Some(vec!["cookie:sid".to_owned()]),
        keys: RawKeys {
            algs: Some(vec!["ES256".to_owned()]),
            ..RawKeys::default()
        },
        audience: vec![RawAudience {
            id: Some("loyalty-api".to_owned()),
            ..RawAudience::default()
        }],
        ..RawConfig::default()
    })?;
    let listen = config.listen();
    let issuer = Issuer::in_memory(config, Arc::new(SystemClock))?;

    let marketplace = Router::new()
        .route("/login", post(login))
        .with_state(issuer.clone());
    let app = marketplace.merge(issuer.router());

    let listener = tokio::net::TcpListener::bind(listen).await?;
    // The issuer's log names callers by what this adds to their requests.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}

/// The marketplace's own log-in, after it has checked who this is.
async fn login(State(issuer): State<Issuer>) -> impl IntoResponse {
    let ends = SystemClock.now().saturating_add(Duration::from_hours(1));
    let session = NewSession::new("user-1", "ada@example.com", "tenant-1", ends);
    let id = match issuer.sessions().put(session).await {
        Ok(put) => put.generated_id,
        Err(_) => None,
    };
    id.map_or_else(
        || StatusCode::SERVICE_UNAVAILABLE.into_response(),
        |id| {
            let cookie = format!("sid={}; HttpOnly; SameSite=Strict; Path=/", id.expose());
            ([(header::SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response()
        },
    )
}
