use super::*;
use crate::key_ring::{KeyEntry, Row, Times};

fn at(seconds: u64) -> NumericDate {
    NumericDate::from_secs(seconds)
}

fn entry(sign_from: Option<u64>, remove_at: Option<u64>) -> KeyEntry {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    KeyEntry {
        row: Row {
            kid: key.key_id().clone(),
            alg: key.algorithm(),
            times: Times {
                published_at: at(0),
                sign_from: sign_from.map(at),
                sign_until: None,
                remove_at: remove_at.map(at),
                revoked_at: None,
            },
        },
        jwk: key.public_jwk().clone(),
        signing: Some(Arc::new(key)),
    }
}

#[test]
fn jitter_is_twenty_percent_either_way() {
    let max_age = Duration::from_mins(5);
    assert_eq!(jittered(max_age, 0).as_secs(), 240);
    assert_eq!(jittered(max_age, u16::MAX).as_secs(), 360);
    assert_eq!(jittered(max_age, u16::MAX / 2).as_secs(), 299);
}

#[test]
fn a_snapshot_is_kept_until_a_keys_time_comes() {
    let (old, new) = (entry(Some(1), Some(300)), entry(Some(200), None));
    let (old_kid, new_kid) = (old.row.kid.clone(), new.row.kid.clone());
    let keys = KeySnapshots::new(KeyRing::new(vec![old, new]), at(100));
    let signs = |snapshot: &KeySnapshot| {
        snapshot
            .active(Algorithm::Es256)
            .unwrap()
            .key
            .key_id()
            .clone()
    };

    let first = keys.current(at(100));
    assert!(Arc::ptr_eq(&first, &keys.current(at(199))));
    assert_eq!(signs(&first), old_kid);
    let second = keys.current(at(200));
    assert_eq!(signs(&second), new_kid);
    assert_ne!(first.etag, second.etag);
    assert!(String::from_utf8_lossy(&second.body).contains(old_kid.as_str()));
    let third = keys.current(at(300));
    assert!(!String::from_utf8_lossy(&third.body).contains(old_kid.as_str()));
}

#[test]
fn a_clock_that_goes_back_gets_the_snapshot_of_its_time() {
    let keys = KeySnapshots::new(KeyRing::new(vec![entry(Some(100), None)]), at(100));
    assert!(keys.current(at(100)).active(Algorithm::Es256).is_some());
    assert!(keys.current(at(99)).active(Algorithm::Es256).is_none());
}

#[test]
fn a_ring_without_keys_has_no_set() {
    assert!(
        KeySnapshots::new(KeyRing::default(), at(0))
            .current(at(0))
            .is_empty()
    );
}

#[test]
fn tags_are_compared_weakly() {
    let tag = HeaderValue::from_static("\"abc\"");
    for line in [
        "\"abc\"",
        "W/\"abc\"",
        "\"x\",\"abc\"",
        " \"x\" , W/\"abc\" ",
        "*",
    ] {
        assert!(names_tag(line, &tag), "{line}");
    }
    for line in ["", "abc", "\"ab\"", "\"abcd\"", "w/\"abc\""] {
        assert!(!names_tag(line, &tag), "{line}");
    }
}
