//! A fake issuer for the tests of an API that stands behind this gate (feature `testkit`): real keys and tokens, rotations, outages and
//! broken answers on command, and a clock that the test moves. **For tests only**: whoever holds a [`FakeIssuer`] can sign in as anybody.
//!
//! A test takes the API's own configuration, [connects](FakeIssuer::connect) it to the fake issuer, and tells a story:
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use exeat::testkit::FakeIssuer;
//! use exeat::{ExternalApi, User};
//! use tower::ServiceExt;
//!
//! // What the service does in production.
//! fn configuration() -> ExternalApi {
//!     ExternalApi::new("https://market.example.com", "loyalty-api")
//! }
//! async fn whoami(user: User) -> String {
//!     user.sub
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
//! let gate = issuer.connect(configuration()).build().await?;
//! let app: Router = Router::new().route("/whoami", get(whoami)).layer(gate.layer());
//! let call = async |bearer: String| {
//!     let request = Request::get("/whoami").header("authorization", bearer).body(Body::empty());
//!     app.clone().oneshot(request.unwrap()).await.unwrap().status()
//! };
//!
//! assert_eq!(call(issuer.token().bearer()).await, 200);
//! assert_eq!(call(issuer.token().expired().bearer()).await, 401);
//!
//! // A rotation without notice, and then an outage: nobody notices for as long as the keys at hand may be used.
//! issuer.rotate_rudely();
//! assert_eq!(call(issuer.token().bearer()).await, 200);
//! issuer.down();
//! tokio::time::sleep(Duration::from_hours(1)).await; // takes no time
//! assert_eq!(call(issuer.token().bearer()).await, 200);
//! tokio::time::sleep(Duration::from_hours(1)).await;
//! assert_eq!(call(issuer.token().bearer()).await, 503, "and never 401: it is not the caller's fault");
//!
//! issuer.up();
//! gate.ready().await;
//! assert_eq!(call(issuer.token().bearer()).await, 200);
//! # Ok(())
//! # }
//! ```
//!
//! Such a test needs no socket and no waiting. What only a wire shows (slow headers, a dripping body, a reset) is shown by
//! [`FakeIssuer::serve`], a server on a free loopback port.
//!
//! | part | what it does |
//! | --- | --- |
//! | [`FakeIssuer`] | keys and their rotation, answers and their [`Fault`]s, counts of requests |
//! | [`TokenDraft`] | a good token, spoiled in one call |
//! | [`TestClock`] | the time that issuer and gate share |
//! | [`LoopbackServer`] | the same issuer over HTTP |
//! | [`BrowserContract`] | what browsers make of the finished service: feature `axum` |
//!
//! The checks of [`BrowserContract`] are written as code and not read from the vectors of exeat's own tests: vectors pin the bytes of one policy,
//! while the contract is what browsers may see of any policy, and of whatever stands around the gate.
//!
//! Keys are made anew for each issuer and exist in memory alone; there is no way to give it one or to take one out. Methods here panic
//! where a library would return an error: in a test both end the same way. In Cargo.toml the feature belongs under `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! exeat = { path = "../exeat/crates/exeat", features = ["testkit"] }   # not on crates.io yet
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! tower = { version = "0.5", features = ["util"] }                     # `oneshot`, which calls a router without a socket
//! ```

mod clock;
#[cfg(feature = "axum")]
mod contract;
mod fault;
mod issuer;
mod keys;
mod server;
mod token;

pub use clock::TestClock;
#[cfg(feature = "axum")]
pub use contract::{BrokenContract, BrowserContract, assert_browser_contract};
pub use fault::Fault;
pub use issuer::FakeIssuer;
pub use server::LoopbackServer;
pub use token::TokenDraft;
