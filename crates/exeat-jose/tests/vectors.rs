//! Tokens, key sets and thumbprints made by other implementations (`tests/vectors/jose`), under whichever backend is built.

#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use exeat_jose::{
    Algorithm, AlgorithmSet, Claims, CompactJws, Expectations, ImportPolicy, InvalidToken, Jwk,
    JwkSet, NumericDate, PayloadBuf, TypPolicy, Verified, VerifyingKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

type Custom = Map<String, Value>;

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/jose");
    let json = fs::read_to_string(directory.join(name)).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[derive(Deserialize)]
struct Tokens {
    now: u64,
    expect: Map<String, Value>,
    cases: Vec<TokenCase>,
}

#[derive(Deserialize)]
struct TokenCase {
    name: String,
    class: String,
    jwk: Value,
    token: String,
    #[serde(default)]
    expect: Map<String, Value>,
    claims: Option<Map<String, Value>>,
    reason: Option<Value>,
}

fn expectations(defaults: &Map<String, Value>, own: &Map<String, Value>) -> Expectations {
    let mut all = defaults.clone();
    all.extend(own.clone());
    let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
    let strings = |name: &str| -> Vec<String> {
        let array = all.get(name).and_then(Value::as_array);
        let array = array.into_iter().flatten();
        array
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    let issuer = text("issuer").unwrap();
    let optional = all
        .get("optional_issuer_and_audience")
        .and_then(Value::as_bool);
    let mut expectations = if optional == Some(true) {
        Expectations::dangerously_with_optional_issuer_and_audience(issuer, text("audience"))
    } else {
        Expectations::new(issuer, text("audience").unwrap())
    };
    let algorithms: AlgorithmSet = strings("algorithms")
        .iter()
        .map(|name| Algorithm::from_name(name).unwrap())
        .collect();
    expectations =
        expectations
            .with_algorithms(algorithms)
            .with_typ(match text("typ").as_deref() {
                Some("jwt_or_access_token") => TypPolicy::JwtOrAccessToken,
                Some("access_token") => TypPolicy::AccessToken,
                other => panic!("typ policy {other:?}"),
            });
    let seconds = |name: &str| {
        all.get(name)
            .and_then(Value::as_u64)
            .map(Duration::from_secs)
    };
    expectations = expectations.with_leeway(seconds("leeway").unwrap());
    if let Some(max) = seconds("max_lifetime") {
        expectations = expectations.with_max_lifetime(max);
    }
    for name in strings("required_claims") {
        expectations = expectations.with_required_claims(&[name.leak()]);
    }
    expectations
}

fn verify(
    token: &str,
    key: &VerifyingKey,
    expectations: &Expectations,
    now: u64,
) -> Result<Verified<'static, Custom>, InvalidToken> {
    let jws = CompactJws::parse(token)?.decode_header(expectations)?;
    let mut buffer = PayloadBuf::new();
    let claims: Claims<'_, Custom> = jws.verify(key, &mut buffer)?.decode()?;
    expectations
        .check(claims, NumericDate::from_secs(now))
        .map(Verified::into_owned)
}

fn key(jwk: &Value) -> VerifyingKey {
    let jwk = Jwk::from_json(&jwk.to_string()).unwrap();
    VerifyingKey::from_jwk(jwk, Algorithm::Rs256).unwrap()
}

fn every_token_is_accepted(file: &str, count: usize) {
    let tokens: Tokens = read(file);
    let mut failures = Vec::new();
    for case in &tokens.cases {
        let expectations = expectations(&tokens.expect, &case.expect);
        match verify(&case.token, &key(&case.jwk), &expectations, tokens.now) {
            Err(error) => failures.push(format!("{} / {}: {error}", case.class, case.name)),
            Ok(verified) => {
                if let Some(expected) = &case.claims {
                    compare(&verified, expected, &case.name);
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(tokens.cases.len(), count);
}

fn compare(verified: &Verified<'_, Custom>, expected: &Map<String, Value>, name: &str) {
    let text = |claim: &str| expected.get(claim).and_then(Value::as_str);
    assert_eq!(verified.issuer.as_deref(), text("iss"), "{name}");
    assert_eq!(verified.subject.as_deref(), text("sub"), "{name}");
    assert_eq!(verified.jwt_id.as_deref(), text("jti"), "{name}");
    let audience = verified
        .audience
        .as_ref()
        .map(|audience| audience.iter().collect::<Vec<_>>());
    let expected_audience = expected.get("aud").map(|aud| match aud {
        Value::Array(all) => all.iter().map(|aud| aud.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    });
    assert_eq!(audience, expected_audience, "{name}");
    let registered = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
    let custom: Custom = expected
        .iter()
        .filter(|(claim, _)| !registered.contains(&claim.as_str()))
        .map(|(claim, value)| (claim.clone(), value.clone()))
        .collect();
    assert_eq!(verified.custom, custom, "{name}");
}

#[test]
fn tokens_of_node_jose_are_accepted_and_read() {
    every_token_is_accepted("valid.json", 46);
}

#[test]
fn tokens_of_python_libraries_are_accepted_and_read() {
    every_token_is_accepted("valid_python.json", 28);
}

#[test]
fn every_bad_token_is_refused_for_exactly_its_reason() {
    let tokens: Tokens = read("refused.json");
    let mut failures = Vec::new();
    for case in &tokens.cases {
        let expectations = expectations(&tokens.expect, &case.expect);
        let found = verify(&case.token, &key(&case.jwk), &expectations, tokens.now)
            .map_or_else(|error| error.reason(), |_| "accepted");
        let fits = match case.reason.as_ref().unwrap() {
            Value::Array(reasons) => reasons.iter().any(|reason| reason == found),
            reason => reason == found,
        };
        if !fits {
            let expected = case.reason.as_ref().unwrap();
            failures.push(format!(
                "{} / {}: {found} and not {expected}",
                case.class, case.name
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_counts(tokens.cases.iter().map(|case| &*case.class), &REFUSED);
}

/// Classes of `refused.json` and how many cases each has: a vector that is lost is noticed.
const REFUSED: [(&str, usize); 28] = [
    ("HMAC with the public key as secret", 9),
    ("alg none", 10),
    ("alg not in the list", 6),
    ("alg of the header is not the key's", 7),
    ("alg unknown", 9),
    ("aud", 9),
    ("b64", 3),
    ("base64url", 10),
    ("claim of the wrong type", 39),
    ("crit", 7),
    ("crit of the wrong shape", 4),
    ("duplicate claims", 8),
    ("duplicate header members", 7),
    ("expired", 5),
    ("header", 15),
    ("header members", 3),
    ("header size", 3),
    ("iat", 3),
    ("iss", 7),
    ("lifetime", 3),
    ("missing claim", 6),
    ("nbf", 3),
    ("payload", 10),
    ("shape", 12),
    ("signature", 16),
    ("size", 3),
    ("typ", 10),
    ("zip and enc", 3),
];

/// Classes of `jwks.json` and how many sets each has.
const SETS: [(&str, usize); 14] = [
    ("accepted", 17),
    ("alg_mismatch", 6),
    ("coordinate_length", 7),
    ("key_ops", 4),
    ("not_a_jwk", 29),
    ("not_on_curve", 3),
    ("private", 5),
    ("rsa_exponent", 3),
    ("rsa_modulus", 5),
    ("set", 3),
    ("set refused", 11),
    ("symmetric", 3),
    ("unsupported", 10),
    ("use", 4),
];

fn assert_counts<'a>(classes: impl Iterator<Item = &'a str>, expected: &[(&str, usize)]) {
    let mut counts = BTreeMap::new();
    for class in classes {
        *counts.entry(class).or_insert(0) += 1;
    }
    assert_eq!(counts, expected.iter().copied().collect());
}

#[derive(Deserialize)]
struct Sets {
    cases: Vec<SetCase>,
}

#[derive(Deserialize)]
struct SetCase {
    name: String,
    class: String,
    json: String,
    #[serde(default)]
    kept: Vec<Kept>,
    #[serde(default)]
    refused: Vec<Refused>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Kept {
    kid: Option<String>,
    algorithm: String,
    thumbprint: String,
}

#[derive(Deserialize)]
struct Refused {
    position: usize,
    reason: Value,
}

#[test]
fn of_every_set_the_same_keys_are_kept_and_refused() {
    let sets: Sets = read("jwks.json");
    let mut failures = Vec::new();
    for case in &sets.cases {
        let set = JwkSet::import(case.json.as_bytes(), &ImportPolicy::default());
        let Ok(set) = set else {
            if case.error.is_none() {
                failures.push(format!("{}: {}", case.name, set.unwrap_err()));
            }
            continue;
        };
        let only_at_verification = cfg!(not(feature = "aws-lc-rs"))
            && case.refused.iter().any(|r| r.reason == "not_on_curve");
        let kept: Vec<_> = set
            .keys()
            .iter()
            .map(|key| {
                let kid = key.key_id().map(ToString::to_string);
                (
                    kid,
                    key.algorithm().name().to_owned(),
                    key.thumbprint().to_string(),
                )
            })
            .collect();
        let expected: Vec<_> = case
            .kept
            .iter()
            .map(|key| {
                (
                    key.kid.clone(),
                    key.algorithm.clone(),
                    key.thumbprint.clone(),
                )
            })
            .collect();
        let refused_as_expected = set.refused().len() == case.refused.len()
            && set
                .refused()
                .iter()
                .zip(&case.refused)
                .all(|(found, expected)| {
                    let reason = found.why.reason();
                    found.position == expected.position
                        && match &expected.reason {
                            Value::Array(reasons) => {
                                reasons.iter().any(|expected| expected == reason)
                            }
                            expected => expected == reason,
                        }
                });
        let fits = case.error.is_none() && kept == expected && refused_as_expected;
        if !fits && !only_at_verification {
            failures.push(format!("{}: {:?}", case.name, set.refused()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_counts(sets.cases.iter().map(|case| &*case.class), &SETS);
}

#[derive(Deserialize)]
struct Thumbprints {
    cases: Vec<ThumbprintCase>,
}

#[derive(Deserialize)]
struct ThumbprintCase {
    name: String,
    jwk: Value,
    thumbprint: String,
    #[cfg_attr(not(feature = "sign"), expect(dead_code, reason = "a private key"))]
    key: Option<String>,
}

#[test]
fn thumbprints_are_those_of_rfc_7638_and_of_node_jose() {
    let thumbprints: Thumbprints = read("thumbprints.json");
    for case in &thumbprints.cases {
        let jwk = Jwk::from_json(&case.jwk.to_string()).unwrap();
        assert_eq!(
            jwk.thumbprint().to_string(),
            case.thumbprint,
            "{}",
            case.name
        );
    }
    assert!(thumbprints.cases.len() >= 10);
}

#[cfg(feature = "sign")]
mod private_keys {
    use exeat_jose::{KeyError, SigningKey};

    use super::*;

    fn pem(name: &str) -> String {
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/jose/keys");
        fs::read_to_string(keys.join(name)).unwrap()
    }

    #[test]
    fn keys_made_by_openssl_are_read_and_named_by_their_thumbprint() {
        let thumbprints: Thumbprints = read("thumbprints.json");
        let mut read = 0;
        for case in &thumbprints.cases {
            let Some(name) = &case.key else { continue };
            let alg = match name.as_str() {
                // ring asks for an exponent of at least 65537 when signing.
                "rsa2048-e3" if cfg!(not(feature = "aws-lc-rs")) => continue,
                name if name.starts_with("rsa") => Algorithm::Rs256,
                "p256" => Algorithm::Es256,
                "ed25519" => Algorithm::EdDsa,
                _ => continue,
            };
            let key = SigningKey::from_pkcs8_pem(&pem(&format!("{name}.pkcs8.txt")), alg).unwrap();
            assert_eq!(key.key_id().as_str(), case.thumbprint, "{name}");
            read += 1;
        }
        assert!(read >= 4, "{read} keys");
    }

    #[test]
    fn a_key_of_another_type_or_curve_is_the_wrong_algorithm() {
        for name in [
            "p384",
            "p521",
            "secp256k1",
            "ed25519",
            "ed448",
            "x25519",
            "rsa2048",
        ] {
            let found =
                SigningKey::from_pkcs8_pem(&pem(&format!("{name}.pkcs8.txt")), Algorithm::Es256);
            let alg = Algorithm::Es256;
            assert_eq!(
                found.err(),
                Some(KeyError::WrongAlgorithm { alg }),
                "{name}"
            );
        }
        for (name, alg) in [
            ("p256", Algorithm::Rs256),
            ("p256", Algorithm::EdDsa),
            ("x25519", Algorithm::EdDsa),
            ("ed448", Algorithm::EdDsa),
            ("p384", Algorithm::Es384),
            ("rsa2048", Algorithm::Ps256),
        ] {
            let found = SigningKey::from_pkcs8_pem(&pem(&format!("{name}.pkcs8.txt")), alg);
            assert_eq!(
                found.err(),
                Some(KeyError::WrongAlgorithm { alg }),
                "{name}"
            );
        }
    }

    #[test]
    fn an_rsa_key_under_2048_bits_is_refused() {
        let found = SigningKey::from_pkcs8_pem(&pem("rsa1024.pkcs8.txt"), Algorithm::Rs256);
        assert_eq!(found.err(), Some(KeyError::Refused));
    }

    #[test]
    fn older_private_key_forms_are_not_read() {
        for (name, alg) in [
            ("rsa2048.pkcs1.txt", Algorithm::Rs256),
            ("p256.sec1.txt", Algorithm::Es256),
        ] {
            let found = SigningKey::from_pkcs8_pem(&pem(name), alg);
            assert_eq!(found.err(), Some(KeyError::NotPem), "{name}");
        }
    }
}
