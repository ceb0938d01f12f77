//! An external API behind the gate, as its owner writes it: one resource, handlers that ask for `User`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, extract::State, routing::get};
use exeat::{Gate, User};
use http::{Request, StatusCode, request};
use serde_json::{Value, json};

use crate::{
    client::{self, Answer},
    server::Server,
};

/// The API on a free port. `/points` answers GET, POST, PUT and DELETE with the verified user, `/readyz` says whether it could.
#[derive(Debug)]
pub struct Api {
    server: Server,
    handled: Arc<AtomicUsize>,
}

impl Api {
    /// Serves `/points` behind `gate`.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(gate: Gate) -> anyhow::Result<Self> {
        let handled = Arc::new(AtomicUsize::new(0));
        let router = points(Arc::clone(&handled))
            .layer(gate.layer())
            .route("/readyz", get(async move || gate.readiness()));
        Ok(Self {
            server: Server::start(router).await?,
            handled,
        })
    }

    /// How often a handler ran.
    #[must_use]
    pub fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }

    /// The URL of `/points`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/points", self.server.url())
    }

    /// What `/readyz` answers.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn readiness(&self) -> anyhow::Result<StatusCode> {
        let url = format!("{}/readyz", self.server.url());
        let answer = client::send(Request::get(url).body(String::new())?).await?;
        Ok(answer.status)
    }

    /// A request to `/points`, to be completed.
    #[must_use]
    pub fn request(&self, method: &str) -> request::Builder {
        Request::builder().method(method).uri(self.url())
    }

    /// GET with `Authorization: Bearer`.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn call(&self, token: &str) -> anyhow::Result<Answer> {
        client::send(
            self.request("GET")
                .header("authorization", format!("Bearer {token}"))
                .body(String::new())?,
        )
        .await
    }

    /// Sends a request without a body.
    ///
    /// # Errors
    /// The request is no request, or nobody answers.
    pub async fn send(&self, request: request::Builder) -> anyhow::Result<Answer> {
        client::send(request.body(String::new())?).await
    }
}

/// The API's own routes, without the gate.
fn points(handled: Arc<AtomicUsize>) -> Router {
    Router::new()
        .route(
            "/points",
            get(answer).post(answer).put(answer).delete(answer),
        )
        .with_state(handled)
}

async fn answer(State(handled): State<Arc<AtomicUsize>>, user: User) -> Json<Value> {
    handled.fetch_add(1, Ordering::SeqCst);
    Json(json!({"sub": user.sub, "name": user.name, "tenant": user.tenant}))
}
