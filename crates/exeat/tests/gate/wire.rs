//! Every fault of the test kit again, over a real socket and by the default HTTP client. Time stands still for the gate, and the
//! operator asks: nothing here waits for anything but an answer.

use std::time::Duration;

use exeat::testkit::{FakeIssuer, Fault, LoopbackServer, TestClock};
use exeat::{ExternalApi, FetchError, Gate, JwksSettings};
use tokio::net::TcpStream;

use crate::fixture::{AUDIENCE, ISSUER, only_issuer};

async fn start() -> (FakeIssuer, LoopbackServer, Gate) {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE).with_clock(TestClock::frozen());
    let server = issuer.serve().await.unwrap();
    let api = ExternalApi::new(ISSUER, AUDIENCE);
    let gate = server.connect(api).build().await.unwrap();
    assert!(gate.is_ready(), "{:?}", only_issuer(&gate).last_error);
    (issuer, server, gate)
}

#[tokio::test]
async fn known_keys_are_served_through_every_fault_that_ends() {
    let (issuer, _server, gate) = start().await;
    let known = issuer.token();
    for (fault, error) in [
        (Fault::Reset, "no answer"),
        (Fault::Truncated, "no answer"),
        (Fault::Huge, "answer over"),
        (Fault::GzipBomb, "answer over"),
        (Fault::Garbage, "not a usable key set"),
        (Fault::IllTyped, "not a usable key set"),
        (Fault::WrongType, "not a usable key set"),
        (Fault::NoKeys, "no usable key"),
        (Fault::Redirect, "status 302"),
        (Fault::Status(500), "status 500"),
        (Fault::TooManyRequests(Duration::from_secs(9)), "status 429"),
    ] {
        let asked = issuer.key_set_requests();
        issuer.next_answers([fault.clone()]);
        let failed = gate.refresh().await.unwrap_err();
        if let (Fault::TooManyRequests(wish), FetchError::Status { retry_after, .. }) =
            (&fault, &*failed)
        {
            assert_eq!(*retry_after, Some(*wish));
        }
        let health = only_issuer(&gate);
        let last_error = health.last_error.unwrap();
        assert!(last_error.starts_with(error), "{fault:?}: {last_error}");
        assert!(gate.verifier().verify(&known.mint()).await.is_ok());
        assert_eq!(
            issuer.key_set_requests(),
            asked + 1,
            "{fault:?}: asked once"
        );
    }
    issuer.rotate_rudely();
    gate.refresh().await.unwrap();
    assert!(gate.verifier().verify(&issuer.token().mint()).await.is_ok());
    assert_eq!(only_issuer(&gate).last_error, None);
}

/// The only test with a short time-out: here no answer may come in time, so a slow machine changes nothing. That known keys are served
/// meanwhile is shown in `faults`, where no time passes.
#[tokio::test]
async fn what_never_ends_is_given_up() {
    const FOREVER: Duration = Duration::from_hours(1);
    for fault in [
        Fault::Hang,
        Fault::SlowHeaders(FOREVER),
        Fault::DrippingBody(FOREVER),
    ] {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE).with_clock(TestClock::frozen());
        issuer.down_with(fault.clone());
        let server = issuer.serve().await.unwrap();
        let impatient = JwksSettings {
            timeout: Duration::from_millis(300),
            ..JwksSettings::default()
        };
        let api = ExternalApi::new(ISSUER, AUDIENCE).with_jwks_settings(impatient);
        let gate = server.connect(api).build().await.unwrap();
        let failed = gate.refresh().await.unwrap_err();
        assert!(
            matches!(*failed, FetchError::Timeout),
            "{fault:?}: {failed}"
        );
        assert!(!gate.is_ready());
        let last_error = only_issuer(&gate).last_error.unwrap();
        assert_eq!(last_error, "no complete answer in time", "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_wire_is_no_fault_within_the_time_out() {
    let (issuer, _server, gate) = start().await;
    for fault in [
        Fault::SlowHeaders(Duration::from_millis(1)),
        Fault::DrippingBody(Duration::ZERO),
    ] {
        issuer.rotate_rudely();
        issuer.next_answers([fault]);
        gate.refresh().await.unwrap();
        assert!(gate.verifier().verify(&issuer.token().mint()).await.is_ok());
    }
}

#[tokio::test]
async fn an_unchanged_key_set_is_304_on_the_wire_too() {
    let (issuer, _server, gate) = start().await;
    gate.refresh().await.unwrap();
    assert_eq!(only_issuer(&gate).epoch, 1);
    let requests = issuer.requests();
    assert!(requests[1].headers().contains_key("if-none-match"));
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let (_issuer, server, gate) = start().await;
    let address = server.url().replace("http://", "");
    assert!(TcpStream::connect(&address).await.is_ok());
    drop(server);
    // The task that listened ends when the runtime gets to it.
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    gate.refresh().await.unwrap_err();
}
