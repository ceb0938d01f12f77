//! Runs the vectors of `tests/vectors/tokens` through the layer, and their tokens through `exeat-jose` alone. One test per vector, and a
//! few about the vectors themselves; `the_result_by_class` prints the table. The format is described beside them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken vector must stop the run; with a harness of its own this is not cfg(test)"
)]

mod gate;
mod steps;
mod vector;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use vector::{Case, Vectors};

fn main() -> std::process::ExitCode {
    let vectors = Arc::new(Vectors::load());
    let mut trials = vec![
        about("every_class_has_three_vectors", &vectors, thin_classes),
        about("no_two_vectors_have_one_name", &vectors, names_twice),
        about("the_result_by_class", &vectors, print_classes),
    ];
    for (at, case) in vectors.cases.iter().enumerate() {
        let vectors = Arc::clone(&vectors);
        trials.push(Trial::test(format!("vector::{}", case.name), move || {
            let case = vectors.cases.get(at).expect("it was there");
            run(case, &vectors).map_err(Failed::from)
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn about(name: &str, vectors: &Arc<Vectors>, check: fn(&Vectors) -> Result<(), String>) -> Trial {
    let vectors = Arc::clone(vectors);
    Trial::test(name, move || check(&vectors).map_err(Failed::from))
}

fn run(case: &Case, vectors: &Vectors) -> Result<(), String> {
    gate::run(case, vectors)?;
    steps::run(case, vectors)
}

/// What the corpus must be about: the lessons that concern a token, RFC 8725, and every refusal of the token gate.
const CLASSES: [&str; 36] = [
    "lesson 1",
    "lesson 2",
    "lesson 3",
    "lesson 4",
    "lesson 7",
    "lesson 11",
    "lesson 15",
    "lesson 19",
    "lesson 23",
    "lesson 24",
    "RFC 8725 3.1",
    "RFC 8725 3.2",
    "RFC 8725 3.3",
    "RFC 8725 3.4",
    "RFC 8725 3.5",
    "RFC 8725 3.6",
    "RFC 8725 3.7",
    "RFC 8725 3.8",
    "RFC 8725 3.9",
    "RFC 8725 3.10",
    "RFC 8725 3.11",
    "RFC 8725 3.12",
    "credentials",
    "shape",
    "base64url",
    "payload",
    "header",
    "size",
    "duplicates",
    "times",
    "issuers",
    "revocation",
    "tenant",
    "read-only",
    "accepted",
    "refused",
];

/// Refusals that no token causes by itself: an origin that is another tenant's, a cookie from an unknown page, a route that requires
/// a scope (`tests/gate/scopes.rs`), and our own mistakes.
const NO_TOKENS: [&str; 4] = [
    "origin_tenant_mismatch",
    "csrf",
    "insufficient_scope",
    "internal_error",
];

/// The codes of the gate's own table of answers that a token or its absence can cause.
fn codes() -> Vec<&'static str> {
    include_str!("../../src/rejection/answers.md")
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .filter(|code| !NO_TOKENS.contains(code))
        .collect()
}

/// The classes of a vector: what it says it is about, what it ends in, and with which code.
fn classes(case: &Case) -> Vec<String> {
    let mut classes = case.about.clone();
    // Where the gate cannot be asked, the verdict of exeat-jose alone.
    let jose = || case.jose.clone().filter(|_| case.status.is_none());
    match case.code.clone().or_else(jose) {
        Some(code) if code != "accepted" => classes.extend(["refused".to_owned(), code]),
        _ => classes.push("accepted".to_owned()),
    }
    classes
}

fn thin_classes(vectors: &Vectors) -> Result<(), String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for class in vectors.cases.iter().flat_map(classes) {
        *counts.entry(class).or_default() += 1;
    }
    let codes = codes();
    let wanted = CLASSES.iter().chain(&codes);
    let thin: Vec<_> = wanted
        .filter(|class| counts.get(**class).is_none_or(|count| *count < 3))
        .collect();
    let unknown: Vec<_> = counts
        .keys()
        .filter(|class| !CLASSES.contains(&class.as_str()) && !codes.contains(&class.as_str()))
        .collect();
    if thin.is_empty() && unknown.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "fewer than three vectors: {thin:?}; not on the list: {unknown:?}"
        ))
    }
}

fn names_twice(vectors: &Vectors) -> Result<(), String> {
    let mut names: Vec<_> = vectors.cases.iter().map(|case| &case.name).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    if names.len() == all {
        Ok(())
    } else {
        Err(format!("{} names are there twice", all - names.len()))
    }
}

/// Runs everything once more in one process and says how it went, class by class.
fn print_classes(vectors: &Vectors) -> Result<(), String> {
    let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for case in &vectors.cases {
        let is_accepted = classes(case).contains(&"accepted".to_owned());
        let column = match run(case, vectors) {
            Err(_) => 2,
            Ok(()) => usize::from(!is_accepted),
        };
        for class in classes(case) {
            if let Some(count) = table.entry(class).or_default().get_mut(column) {
                *count += 1;
            }
        }
    }
    let mut text = format!("{:<20} accepted  refused  not as expected\n", "class");
    for (class, [accepted, refused, wrong]) in &table {
        writeln!(text, "{class:<20} {accepted:>8} {refused:>8} {wrong:>16}")
            .map_err(|error| error.to_string())?;
    }
    println!("{text}");
    if table.values().all(|[_, _, wrong]| *wrong == 0) {
        Ok(())
    } else {
        Err(text)
    }
}
