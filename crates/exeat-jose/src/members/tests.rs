use super::*;

fn object(members: usize) -> String {
    let members: Vec<_> = (0..members).map(|n| format!("\"m{n}\":{n}")).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_name_spelled_with_escapes_is_the_same_name() {
    let members = RawMembers::parse(r#"{"\u006bid":"a"}"#).unwrap();
    let Text(kid) = members.read("kid").unwrap().unwrap();
    assert_eq!(kid, "a");
    assert!(RawMembers::parse(r#"{"kid":"a","\u006bid":"b"}"#).is_err());
    assert!(RawMembers::parse(r#"{"\u006bid":"a","kid":"b"}"#).is_err());
}

#[test]
fn a_name_is_refused_twice_also_beyond_the_inline_names() {
    let json = object(RawMembers::MAX);
    assert!(RawMembers::parse(&json).is_ok());
    for again in ["m0", "m15", "m16", "m63"] {
        let json = format!(
            "{},\"{again}\":1}}",
            object(RawMembers::MAX).trim_end_matches('}')
        );
        assert_eq!(
            RawMembers::parse(&json).err(),
            Some("a member is there twice")
        );
    }
}

#[test]
fn one_member_past_the_limit_is_refused() {
    assert!(RawMembers::parse(&object(RawMembers::MAX)).is_ok());
    assert!(RawMembers::parse(&object(RawMembers::MAX + 1)).is_err());
}

#[test]
fn null_is_present_and_not_a_string() {
    let members = RawMembers::parse(r#"{"kid":null}"#).unwrap();
    assert!(members.has("kid"));
    assert!(matches!(members.read::<Text<'_>>("kid"), Some(Err(()))));
    assert!(members.read::<Text<'_>>("alg").is_none());
}

#[test]
fn only_an_object_is_an_object() {
    for json in ["", "[]", "1", "null", "\"{}\"", "{", "{}{}", "{} x"] {
        assert!(RawMembers::parse(json).is_err(), "{json:?}");
    }
    assert!(RawMembers::parse(" {} ").is_ok());
}
