//! What the fuzzer found worth keeping (`fuzz/regressions`), through the same rules as in `fuzz/fuzz_targets`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "the rules are written for the fuzz targets, whose crate they are public in; a rule that does not hold panics"
)]

use std::fs;
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};

#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

/// All of them together: the repository is no place for a corpus.
const MOST_BYTES: usize = 200 * 1024;

/// One input a line, in base64.
fn lines(target: &str) -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fuzz/regressions/{target}.txt"));
    fs::read_to_string(file).expect("the inputs are there")
}

fn run(target: &str, rules: fn(&[u8])) {
    let lines = lines(target);
    assert!(
        lines.lines().count() > 10,
        "hardly an input of {target} is left"
    );
    for line in lines.lines() {
        let input = STANDARD.decode(line).expect("a line is base64");
        // So that the line is known if a rule does not hold.
        println!("{line}");
        rules(&input);
    }
}

#[test]
fn every_header_kept_by_the_fuzzer_follows_the_rules() {
    run("header", fuzz::header::run);
}

#[test]
fn every_claims_set_kept_by_the_fuzzer_follows_the_rules() {
    run("claims", fuzz::claims::run);
}

#[test]
fn every_key_set_kept_by_the_fuzzer_follows_the_rules() {
    run("jwks", fuzz::jwks::run);
}

#[test]
fn every_request_kept_by_the_fuzzer_is_answered_by_the_rules() {
    run("challenge", fuzz::challenge::run);
}

#[test]
fn every_credential_kept_by_the_fuzzer_is_found_by_the_rules() {
    run("token_source", fuzz::token_source::run);
}

#[test]
fn every_pair_kept_by_the_fuzzer_is_matched_by_the_rules() {
    run("origins", fuzz::origins::run);
}

#[test]
fn every_cors_request_kept_by_the_fuzzer_is_decided_by_the_rules() {
    run("cors", fuzz::cors::run);
}

#[test]
fn the_inputs_are_a_sample_and_not_a_corpus() {
    let targets = [
        "header",
        "claims",
        "jwks",
        "challenge",
        "token_source",
        "origins",
        "cors",
    ];
    let bytes: usize = targets.iter().map(|target| lines(target).len()).sum();
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}
