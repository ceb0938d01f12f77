use exeat_jose::{SigningKey, Typ};
use serde_json::json;

use super::*;

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap().0
}

fn token(key: &SigningKey, expires_at: u64) -> String {
    let claims = json!({ "iss": "https://a.example", "aud": "b", "sub": "u-1", "exp": expires_at });
    key.sign(Typ::Jwt, &claims).unwrap().into_string()
}

/// Far in the future: the year 2200.
const LATER: u64 = 7_258_118_400;

fn key_file(key: &SigningKey) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        json!({ "keys": [key.public_jwk()] }).to_string(),
    )
    .unwrap();
    file
}

#[test]
fn header_and_claims_are_read_without_any_key() {
    let key = key();
    let (header, claims) = decode(&token(&key, LATER)).unwrap();
    assert_eq!(header["kid"], key.key_id().as_str());
    assert_eq!(claims["sub"], "u-1");
}

#[test]
fn what_is_printed_holds_no_signature() {
    let token = token(&key(), LATER);
    let (header, claims) = decode(&token).unwrap();
    let shown = serde_json::to_string(&Shown {
        signature: Signature::Unverified,
        header,
        claims,
    })
    .unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(shown.contains("UNVERIFIED") && !shown.contains(signature));
}

#[test]
fn errors_about_a_token_quote_nothing_of_it() {
    for wrong in [
        "",
        "c2VjcmV0",
        "c2VjcmV0.c2VjcmV0",
        "c2VjcmV0.c2VjcmV0.c2VjcmV0",
        "e30.!secret!.x",
        "e30.e30.x.y",
    ] {
        let error = decode(wrong).unwrap_err().to_string();
        assert!(
            !error.contains("c2VjcmV0") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn a_token_as_long_as_the_limit_is_looked_into_and_a_longer_one_is_not() {
    let frame = "e30.e30.".len();
    let longest = format!("e30.e30.{}", "x".repeat(CompactJws::MAX_LEN - frame));
    assert!(decode(&longest).is_ok());
    let error = decode(&format!("{longest}x")).unwrap_err().to_string();
    assert!(error.contains("longer than any token"), "{error}");
}

#[tokio::test]
async fn a_token_is_verified_with_the_keys_of_a_file() {
    let key = key();
    let file = key_file(&key);
    let path = file.path().to_str().unwrap();
    verify(&token(&key, LATER), "https://a.example", "b", Some(path))
        .await
        .unwrap();
}

#[tokio::test]
async fn verification_tells_why_a_token_does_not_hold() {
    let key = key();
    let file = key_file(&key);
    let path = Some(file.path().to_str().unwrap());
    let good = token(&key, LATER);
    let cases = [
        (
            verify(&token(&key, 1), "https://a.example", "b", path).await,
            "expired",
        ),
        (
            verify(&good, "https://other.example", "b", path).await,
            "wrong_issuer",
        ),
        (
            verify(&good, "https://a.example", "c", path).await,
            "wrong_audience",
        ),
        (
            verify(
                &token(&super::tests::key(), LATER),
                "https://a.example",
                "b",
                path,
            )
            .await,
            "unknown_key",
        ),
    ];
    for (verdict, reason) in cases {
        let error = verdict.unwrap_err().to_string();
        assert!(error.ends_with(&format!("({reason})")), "{error}");
    }
}
