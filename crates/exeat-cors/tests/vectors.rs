//! Runs the vectors of `tests/vectors/cors` at the levels this crate has: policy, decide and layer. One test per case, and three about
//! the vectors themselves. The format is described beside them; `cargo xtask cors-cases` prints a table of the cases.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken vector must stop the run; with a harness of its own this is not cfg(test)"
)]

mod vector;

use libtest_mimic::{Arguments, Failed, Trial};
use vector::Vectors;

fn main() -> std::process::ExitCode {
    let vectors = Vectors::load();
    let mut trials = vec![
        Trial::test("every_case_of_a_group_with_a_file_has_a_vector", {
            let missing = vectors.missing_cases();
            move || {
                expect(
                    missing.is_empty(),
                    format!("cases without a vector: {missing:?}"),
                )
            }
        }),
        Trial::test("every_vector_stands_with_its_group", {
            let misplaced = format!("{:?}", vectors.misplaced());
            move || expect(misplaced == "[]", misplaced)
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
    let fixtures = vectors.fixtures.clone();
    for (case, vectors) in vectors.by_case() {
        let fixtures = fixtures.clone();
        trials.push(Trial::test(format!("case_{case:03}"), move || {
            let runs = vectors.iter().map(|vector| vector.run(&fixtures));
            let failures: Vec<String> = runs.filter_map(Result::err).collect();
            expect(failures.is_empty(), failures.join("\n"))
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn expect(holds: bool, otherwise: String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
