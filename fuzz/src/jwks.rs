//! Input: the text of a JWK Set.

use std::collections::HashSet;

use exeat_jose::{Algorithm, ImportPolicy, Jwk, JwkSet, KeyId, VerifyingKey};
use serde_json::Value;

pub fn run(json: &[u8]) {
    let policy = ImportPolicy::default();
    let Ok(set) = JwkSet::import(json, &policy) else {
        return;
    };
    let total = set.keys().len() + set.refused().len();
    assert!(total <= policy.max_keys, "{total} keys");
    let positions: HashSet<usize> = set.refused().iter().map(|key| key.position).collect();
    assert_eq!(
        positions.len(),
        set.refused().len(),
        "a key is refused once"
    );
    assert!(positions.iter().all(|position| *position < total));
    for key in set.keys() {
        is_whole(key);
        let found: Vec<_> = set.select(key.key_id(), key.algorithm()).collect();
        assert!(found.len() <= JwkSet::MAX_CANDIDATES);
        assert!(
            found
                .iter()
                .all(|found| found.algorithm() == key.algorithm())
        );
        match key.key_id() {
            Some(kid) => {
                assert!(!found.is_empty() && found.iter().all(|found| found.key_id() == Some(kid)));
                assert!(set.contains_key_id(kid));
            }
            None => assert!(found.len() <= 1),
        }
    }

    // A set of the keys that were kept keeps them all, in their order.
    let kept: Vec<&Jwk> = set.keys().iter().map(|key| key.jwk()).collect();
    let again = serde_json::json!({ "keys": kept }).to_string();
    let again = JwkSet::import(again.as_bytes(), &policy).expect("we wrote it");
    assert!(again.refused().is_empty(), "{:?}", again.refused());
    assert!(again.keys().iter().map(|key| key.jwk()).eq(kept));
}

/// What was kept says the same when it is written and read again, and holds nothing private.
fn is_whole(key: &VerifyingKey) {
    let json = serde_json::to_string(key.jwk()).expect("a key can be written");
    let again = Jwk::from_json(&json).expect("we wrote it");
    assert_eq!(&again, key.jwk());
    assert_eq!(again.thumbprint(), key.thumbprint());
    let members: Value = serde_json::from_str(&json).expect("we wrote it");
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(members.get(name).is_none(), "{name} is private");
    }
    assert_ne!(members.get("kty"), Some(&Value::from("oct")));
    assert!(Algorithm::ALL.contains(&key.algorithm()));
    if let Some(kid) = key.key_id() {
        assert!(KeyId::try_from(kid.as_str()).is_ok());
    }
}
