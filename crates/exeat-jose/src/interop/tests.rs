use super::*;

#[test]
fn every_algorithm_of_ours_has_one_of_theirs_and_hmac_has_none() {
    for alg in Algorithm::ALL {
        let theirs = ::jsonwebtoken::Algorithm::from(alg);
        assert_eq!(format!("{theirs:?}"), alg.name());
        assert_eq!(Algorithm::try_from(theirs), Ok(alg));
    }
    for alg in [
        ::jsonwebtoken::Algorithm::HS256,
        ::jsonwebtoken::Algorithm::HS384,
        ::jsonwebtoken::Algorithm::HS512,
    ] {
        assert_eq!(Algorithm::try_from(alg), Err(UnsupportedAlgorithm(alg)));
    }
}

/// RFC 8037, appendix A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","use":"sig"}"#;

#[test]
fn a_key_of_theirs_comes_in_under_our_rules() {
    let theirs: jwk::Jwk = serde_json::from_str(ED25519).unwrap();
    assert_eq!(Jwk::try_from(&theirs), Jwk::from_json(ED25519));
    let encrypts: jwk::Jwk = serde_json::from_str(&ED25519.replace("sig", "enc")).unwrap();
    assert_eq!(Jwk::try_from(&encrypts), Err(KeyRefusal::Use));
    let secret: jwk::Jwk = serde_json::from_str(r#"{"kty":"oct","k":"AAAA","kid":"a"}"#).unwrap();
    assert_eq!(Jwk::try_from(&secret), Err(KeyRefusal::Symmetric));
    let short: jwk::Jwk = serde_json::from_str(&ED25519.replace("11qY", "")).unwrap();
    assert_eq!(Jwk::try_from(&short), Err(KeyRefusal::CoordinateLength));
}

#[test]
fn a_header_of_ours_says_the_same_as_theirs() {
    let token = format!(
        "{}.e30.AA",
        crate::base64url::encode(br#"{"alg":"ES256","kid":"k","typ":"application/at+jwt"}"#)
    );
    let jws = CompactJws::parse(&token)
        .unwrap()
        .decode_header(&Expectations::new("i", "a"))
        .unwrap();
    let header = Header::from(jws.untrusted_header());
    assert_eq!(header.alg, ::jsonwebtoken::Algorithm::ES256);
    assert_eq!(header.kid.as_deref(), Some("k"));
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
}

#[cfg(all(feature = "ring", feature = "sign"))]
mod provider {
    use ::jsonwebtoken::{
        EncodingKey,
        jwk::{EllipticCurve, ThumbprintHash},
    };

    use super::*;

    fn pkcs8(pem: &str) -> Vec<u8> {
        pem_rfc7468::decode_vec(pem.as_bytes()).unwrap().1
    }

    fn rsa() -> Vec<u8> {
        pkcs8(include_str!(
            "../../../../tests/vectors/jose/keys/rsa2048.pkcs8.txt"
        ))
    }

    fn p256() -> Vec<u8> {
        pkcs8(include_str!(
            "../../../../tests/vectors/jose/keys/p256.pkcs8.txt"
        ))
    }

    fn p384() -> Vec<u8> {
        pkcs8(include_str!(
            "../../../../tests/vectors/jose/keys/p384.pkcs8.txt"
        ))
    }

    fn ed25519() -> Vec<u8> {
        pkcs8(include_str!(
            "../../../../tests/vectors/jose/keys/ed25519.pkcs8.txt"
        ))
    }

    /// Both halves of a key, as jsonwebtoken holds them.
    fn pair(alg: ::jsonwebtoken::Algorithm) -> (EncodingKey, DecodingKey) {
        use ::jsonwebtoken::Algorithm as A;
        let utilities = &ring_provider().key_utils;
        match alg {
            A::HS256 | A::HS384 | A::HS512 => (
                EncodingKey::from_secret(b"secret"),
                DecodingKey::from_secret(b"secret"),
            ),
            A::ES256 | A::ES384 => {
                let der = if alg == A::ES256 { p256() } else { p384() };
                let (_, x, y) = (utilities.ec_pub_components_from_private_key)(&der, alg).unwrap();
                let point = [&[4], &x[..], &y[..]].concat();
                (
                    EncodingKey::from_ec_der(&der),
                    DecodingKey::from_ec_der(&point),
                )
            }
            A::EdDSA => {
                let der = ed25519();
                let x =
                    (utilities.ed_pub_components_from_private_key)(&der, &EllipticCurve::Ed25519)
                        .unwrap();
                (EncodingKey::from_ed_der(&der), DecodingKey::from_ed_der(&x))
            }
            _ => {
                let der = rsa();
                let (n, e) = (utilities.rsa_pub_components_from_private_key)(&der).unwrap();
                (
                    EncodingKey::from_rsa_der(&der),
                    DecodingKey::from_rsa_raw_components(&n, &e),
                )
            }
        }
    }

    const EVERY: [&str; 12] = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "EdDSA",
    ];

    #[test]
    fn what_the_provider_signs_it_verifies_and_nothing_else() {
        let provider = ring_provider();
        for name in EVERY {
            let alg = name.parse().unwrap();
            let (private, public) = pair(alg);
            let signer = (provider.signer_factory)(&alg, &private).unwrap();
            let verifier = (provider.verifier_factory)(&alg, &public).unwrap();
            assert_eq!((signer.algorithm(), verifier.algorithm()), (alg, alg));
            let signature = signer.try_sign(b"message").unwrap();
            assert!(verifier.verify(b"message", &signature).is_ok(), "{name}");
            assert!(verifier.verify(b"massage", &signature).is_err(), "{name}");
            assert!(
                verifier
                    .verify(b"message", &signature[1..].to_vec())
                    .is_err(),
                "{name}"
            );
            let (_, other) = pair(
                if name == "EdDSA" { "ES256" } else { "EdDSA" }
                    .parse()
                    .unwrap(),
            );
            assert!(
                (provider.verifier_factory)(&alg, &other).is_err(),
                "{name} with a key of another family"
            );
        }
    }

    #[test]
    fn the_provider_and_exeat_agree_on_a_signature() {
        let (key, pem) = crate::SigningKey::generate(Algorithm::Es256).unwrap();
        let ours = VerifyingKey::from_jwk(key.public_jwk().clone(), Algorithm::Rs256).unwrap();
        let token = key.sign(crate::Typ::Jwt, &serde_json::json!({})).unwrap();
        let (message, signature) = token.as_str().rsplit_once('.').unwrap();
        let alg = ::jsonwebtoken::Algorithm::ES256;
        let theirs = (ring_provider().verifier_factory)(&alg, &DecodingKey::from(&ours)).unwrap();
        let bytes = crate::base64url::decode(signature).unwrap();
        assert!(theirs.verify(message.as_bytes(), &bytes).is_ok());
        let private = EncodingKey::from_ec_der(&pkcs8(pem.expose()));
        let signer = (ring_provider().signer_factory)(&alg, &private).unwrap();
        let signature = crate::base64url::encode(&signer.try_sign(message.as_bytes()).unwrap());
        assert_eq!(ours.verify(message, &signature), Ok(()));
    }

    #[test]
    fn broken_keys_are_errors_and_no_panics() {
        let provider = ring_provider();
        for name in EVERY.iter().filter(|name| !name.starts_with('H')) {
            let alg: ::jsonwebtoken::Algorithm = name.parse().unwrap();
            let (private, public) = match alg.family() {
                ::jsonwebtoken::AlgorithmFamily::Rsa => (
                    EncodingKey::from_rsa_der(b"x"),
                    DecodingKey::from_rsa_der(b"x"),
                ),
                ::jsonwebtoken::AlgorithmFamily::Ec => (
                    EncodingKey::from_ec_der(b"x"),
                    DecodingKey::from_ec_der(b"x"),
                ),
                _ => (
                    EncodingKey::from_ed_der(b"x"),
                    DecodingKey::from_ed_der(b"x"),
                ),
            };
            assert!((provider.signer_factory)(&alg, &private).is_err(), "{name}");
            let verifier = (provider.verifier_factory)(&alg, &public).unwrap();
            assert!(verifier.verify(b"message", &vec![0; 64]).is_err(), "{name}");
        }
        let utilities = &provider.key_utils;
        assert!((utilities.rsa_pub_components_from_public_key)(b"x").is_err());
        assert!(
            (utilities.ed_pub_components_from_private_key)(&ed25519(), &EllipticCurve::P256)
                .is_err()
        );
        let digest = (utilities.compute_digest)(b"abc", ThumbprintHash::SHA256).unwrap();
        assert_eq!(digest, crate::backend::sha256(b"abc").unwrap());
    }
}
