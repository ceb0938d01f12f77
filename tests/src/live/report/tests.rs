use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};

use super::*;

fn key(name: &str) -> KeyId {
    KeyId::try_from(name).unwrap()
}

fn call(kind: Kind, is_held: bool) -> Call {
    Call {
        kind,
        key: key("k"),
        is_held,
        is_down: false,
    }
}

fn answer(status: StatusCode, code: &str) -> Answer {
    let later = status == StatusCode::SERVICE_UNAVAILABLE;
    Answer {
        status,
        headers: HeaderMap::from_iter(
            later.then_some((RETRY_AFTER, HeaderValue::from_static("10"))),
        ),
        body: Bytes::from(format!(r#"{{"code":"{code}"}}"#)),
    }
}

#[test]
fn each_wrong_answer_is_a_violation_and_no_right_one_is() {
    const OK: (StatusCode, &str) = (StatusCode::OK, "");
    const UNKNOWN: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "unknown_key");
    const BAD: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "bad_signature");
    const LATER: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable");
    for (kind, is_held, (status, code), is_right) in [
        (Kind::Current, true, OK, true),
        (Kind::Current, true, LATER, false),
        (Kind::Current, false, LATER, true),
        (Kind::Current, false, UNKNOWN, false),
        (Kind::JustPublished, false, LATER, true),
        (Kind::JustPublished, true, LATER, false),
        (Kind::JustPublished, false, UNKNOWN, false),
        (Kind::UnknownKey, true, LATER, true),
        (Kind::UnknownKey, true, UNKNOWN, true),
        (Kind::UnknownKey, true, OK, false),
        (Kind::BadSignature, true, BAD, true),
        (Kind::BadSignature, true, OK, false),
        (Kind::BadSignature, true, LATER, false),
        (Kind::Expired, true, OK, false),
        (Kind::Expired, true, BAD, false),
        (Kind::WrongAudience, false, OK, false),
    ] {
        let mut report = Report::default();
        report.answered(&call(kind, is_held), &answer(status, code), Duration::ZERO);
        assert_eq!(
            report.violations.is_empty(),
            is_right,
            "{kind:?} {is_held} {status} {code}"
        );
    }
    let mut bare = answer(LATER.0, LATER.1);
    bare.headers.clear();
    let mut report = Report::default();
    report.answered(&call(Kind::Current, false), &bare, Duration::ZERO);
    assert_eq!(report.violations.len(), 1, "503 without Retry-After");
}

#[test]
fn a_key_must_be_noticed_in_time_unless_the_issuer_was_away() {
    let second = Duration::from_secs;
    for (outage, accepted, violations) in [
        (None, Some(35), 0),
        (None, Some(36), 1),
        (None, None, 1),
        (Some((20, 30)), Some(50), 0),
        (Some((0, 5)), Some(50), 1),
        (Some((40, 50)), Some(39), 0),
    ] {
        let mut report = Report::default();
        report.published(&key("k"), second(10));
        // Published 10 s in: it may be accepted up to 45 s in.
        if let Some((begin, end)) = outage {
            report.outage_begins(second(begin), 0);
            report.outage_ends(second(end), 0);
        }
        if let Some(after) = accepted {
            let at = second(10 + after);
            report.answered(&call(Kind::Current, true), &answer(StatusCode::OK, ""), at);
        }
        report.close(0, second(100));
        assert_eq!(
            report.violations.len(),
            violations,
            "{outage:?} {accepted:?}"
        );
    }
}

#[test]
fn one_request_more_than_the_budget_is_a_violation() {
    for (asked, violations) in [(1 + 2 + 6, 0), (1 + 2 + 7, 1)] {
        let mut report = Report::default();
        report.close(asked, Duration::from_secs(69));
        assert_eq!((report.budget, report.violations.len()), (9, violations));
    }
}
