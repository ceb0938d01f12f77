//! What outlives its request: case 126 of the CORS specification.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Extension, Router};
use exeat::{Gate, VerifiedToken};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::Method;
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::fixture::{
    NOW, PAGE, Seen, TestClock, bearer, claims, claims_with, es256, pinned, sign,
};

async fn events(
    State(gate): State<Gate>,
    Extension(token): Extension<Arc<VerifiedToken>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::once(async { Ok(Event::default().data("42")) });
    let points = first
        .chain(stream::pending())
        .take_until(gate.expiry(&token));
    let last = stream::once(async { Ok(Event::default().event("expired").data("expired")) });
    Sse::new(points.chain(last))
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_with_its_token() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let app = Router::new()
        .route("/points", get(events))
        .with_state(gate.clone())
        .layer(gate.layer());
    let mut request = bearer(Method::GET, &sign(&key, &claims()));
    request
        .headers_mut()
        .insert("accept", "text/event-stream".parse().unwrap());
    let opened = Instant::now();
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    assert_eq!(
        (seen.status, seen.header("content-type")),
        (200, "text/event-stream")
    );
    assert_eq!(seen.header("access-control-allow-origin"), PAGE);
    let events: Vec<_> = seen.body.split("\n\n").collect();
    assert_eq!(events, ["data: 42", "event: expired\ndata: expired", ""]);
    assert_eq!(
        opened.elapsed().as_secs(),
        300,
        "at exp, not before and not later"
    );
}

#[tokio::test(start_paused = true)]
async fn expiry_follows_the_clock_of_the_gate() {
    let key = es256();
    let clock = TestClock::frozen();
    let gate = pinned(&key, |api| api.with_clock(Arc::new(clock.clone()))).await;
    let verified = async |expires_at: u64| {
        let token = sign(&key, &claims_with(&json!({ "exp": expires_at })));
        gate.verifier().verify(&token).await.unwrap()
    };
    // Tokio's time passes, the clock of the gate does not.
    let mut expiry = Box::pin(gate.expiry(&*verified(NOW + 60).await));
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(expiry.as_mut().now_or_never().is_none());
    clock.advance(Duration::from_secs(59));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(
        expiry.as_mut().now_or_never().is_none(),
        "a second before exp"
    );
    clock.advance(Duration::from_secs(1));
    let noticed = Instant::now();
    expiry.await;
    assert!(
        noticed.elapsed() <= Duration::from_secs(30),
        "a jump is noticed"
    );
    // Accepted within the leeway, and over at once.
    assert!(
        gate.expiry(&*verified(NOW + 60).await)
            .now_or_never()
            .is_some()
    );
}
