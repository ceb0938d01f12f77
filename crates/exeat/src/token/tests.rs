use super::*;

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

/// The token, `-` for none, or the reason.
fn read(lines: &[(&'static str, &[u8])]) -> String {
    let named = HeaderName::from_static("mp-authorization");
    match BearerToken::from_headers(&headers(lines), Some(&named)) {
        Ok(Some(token)) => token.as_str().to_owned(),
        Ok(None) => "-".to_owned(),
        Err(rejected) => rejected.reason().to_owned(),
    }
}

#[test]
fn the_scheme_is_read_in_any_case_and_other_schemes_are_no_token() {
    for (value, expected) in [
        (&b"Bearer abc"[..], "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER abc", "abc"),
        (b"Bearer   abc", "abc"),
        (b"Basic abc", "-"),
        (b"Basic", "-"),
        (b"Bearerx abc", "-"),
        (b"DPoP abc", "-"),
        (b"Basic \xff", "-"),
        (b"", "bad_credentials"),
        (b" abc", "bad_credentials"),
        (b"Bearer", "bad_credentials"),
        (b"Bearer ", "bad_credentials"),
        (b"Bearer\tabc", "bad_credentials"),
        (b"\xe4 abc", "bad_credentials"),
        (b"Basic,x", "bad_credentials"),
    ] {
        assert_eq!(
            read(&[("authorization", value)]),
            expected,
            "{}",
            value.escape_ascii()
        );
    }
}

#[test]
fn every_byte_is_judged_wherever_it_stands() {
    for byte in 0..=u8::MAX {
        let fits = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        for place in [0, 1, 15, 16, 31, 32, 63, 64, 71, 72, 74] {
            let mut token = [b'a'; 75];
            token[place] = byte;
            // At the very end it may also be padding.
            let fits = fits || (byte == b'=' && place == token.len() - 1);
            assert_eq!(b64token(&token).is_ok(), fits, "{byte:#x} at {place}");
        }
    }
}

#[test]
fn a_token_is_b64token_and_nothing_else() {
    for (token, fits) in [
        (&b"a"[..], true),
        (b"aZ09-._~+/", true),
        (b"a=", true),
        (b"a===", true),
        (b"=", false),
        (b"a=b", false),
        (b"a b", false),
        (b"a,b", false),
        (b"a\"", false),
        (b"a;", false),
        (b"a ", false),
        (b"\xc3\xa4", false),
        (b"a\x80", false),
    ] {
        let value = [b"Bearer ", token].concat();
        let expected = if fits {
            String::from_utf8_lossy(token).into_owned()
        } else {
            "bad_credentials".to_owned()
        };
        assert_eq!(
            read(&[("authorization", &value)]),
            expected,
            "{}",
            token.escape_ascii()
        );
        assert_eq!(
            read(&[("mp-authorization", token)]),
            expected,
            "{}",
            token.escape_ascii()
        );
    }
}

#[test]
fn a_token_has_at_most_8192_bytes() {
    let value = |length: usize| [b"Bearer ".to_vec(), vec![b'a'; length]].concat();
    assert_eq!(
        read(&[("authorization", &value(CompactJws::MAX_LEN))]).len(),
        CompactJws::MAX_LEN
    );
    assert_eq!(
        read(&[("authorization", &value(CompactJws::MAX_LEN + 1))]),
        "too_large"
    );
    assert_eq!(
        read(&[("mp-authorization", &vec![b'a'; CompactJws::MAX_LEN + 1])]),
        "too_large"
    );
}

#[test]
fn a_request_has_one_token_in_one_line() {
    for (lines, expected) in [
        (&[][..], "-"),
        (
            &[
                ("authorization", &b"Bearer a"[..]),
                ("authorization", b"Bearer a"),
            ],
            "multiple_tokens",
        ),
        (
            &[("authorization", b"Basic a"), ("authorization", b"Basic a")],
            "multiple_tokens",
        ),
        (
            &[("mp-authorization", b"a"), ("mp-authorization", b"a")],
            "multiple_tokens",
        ),
        (
            &[("authorization", b"Bearer a"), ("mp-authorization", b"a")],
            "multiple_tokens",
        ),
        (
            &[
                ("authorization", b"Basic a"),
                ("mp-authorization", b"Bearer b"),
            ],
            "b",
        ),
    ] {
        assert_eq!(read(lines), expected, "{lines:?}");
    }
}

#[test]
fn debug_shows_the_length_alone() {
    let headers = headers(&[("authorization", b"Bearer secret")]);
    let token = BearerToken::from_headers(&headers, None).unwrap().unwrap();
    assert_eq!(format!("{token:?}"), "BearerToken { len: 6, .. }");
}
