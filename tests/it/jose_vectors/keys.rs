//! Key sets, thumbprints and private keys of the JOSE vectors.

use std::collections::BTreeSet;

use anyhow::Context as _;
use exeat_jose::{
    Algorithm, Expectations, ImportPolicy, Jwk, JwkSet, JwkSetError, NumericDate, SigningKey, Typ,
    VerifyingKey,
};
use harness::vectors;
use serde::Deserialize;
use serde_json::Value;

use super::verify;

#[derive(Deserialize)]
struct SetVectors {
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
    error: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Kept {
    kid: Option<String>,
    algorithm: String,
    thumbprint: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Refused {
    position: usize,
    reason: String,
}

/// Runs one class of `jwks.json`.
fn import_all(class: &str, count: usize) -> anyhow::Result<()> {
    let vectors: SetVectors = vectors::read("jose/jwks.json")?;
    let cases: Vec<_> = vectors
        .cases
        .iter()
        .filter(|case| case.class == class)
        .collect();
    assert_eq!(cases.len(), count, "{class} has lost or gained cases");
    let mut wrong = Vec::new();
    for case in cases {
        let outcome = outcome_of(JwkSet::import(
            case.json.as_bytes(),
            &ImportPolicy::default(),
        ));
        let wanted = match &case.error {
            Some(error) => Err(error.as_str()),
            None => Ok((&case.kept, &case.refused)),
        };
        let found = outcome
            .as_ref()
            .map(|(kept, refused)| (kept, refused))
            .map_err(|error| *error);
        if found != wanted {
            wrong.push(format!(
                "{}:\n  found {found:?}\n  not {wanted:?}",
                case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{class}:\n{}", wrong.join("\n"));
    Ok(())
}

fn outcome_of(
    import: Result<JwkSet, JwkSetError>,
) -> Result<(Vec<Kept>, Vec<Refused>), &'static str> {
    let set = import.map_err(|error| match error {
        JwkSetError::TooManyKeys { .. } => "too_many_keys",
        _ => "not_a_set",
    })?;
    let kept = set.keys().iter().map(|key| Kept {
        kid: key.key_id().map(ToString::to_string),
        algorithm: key.algorithm().name().to_owned(),
        thumbprint: key.thumbprint().to_string(),
    });
    let refused = set.refused().iter().map(|key| Refused {
        position: key.position,
        reason: key.why.reason().to_owned(),
    });
    Ok((kept.collect(), refused.collect()))
}

macro_rules! set_classes {
    ($($test:ident: $class:literal, $count:literal;)*) => {
        const SET_CLASSES: &[&str] = &[$($class),*];
        $(
            #[test]
            fn $test() -> anyhow::Result<()> {
                import_all($class, $count)
            }
        )*
    };
}

set_classes! {
    a_symmetric_key_is_dropped_alone: "symmetric", 3;
    a_private_key_is_dropped_alone: "private", 5;
    a_key_for_another_use_is_dropped_alone: "use", 4;
    a_key_that_may_not_verify_is_dropped_alone: "key_ops", 4;
    an_rsa_modulus_too_short_or_too_long_is_dropped_alone: "rsa_modulus", 5;
    an_rsa_exponent_even_or_below_three_is_dropped_alone: "rsa_exponent", 3;
    a_coordinate_of_the_wrong_length_is_dropped_alone: "coordinate_length", 7;
    a_point_off_the_curve_is_dropped_alone: "not_on_curve", 3;
    an_alg_that_does_not_fit_is_dropped_alone: "alg_mismatch", 6;
    an_unsupported_key_is_dropped_alone: "unsupported", 10;
    what_is_no_jwk_is_dropped_alone: "not_a_jwk", 29;
    good_keys_are_kept_with_their_algorithm_and_thumbprint: "accepted", 17;
    a_set_at_the_limit_is_imported: "set", 3;
    what_is_no_set_is_refused_as_a_whole: "set refused", 11;
}

#[test]
fn every_set_class_has_a_test() -> anyhow::Result<()> {
    let vectors: SetVectors = vectors::read("jose/jwks.json")?;
    let classes: BTreeSet<_> = vectors
        .cases
        .iter()
        .map(|case| case.class.as_str())
        .collect();
    assert_eq!(classes, SET_CLASSES.iter().copied().collect());
    Ok(())
}

#[derive(Deserialize)]
struct ThumbprintVectors {
    cases: Vec<ThumbprintCase>,
}

#[derive(Deserialize)]
struct ThumbprintCase {
    name: String,
    jwk: Value,
    thumbprint: String,
    key: Option<String>,
}

#[test]
fn thumbprints_are_those_of_node_jose_and_of_rfc_7638() -> anyhow::Result<()> {
    let vectors: ThumbprintVectors = vectors::read("jose/thumbprints.json")?;
    assert_eq!(
        vectors.cases.len(),
        13,
        "thumbprints.json has lost or gained cases"
    );
    for case in &vectors.cases {
        let jwk = Jwk::from_json(&case.jwk.to_string()).with_context(|| case.name.clone())?;
        assert_eq!(
            jwk.thumbprint().to_string(),
            case.thumbprint,
            "{}",
            case.name
        );
    }
    Ok(())
}

#[test]
fn keys_made_by_openssl_sign_under_their_thumbprint_what_their_public_half_verifies()
-> anyhow::Result<()> {
    let vectors: ThumbprintVectors = vectors::read("jose/thumbprints.json")?;
    let algorithm_for = [
        ("rsa2048", Algorithm::Rs256),
        ("rsa3072", Algorithm::Rs256),
        ("p256", Algorithm::Es256),
        ("ed25519", Algorithm::EdDsa),
    ];
    for (name, algorithm) in algorithm_for {
        let case = vectors
            .cases
            .iter()
            .find(|case| case.key.as_deref() == Some(name))
            .context("no thumbprint for this key")?;
        let key = SigningKey::from_pkcs8_pem(&private_pem(name)?, algorithm)
            .with_context(|| name.to_owned())?;
        assert_eq!(key.key_id().as_str(), case.thumbprint, "kid of {name}");

        let token = key.sign(
            Typ::Jwt,
            &serde_json::json!({"iss": "i", "aud": "a", "exp": 200, "tenant": "acme"}),
        )?;
        let published = serde_json::to_string(key.public_jwk())?;
        let verifying = VerifyingKey::from_jwk(Jwk::from_json(&published)?, Algorithm::Rs256)?;
        let expectations =
            Expectations::new("i", "a").with_algorithms([algorithm].into_iter().collect());
        let verified = verify(
            token.as_str(),
            &verifying,
            &expectations,
            NumericDate::from_secs(100),
        )
        .with_context(|| name.to_owned())?;
        assert_eq!(verified.custom.get("tenant"), Some(&Value::from("acme")));
    }
    Ok(())
}

#[test]
fn private_keys_of_another_kind_or_container_are_refused() -> anyhow::Result<()> {
    let refused = [
        ("p256.pkcs8.txt", Algorithm::Rs256),
        ("rsa2048.pkcs8.txt", Algorithm::Es256),
        ("ed25519.pkcs8.txt", Algorithm::Es256),
        ("p384.pkcs8.txt", Algorithm::Es256),
        ("secp256k1.pkcs8.txt", Algorithm::Es256),
        ("rsa1024.pkcs8.txt", Algorithm::Rs256),
        ("p256.sec1.txt", Algorithm::Es256),
        ("rsa2048.pkcs1.txt", Algorithm::Rs256),
    ];
    for (file, algorithm) in refused {
        let pem = std::fs::read_to_string(vectors::folder().join("jose/keys").join(file))?;
        assert!(
            SigningKey::from_pkcs8_pem(&pem, algorithm).is_err(),
            "{file} was taken for {algorithm:?}"
        );
    }
    Ok(())
}

fn private_pem(name: &str) -> anyhow::Result<String> {
    let file = vectors::folder().join(format!("jose/keys/{name}.pkcs8.txt"));
    std::fs::read_to_string(&file).with_context(|| format!("{} can not be read", file.display()))
}
