use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    decode::{MAX_MEMBERS, SOME_CUSTOM_CLAIM},
    *,
};

#[derive(Debug, Deserialize, PartialEq)]
struct Custom {
    tenant: String,
    name: Option<String>,
    #[serde(default)]
    ro: bool,
}

fn refusal<C: DeserializeOwned + fmt::Debug>(json: &str) -> InvalidToken {
    decode::<C>(json.as_bytes()).unwrap_err()
}

#[test]
fn registered_claims_are_fields_and_the_others_are_the_callers_type() {
    let json = r#"{"tenant":"t","iss":"i","sub":"s","aud":"a","exp":3,"nbf":1,"iat":2,"jti":"j","name":"n","x":{"y":[1]}}"#;
    let claims = decode::<Custom>(json.as_bytes()).unwrap();
    assert_eq!(claims.issuer.as_deref(), Some("i"));
    assert_eq!(claims.subject.as_deref(), Some("s"));
    assert!(claims.audience.as_ref().unwrap().contains("a"));
    assert_eq!(claims.expires_at, Some(NumericDate::from_secs(3)));
    assert_eq!(claims.not_before, Some(NumericDate::from_secs(1)));
    assert_eq!(claims.issued_at, Some(NumericDate::from_secs(2)));
    assert_eq!(claims.jwt_id.as_deref(), Some("j"));
    let custom = Custom {
        tenant: "t".into(),
        name: Some("n".into()),
        ro: false,
    };
    assert_eq!(claims.custom, custom);
}

#[test]
fn absent_claims_are_none() {
    let claims = decode::<()>(b" {} ").unwrap();
    assert_eq!(claims.issuer, None);
    assert_eq!(claims.subject, None);
    assert_eq!(claims.audience, None);
    assert_eq!(claims.expires_at, None);
    assert_eq!(claims.not_before, None);
    assert_eq!(claims.issued_at, None);
    assert_eq!(claims.jwt_id, None);
}

#[test]
fn a_registered_claim_of_the_wrong_type_is_never_absent() {
    for (claim, values) in [
        ("iss", &["null", "1", "{}", "[\"i\"]", "true"][..]),
        ("sub", &["null", "7", "[]"]),
        (
            "aud",
            &[
                "null",
                "1",
                "{}",
                "[1]",
                "[\"a\",null]",
                "[[\"a\"]]",
                "true",
            ],
        ),
        (
            "exp",
            &[
                "null",
                "\"3\"",
                "-1",
                "253402300800",
                "1e999",
                "true",
                "[3]",
                "{}",
            ],
        ),
        ("nbf", &["null", "\"1\"", "-0.5"]),
        ("iat", &["null", "\"2\"", "99999999999999999999999"]),
        ("jti", &["null", "5", "{}"]),
    ] {
        for value in values {
            let json = format!(r#"{{"{claim}":{value}}}"#);
            assert_eq!(
                refusal::<()>(&json),
                InvalidToken::BadClaimType { claim },
                "{json}"
            );
        }
    }
}

#[test]
fn a_claim_of_the_callers_type_is_named_when_it_has_the_wrong_type() {
    let wrong = |claim| InvalidToken::BadClaimType { claim };
    assert_eq!(refusal::<Custom>(r#"{"tenant":1}"#), wrong("tenant"));
    assert_eq!(
        refusal::<Custom>(r#"{"tenant":"t","ro":"true"}"#),
        wrong("ro")
    );
    assert_eq!(
        refusal::<Custom>(r#"{"tenant":"t","ro":null}"#),
        wrong("ro")
    );
    assert_eq!(
        refusal::<std::collections::BTreeMap<String, u8>>(r#"{"a":"b"}"#),
        wrong(SOME_CUSTOM_CLAIM)
    );
    assert_eq!(refusal::<Vec<u8>>("{}"), wrong(SOME_CUSTOM_CLAIM));
}

#[test]
fn a_claim_that_the_callers_type_requires_is_named_when_it_is_missing() {
    assert_eq!(
        refusal::<Custom>(r#"{"sub":"s"}"#),
        InvalidToken::MissingClaim { claim: "tenant" }
    );
}

#[test]
fn a_name_that_is_there_twice_is_refused_whoever_reads_it() {
    for json in [
        r#"{"exp":1,"exp":1}"#,
        r#"{"exp":1,"\u0065xp":2}"#,
        r#"{"aud":"a","x":1,"aud":"b"}"#,
        r#"{"tenant":"t","tenant":"t"}"#,
        r#"{"unknown":1,"unknown":2}"#,
    ] {
        assert_eq!(refusal::<()>(json), InvalidToken::Malformed, "{json}");
        assert_eq!(
            refusal::<Map<String, Value>>(json),
            InvalidToken::Malformed,
            "{json}"
        );
    }
    assert_eq!(
        refusal::<Custom>(r#"{"tenant":"t","tenant":"t"}"#),
        InvalidToken::Malformed
    );
}

#[test]
fn flattened_types_do_not_let_a_second_value_in() {
    #[derive(Debug, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let claims = decode::<Flat>(br#"{"iss":"i","a":1,"b":2}"#).unwrap();
    assert_eq!(claims.custom.rest.len(), 2);
    assert_eq!(refusal::<Flat>(r#"{"a":1,"a":2}"#), InvalidToken::Malformed);
}

#[test]
fn two_spellings_of_one_field_are_refused() {
    #[derive(Debug, Deserialize)]
    struct Aliased {
        #[serde(alias = "tenant_id")]
        #[expect(dead_code, reason = "only its reading is tested")]
        tenant: String,
    }
    assert!(decode::<Aliased>(br#"{"tenant_id":"t"}"#).is_ok());
    assert_eq!(
        refusal::<Aliased>(r#"{"tenant_id":"t","tenant":"u"}"#),
        InvalidToken::Malformed
    );
}

#[test]
fn every_usual_shape_of_a_callers_type_is_served() {
    #[derive(Debug, Deserialize)]
    struct Unit;
    #[derive(Debug, Deserialize)]
    struct New(Custom);
    let json = br#"{"tenant":"t","sub":"s"}"#;
    assert!(decode::<()>(json).is_ok());
    assert!(decode::<Unit>(json).is_ok());
    assert!(decode::<serde::de::IgnoredAny>(json).is_ok());
    assert_eq!(decode::<New>(json).unwrap().custom.0.tenant, "t");
    assert_eq!(
        decode::<Option<Custom>>(json)
            .unwrap()
            .custom
            .unwrap()
            .tenant,
        "t"
    );
    assert_eq!(
        decode::<Value>(json).unwrap().custom,
        serde_json::json!({ "tenant": "t" })
    );
}

#[test]
fn rules_hold_also_after_a_type_that_stops_reading() {
    struct First;
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct FirstVisitor;
            impl<'de> Visitor<'de> for FirstVisitor {
                type Value = First;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a map")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<First, A::Error> {
                    map.next_entry::<String, u8>().map(|_| First)
                }
            }
            deserializer.deserialize_map(FirstVisitor)
        }
    }
    let claims = decode::<First>(br#"{"a":1,"b":2,"sub":"s"}"#).unwrap();
    assert_eq!(claims.subject.as_deref(), Some("s"));
    assert!(claims.has("b"));
    let found = decode::<First>(br#"{"a":1,"b":2,"b":3}"#).err();
    assert_eq!(found, Some(InvalidToken::Malformed));
    let found = decode::<First>(br#"{"a":1,"sub":null}"#).err();
    assert_eq!(found, Some(InvalidToken::BadClaimType { claim: "sub" }));
}

#[test]
fn anything_but_one_json_object_in_utf_8_is_malformed() {
    for json in [
        "",
        " ",
        "[]",
        "null",
        "1",
        "\"{}\"",
        "{",
        "{}{}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"iss\":}",
        "{\"exp\":1",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":\"\\ud800\"}",
    ] {
        assert_eq!(
            refusal::<Map<String, Value>>(json),
            InvalidToken::Malformed,
            "{json}"
        );
    }
    assert_eq!(
        decode::<()>(b"{\"a\":\"\xff\"}").unwrap_err(),
        InvalidToken::Malformed
    );
    assert_eq!(
        decode::<()>(b"\xef\xbb\xbf{}").unwrap_err(),
        InvalidToken::Malformed
    );
}

#[test]
fn nesting_that_would_exhaust_the_stack_is_refused_or_skipped() {
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(decode::<Value>(nested(100).as_bytes()).is_ok());
    assert_eq!(refusal::<Value>(&nested(3_000)), InvalidToken::Malformed);
    assert!(decode::<()>(nested(3_000).as_bytes()).is_ok());
}

#[test]
fn members_up_to_256_are_read_and_one_more_is_not() {
    let members = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(decode::<Map<String, Value>>(members(MAX_MEMBERS).as_bytes()).is_ok());
    assert_eq!(
        refusal::<Map<String, Value>>(&members(MAX_MEMBERS + 1)),
        InvalidToken::Malformed
    );
}

#[test]
fn a_claim_is_there_unless_it_is_absent_or_null() {
    let claims =
        decode::<()>(br#"{"sub":"s","a":0,"b":null,"c":"","d":false,"\u0065":[]}"#).unwrap();
    for name in ["sub", "a", "c", "d", "e"] {
        assert!(claims.has(name), "{name}");
    }
    for name in [
        "b", "iss", "aud", "exp", "nbf", "iat", "jti", "z", "", "a\0c",
    ] {
        assert!(!claims.has(name), "{name}");
    }
}

#[test]
fn an_audience_is_one_string_or_many() {
    fn audience(json: &str) -> Audience<'_> {
        serde_json::from_str(json).unwrap()
    }
    assert_eq!(audience(r#""a""#).iter().collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        audience(r#"["a","b"]"#).iter().collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(audience("[]").is_empty());
    assert!(!audience(r#"["a"]"#).contains("A"));
    assert!(!audience(r#"["ab"]"#).contains("a"));
}

#[test]
fn debug_shows_no_personal_claim() {
    let json = r#"{"iss":"i","aud":"a","exp":7,"sub":"ada@example.com","jti":"j-1","tenant":"t-1","name":"Ada Lovelace","private":1}"#;
    let claims = decode::<Custom>(json.as_bytes()).unwrap();
    let text = format!("{claims:?}");
    assert!(
        text.contains(r#"issuer: Some("i")"#) && text.contains("expires_at"),
        "{text}"
    );
    for personal in ["ada@example.com", "j-1", "t-1", "Lovelace", "private"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}
