use serde_json::json;

use super::*;

/// RFC 8410 §10.3: an Ed25519 key in PKCS#8 v1.
const ED25519_V1: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

const GENERATED: [Algorithm; 2] = [Algorithm::Es256, Algorithm::EdDsa];

fn header(token: &SignedToken) -> serde_json::Value {
    let (header, _) = token.as_str().split_once('.').unwrap();
    serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap()
}

#[test]
fn the_header_is_alg_kid_and_typ_alone() {
    for alg in GENERATED {
        let (key, _) = SigningKey::generate(alg).unwrap();
        for typ in [Typ::Jwt, Typ::AccessToken] {
            let token = key.sign(typ, &json!({ "a": 1 })).unwrap();
            let kid = key.key_id().as_str();
            let expected = json!({ "alg": alg.name(), "kid": kid, "typ": typ.name() });
            assert_eq!(header(&token), expected);
        }
    }
}

#[test]
fn a_key_under_another_name_signs_and_is_published_under_it() {
    for name in ["2026-11", r#"a"b\c"#, &"x".repeat(KeyId::MAX_LEN)] {
        let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
        let thumbprint = key.public_jwk().thumbprint();
        let key = key.with_key_id(KeyId::try_from(name).unwrap());
        let token = key.sign(Typ::Jwt, &json!({})).unwrap();
        assert_eq!(header(&token)["kid"], name);
        assert_eq!(serde_json::to_value(key.public_jwk()).unwrap()["kid"], name);
        assert_eq!(key.key_id().as_str(), name);
        assert_eq!(key.public_jwk().thumbprint(), thumbprint, "the key itself");
    }
}

#[test]
fn the_payload_is_the_claims_as_serialised() {
    let (key, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = key
        .sign(Typ::Jwt, &json!({ "name": "Zoë", "exp": 7 }))
        .unwrap();
    let payload = token.as_str().split('.').nth(1).unwrap();
    let payload = base64url::decode(payload).unwrap();
    assert_eq!(payload, r#"{"exp":7,"name":"Zoë"}"#.as_bytes());
}

#[test]
fn claims_that_are_no_object_are_not_signed() {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    for claims in [json!(null), json!([1]), json!("{}"), json!(1)] {
        let found = key.sign(Typ::Jwt, &claims);
        assert!(matches!(found, Err(SignError::Claims(_))), "{claims}");
    }
    assert!(key.sign(Typ::Jwt, &json!({})).is_ok());
}

#[test]
fn a_generated_key_is_read_back_from_its_pem_the_same() {
    for alg in GENERATED {
        let (key, pem) = SigningKey::generate(alg).unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let again = SigningKey::from_pkcs8_pem(pem.expose(), alg).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(again.algorithm(), alg);
    }
}

#[test]
fn the_public_jwk_has_kid_alg_and_use_and_nothing_private() {
    for alg in GENERATED {
        let (key, _) = SigningKey::generate(alg).unwrap();
        let jwk = serde_json::to_value(key.public_jwk()).unwrap();
        assert_eq!(jwk["kid"], key.key_id().as_str());
        assert_eq!(jwk["kid"], key.public_jwk().thumbprint().to_string());
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["alg"], alg.name());
        assert!(jwk.get("d").is_none());
        assert_eq!(
            Jwk::from_json(&jwk.to_string()).as_ref(),
            Ok(key.public_jwk())
        );
    }
}

#[test]
fn a_version_1_ed25519_key_of_rfc_8410_is_read() {
    let key = SigningKey::from_pkcs8_pem(ED25519_V1, Algorithm::EdDsa).unwrap();
    // The public key of RFC 8410 §10.1.
    let jwk = serde_json::to_value(key.public_jwk()).unwrap();
    assert_eq!(jwk["x"], "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn rsa_keys_of_2048_and_3072_bits_are_generated_and_read_back() {
    for bits in [2048, 3072] {
        let (key, pem) = SigningKey::generate_rsa(bits).unwrap();
        let again = SigningKey::from_pkcs8_pem(pem.expose(), Algorithm::Rs256).unwrap();
        assert_eq!(again.key_id(), key.key_id());
        let jwk = serde_json::to_value(key.public_jwk()).unwrap();
        let n = base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
        assert_eq!(n.len() * 8, bits);
    }
}

#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn ring_generates_no_rsa_keys() {
    let alg = Algorithm::Rs256;
    let unsupported = KeyError::GenerationUnsupported { alg };
    assert_eq!(SigningKey::generate(alg).unwrap_err(), unsupported);
    assert_eq!(SigningKey::generate_rsa(3072).unwrap_err(), unsupported);
}

#[test]
fn other_algorithms_and_sizes_are_not_generated() {
    for alg in [Algorithm::Rs384, Algorithm::Ps256, Algorithm::Es384] {
        let unsupported = KeyError::GenerationUnsupported { alg };
        assert_eq!(SigningKey::generate(alg).unwrap_err(), unsupported);
    }
    for bits in [0, 1024, 2047, 4096] {
        let alg = Algorithm::Rs256;
        let unsupported = KeyError::GenerationUnsupported { alg };
        assert_eq!(SigningKey::generate_rsa(bits).unwrap_err(), unsupported);
    }
}

#[test]
fn what_is_no_pem_is_refused_before_it_is_parsed() {
    let mut tail = ED25519_V1.replace("PRIVATE KEY", "PUBLIC KEY");
    for pem in ["", "x", "-----BEGIN PRIVATE KEY-----\n", &tail] {
        let found = SigningKey::from_pkcs8_pem(pem, Algorithm::EdDsa);
        assert_eq!(found.unwrap_err(), KeyError::NotPem, "{pem:?}");
    }
    tail = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        "MAA="
    );
    let found = SigningKey::from_pkcs8_pem(&tail, Algorithm::EdDsa);
    assert_eq!(found.unwrap_err(), KeyError::NotPem);
}

#[test]
fn a_pem_of_16_kib_is_looked_at_and_one_byte_more_is_not() {
    let padded = |len: usize| format!("{}{ED25519_V1}", "\n".repeat(len - ED25519_V1.len()));
    let at_limit = padded(SigningKey::MAX_PEM_LEN);
    assert!(SigningKey::from_pkcs8_pem(&at_limit, Algorithm::EdDsa).is_ok());
    let past_limit = padded(SigningKey::MAX_PEM_LEN + 1);
    let found = SigningKey::from_pkcs8_pem(&past_limit, Algorithm::EdDsa);
    assert_eq!(found.unwrap_err(), KeyError::NotPem);
}

#[test]
fn a_damaged_key_is_refused() {
    let (_, pem) = SigningKey::generate(Algorithm::Es256).unwrap();
    let (_, pkcs8) = pem_rfc7468::decode_vec(pem.expose().as_bytes()).unwrap();
    let mut zeroed = pkcs8.clone();
    // Keep the algorithm, wipe the numbers.
    zeroed[36..].fill(0);
    let pem = pem_rfc7468::encode_string(PEM_LABEL, LineEnding::LF, &zeroed).unwrap();
    let found = SigningKey::from_pkcs8_pem(&pem, Algorithm::Es256);
    assert_eq!(found.unwrap_err(), KeyError::Refused);
}

#[test]
fn debug_shows_no_secret() {
    let (key, pem) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = key.sign(Typ::Jwt, &json!({ "sub": "s" })).unwrap();
    assert_eq!(format!("{pem:?}"), "PrivateKeyPem(..)");
    assert_eq!(format!("{token:?}"), "SignedToken(..)");
    let shown = format!("{key:?}");
    assert!(shown.starts_with("SigningKey { kid: KeyId("), "{shown}");
    assert!(shown.ends_with("alg: EdDsa, .. }"), "{shown}");
}
