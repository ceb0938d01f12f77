use serde_json::json;

use super::*;

const NOW: NumericDate = NumericDate::from_secs(1_800_000_000);

fn refusal<T>(result: anyhow::Result<T>) -> String {
    result.err().expect("it is refused").to_string()
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn iat_and_exp_are_added_only_where_they_are_absent() {
    let claims = |given: Value| Value::Object(complete(object(given), None, NOW).unwrap());
    let now = NOW.as_secs();
    assert_eq!(
        claims(json!({ "sub": "u-1" })),
        json!({ "sub": "u-1", "iat": now, "exp": now + 300 })
    );
    assert_eq!(
        claims(json!({ "iat": 5 })),
        json!({ "iat": 5, "exp": now + 300 })
    );
    assert_eq!(claims(json!({ "exp": 7 })), json!({ "iat": now, "exp": 7 }));
}

#[test]
fn a_ttl_sets_exp_but_not_over_one_that_the_claims_hold() {
    let ttl = Some(Duration::from_secs(1));
    let claims = complete(Map::new(), ttl, NOW).unwrap();
    assert_eq!(claims["exp"], NOW.as_secs() + 1);
    assert!(refusal(complete(object(json!({ "exp": 7 })), ttl, NOW)).starts_with("--ttl: "));
}

#[test]
fn a_ttl_may_reach_the_year_9999_and_not_a_second_beyond() {
    let longest = NumericDate::MAX_READ.saturating_duration_since(NOW);
    assert!(complete(Map::new(), Some(longest), NOW).is_ok());
    let beyond = longest + Duration::from_secs(1);
    assert!(refusal(complete(Map::new(), Some(beyond), NOW)).starts_with("--ttl: "));
}

#[test]
fn registered_claims_have_the_types_of_rfc_7519() {
    for right in [
        json!({}),
        json!({ "iss": "a", "sub": "b", "aud": "c", "exp": 1, "nbf": 2, "iat": 3, "jti": "d" }),
        json!({ "aud": ["c", "d"], "exp": 1.5 }),
        json!({ "aud": [], "exp": 0, "iat": 253_402_300_799_u64 }),
        json!({ "tenant": null, "name": { "first": "Ada" } }),
    ] {
        assert_eq!(Value::Object(parse(&right.to_string()).unwrap()), right);
    }
    for (name, wrong) in [
        ("iss", json!(1)),
        ("sub", json!(null)),
        ("sub", json!(["u-1"])),
        ("aud", json!(1)),
        ("aud", json!(["c", 1])),
        ("aud", json!(null)),
        ("exp", json!("1800000000")),
        ("exp", json!(-1)),
        ("exp", json!(253_402_300_800_u64)),
        ("exp", json!(null)),
        ("nbf", json!(true)),
        ("iat", json!({})),
        ("jti", json!(7)),
    ] {
        let error = refusal(parse(&json!({ name: wrong }).to_string()));
        assert!(
            error.starts_with(&format!("wrong claims: {name} must be ")),
            "{name} {wrong}: {error}"
        );
    }
}

#[test]
fn every_wrong_claim_is_named_at_once() {
    let error = refusal(parse(r#"{"iss":1,"exp":"soon","jti":false}"#));
    for name in ["iss", "exp", "jti"] {
        assert!(error.contains(&format!("{name} must be")), "{error}");
    }
}

#[test]
fn claims_are_one_object_with_each_name_once_and_errors_quote_nothing_of_it() {
    for wrong in [
        "",
        "[]",
        "\"secret\"",
        "null",
        r#"{"sub":"secret"} {}"#,
        r#"{"sub":"secret","#,
        r#"{"secret":1,"secret":2}"#,
        r#"{"sub":"secret","sub":"secret"}"#,
    ] {
        let error = refusal(parse(wrong));
        assert!(
            error.contains("one JSON object") && !error.contains("secret"),
            "{wrong}: {error}"
        );
    }
}

#[test]
fn the_key_decides_the_algorithm_unless_one_is_asked_for() {
    for alg in [Algorithm::Es256, Algorithm::EdDsa] {
        let (key, pem) = SigningKey::generate(alg).unwrap();
        let read = signing_key(pem.expose(), None).unwrap();
        assert_eq!((read.algorithm(), read.key_id()), (alg, key.key_id()));
        assert!(signing_key(pem.expose(), Some(alg)).is_ok());
        let error = refusal(signing_key(pem.expose(), Some(Algorithm::Rs256)));
        assert_eq!(error, "key does not fit RS256");
    }
}

#[test]
fn what_is_no_private_key_is_refused_without_being_shown() {
    for wrong in [
        "",
        "secret",
        "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n",
    ] {
        let error = refusal(signing_key(wrong, None));
        assert_eq!(error, "not a PKCS#8 private key in PEM form");
    }
}

#[test]
fn input_as_long_as_the_limit_is_read_and_longer_is_not() {
    let text = "x".repeat(MAX_CLAIMS);
    assert_eq!(*bounded(text.as_bytes(), MAX_CLAIMS).unwrap(), text);
    let error = refusal(bounded(format!("{text}x").as_bytes(), MAX_CLAIMS));
    assert_eq!(error, "longer than 16384 bytes");
}
