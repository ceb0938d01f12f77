//! Every fault of the test kit, in process: known keys stay good, an unknown one is 503, and the gate recovers by itself.

use std::time::Duration;

use exeat::testkit::{FakeIssuer, Fault};
use exeat::{ExternalApi, Gate, HealthState};
use tokio::time::{sleep, timeout};

use crate::fixture::{AUDIENCE, App, ISSUER, PAGE, Seen, only_issuer};

/// The longest back-off between two attempts, and the longest fetch.
const NEXT_ATTEMPT: Duration = Duration::from_secs(65);

/// Each fault, and what health says of it.
fn faults() -> Vec<(Fault, &'static str)> {
    let seconds = Duration::from_secs;
    vec![
        (Fault::Hang, "no complete answer in time"),
        (Fault::Reset, "no answer: connection reset"),
        (Fault::SlowHeaders(seconds(6)), "no complete answer in time"),
        (
            Fault::DrippingBody(seconds(1)),
            "no complete answer in time",
        ),
        (Fault::Truncated, "no answer: connection closed"),
        (Fault::Huge, "answer over 65536 bytes"),
        (Fault::GzipBomb, "answer over 65536 bytes"),
        (Fault::Garbage, "not a usable key set"),
        (Fault::IllTyped, "not a usable key set"),
        (Fault::WrongType, "not a usable key set"),
        (Fault::NoKeys, "no usable key"),
        (Fault::Redirect, "status 302"),
        (Fault::Status(500), "status 500"),
        (Fault::Status(404), "status 404"),
        (Fault::Status(99), "status 500"),
        (Fault::TooManyRequests(seconds(40)), "status 429"),
        (Fault::Body("[]".to_owned()), "not a usable key set"),
    ]
}

async fn start(issuer: &FakeIssuer) -> Gate {
    let api = ExternalApi::new(ISSUER, AUDIENCE)
        .with_origin(PAGE)
        .with_jwks_uri(crate::fixture::JWKS_URI);
    issuer.connect(api).build().await.unwrap()
}

/// Seconds of `Retry-After` of an answer that says: not your fault, come back.
fn retry_after(seen: &Seen) -> u64 {
    assert_eq!(
        seen.readable_refusal(),
        (503, "keys_unavailable".to_owned())
    );
    assert_eq!(seen.header("www-authenticate"), "");
    seen.header("retry-after").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn known_keys_are_served_through_every_fault() {
    for (fault, error) in faults() {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        let gate = start(&issuer).await;
        let app = App::new(&gate);
        let asked = issuer.key_set_requests();
        let mut tokens = vec![issuer.token()];
        issuer.down_with(fault.clone());
        issuer.activate_next();
        tokens.push(issuer.token());

        // A new key makes the gate ask, and it cannot know.
        let wait = retry_after(&app.with_token(&tokens[1].mint()).await);
        assert!((1..=40).contains(&wait), "{fault:?}: {wait}");
        gate.refresh().await.unwrap_err();
        let asked = issuer.key_set_requests() - asked;
        assert!((1..=2).contains(&asked), "{fault:?}: asked {asked} times");
        let health = only_issuer(&gate);
        assert_eq!((health.state, health.epoch), (HealthState::Fresh, 1));
        let last_error = health.last_error.unwrap();
        assert!(last_error.starts_with(error), "{fault:?}: {last_error}");
        assert_eq!(
            app.with_token(&tokens[0].mint()).await.status,
            200,
            "{fault:?}"
        );
        assert_eq!(
            app.with_token(&tokens[0].clone().tampered().mint())
                .await
                .status,
            401,
            "{fault:?}: what can be judged is judged"
        );

        issuer.up();
        sleep(NEXT_ATTEMPT).await;
        for token in tokens {
            assert_eq!(app.with_token(&token.mint()).await.status, 200, "{fault:?}");
        }
        assert_eq!(only_issuer(&gate).last_error, None, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_starts_into_any_fault_is_cold_and_recovers_by_itself() {
    for (fault, error) in faults() {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        issuer.down_with(fault.clone());
        let gate = start(&issuer).await;
        let app = App::new(&gate);
        assert!(!gate.is_ready(), "{fault:?}");
        assert_eq!(gate.health().state, HealthState::Cold);
        assert!(retry_after(&app.with_token(&issuer.token().mint()).await) >= 1);
        assert_eq!(
            app.with_token(&issuer.token().expired().mint())
                .await
                .readable_refusal(),
            (401, "expired".to_owned()),
            "{fault:?}"
        );
        sleep(Duration::from_secs(6)).await;
        let last_error = only_issuer(&gate).last_error.unwrap();
        assert!(last_error.starts_with(error), "{fault:?}: {last_error}");

        issuer.up();
        timeout(NEXT_ATTEMPT, gate.ready()).await.expect("recovers");
        assert_eq!(app.with_token(&issuer.token().mint()).await.status, 200);
        assert_eq!(gate.health().state, HealthState::Fresh);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_stale_then_expired_and_costs_the_issuer_little() {
    for (fault, _) in faults() {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        let gate = start(&issuer).await;
        let app = App::new(&gate);
        issuer.down_with(fault.clone());
        // max-age of 5 minutes, then an hour of grace.
        for (until, state, status) in [
            (301, HealthState::Stale, 200),
            (3_899, HealthState::Stale, 200),
            (3_900, HealthState::Expired, 503),
            (10_000, HealthState::Expired, 503),
        ] {
            sleep(
                Duration::from_secs(until)
                    .saturating_sub(only_issuer(&gate).validated_ago.unwrap()),
            )
            .await;
            assert_eq!(gate.health().state, state, "{fault:?} at {until}");
            let seen = app.with_token(&issuer.token().mint()).await;
            assert_eq!(seen.status, status, "{fault:?} at {until}");
            assert_eq!(gate.is_ready(), status == 200);
        }
        // Full jitter up to a minute: one attempt in half a minute, give or take.
        let asked = issuer.key_set_requests();
        assert!((100..700).contains(&asked), "{fault:?}: {asked}");
        issuer.up();
        timeout(NEXT_ATTEMPT, gate.ready()).await.expect("recovers");
        assert_eq!(app.with_token(&issuer.token().mint()).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_be_left_alone_is_respected_up_to_five_minutes() {
    for (wish, first) in [(0, 0), (120, 120), (300, 300), (3_600, 300)] {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        issuer.down_with(Fault::TooManyRequests(Duration::from_secs(wish)));
        let gate = start(&issuer).await;
        let app = App::new(&gate);
        let wait = retry_after(&app.with_token(&issuer.token().mint()).await);
        assert_eq!(wait, first.max(1), "{wish}");
        sleep(Duration::from_secs(first).saturating_sub(Duration::from_millis(1))).await;
        let asked = issuer.key_set_requests();
        sleep(Duration::from_secs(2)).await;
        if first > 0 {
            assert_eq!(asked, 1, "{wish}");
        }
        assert!(issuer.key_set_requests() > 1, "{wish}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_issuer_is_no_fault_within_the_time_out() {
    for fault in [
        Fault::SlowHeaders(Duration::from_secs(4)),
        Fault::DrippingBody(Duration::from_millis(1)),
    ] {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
        let gate = start(&issuer).await;
        let before = gate.verifier().verify(&issuer.token().mint()).await;
        assert!(before.is_ok());
        issuer.down_with(fault.clone());
        issuer.rotate_rudely();
        gate.refresh().await.unwrap();
        assert!(
            gate.verifier().verify(&issuer.token().mint()).await.is_ok(),
            "{fault:?}"
        );
    }
}
