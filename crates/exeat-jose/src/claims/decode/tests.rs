//! The two parsers of JSON read alike.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use super::*;
use crate::Claims;

type Raw = BTreeMap<String, Box<RawValue>>;

fn shown<C: fmt::Debug>(claims: &Claims<'_, C>) -> String {
    let Claims {
        subject,
        jwt_id,
        custom,
        names,
        ..
    } = claims;
    format!(
        "{claims:?} {subject:?} {jwt_id:?} {custom:?} {}",
        names.len()
    )
}

fn plainly(json: &str) -> Option<String> {
    let claims = read::<Raw, _>(Plain::new(json)?).ok()?;
    Some(shown(&claims))
}

#[test]
fn a_usual_claims_set_is_plain() {
    let json = r#"{"iss":"https://a.example","aud":"b","sub":"ä","name":"N","tenant":null,"ro":true,"iat":0,"exp":1800000000,"n":18446744073709551616}"#;
    let found = plainly(json).unwrap();
    assert_eq!(found, shown(&decode_any::<Raw>(json).unwrap()));
    assert!(plainly("{}").is_some());
}

#[test]
fn what_is_not_plain_is_left_to_the_other_parser() {
    for json in [
        "",
        "{",
        "}",
        "[]",
        "{}}",
        "{} ",
        " {}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":01}"#,
        r#"{"a":1.5}"#,
        r#"{"a":-1}"#,
        r#"{"a":1e9}"#,
        r#"{"a":tru}"#,
        r#"{"a":nulll}"#,
        r#"{"a": 1}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":"\u0061"}"#,
        "{\"a\":\"\t\"}",
        r#"{"a":"b}"#,
        r#"{"a":"b"c}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"iss":"a","iss":"a"}"#,
        r#"{"iss":1}"#,
        r#"{"aud":["a"]}"#,
        "{a:1}",
        r#"{"a":1;"b":2}"#,
    ] {
        assert_eq!(plainly(json), None, "{json}");
    }
}

proptest! {
    /// Whatever is read plainly is read alike by the other parser, and what that refuses is never read plainly.
    #[test]
    fn both_parsers_read_alike(
        json in r#"\{("(iss|sub|aud|exp|nbf|iat|jti|name|a|b|ä)":(0|1|12|01|1800000000|1\.5|true|false|null|"[a-zä\\", ]{0,4}"|\[\]),?){0,5}\} ?"#,
    ) {
        if let Some(found) = plainly(&json) {
            let other = decode_any::<Raw>(&json).map(|claims| shown(&claims));
            prop_assert_eq!(other, Ok(found), "{}", json);
        }
    }

    #[test]
    fn what_serde_writes_of_flat_members_is_plain(
        members in prop::collection::btree_map("[a-z]{1,3}x", prop_oneof![
            any::<u64>().prop_map(Value::from), any::<bool>().prop_map(Value::from), "[ -!#-\\[\\]-~ä]{0,9}".prop_map(Value::from), Just(Value::Null),
        ], 0..20),
    ) {
        let json = serde_json::to_string(&members).unwrap();
        prop_assert_eq!(plainly(&json), Some(shown(&decode_any::<Raw>(&json).unwrap())));
    }
}

/// A type of the caller that makes do with whatever it gets, as `serde_with`'s `DefaultOnError` does.
#[derive(Debug, Default)]
struct Lenient;

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Raw::deserialize(deserializer).map_or(Self, |_| Self))
    }
}

#[test]
fn a_lenient_type_loosens_no_rule() {
    let decode = |json: &'static str| decode::<Lenient>(json.as_bytes()).map(drop);
    assert_eq!(decode(r#"{"exp":1,"a":1}"#), Ok(()));
    let bad = |claim| Err(InvalidToken::BadClaimType { claim });
    for (json, expected) in [
        (r#"{"nbf":"9999999999","a":1}"#, bad("nbf")),
        (r#"{ "a":1,"nbf":"9999999999"}"#, bad("nbf")),
        (r#"{"aud":1}"#, bad("aud")),
        (r#"{"a":1,"a":1}"#, Err(InvalidToken::Malformed)),
        (r#"{ "exp":1,"exp":2}"#, Err(InvalidToken::Malformed)),
        (r#"{"a":"x""b":1}"#, Err(InvalidToken::Malformed)),
        (r#"{"a":"x" "b":1}"#, Err(InvalidToken::Malformed)),
        (r#"{"a":01}"#, Err(InvalidToken::Malformed)),
        (r#"{"a":1"#, Err(InvalidToken::Malformed)),
    ] {
        assert_eq!(decode(json), expected, "{json}");
    }
}
