use std::error::Error;
use std::fmt::Write;

use exeat_jose::InvalidToken;

use super::class::{CLASSES, Class, Fault};
use super::*;

/// Every class, in the order of the table.
fn classes() -> Vec<Class> {
    let invalid = InvalidToken::CLASSES
        .iter()
        .map(|&(reason, sentence)| Class {
            fault: Fault::Token,
            reason,
            sentence,
        });
    let mut classes = CLASSES.to_vec();
    let after = classes
        .iter()
        .position(|class| class.fault == Fault::Token)
        .unwrap();
    classes.splice(after..after, invalid);
    classes
}

fn outage() -> Rejected {
    Rejected::KeysUnavailable {
        why: KeysUnavailable::Cold,
        retry_after: Duration::ZERO,
    }
}

#[test]
fn the_table_in_the_documentation_is_the_one_in_the_code() {
    let mut table = "| `code` | status | challenge | gRPC | what the sender reads |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for Class {
        fault,
        reason,
        sentence,
    } in classes()
    {
        let challenge = match fault.challenge() {
            Challenge::Absent => "none".to_owned(),
            Challenge::Bare => "`Bearer`, without `error`".to_owned(),
            Challenge::Error(error) => format!("`{error}`"),
        };
        let status = fault.status().as_u16();
        let grpc = fault.grpc_status();
        writeln!(
            table,
            "| `{reason}` | {status} | {challenge} | {grpc} | {sentence} |"
        )
        .unwrap();
    }
    assert_eq!(
        include_str!("answers.md"),
        table,
        "answers.md should be:\n{table}"
    );
}

#[test]
fn troubleshooting_leads_from_every_class_with_its_status() {
    let guide = include_str!("../../../../docs/troubleshooting.md");
    for class in classes() {
        let (status, code) = (
            class.fault.status().as_str().to_owned(),
            format!("`{}`", class.reason),
        );
        let found = guide
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
            .any(|symptom| symptom.starts_with(&status) && symptom.contains(&code));
        assert!(found, "no row starts with {status} and has {code}");
    }
}

#[test]
fn each_reason_stands_for_one_class() {
    let mut reasons: Vec<_> = classes().iter().map(|class| class.reason).collect();
    let all = reasons.len();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), all);
}

#[test]
fn only_an_outage_is_retryable_and_only_it_is_503() {
    for rejected in [
        Rejected::NoToken,
        Rejected::MultipleTokens,
        Rejected::Invalid(InvalidToken::Malformed),
        Rejected::TenantNotAllowed,
        outage(),
        Rejected::Internal,
    ] {
        assert_eq!(rejected.is_retryable(), rejected == outage());
        assert_eq!(
            rejected.status() == StatusCode::SERVICE_UNAVAILABLE,
            rejected == outage()
        );
    }
}

#[test]
fn the_source_of_an_outage_says_which_keys_are_missing() {
    assert_eq!(outage().source().unwrap().to_string(), "never fetched");
    assert!(Rejected::NoToken.source().is_none());
}

#[test]
fn sentences_fit_into_a_quoted_string() {
    for class in classes() {
        let fits = |byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(class.sentence.bytes().all(fits), "{}", class.sentence);
    }
}
