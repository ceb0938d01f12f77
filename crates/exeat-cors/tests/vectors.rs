//! Runs the vectors of `tests/vectors/cors` at the levels this crate has: policy, decide and layer. One test per vector, and two about the
//! vectors themselves. The format is described beside them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken vector must stop the run; with a harness of its own this is not cfg(test)"
)]

mod vector;

use libtest_mimic::{Arguments, Failed, Trial};
use vector::{Level, Vectors};

fn main() -> std::process::ExitCode {
    let vectors = Vectors::load();
    let mut trials = vec![
        Trial::test("every_case_from_1_to_94_has_a_vector", {
            let missing = vectors.missing_cases();
            move || {
                expect(
                    missing.is_empty(),
                    format!("cases without a vector: {missing:?}"),
                )
            }
        }),
        Trial::test("every_level_has_vectors", {
            let counts = vectors.count_by_level();
            move || {
                expect(
                    counts.values().all(|count| *count > 0),
                    format!("{counts:?}"),
                )
            }
        }),
    ];
    for vector in vectors.all {
        let name = format!("case_{:02}::{}", vector.case, vector.name.replace(' ', "_"));
        let fixtures = vectors.fixtures.clone();
        let run = match vector.level {
            Level::Policy => vector::policy::run,
            Level::Decide => vector::response::run_decision_and_layer,
            Level::Layer => vector::response::run_layer,
            // Needs tokens: run where there are some.
            Level::Gate => continue,
        };
        trials.push(Trial::test(name, move || {
            run(&vector, &fixtures).map_err(Failed::from)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn expect(holds: bool, otherwise: String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
