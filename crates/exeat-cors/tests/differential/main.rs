//! Our layer and tower-http's, with the same policy around the same handler, on every combination of a few thousand requests. Where they
//! differ, the difference has a name and a reason in `tests/vectors/cors/tower-http.json`, with how often it is seen; any other fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop; the helpers of an integration test are not cfg(test)"
)]

mod differences;
mod layers;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::differences::explain;
use crate::layers::{Case, Observed, cases, observe};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Pairs of answers that were compared.
    compared: usize,
    /// Of these, the ones of which a browser makes the same: it sends the request or not, lets the page read the answer or not.
    same_to_browsers: usize,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    name: String,
    /// Why; for the reader.
    because: String,
    count: usize,
}

#[test]
fn every_difference_to_tower_http_has_a_name_and_a_reason() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cors/tower-http.json");
    let table: Table = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let (mut compared, mut same_to_browsers) = (0, 0);
    for case in cases() {
        let (ours, theirs) = observe(&case);
        compared += 1;
        same_to_browsers += usize::from(ours.verdicts() == theirs.verdicts());
        for (aspect, ours, theirs) in differing(&ours, &theirs) {
            match explain(&case, aspect, ours, theirs) {
                Some(name) => *seen.entry(name).or_default() += 1,
                None => unexplained.push(unnamed(&case, aspect, ours, theirs)),
            }
        }
    }
    assert!(
        unexplained.is_empty(),
        "{} differences without a name:\n{}",
        unexplained.len(),
        unexplained
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    let named: BTreeMap<&str, usize> = table
        .differences
        .iter()
        .map(|difference| (difference.name.as_str(), difference.count))
        .collect();
    assert_eq!(seen, named, "left: seen now; right: written down");
    assert_eq!(
        (compared, same_to_browsers),
        (table.compared, table.same_to_browsers)
    );
    assert!(
        table
            .differences
            .iter()
            .all(|difference| difference.because.ends_with('.'))
    );
}

fn differing<'a>(
    ours: &'a Observed,
    theirs: &'a Observed,
) -> impl Iterator<Item = (&'static str, &'a str, &'a str)> {
    let aspects = ours.aspects.iter().zip(&theirs.aspects);
    aspects
        .filter(|(ours, theirs)| ours != theirs)
        .map(|((aspect, ours), (_, theirs))| (*aspect, ours.as_str(), theirs.as_str()))
}

fn unnamed(case: &Case, aspect: &str, ours: &str, theirs: &str) -> String {
    format!("{case:?}\n  {aspect}: ours {ours:?}, tower-http's {theirs:?}")
}
