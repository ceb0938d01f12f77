//! The live run of `cargo run --release -p tests --example live`, in short: the same callers, and a clock that jumps instead of a minute that passes.

use harness::live::{self, Kind, Pace, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_good_token_is_refused_and_no_bad_one_accepted_through_rotations_and_an_outage()
-> anyhow::Result<()> {
    let report = live::run(Plan {
        connections: 4,
        rounds: 12,
        outage: 5..8,
        pace: Pace::Skipping { calls: 20 },
    })
    .await?;
    assert_eq!(report.violations, [""; 0], "{report}");
    assert!(report.accepted_in_outage > 0, "{report}");
    let (_, _, in_vain) = report.outage.unwrap_or_default();
    assert!(in_vain > 0, "the outage was felt: {report}");
    for (kind, status) in [
        (Kind::Current, 200),
        (Kind::JustPublished, 200),
        (Kind::BadSignature, 401),
        (Kind::UnknownKey, 401),
        (Kind::UnknownKey, 503),
        (Kind::Expired, 401),
        (Kind::WrongAudience, 401),
    ] {
        assert!(
            report.count(kind, status) > 0,
            "{kind:?} {status}: {report}"
        );
    }
    let (published, accepted) = report.keys();
    assert!(accepted > 10, "{accepted} of {published}");
    Ok(())
}
