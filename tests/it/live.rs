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
    // Keys published before it were accepted in time, or that were a violation; so the gate had those that sign in it.
    assert!(report.accepted_in_outage > 0, "{report}");
    // What any interleaving comes to: in each of 12 rounds each of 4 callers goes through the whole mix twice.
    for (kind, in_a_mix) in [
        (Kind::Current, 5),
        (Kind::JustPublished, 1),
        (Kind::BadSignature, 1),
        (Kind::UnknownKey, 1),
        (Kind::Expired, 1),
        (Kind::WrongAudience, 1),
    ] {
        let calls = report.calls(kind);
        assert!(calls >= 12 * 4 * 2 * in_a_mix, "{kind:?}: {report}");
    }
    let (published, _) = report.keys();
    assert_eq!(published, 10 + 9, "ten ahead, one in each round but three");
    Ok(())
}
