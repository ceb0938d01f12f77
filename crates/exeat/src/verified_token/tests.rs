use exeat_jose::{
    Algorithm, CompactJws, Expectations, ImportPolicy, JwkSet, PayloadBuf, SigningKey, Typ,
};
use serde_json::{Value, json};

use super::*;

/// The way of a token from its claims to what the gate reads of them.
fn read(claims: &Value) -> Result<VerifiedToken, InvalidToken> {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let set = json!({ "keys": [key.public_jwk()] }).to_string();
    let keys = JwkSet::import(set.as_bytes(), &ImportPolicy::default()).unwrap();
    let token = key.sign(Typ::Jwt, claims).unwrap().into_string();
    let expectations = Expectations::new("i", "a");
    let jws = CompactJws::parse(&token)?.decode_header(&expectations)?;
    let mut buffer = PayloadBuf::new();
    let payload = jws.verify(&keys.keys()[0], &mut buffer)?;
    let claims = payload.decode::<GateClaims<'_>>()?;
    BorrowedToken::new(&payload, claims, &expectations).map(BorrowedToken::into_owned)
}

#[test]
fn claims_are_what_the_token_says_and_absent_ones_are_none() {
    let all = json!({ "iss": "i", "sub": "u \"1\"", "name": "Ada\n", "tenant": "T1", "jti": "j", "exp": 9, "iat": 3, "ro": true });
    let token = read(&all).unwrap();
    assert_eq!(token.subject(), "u \"1\"");
    assert_eq!(token.name(), Some("Ada\n"));
    assert_eq!(token.tenant(), Some("T1"));
    assert_eq!(token.jwt_id(), Some("j"));
    assert_eq!(token.issued_at(), Some(NumericDate::from_secs(3)));
    assert_eq!(token.expires_at(), Some(NumericDate::from_secs(9)));
    assert!(token.is_read_only());
    assert_eq!(token.claims::<Value>().unwrap(), all);

    let view = token.borrowed();
    assert_eq!(view.subject(), "u \"1\"");
    assert_eq!(view.issuer(), "i");
    assert_eq!(view.name(), Some("Ada\n"));
    assert_eq!(view.tenant(), Some("T1"));
    assert_eq!(view.jwt_id(), Some("j"));
    assert_eq!(view.issued_at(), Some(NumericDate::from_secs(3)));
    assert!(view.is_read_only());
    assert_eq!(view.claims::<Value>().unwrap(), all);

    let token = read(&json!({ "sub": "" })).unwrap();
    assert_eq!(
        (token.subject(), token.name(), token.tenant()),
        ("", None, None)
    );
    assert_eq!((token.jwt_id(), token.issued_at()), (None, None));
    let view = token.borrowed();
    assert_eq!(
        (view.issuer(), view.jwt_id(), view.issued_at()),
        ("i", None, None)
    );
    assert!(!view.is_read_only());
}

#[test]
fn a_claim_of_the_wrong_type_is_named_and_only_name_may_be_null() {
    for value in [
        json!(1),
        json!(-1),
        json!(1.5),
        json!([]),
        json!({ "a": [1] }),
    ] {
        for claim in ["name", "tenant", "ro"] {
            let refusal = read(&json!({ "sub": "u", claim: value })).unwrap_err();
            assert_eq!(refusal, InvalidToken::BadClaimType { claim }, "{value}");
        }
    }
    for (claim, value) in [
        ("tenant", json!(null)),
        ("ro", json!(null)),
        ("ro", json!("true")),
        ("name", json!(true)),
    ] {
        let refusal = read(&json!({ "sub": "u", claim: value })).unwrap_err();
        assert_eq!(refusal, InvalidToken::BadClaimType { claim });
    }
    assert_eq!(
        read(&json!({ "sub": "u", "name": null })).unwrap().name(),
        None
    );
    let missing = read(&json!({ "name": "Ada" })).unwrap_err();
    assert_eq!(missing, InvalidToken::MissingClaim { claim: "sub" });
}

#[test]
fn debug_shows_no_claim() {
    let token = read(&json!({ "sub": "ada@example.com", "exp": 9 })).unwrap();
    for text in [format!("{token:?}"), format!("{:?}", token.borrowed())] {
        assert!(
            text.contains("expires_at") && !text.contains("ada"),
            "{text}"
        );
    }
}
