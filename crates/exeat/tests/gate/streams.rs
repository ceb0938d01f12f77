//! What outlives its request: case 126 of the CORS specification.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat::{Gate, VerifiedToken};
use futures_util::{FutureExt, SinkExt, Stream, StreamExt, stream};
use http::Method;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;

use crate::fixture::{
    NOW, PAGE, Seen, TestClock, bearer, claims, claims_with, es256, pinned, sign,
};
use crate::guide::long_lived;

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

/// A page's handshake with the guide's API, over TCP.
async fn connect(address: &str, token: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{address}/live").into_client_request()?;
    let token = URL_SAFE_NO_PAD.encode(token);
    let offer = format!("base64url.bearer.authorization.api.example.{token}, points.v1");
    let headers = request.headers_mut();
    headers.insert("origin", PAGE.parse()?);
    headers.insert("sec-websocket-protocol", offer.parse()?);
    let (socket, answer) = client_async(request, TcpStream::connect(address).await?).await?;
    assert_eq!(answer.headers()["sec-websocket-protocol"], "points.v1");
    Ok(socket)
}

/// Time stands still for the gate until the test moves it, whatever tokio's does: no waiting for an answer lets the token expire.
#[tokio::test(start_paused = true)]
async fn case_126_a_web_socket_is_closed_with_4401_when_its_token_expires() {
    let key = es256();
    let clock = TestClock::frozen();
    let gate = pinned(&key, |api| {
        api.with_clock(Arc::new(clock.clone()))
            .with_web_socket_token("api.example")
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(axum::serve(listener, long_lived::routes(&gate)).into_future());

    let token = sign(&key, &claims());
    let mut socket = connect(&address, &token).await.unwrap();
    let expired = || {
        let (code, reason) = (4401.into(), "expired".into());
        Message::Close(Some(CloseFrame { code, reason }))
    };
    for left in [300, 1] {
        clock.advance(Duration::from_secs(300 - left));
        // Long enough for the gate to look at its clock again.
        tokio::time::sleep(Duration::from_mins(1)).await;
        let said = Message::text(format!("{left} s"));
        socket.send(said.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), said);
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(socket.next().await.unwrap().unwrap(), expired());
    assert!(socket.next().await.is_none(), "and that is all");

    // Within the leeway it opens another one, which is over at once; then none.
    clock.advance(Duration::from_secs(29));
    let mut again = connect(&address, &token).await.unwrap();
    assert_eq!(again.next().await.unwrap().unwrap(), expired());
    clock.advance(Duration::from_secs(1));
    let Err(Error::Http(answer)) = connect(&address, &token).await else {
        panic!("the handshake is refused");
    };
    assert_eq!(answer.status(), 401);
}
