//! What a signing key signs, its public key verifies; what was changed on the way, it does not.

#![cfg(all(feature = "sign", any(feature = "aws-lc-rs", feature = "ring")))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use exeat_jose::{
    Algorithm, AlgorithmSet, Claims, CompactJws, Expectations, InvalidToken, JwkSet, NumericDate,
    PayloadBuf, SigningKey, Typ, Verified, VerifyingKey,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

const NOW: NumericDate = NumericDate::from_secs(1_800_000_000);

struct Pair {
    signing: SigningKey,
    keys: JwkSet,
}

/// One pair for each algorithm that the backend generates.
static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]
        .into_iter()
        .filter_map(|alg| SigningKey::generate(alg).ok())
        .map(|(signing, _)| {
            // As a stranger gets it: through JSON.
            let json = serde_json::json!({ "keys": [signing.public_jwk()] }).to_string();
            let keys = JwkSet::import(json.as_bytes(), &exeat_jose::ImportPolicy::default());
            Pair {
                signing,
                keys: keys.unwrap(),
            }
        })
        .collect()
});

#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    aud: &'a str,
    exp: NumericDate,
    #[serde(flatten)]
    custom: &'a Custom,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Custom {
    name: String,
    scopes: Vec<String>,
    level: i64,
}

fn expectations() -> Expectations {
    let all: AlgorithmSet = Algorithm::ALL.into_iter().collect();
    Expectations::new("https://market.example.com", "points").with_algorithms(all)
}

fn sign(pair: &Pair, custom: &Custom) -> String {
    let wire = Wire {
        iss: "https://market.example.com",
        aud: "points",
        exp: NumericDate::from_secs(NOW.as_secs() + 300),
        custom,
    };
    pair.signing.sign(Typ::Jwt, &wire).unwrap().into_string()
}

fn verify(pair: &Pair, token: &str) -> Result<Verified<'static, Custom>, InvalidToken> {
    let expectations = expectations();
    let jws = CompactJws::parse(token)?.decode_header(&expectations)?;
    let header = jws.untrusted_header();
    let key = pair.keys.select(header.key_id(), header.algorithm()).next();
    let key: &VerifyingKey = key.ok_or(InvalidToken::BadSignature)?;
    let mut buffer = PayloadBuf::new();
    let claims: Claims<'_, Custom> = jws.verify(key, &mut buffer)?.decode()?;
    expectations.check(claims, NOW).map(Verified::into_owned)
}

fn sample() -> Custom {
    Custom {
        name: "Zoë \"Q\" \\".to_owned(),
        scopes: vec!["points:read".to_owned()],
        level: -3,
    }
}

#[test]
fn every_generated_kind_of_key_signs_what_its_public_half_verifies() {
    let kinds = if cfg!(feature = "aws-lc-rs") { 3 } else { 2 };
    assert_eq!(PAIRS.len(), kinds);
    for pair in PAIRS.iter() {
        let verified = verify(pair, &sign(pair, &sample())).unwrap();
        assert_eq!(verified.custom, sample());
    }
}

#[test]
fn any_flipped_bit_of_a_token_refuses_it() {
    for pair in PAIRS.iter() {
        let token = sign(pair, &sample());
        for place in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(verify(pair, &changed).is_err(), "{place} {bit}");
            }
        }
    }
}

#[test]
fn a_token_cut_anywhere_is_refused() {
    let pair = &PAIRS[0];
    let token = sign(pair, &sample());
    for len in 0..token.len() {
        assert!(verify(pair, &token[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_token_of_another_key_of_the_same_kind_is_refused() {
    let (other, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let ours = &PAIRS[0];
    let forged = sign(
        &Pair {
            signing: other,
            keys: JwkSet::from_keys([]),
        },
        &sample(),
    );
    let (_, forged) = forged.split_once('.').unwrap();
    let token = sign(ours, &sample());
    let (header, _) = token.split_once('.').unwrap();
    let found = verify(ours, &format!("{header}.{forged}"));
    assert_eq!(found.err(), Some(InvalidToken::BadSignature));
}

#[test]
fn one_buffer_serves_many_tokens() {
    let expectations = expectations();
    let mut buffer = PayloadBuf::new();
    for pair in PAIRS.iter().chain(PAIRS.iter()) {
        let token = sign(pair, &sample());
        let jws = CompactJws::parse(&token).unwrap();
        let jws = jws.decode_header(&expectations).unwrap();
        let payload = jws.verify(&pair.keys.keys()[0], &mut buffer).unwrap();
        assert_eq!(payload.decode::<Custom>().unwrap().custom, sample());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_signed_comes_out_the_same(
        name in any::<String>(),
        scopes in proptest::collection::vec("[ -~]{0,20}", 0..5),
        level in any::<i64>(),
    ) {
        let custom = Custom { name, scopes, level };
        for pair in PAIRS.iter().take(2) {
            let token = sign(pair, &custom);
            prop_assert_eq!(&verify(pair, &token).unwrap().custom, &custom);
        }
    }

    #[test]
    fn any_other_byte_at_any_place_refuses(place in any::<proptest::sample::Index>(), byte in 0_u8..128) {
        for pair in PAIRS.iter() {
            let mut token = sign(pair, &sample()).into_bytes();
            let place = place.index(token.len());
            prop_assume!(token[place] != byte);
            token[place] = byte;
            let token = String::from_utf8(token).unwrap();
            prop_assert!(verify(pair, &token).is_err());
        }
    }
}
