use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::{Gate, VerifiedToken};

impl Gate {
    /// Ends when the token expires (`exp`, by the gate's clock, without leeway); never for a token without `exp`, and not before for one that
    /// is revoked. A stream that is opened within the leeway ends at once: whoever comes back needs a new token.
    ///
    /// A gate judges a request once. What goes on for longer, a stream of events or a WebSocket, has to end by itself when its user may not
    /// be served any more:
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::sync::Arc;
    ///
    /// use axum::Extension;
    /// use axum::extract::State;
    /// use axum::response::sse::{Event, Sse};
    /// use exeat::{Gate, VerifiedToken};
    /// use futures_util::{Stream, StreamExt, stream};
    ///
    /// async fn events(
    ///     State(gate): State<Gate>,
    ///     Extension(token): Extension<Arc<VerifiedToken>>,
    /// ) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    ///     let points = stream::pending().take_until(gate.expiry(&token));
    ///     // Tells the client this end from a broken connection. Browsers drop events without data.
    ///     let last = stream::once(async { Ok(Event::default().event("expired").data("expired")) });
    ///     Sse::new(points.chain(last))
    /// }
    /// # let _: axum::Router<Gate> = axum::Router::new().route("/events", axum::routing::get(events));
    /// ```
    ///
    /// A WebSocket is closed with [`Gate::CLOSE_EXPIRED`]. What it says until then is a future of its own, dropped when this one ends first:
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use axum::Extension;
    /// use axum::extract::State;
    /// use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
    /// use axum::response::Response;
    /// use exeat::{Gate, VerifiedToken};
    ///
    /// async fn live(
    ///     State(gate): State<Gate>,
    ///     Extension(token): Extension<Arc<VerifiedToken>>,
    ///     upgrade: WebSocketUpgrade,
    /// ) -> Response {
    ///     upgrade.on_upgrade(async move |mut socket| {
    ///         tokio::select! {
    ///             () = talk(&mut socket) => {}
    ///             () = gate.expiry(&token) => {
    ///                 let (code, reason) = (Gate::CLOSE_EXPIRED, "expired".into());
    ///                 let _ = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
    ///             }
    ///         }
    ///     })
    /// }
    ///
    /// async fn talk(socket: &mut WebSocket) {
    ///     while let Some(Ok(message)) = socket.recv().await { /* … */ }
    /// }
    /// # let _: axum::Router<Gate> = axum::Router::new().route("/live", axum::routing::get(live));
    /// ```
    pub fn expiry(&self, token: &VerifiedToken) -> impl Future<Output = ()> + Send + use<> {
        let (clock, expires_at) = (Arc::clone(self.clock()), token.expires_at());
        async move {
            let Some(expires_at) = expires_at else {
                return pending().await;
            };
            loop {
                let left = expires_at.saturating_duration_since(clock.now());
                if left.is_zero() {
                    return;
                }
                // Clocks are set, and machines sleep: the wall clock is asked again.
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        }
    }

    /// The close code (RFC 6455 §7.4.2: 4000 to 4999 are the application's) of a WebSocket whose token has expired, as 401 would be before
    /// the upgrade. A page that connects again needs a new token for it.
    pub const CLOSE_EXPIRED: u16 = 4401;
}

/// How late an expiry may be noticed after the wall clock has jumped.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
