//! What the stories of `it/` share: the real binary and its lines, services in this process on loopback ports, the test kit's clock,
//! and a small HTTP client that sends exactly what it is told.

pub mod api;
pub mod binary;
pub mod client;
pub mod guide;
pub mod installation;
pub mod keys;
pub mod live;
pub mod logs;
pub mod marketplace;
pub mod peers;
pub mod process;
pub mod server;
pub mod tokens;
pub mod vectors;

use std::time::Duration;

pub use exeat::testkit::TestClock;

/// How long a story waits for a line, an answer or an end before it fails. Nothing waits this long when all is well.
pub const DEADLINE: Duration = Duration::from_secs(30);
