//! Nothing that a stranger sends or publishes makes a parser panic, and what is shared between threads may be.

#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

use exeat_jose::{
    Expectations, ImportPolicy, InvalidToken, Jwk, JwkSet, KeyId, PayloadBuf, VerifyingKey,
};
use proptest::prelude::*;

/// RFC 7517 A.1, shortened to its EC key, and the key of RFC 8037 A.2.
const SET: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"},
    {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA","kid":"2"}
]}"#;

fn import(json: &[u8]) -> Option<JwkSet> {
    JwkSet::import(json, &ImportPolicy::default()).ok()
}

#[test]
fn the_set_that_is_changed_below_is_good() {
    let set = import(SET.as_bytes());
    assert_eq!(set.map(|set| set.keys().len()), Some(2));
}

#[test]
fn what_verifiers_share_is_send_and_sync() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<VerifyingKey>();
    is_shared::<JwkSet>();
    is_shared::<Expectations>();
    is_shared::<PayloadBuf>();
    is_shared::<InvalidToken>();
    #[cfg(feature = "sign")]
    is_shared::<exeat_jose::SigningKey>();
}

proptest! {
    #[test]
    fn any_bytes_are_a_set_or_an_error(json in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Some(set) = import(&json) {
            prop_assert!(set.is_empty());
        }
    }

    #[test]
    fn a_changed_set_never_yields_a_third_key(
        place in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut json = SET.as_bytes().to_vec();
        let place = place.index(json.len());
        json[place] = byte;
        if let Some(set) = import(&json) {
            prop_assert!(set.keys().len() + set.refused().len() <= 2);
        }
    }

    #[test]
    fn any_members_are_a_key_or_a_refusal(members in "[{}\\[\\]\",:a-z0-9 ]{0,120}") {
        let _ = Jwk::from_json(&format!("{{\"kty\":\"EC\",{members}}}"));
    }

    #[test]
    fn a_key_id_is_what_it_was_made_of(text in any::<String>()) {
        if let Ok(kid) = KeyId::try_from(text.as_str()) {
            prop_assert_eq!(kid.as_str(), text);
        }
    }
}

#[cfg(feature = "sign")]
mod private_keys {
    use exeat_jose::{Algorithm, SigningKey};

    use super::*;

    /// RFC 8410 §10.3.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    proptest! {
        #[test]
        fn a_changed_private_key_is_a_key_or_an_error(
            place in any::<proptest::sample::Index>(),
            byte in 0_u8..128,
        ) {
            let mut pem = PEM.as_bytes().to_vec();
            let place = place.index(pem.len());
            pem[place] = byte;
            let pem = String::from_utf8_lossy(&pem);
            for alg in Algorithm::ALL {
                let found = SigningKey::from_pkcs8_pem(&pem, alg);
                prop_assert!(found.is_err() || alg == Algorithm::EdDsa);
            }
        }
    }
}
