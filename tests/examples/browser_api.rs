//! An external API for the suite of `tests/browser/truth`: routes of an ordinary service behind the real gate, and a second listener that tells what
//! arrived at the gate and what got through to a handler.
//!
//! ```text
//! browser_api ISSUER JWKS_URI POLICY
//! ```
//!
//! `POLICY` is a `PolicyConfig` as JSON. Prints `listening api URL` and `listening journal URL`, and runs until it is ended.
#![expect(clippy::print_stdout, reason = "the suite waits for these lines")]

use std::{
    collections::{BTreeMap, HashSet},
    convert::Infallible,
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Extension, Json, Router,
    extract::{
        Request, State,
        ws::{CloseFrame, Message, WebSocketUpgrade},
    },
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{any, get, post},
};
use exeat::{ExternalApi, Gate, User, VerifiedToken, exeat_cors::PolicyConfig};
use futures_util::{Stream, StreamExt as _, stream};
use harness::server::Port;
use serde_json::{Value, json};
use tokio::sync::Mutex;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name| arguments.next().with_context(|| format!("no {name}"));
    let (issuer, jwks_uri, policy) = (next("ISSUER")?, next("JWKS_URI")?, next("POLICY")?);
    let policy: PolicyConfig = serde_json::from_str(&policy)?;
    let (api, journal) = (Port::any().await?, Port::any().await?);
    let (arrived, handled, revoked) = (List::default(), List::default(), Revoked::default());

    let external_api = || ExternalApi::new(&issuer, "points").with_policy(policy.clone());
    let gate = external_api()
        .with_jwks_uri(&jwks_uri)
        .with_web_socket_token("127.0.0.1")
        .with_query_token("/feed", "access_token")
        .with_query_token("/events", "access_token")
        .with_query_token("/download", "access_token")
        .without_fetch_metadata("/download")
        .with_revocation({
            let revoked = Arc::clone(&revoked);
            move |token| {
                let revoked = revoked.read();
                revoked.map_or(true, |ids| token.jwt_id().is_none_or(|id| ids.contains(id)))
            }
        });
    // Nobody serves its keys, so that every token is a 503.
    let keyless = external_api().with_jwks_uri(&format!("{}/no-keys", journal.url()));

    let gate = gate.build().await?;
    let watch = Router::new()
        .route("/taken", post(taken))
        .with_state((arrived.clone(), handled.clone()))
        .route("/revoke", post(revoke))
        .with_state(revoked)
        .route("/policy", post(reload))
        .with_state(gate.clone());
    let (api_url, journal_url) = (api.url(), journal.url());
    let _journal = journal.serve(watch);
    let keyless = keyless.build().await?;
    let guarded = routes()
        .with_state(gate.clone())
        .layer(middleware::from_fn_with_state(handled.clone(), note))
        .layer(gate.layer());
    let without_keys = Router::new()
        .route("/without-keys", any(points))
        .layer(middleware::from_fn_with_state(handled, note))
        .layer(keyless.layer());
    let all = guarded
        .merge(without_keys)
        .layer(middleware::from_fn_with_state(arrived, note));
    let _api = api.serve(all);
    println!("listening api {api_url}");
    println!("listening journal {journal_url}");
    std::future::pending().await
}

/// What an API has: data, errors of its own, a handler with a bug, a socket, a stream.
fn routes() -> Router<Gate> {
    Router::new()
        .route("/points", any(points))
        .route("/feed", get(points))
        .route("/download", get(points))
        .route("/panics", any(panics))
        .route("/limited", any(limited))
        .route("/sets-cookie", any(sets_cookie))
        .route("/live", get(live))
        .route("/events", get(events))
        .fallback(async || StatusCode::NOT_FOUND)
}

async fn points(user: User) -> Json<Value> {
    Json(json!({ "sub": user.sub, "tenant": user.tenant }))
}

#[expect(
    clippy::panic,
    reason = "a handler with a bug is what this route is for"
)]
async fn panics() -> StatusCode {
    panic!("this handler has a bug")
}

async fn limited() -> impl IntoResponse {
    let headers = [(header::RETRY_AFTER, "7")];
    let problem = json!({ "code": "too_many_calls" });
    (StatusCode::TOO_MANY_REQUESTS, headers, Json(problem))
}

async fn sets_cookie() -> impl IntoResponse {
    ([(header::SET_COOKIE, "handler=was-here")], "a cookie")
}

/// Says who is there, then gives back what it gets until the token expires.
async fn live(
    State(gate): State<Gate>,
    Extension(token): Extension<Arc<VerifiedToken>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .protocols(["points.v1"])
        .on_upgrade(async move |mut socket| {
            let mut expiry = std::pin::pin!(gate.expiry(&token));
            let mut sent = socket.send(Message::text(token.subject())).await;
            while sent.is_ok() {
                let received = tokio::select! {
                    received = socket.recv() => received,
                    () = &mut expiry => {
                        let (code, reason) = (Gate::CLOSE_EXPIRED, "expired".into());
                        // Whoever is gone already needs no reason.
                        let _ = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
                        break;
                    }
                };
                match received {
                    Some(Ok(message @ Message::Text(_))) => sent = socket.send(message).await,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                }
            }
        })
}

/// Two events, then nothing until the token expires; with `?once` the stream ends after the two.
async fn events(
    State(gate): State<Gate>,
    Extension(token): Extension<Arc<VerifiedToken>>,
    request: Request,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = Event::default().id("1").data(token.subject());
    let second = Event::default()
        .id("2")
        .retry(Duration::from_millis(1))
        .data(token.tenant().unwrap_or_default());
    let rest = if request.uri().query() == Some("once") {
        stream::empty().boxed()
    } else {
        let expired = stream::once(async { Event::default().event("expired").data("expired") });
        let silence = stream::pending().take_until(gate.expiry(&token));
        silence.chain(expired).boxed()
    };
    Sse::new(stream::iter([first, second]).chain(rest).map(Ok))
}

/// Ids of tokens that are no longer good.
type Revoked = Arc<RwLock<HashSet<String>>>;

async fn revoke(State(revoked): State<Revoked>, id: String) -> StatusCode {
    match revoked.write() {
        Ok(mut ids) => {
            ids.insert(id);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Puts another policy into force, as an operator would.
async fn reload(State(gate): State<Gate>, Json(policy): Json<PolicyConfig>) -> StatusCode {
    match gate.reload_policy(policy) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// Requests in order.
type List = Arc<Mutex<Vec<Value>>>;

async fn note(State(list): State<List>, request: Request, next: Next) -> Response {
    let lines = request.headers().iter();
    let headers: BTreeMap<_, _> = lines
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let (method, url) = (request.method().as_str(), request.uri().to_string());
    list.lock()
        .await
        .push(json!({ "method": method, "url": url, "headers": headers }));
    next.run(request).await
}

/// What came since the last time.
async fn taken(State((arrived, handled)): State<(List, List)>) -> Json<Value> {
    let arrived = std::mem::take(&mut *arrived.lock().await);
    let handled = std::mem::take(&mut *handled.lock().await);
    Json(json!({ "arrived": arrived, "handled": handled }))
}
