use proptest::prelude::*;

use super::*;
use crate::{AlgorithmSet, TypPolicy};

fn decode(json: &str) -> Result<UntrustedHeader, InvalidToken> {
    let expected = Expectations::new("i", "a");
    UntrustedHeader::decode(&base64url::encode(json.as_bytes()), &expected)
}

fn refusal(json: &str) -> InvalidToken {
    decode(json).unwrap_err()
}

/// A header of exactly `len` bytes.
fn header_of(len: usize) -> String {
    let (start, end) = (r#"{"alg":"ES256","x":""#, r#""}"#);
    format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()))
}

fn members(count: usize) -> String {
    let more: Vec<_> = (1..count).map(|n| format!("\"m{n}\":[{{}}]")).collect();
    format!("{{\"alg\":\"ES256\",{}}}", more.join(","))
}

#[test]
fn alg_kid_and_typ_are_read() {
    let header = decode(r#"{"alg":"ES256","kid":"a","typ":"JWT"}"#).unwrap();
    assert_eq!(header.algorithm(), Algorithm::Es256);
    assert_eq!(header.key_id().map(KeyId::as_str), Some("a"));
    assert_eq!(header.typ(), Some(Typ::Jwt));
    let header = decode(r#" { "alg" : "RS256" } "#).unwrap();
    assert_eq!(
        (header.algorithm(), header.key_id(), header.typ()),
        (Algorithm::Rs256, None, None)
    );
}

#[test]
fn escapes_in_names_and_values_mean_what_they_spell() {
    let header = decode(r#"{"\u0061lg":"ES25\u0036","kid":"\u0061"}"#).unwrap();
    assert_eq!(header.algorithm(), Algorithm::Es256);
    assert_eq!(header.key_id().map(KeyId::as_str), Some("a"));
    assert_eq!(
        refusal(r#"{"alg":"ES256","\u0063rit":["x"]}"#),
        InvalidToken::CritUnsupported
    );
}

#[test]
fn a_header_of_1024_bytes_is_read_and_one_of_1025_is_not() {
    assert!(decode(&header_of(UntrustedHeader::MAX_LEN)).is_ok());
    assert_eq!(
        refusal(&header_of(UntrustedHeader::MAX_LEN + 1)),
        InvalidToken::BadHeader
    );
    assert_eq!(
        refusal(&header_of(4 * UntrustedHeader::MAX_LEN)),
        InvalidToken::BadHeader
    );
}

#[test]
fn sixteen_members_are_read_and_seventeen_are_not() {
    assert!(decode(&members(UntrustedHeader::MAX_MEMBERS)).is_ok());
    assert_eq!(
        refusal(&members(UntrustedHeader::MAX_MEMBERS + 1)),
        InvalidToken::BadHeader
    );
}

#[test]
fn nesting_as_deep_as_the_size_allows_is_skipped() {
    let depth = 500;
    let json = format!(
        "{{\"alg\":\"ES256\",\"x\":{}{}}}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    assert!(decode(&json).is_ok());
    let open = format!("{{\"alg\":\"ES256\",\"x\":{}", "[".repeat(900));
    assert_eq!(refusal(&open), InvalidToken::BadHeader);
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    for json in [
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"RS256"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"a"}"#,
        r#"{"alg":"ES256","x":1,"x":1}"#,
    ] {
        assert_eq!(refusal(json), InvalidToken::BadHeader, "{json}");
    }
}

#[test]
fn algorithms_outside_the_list_and_unknown_ones_are_refused() {
    for alg in ["none", "HS256", "ES384", "EdDSA", "es256", "", "ES512"] {
        let json = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(refusal(&json), InvalidToken::AlgNotAllowed, "{alg}");
    }
}

#[test]
fn an_empty_list_refuses_every_token() {
    let expected = Expectations::new("i", "a").with_algorithms(AlgorithmSet::EMPTY);
    let header = base64url::encode(br#"{"alg":"ES256"}"#);
    let found = UntrustedHeader::decode(&header, &expected);
    assert_eq!(found.err(), Some(InvalidToken::AlgNotAllowed));
}

#[test]
fn crit_is_refused_whatever_it_holds() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null", "\"x\"", "{}"] {
        let json = format!(r#"{{"alg":"ES256","crit":{crit}}}"#);
        assert_eq!(refusal(&json), InvalidToken::CritUnsupported, "{crit}");
    }
}

#[test]
fn unencoded_compressed_and_encrypted_payloads_are_refused() {
    for member in [
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""b64":null"#,
        r#""zip":null"#,
    ] {
        let json = format!(r#"{{"alg":"ES256",{member}}}"#);
        assert_eq!(refusal(&json), InvalidToken::BadHeader, "{member}");
    }
    assert!(decode(r#"{"alg":"ES256","b64":true}"#).is_ok());
}

#[test]
fn keys_in_the_header_are_ignored_whatever_they_are() {
    let json = r#"{"alg":"ES256","jwk":1,"jku":{"a":[]},"x5u":null,"x5c":"","x5t":"a"}"#;
    assert!(decode(json).is_ok());
}

#[test]
fn a_member_of_the_wrong_type_is_never_an_absent_one() {
    for json in [
        r#"{"alg":null}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","kid":""}"#,
        r#"{"alg":"ES256","kid":"two words"}"#,
        r#"{"alg":"ES256","typ":null}"#,
        r#"{"alg":"ES256","typ":1}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "[]",
        "null",
        "",
        r#"{"alg":"ES256"}x"#,
    ] {
        assert_eq!(refusal(json), InvalidToken::BadHeader, "{json}");
    }
}

#[test]
fn typ_is_compared_without_regard_to_case_and_prefix() {
    for (typ, expected) in [
        ("JWT", Some(Typ::Jwt)),
        ("jwt", Some(Typ::Jwt)),
        ("application/jwt", Some(Typ::Jwt)),
        ("APPLICATION/AT+JWT", Some(Typ::AccessToken)),
        ("at+jwt", Some(Typ::AccessToken)),
        ("application/", None),
        ("application/application/jwt", None),
        ("JWE", None),
        ("id+jwt", None),
        ("", None),
        ("äpplication/jwt", None),
    ] {
        assert_eq!(Typ::from_name(typ), expected, "{typ}");
    }
    assert_eq!(
        refusal(r#"{"alg":"ES256","typ":"dpop+jwt"}"#),
        InvalidToken::TypMismatch
    );
}

#[test]
fn the_access_token_policy_wants_at_jwt_alone() {
    let expected = Expectations::new("i", "a").with_typ(TypPolicy::AccessToken);
    let decode =
        |json: &str| UntrustedHeader::decode(&base64url::encode(json.as_bytes()), &expected);
    assert!(decode(r#"{"alg":"ES256","typ":"at+jwt"}"#).is_ok());
    for json in [r#"{"alg":"ES256","typ":"JWT"}"#, r#"{"alg":"ES256"}"#] {
        assert_eq!(
            decode(json).err(),
            Some(InvalidToken::TypMismatch),
            "{json}"
        );
    }
}

#[test]
fn the_cheaper_rule_answers_first() {
    let json = r#"{"alg":"none","crit":["x"],"zip":"DEF","typ":"x"}"#;
    assert_eq!(refusal(json), InvalidToken::AlgNotAllowed);
    let json = r#"{"alg":"ES256","crit":["x"],"zip":"DEF","typ":"x"}"#;
    assert_eq!(refusal(json), InvalidToken::CritUnsupported);
    let json = r#"{"alg":"ES256","zip":"DEF","typ":"x"}"#;
    assert_eq!(refusal(json), InvalidToken::BadHeader);
}

#[test]
fn a_header_that_is_not_strict_base64url_is_malformed() {
    let expected = Expectations::new("i", "a");
    for segment in ["e30=", "e3 0", "e31", "e+0A", "a"] {
        let found = UntrustedHeader::decode(segment, &expected);
        assert_eq!(found.err(), Some(InvalidToken::Malformed), "{segment}");
    }
}

fn plainly(json: &str) -> Option<String> {
    let header = RawHeader::read(Plain::new(json)?).ok()?;
    Some(format!("{header:?}"))
}

#[test]
fn a_usual_header_is_plain() {
    for json in [
        r#"{"alg":"ES256","kid":"a","typ":"JWT"}"#,
        r#"{"typ":"at+jwt","alg":"RS256","kid":"2026-11","b64":true,"x5t":"ab-_"}"#,
        r#"{"alg":"none"}"#,
        "{}",
    ] {
        let other = RawHeader::parse_any(json).map(|header| format!("{header:?}"));
        assert!(plainly(json).is_some(), "{json}");
        assert_eq!(plainly(json), other, "{json}");
    }
}

#[test]
fn what_is_not_plain_is_read_all_the_same() {
    for json in [
        r#"{ "alg":"ES256"}"#,
        r#"{"alg":"ES256","x":[]}"#,
        r#"{"alg":"ES25\u0036"}"#,
    ] {
        assert_eq!(plainly(json), None, "{json}");
        assert!(decode(json).is_ok(), "{json}");
    }
}

proptest! {
    /// Whatever is read plainly is read alike by the other parser, and what that refuses is never read plainly.
    #[test]
    fn both_parsers_read_alike(
        json in r#"\{("(alg|kid|typ|b64|crit|zip|enc|x|ä)":(0|1|01|1\.5|true|false|null|"(ES256|none|JWT|[a-zä\\", ]{0,4})"|\["b64"\]|\{\}),?){0,5}\} ?"#,
    ) {
        if let Some(found) = plainly(&json) {
            let other = RawHeader::parse_any(&json).map(|header| format!("{header:?}"));
            prop_assert_eq!(other, Some(found), "{}", json);
        }
    }
}
