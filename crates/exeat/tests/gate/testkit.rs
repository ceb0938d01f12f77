//! The test kit itself: what its clock, its keys and its tokens promise to those who test with them.

use std::time::Duration;

use exeat::exeat_jose::{Algorithm, AlgorithmSet, Clock, NumericDate, Typ};
use exeat::testkit::{FakeIssuer, Fault, TestClock};
use exeat::{ExternalApi, Gate};
use tokio::time::sleep;

use crate::fixture::{AUDIENCE, ISSUER, only_issuer};

async fn start(issuer: &FakeIssuer) -> Gate {
    let api = ExternalApi::new(ISSUER, AUDIENCE);
    issuer.connect(api).build().await.unwrap()
}

async fn reason(gate: &Gate, token: &str) -> &'static str {
    match gate.verifier().verify(token).await {
        Ok(_) => "ok",
        Err(rejected) => rejected.reason(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_flows_with_paused_time_jumps_and_can_be_set() {
    let clock = TestClock::new();
    let same = clock.clone();
    sleep(Duration::from_millis(1_500)).await;
    clock.advance(Duration::from_millis(500));
    assert_eq!(same.monotonic(), Duration::from_secs(2));
    assert_eq!(
        same.now(),
        TestClock::START.saturating_add(Duration::from_secs(2))
    );
    clock.set_wall(NumericDate::from_secs(7));
    sleep(Duration::from_secs(1)).await;
    assert_eq!((same.now().as_secs(), same.monotonic().as_secs()), (8, 3));

    let frozen = TestClock::frozen();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (frozen.now(), frozen.monotonic()),
        (TestClock::START, Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_and_begins_by_the_clock_of_the_issuer() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    let gate = start(&issuer).await;
    let [short, later] = [
        issuer.token().lasting(Duration::from_mins(1)).mint(),
        issuer.token().not_yet_valid().mint(),
    ];
    issuer.clock().advance(Duration::from_secs(89));
    assert_eq!(reason(&gate, &short).await, "ok", "within the leeway");
    assert_eq!(reason(&gate, &later).await, "not_yet_valid");
    issuer.clock().advance(Duration::from_secs(1));
    assert_eq!(reason(&gate, &short).await, "expired");
    issuer.clock().advance(Duration::from_secs(510));
    assert_eq!(reason(&gate, &later).await, "ok");
    issuer.clock().set_wall(TestClock::START);
    assert_eq!(
        reason(&gate, &short).await,
        "ok",
        "the wall clock was set back"
    );
}

#[tokio::test(start_paused = true)]
async fn every_algorithm_signs_and_an_api_must_allow_it() {
    let mut algorithms = vec![Algorithm::Es256, Algorithm::EdDsa];
    if cfg!(feature = "aws-lc-rs") {
        algorithms.push(Algorithm::Rs256);
    }
    for alg in algorithms {
        let issuer = FakeIssuer::new(ISSUER, AUDIENCE).with_algorithm(alg);
        let api = ExternalApi::new(ISSUER, AUDIENCE);
        let gate = issuer
            .connect(api.with_algorithms(AlgorithmSet::EMPTY.with(alg)))
            .build()
            .await
            .unwrap();
        assert_eq!(reason(&gate, &issuer.token().mint()).await, "ok", "{alg:?}");
        let access = issuer.token().with_typ(Typ::AccessToken).mint();
        assert_eq!(reason(&gate, &access).await, "ok");
        for forged in [issuer.token().tampered(), issuer.token().with_wrong_key()] {
            assert_eq!(
                reason(&gate, &forged.mint()).await,
                "bad_signature",
                "{alg:?}"
            );
        }
        let stranger = issuer.token().signed_by_stranger().mint();
        assert_eq!(reason(&gate, &stranger).await, "unknown_key", "{alg:?}");

        let other = if alg == Algorithm::Es256 {
            Algorithm::EdDsa
        } else {
            Algorithm::Es256
        };
        let api = ExternalApi::new(ISSUER, AUDIENCE);
        let strict = issuer
            .connect(api.with_algorithms(AlgorithmSet::EMPTY.with(other)))
            .build()
            .await
            .unwrap();
        assert_eq!(
            reason(&strict, &issuer.token().mint()).await,
            "alg_not_allowed"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_accepted_from_its_announcement_to_its_end() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    let gate = start(&issuer).await;
    let first = issuer.active_key();
    let next = issuer.publish_next();
    assert_eq!(issuer.active_key(), first, "announced, not used");
    let early = issuer.token().signed_with(&next).mint();
    assert_eq!(reason(&gate, &early).await, "ok");
    assert_eq!(issuer.activate_next(), next);
    assert_eq!(
        reason(&gate, &issuer.token().signed_with(&first).mint()).await,
        "ok"
    );
    issuer.retire_old();
    gate.refresh().await.unwrap();
    let late = issuer.token().signed_with(&first).mint();
    assert_eq!(reason(&gate, &late).await, "unknown_key");
    assert_eq!(reason(&gate, &issuer.token().mint()).await, "ok");

    issuer.withdraw(&next);
    gate.refresh().await.unwrap_err();
    assert!(
        only_issuer(&gate)
            .last_error
            .unwrap()
            .contains("no usable key")
    );
    assert_eq!(
        issuer.activate_next().as_str(),
        issuer.active_key().as_str()
    );
    gate.refresh().await.unwrap();
    assert_eq!(reason(&gate, &issuer.token().mint()).await, "ok");
    assert_eq!(
        reason(&gate, &issuer.token().signed_with(&next).mint()).await,
        "unknown_key"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_key_under_an_old_name_is_found() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    let gate = start(&issuer).await;
    let old = issuer.token().mint();
    issuer.reuse_key_id();
    assert_eq!(reason(&gate, &old).await, "ok", "the gate cannot know yet");
    assert_eq!(reason(&gate, &issuer.token().mint()).await, "ok");
    assert_eq!(reason(&gate, &old).await, "bad_signature");
}

#[tokio::test(start_paused = true)]
async fn nobody_can_sign_for_an_issuer_of_the_same_name() {
    let (issuer, impostor) = (
        FakeIssuer::new(ISSUER, AUDIENCE),
        FakeIssuer::new(ISSUER, AUDIENCE),
    );
    let gate = start(&issuer).await;
    assert_eq!(reason(&gate, &impostor.token().mint()).await, "unknown_key");
    assert_ne!(
        issuer.key_set(),
        impostor.key_set(),
        "keys are made for each"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_and_an_unchanged_key_set_is_304() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    let gate = start(&issuer).await;
    assert_eq!(
        (issuer.metadata_requests(), issuer.key_set_requests()),
        (1, 1)
    );
    gate.refresh().await.unwrap();
    assert_eq!(only_issuer(&gate).epoch, 1, "304");
    issuer.reuse_key_id();
    gate.refresh().await.unwrap();
    assert_eq!(
        only_issuer(&gate).epoch,
        2,
        "a key under an old name is a change"
    );
    for _ in 0..300 {
        gate.refresh().await.unwrap();
    }
    assert_eq!(
        (issuer.metadata_requests(), issuer.key_set_requests()),
        (1, 303)
    );
    let kept = issuer.requests();
    assert_eq!(kept.len(), 256);
    assert!(kept.iter().all(|request| request.uri().path() == "/jwks"));
}

#[tokio::test(start_paused = true)]
async fn a_script_is_for_key_sets_alone_and_ends_with_up() {
    let issuer = FakeIssuer::new(ISSUER, AUDIENCE);
    issuer.next_answers([Fault::Status(500), Fault::Status(501), Fault::Status(502)]);
    let gate = start(&issuer).await;
    assert_eq!(issuer.metadata_requests(), 1);
    let last_error = |gate: &Gate| only_issuer(gate).last_error.unwrap();
    assert!(last_error(&gate).contains("500"));
    gate.refresh().await.unwrap_err();
    assert!(last_error(&gate).contains("501"));
    issuer.up();
    gate.refresh().await.unwrap();

    issuer.down_with(Fault::Status(503));
    issuer.next_answers([Fault::NoKeys]);
    gate.refresh().await.unwrap_err();
    assert!(
        last_error(&gate).contains("no usable key"),
        "the script first"
    );
    gate.refresh().await.unwrap_err();
    assert!(last_error(&gate).contains("503"), "then the outage");
}
