use super::*;

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn ed25519(more: &str) -> Result<Jwk, KeyRefusal> {
    Jwk::from_json(&format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{more}}}"#
    ))
}

fn rsa(n: &[u8], e: &[u8]) -> Result<Jwk, KeyRefusal> {
    let (n, e) = (base64url::encode(n), base64url::encode(e));
    Jwk::from_json(&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#))
}

/// An odd modulus of exactly so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] = 0xff >> (n.len() * 8 - bits);
    n
}

#[test]
fn an_ed25519_key_of_rfc_8037_has_the_thumbprint_of_rfc_8037() {
    let jwk = ed25519("").unwrap();
    let thumbprint = jwk.thumbprint();
    assert_eq!(
        thumbprint.to_string(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    assert_eq!(thumbprint.to_key_id().as_str(), thumbprint.to_string());
    assert_eq!(
        base64url::encode(thumbprint.as_bytes()),
        thumbprint.to_string()
    );
    assert_eq!(jwk.key_id(), None);
    assert_eq!(jwk.algorithm(), None);
}

#[test]
fn the_thumbprint_does_not_depend_on_name_use_alg_or_strangers() {
    let plain = ed25519("").unwrap();
    let named = ed25519(r#","kid":"k","use":"sig","alg":"EdDSA","x5c":[1],"y":null"#).unwrap();
    assert_eq!(plain.thumbprint(), named.thumbprint());
    let renamed = named.with_key_id(KeyId::try_from("other").unwrap());
    assert_eq!(renamed.key_id().map(KeyId::as_str), Some("other"));
    assert_eq!(plain.thumbprint(), renamed.thumbprint());
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let mut keys = vec![
        ed25519("").unwrap(),
        ed25519(r#","kid":"k\"","use":"sig","alg":"Ed25519""#).unwrap(),
        rsa(&modulus(2048), &[1, 0, 1]).unwrap(),
    ];
    let (x, y) = (base64url::encode(&[1; 48]), base64url::encode(&[2; 48]));
    let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{x}","y":"{y}","alg":"ES384"}}"#);
    keys.push(Jwk::from_json(&p384).unwrap());
    for key in keys {
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(Jwk::from_json(&json), Ok(key), "{json}");
    }
}

#[test]
fn every_private_member_refuses_the_key() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in ["\"AA\"", "null", "[]"] {
            let found = ed25519(&format!(r#","{name}":{value}"#));
            assert_eq!(found, Err(KeyRefusal::Private), "{name} {value}");
        }
    }
    assert_eq!(ed25519(r#","\u0064":"AA""#), Err(KeyRefusal::Private));
}

#[test]
fn a_symmetric_key_is_refused_as_such() {
    let found = Jwk::from_json(r#"{"kty":"oct","k":"AA","alg":"HS256"}"#);
    assert_eq!(found, Err(KeyRefusal::Symmetric));
}

#[test]
fn use_must_be_sig_and_key_ops_must_hold_verify() {
    assert!(ed25519(r#","use":"sig""#).is_ok());
    assert_eq!(ed25519(r#","use":"enc""#), Err(KeyRefusal::Use));
    assert_eq!(ed25519(r#","use":"SIG""#), Err(KeyRefusal::Use));
    assert!(ed25519(r#","key_ops":["sign","verify"]"#).is_ok());
    assert_eq!(ed25519(r#","key_ops":["sign"]"#), Err(KeyRefusal::KeyOps));
    assert_eq!(ed25519(r#","key_ops":[]"#), Err(KeyRefusal::KeyOps));
}

#[test]
fn a_member_of_the_wrong_type_is_never_an_absent_one() {
    for more in [
        r#","kid":null"#,
        r#","kid":1"#,
        r#","kid":"""#,
        r#","kid":"two words""#,
        r#","use":null"#,
        r#","use":["sig"]"#,
        r#","alg":null"#,
        r#","alg":1"#,
        r#","key_ops":"verify""#,
        r#","key_ops":null"#,
        r#","key_ops":[1]"#,
    ] {
        let found = ed25519(more);
        assert!(
            matches!(found, Err(KeyRefusal::NotAJwk(_))),
            "{more}: {found:?}"
        );
    }
}

#[test]
fn a_member_that_is_there_twice_refuses_the_key() {
    for more in [r#","x":"AA""#, r#","\u0078":"AA""#, r#","z":1,"z":1"#] {
        let found = ed25519(more);
        assert!(
            matches!(found, Err(KeyRefusal::NotAJwk(_))),
            "{more}: {found:?}"
        );
    }
}

#[test]
fn an_rsa_modulus_has_2048_to_8192_bits() {
    for bits in [2048, 3072, 8191, 8192] {
        assert!(rsa(&modulus(bits), &[1, 0, 1]).is_ok(), "{bits}");
    }
    for bits in [512, 2040, 2047, 8193, 16_384] {
        let found = rsa(&modulus(bits), &[1, 0, 1]);
        assert_eq!(found, Err(KeyRefusal::RsaModulus { bits }), "{bits}");
    }
}

#[test]
fn an_rsa_exponent_is_odd_from_3_to_33_bits() {
    for e in [&[3][..], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(rsa(&modulus(2048), e).is_ok(), "{e:?}");
    }
    for e in [&[1][..], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]] {
        assert_eq!(
            rsa(&modulus(2048), e),
            Err(KeyRefusal::RsaExponent),
            "{e:?}"
        );
    }
}

#[test]
fn rsa_numbers_are_neither_padded_nor_even_nor_empty() {
    let padded = [&[0], &modulus(2048)[..]].concat();
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 2;
    for (n, e) in [
        (&padded[..], &[1, 0, 1][..]),
        (&modulus(2048), &[0, 1, 0, 1]),
        (&even, &[1, 0, 1]),
        (&[], &[1, 0, 1]),
        (&modulus(2048), &[]),
        (&modulus(2048), &[0]),
    ] {
        let found = rsa(n, e);
        assert!(matches!(found, Err(KeyRefusal::NotAJwk(_))), "{found:?}");
    }
}

#[test]
fn coordinates_have_exactly_the_length_of_the_curve() {
    for (crv, right) in [("P-256", 32), ("P-384", 48)] {
        for (x, y) in [
            (right - 1, right),
            (right, right - 1),
            (right + 1, right),
            (0, right),
        ] {
            let (x, y) = (
                base64url::encode(&vec![1; x]),
                base64url::encode(&vec![1; y]),
            );
            let json = format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#);
            assert_eq!(
                Jwk::from_json(&json),
                Err(KeyRefusal::CoordinateLength),
                "{json}"
            );
        }
    }
    for len in [31, 33] {
        let x = base64url::encode(&vec![1; len]);
        let json = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        assert_eq!(
            Jwk::from_json(&json),
            Err(KeyRefusal::CoordinateLength),
            "{len}"
        );
    }
}

#[test]
fn alg_fits_the_key_or_refuses_it() {
    for alg in ["EdDSA", "Ed25519"] {
        let jwk = ed25519(&format!(r#","alg":"{alg}""#)).unwrap();
        assert_eq!(jwk.algorithm(), Some(Algorithm::EdDsa));
    }
    for alg in ["ES256", "RS256", "ES384", "PS512"] {
        let found = ed25519(&format!(r#","alg":"{alg}""#));
        assert_eq!(found, Err(KeyRefusal::AlgMismatch), "{alg}");
    }
    for alg in ["RSA-OAEP", "HS256", "none", "ES512", "eddsa"] {
        let found = ed25519(&format!(r#","alg":"{alg}""#));
        assert_eq!(found, Err(KeyRefusal::Unsupported), "{alg}");
    }
}

#[test]
fn other_types_and_curves_are_unsupported() {
    for json in [
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
        r#"{"kty":"okp","crv":"Ed25519","x":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#,
        r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
    ] {
        assert_eq!(Jwk::from_json(json), Err(KeyRefusal::Unsupported), "{json}");
    }
}

#[test]
fn what_is_no_jwk_is_refused() {
    for json in [
        "",
        "[]",
        "null",
        "{",
        "{}",
        r#"{"kty":1}"#,
        r#"{"kty":"EC"}"#,
        r#"{"kty":"OKP","crv":"Ed25519"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"A=="}"#,
        r#"{"kty":"RSA","n":"AQ+B","e":"AQAB"}"#,
    ] {
        let found = Jwk::from_json(json);
        assert!(
            matches!(found, Err(KeyRefusal::NotAJwk(_))),
            "{json}: {found:?}"
        );
    }
}
