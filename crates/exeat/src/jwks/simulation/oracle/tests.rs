//! An oracle that never objects proves nothing: each promise is broken here once, and kept once.

use super::*;
use crate::jwks::simulation::issuer::PRINTS;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Settings of which every bound is a round number: soft at 800 ± 80, hard at 1000, dead at 1500.
fn settings() -> JwksSettings {
    JwksSettings {
        max_stale: s(500),
        ..JwksSettings::default()
    }
}

fn keys(kids: &[(&str, usize)]) -> HashMap<String, Thumbprint> {
    let print = |(kid, number): &(&str, usize)| (String::from(*kid), PRINTS[*number]);
    kids.iter().map(print).collect()
}

fn good(kids: &[(&str, usize)]) -> Ended {
    Ended::Good {
        keys: Some(keys(kids)),
        max_age: Some(s(1000)),
    }
}

fn failed(retry_after: u64) -> Ended {
    Ended::Failed {
        retry_after: Some(s(retry_after)),
    }
}

fn token(kid: &str, signer: usize) -> Token {
    Token {
        kid: Some(kid.to_owned()),
        alg: Algorithm::EdDsa,
        signer: PRINTS[signer],
    }
}

/// Fetched key 0 as "a" from 10 to 11.
fn oracle() -> Oracle {
    let mut oracle = Oracle::new(settings());
    oracle.fetch_started(s(10)).unwrap();
    oracle.fetch_ended(good(&[("a", 0)]), s(11));
    oracle
}

#[test]
fn a_second_fetch_at_once_is_seen() {
    let mut oracle = oracle();
    oracle.fetch_started(s(900)).unwrap();
    assert_eq!(
        oracle.fetch_started(s(901)),
        Err(Violation::TwoFetchesAtOnce)
    );
}

#[test]
fn a_fetch_during_back_off_is_seen_unless_the_operator_asked() {
    let after = |retry_after, now| {
        let mut oracle = oracle();
        oracle.fetch_started(s(900)).unwrap();
        oracle.fetch_ended(failed(retry_after), s(901));
        oracle.fetch_started(now)
    };
    let early = Err(Violation::FetchDuringBackOff);
    assert_eq!(after(20, s(919)), early);
    assert_eq!(after(20, s(920)), Ok(()));
    assert_eq!(after(0, s(900) + Duration::from_millis(99)), early);
    assert_eq!(after(0, s(900) + Duration::from_millis(100)), Ok(()));
    assert_eq!(after(9999, s(1199)), early);
    assert_eq!(after(9999, s(1200)), Ok(()));
    let mut oracle = oracle();
    oracle.fetch_started(s(900)).unwrap();
    oracle.fetch_ended(failed(20), s(901));
    oracle.operator_refreshed();
    oracle.fetch_started(s(902)).unwrap();
    oracle.fetch_ended(failed(20), s(902));
    assert_eq!(oracle.fetch_started(s(903)), early, "once only");
}

#[test]
fn a_fetch_beyond_the_budget_is_seen() {
    let starts = |times: &[u64]| {
        let mut oracle = oracle();
        let mut verdict = Ok(());
        for at in times {
            verdict = verdict.and(oracle.fetch_started(s(*at)));
            oracle.fetch_ended(good(&[("a", 0)]), s(*at));
        }
        verdict
    };
    assert_eq!(starts(&[100, 101, 110]), Ok(()));
    assert_eq!(starts(&[100, 101, 109]), Err(Violation::FetchBeyondBudget));
    // On schedule, nothing is charged.
    assert_eq!(starts(&[100, 101, 901]), Ok(()));
}

#[test]
fn what_may_not_be_accepted_is_seen() {
    let mut oracle = oracle();
    assert_eq!(oracle.accepted(&token("a", 0), s(1509)), Ok(()));
    assert_eq!(
        oracle.accepted(&token("a", 0), s(1510)),
        Err(Violation::AcceptedBeyondTheBound)
    );
    for stranger in [token("b", 0), token("a", 1)] {
        assert_eq!(
            oracle.accepted(&stranger, s(20)),
            Err(Violation::AcceptedUnpublishedKey)
        );
    }
    oracle.invalidated("a");
    assert_eq!(
        oracle.accepted(&token("a", 0), s(20)),
        Err(Violation::AcceptedInvalidatedKey)
    );
}

#[test]
fn a_key_is_known_within_the_bound_and_until_it_is_invalidated() {
    let mut oracle = oracle();
    assert!(oracle.is_known(&token("a", 0), s(1509)));
    assert!(!oracle.is_known(&token("a", 0), s(1510)));
    assert!(!oracle.is_known(&token("a", 1), s(20)));
    assert!(!oracle.is_known(&token("b", 0), s(20)));
    let mut kidless = token("a", 0);
    kidless.kid = None;
    assert!(oracle.is_known(&kidless, s(20)));
    let mut other = token("a", 0);
    other.alg = Algorithm::Es256;
    assert!(!oracle.is_known(&other, s(20)));
    oracle.invalidated("a");
    assert!(!oracle.is_known(&token("a", 0), s(20)));
}

#[test]
fn an_unknown_key_without_proof_is_seen() {
    let unproved = Err(Violation::UnknownWithoutProof);
    let mut oracle = oracle();
    let stranger = token("b", 1);
    assert_eq!(oracle.unknown(&stranger, s(12)), unproved, "never asked");
    oracle.asked(&stranger, s(12));
    assert_eq!(
        oracle.unknown(&stranger, s(12)),
        unproved,
        "before it asked"
    );
    oracle.fetch_started(s(13)).unwrap();
    assert_eq!(oracle.unknown(&stranger, s(13)), unproved, "not ended");
    oracle.fetch_ended(failed(0), s(14));
    assert_eq!(oracle.unknown(&stranger, s(14)), unproved, "failed");
    oracle.fetch_started(s(30)).unwrap();
    oracle.fetch_ended(good(&[("a", 0)]), s(31));
    assert_eq!(oracle.unknown(&stranger, s(60)), Ok(()));
    assert_eq!(oracle.unknown(&stranger, s(61)), unproved, "too long ago");
    oracle.fetch_started(s(62)).unwrap();
    oracle.fetch_ended(good(&[("b", 1)]), s(63));
    assert_eq!(oracle.unknown(&stranger, s(63)), unproved, "there it is");
}

#[test]
fn a_wrong_word_about_a_signature_is_seen() {
    let oracle = oracle();
    assert_eq!(oracle.bad_signature(&token("a", 1)), Ok(()));
    assert_eq!(
        oracle.bad_signature(&token("a", 0)),
        Err(Violation::GoodSignatureCalledBad)
    );
}

#[test]
fn a_wrong_word_about_an_outage_is_seen() {
    let oracle = oracle();
    let cold = Oracle::new(settings());
    let (no, expired) = (KeysUnavailable::Cold, KeysUnavailable::Expired);
    assert_eq!(cold.unavailable(no, s(300), s(1)), Ok(()));
    assert_eq!(
        cold.unavailable(no, s(301), s(1)),
        Err(Violation::RetryAfterTooLong)
    );
    assert_eq!(
        oracle.unavailable(no, s(1), s(20)),
        Err(Violation::ColdWithKeys)
    );
    assert_eq!(oracle.unavailable(expired, s(1), s(1510)), Ok(()));
    assert_eq!(
        oracle.unavailable(expired, s(1), s(1509)),
        Err(Violation::ExpiredWithinTheBound)
    );
}

#[test]
fn a_304_keeps_the_keys_and_renews_the_bound() {
    let mut oracle = oracle();
    oracle.fetch_started(s(900)).unwrap();
    let unchanged = Ended::Good {
        keys: None,
        max_age: None,
    };
    oracle.fetch_ended(unchanged, s(901));
    assert!(oracle.is_known(&token("a", 0), s(900 + 1099)));
    assert!(!oracle.is_known(&token("a", 0), s(900 + 1100)));
    assert!(oracle.is_reachable());
}
