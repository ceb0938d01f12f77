use super::*;
use crate::{AlgorithmSet, CompactJws, Expectations, PayloadBuf};

/// RFC 7515 A.2.
const RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// RFC 7515 A.3.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 8037 A.2 and A.4.
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

const JOE: &str =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

fn key(json: &str) -> VerifyingKey {
    VerifyingKey::from_jwk(Jwk::from_json(json).unwrap(), Algorithm::Rs256).unwrap()
}

fn verify(token: &str, key: &VerifyingKey) -> Result<String, InvalidToken> {
    let all = Algorithm::ALL.into_iter().collect::<AlgorithmSet>();
    let expectations = Expectations::new("i", "a").with_algorithms(all);
    let jws = CompactJws::parse(token)?.decode_header(&expectations)?;
    let mut buffer = PayloadBuf::new();
    let payload = jws.verify(key, &mut buffer)?;
    Ok(String::from_utf8(payload.as_bytes().to_vec()).unwrap())
}

#[test]
fn the_examples_of_rfc_7515_and_rfc_8037_hold() {
    assert_eq!(verify(RS256, &key(RSA)).unwrap(), JOE);
    assert_eq!(verify(ES256, &key(P256)).unwrap(), JOE);
    assert_eq!(
        verify(EDDSA, &key(ED25519)).unwrap(),
        "Example of Ed25519 signing"
    );
}

#[test]
fn another_character_anywhere_in_the_payload_or_signature_refuses() {
    for (token, jwk) in [(ES256, P256), (EDDSA, ED25519), (RS256, RSA)] {
        let key = key(jwk);
        let payload = token.find('.').unwrap() + 1;
        for place in (payload..token.len()).filter(|place| token.as_bytes()[*place] != b'.') {
            let other = if token.as_bytes()[place] == b'A' {
                "B"
            } else {
                "A"
            };
            let mut changed = token.to_owned();
            changed.replace_range(place..=place, other);
            let found = verify(&changed, &key);
            let refused = matches!(
                found,
                Err(InvalidToken::BadSignature | InvalidToken::Malformed)
            );
            assert!(refused, "{place}: {found:?}");
        }
    }
}

#[test]
fn a_signature_of_another_length_refuses() {
    let key = key(P256);
    let (input, signature) = ES256.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let long = [&signature[..], &[0]].concat();
    let longer = [&signature[..], &[0; 2000]].concat();
    for other in [&[][..], &signature[..63], &long, &longer] {
        let token = format!("{input}.{}", base64url::encode(other));
        assert_eq!(
            verify(&token, &key),
            Err(InvalidToken::BadSignature),
            "{}",
            other.len()
        );
    }
}

#[test]
fn an_ecdsa_signature_of_zeros_refuses() {
    let (input, _) = ES256.rsplit_once('.').unwrap();
    let token = format!("{input}.{}", base64url::encode(&[0; 64]));
    assert_eq!(verify(&token, &key(P256)), Err(InvalidToken::BadSignature));
}

#[test]
fn the_algorithm_is_the_keys_and_must_be_the_headers() {
    assert_eq!(
        verify(ES256, &key(ED25519)),
        Err(InvalidToken::AlgNotAllowed)
    );
    assert_eq!(verify(RS256, &key(P256)), Err(InvalidToken::AlgNotAllowed));
    let ps256 = VerifyingKey::from_jwk(Jwk::from_json(RSA).unwrap(), Algorithm::Ps256).unwrap();
    assert_eq!(verify(RS256, &ps256), Err(InvalidToken::AlgNotAllowed));
}

#[test]
fn a_key_without_alg_has_the_only_one_that_fits_and_rsa_the_default() {
    assert_eq!(key(P256).algorithm(), Algorithm::Es256);
    assert_eq!(key(ED25519).algorithm(), Algorithm::EdDsa);
    assert_eq!(key(RSA).algorithm(), Algorithm::Rs256);
    let rsa = |default| VerifyingKey::from_jwk(Jwk::from_json(RSA).unwrap(), default);
    assert_eq!(rsa(Algorithm::Ps384).unwrap().algorithm(), Algorithm::Ps384);
    assert_eq!(rsa(Algorithm::Es256).unwrap_err(), KeyRefusal::AlgMismatch);
    let named = RSA.replace(r#""e""#, r#""alg":"RS512","e""#);
    assert_eq!(key(&named).algorithm(), Algorithm::Rs512);
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let x = base64url::encode(&[1; 32]);
    let json = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{x}"}}"#);
    let found = VerifyingKey::from_jwk(Jwk::from_json(&json).unwrap(), Algorithm::Rs256);
    if cfg!(feature = "aws-lc-rs") {
        assert_eq!(found.unwrap_err(), KeyRefusal::NotOnCurve);
    } else {
        // ring looks at the point when it verifies.
        assert_eq!(
            verify(ES256, &found.unwrap()),
            Err(InvalidToken::BadSignature)
        );
    }
}

#[test]
fn debug_shows_the_name_and_not_the_numbers() {
    let shown = format!("{:?}", key(P256));
    assert!(
        shown.contains("Es256") && shown.contains("thumbprint"),
        "{shown}"
    );
    assert!(
        !shown.contains("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        "{shown}"
    );
}

#[test]
fn a_buffer_shows_its_payload_only_after_a_signature_that_held() {
    let expectations = Expectations::new("joe", "a");
    let jws = |token| {
        let jws = CompactJws::parse(token).unwrap();
        jws.decode_header(&expectations).unwrap()
    };
    let mut buffer = PayloadBuf::new();
    assert!(buffer.verified().is_none());
    jws(ES256).verify(&key(P256), &mut buffer).unwrap();
    assert_eq!(buffer.verified().unwrap().as_bytes(), JOE.as_bytes());
    let spoiled = ES256.replacen(".D", ".E", 1);
    assert!(jws(&spoiled).verify(&key(P256), &mut buffer).is_err());
    assert!(buffer.verified().is_none(), "after a bad signature");
    jws(ES256).verify(&key(P256), &mut buffer).unwrap();
    jws(ES256).untrusted_hints(&mut buffer).unwrap();
    assert!(
        buffer.verified().is_none(),
        "after a look without a signature"
    );
}
