use http::HeaderValue;

use super::*;

const ID: &str = "0123456789abcdef";

fn read(carrier: &str, headers: &[(&'static str, &str)]) -> Result<Option<String>, Ambiguous> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let found = from_headers(&[Carrier::parse(carrier).unwrap()], &map)?;
    Ok(found.map(|found| {
        found.credential.map_or_else(
            || "unusable".to_owned(),
            |credential| credential.expose().to_owned(),
        )
    }))
}

#[test]
fn carriers_are_parsed_from_their_words() {
    for good in [
        "cookie:__Host-Http-sid",
        "authorization-session",
        "header:X-Session-Id",
        "body",
    ] {
        assert!(Carrier::parse(good).is_some(), "{good}");
    }
    for wrong in [
        "",
        "cookie",
        "cookie:",
        "cookie:a b",
        "cookie:a=b",
        "header:",
        "header:a b",
        "header:Cookie",
        "header:Authorization",
        "Body",
        "query:sid",
    ] {
        assert_eq!(Carrier::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    for (line, expected) in [
        ("sid=0123456789abcdef", Some(ID)),
        ("a=b;sid=0123456789abcdef", Some(ID)),
        ("a=b; sid=0123456789abcdef ; c", Some(ID)),
        ("sid=", Some("unusable")),
        ("xsid=0123456789abcdef", None),
        ("sidx=0123456789abcdef", None),
        ("SID=0123456789abcdef", None),
        ("a=sid=0123456789abcdef", None),
        ("sid", None),
        ("", None),
    ] {
        assert_eq!(
            read("cookie:sid", &[("cookie", line)]).unwrap().as_deref(),
            expected,
            "{line}"
        );
    }
}

#[test]
fn cookies_on_two_lines_count_together() {
    let first = ("cookie", "sid=0123456789abcdef");
    assert_eq!(
        read("cookie:sid", &[first, ("cookie", "a=b")])
            .unwrap()
            .as_deref(),
        Some(ID)
    );
    assert_eq!(read("cookie:sid", &[first, first]), Err(Ambiguous));
}

#[test]
fn the_session_scheme_is_a_whole_word_in_any_case() {
    for (value, expected) in [
        ("Session 0123456789abcdef", Some(ID)),
        ("sEsSiOn  0123456789abcdef", Some(ID)),
        ("Session", Some("unusable")),
        ("Session ", Some("unusable")),
        ("Session a b", Some("unusable")),
        ("Sessions 0123456789abcdef", None),
        ("Bearer 0123456789abcdef", None),
        ("0123456789abcdef", None),
    ] {
        assert_eq!(
            read("authorization-session", &[("authorization", value)])
                .unwrap()
                .as_deref(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_header_twice_is_ambiguous() {
    assert_eq!(
        read("header:X-Session-Id", &[("x-session-id", ID)])
            .unwrap()
            .as_deref(),
        Some(ID)
    );
    assert_eq!(
        read(
            "header:X-Session-Id",
            &[("x-session-id", ID), ("x-session-id", ID)]
        ),
        Err(Ambiguous)
    );
}
