use proptest::prelude::*;

use super::{InvalidOrigin, MAX_ORIGIN_LENGTH, MatchedBy, Origin, OriginPattern, OriginSet, Parts};

fn pattern(text: &str) -> OriginPattern {
    OriginPattern::parse(text).unwrap()
}

fn set(texts: &[&str]) -> OriginSet {
    OriginSet::new(&texts.iter().map(|text| pattern(text)).collect::<Vec<_>>())
}

#[test]
fn an_origin_is_taken_apart_as_it_was_put_together() {
    let parts = |scheme, host, port| Ok(Parts { scheme, host, port });
    assert_eq!(
        Parts::parse("https://shop.example"),
        parts("https", "shop.example", None)
    );
    assert_eq!(
        Parts::parse("http://[::1]:9090"),
        parts("http", "[::1]", Some(9090))
    );
    assert_eq!(
        Parts::parse("capacitor://localhost"),
        parts("capacitor", "localhost", None)
    );
}

#[test]
fn an_origin_of_the_longest_length_is_read_and_one_byte_more_is_not() {
    let host = [
        ["a"; 63].concat(),
        ["b"; 63].concat(),
        ["c"; 63].concat(),
        ["d"; 61].concat(),
    ]
    .join(".");
    let longest = format!("{}://{host}:65535", ["s"; 64].concat());
    assert_eq!(longest.len(), MAX_ORIGIN_LENGTH);
    assert!(Origin::parse(&longest).is_ok());
    assert_eq!(
        Origin::parse(&format!("{longest}0")),
        Err(InvalidOrigin::TooLong)
    );
}

#[test]
fn extension_origins_have_the_form_of_their_browser() {
    let uuid = "0a1b2c3d-0000-4111-8222-333344445555";
    for (origin, fits) in [
        (
            format!("chrome-extension://{}", "abcdefghijklmnop".repeat(2)),
            true,
        ),
        (
            format!("chrome-extension://{}", "abcdefghijklmnoq".repeat(2)),
            false,
        ),
        (
            "chrome-extension://abcdefghijklmnopabcdefghijklmno".to_owned(),
            false,
        ),
        (
            format!("chrome-extension://{}:1", "abcdefghijklmnop".repeat(2)),
            false,
        ),
        (format!("moz-extension://{uuid}"), true),
        (format!("moz-extension://{}", uuid.to_uppercase()), false),
        (format!("moz-extension://{uuid}:1"), false),
        (format!("moz-extension://{}", uuid.replace('-', "0")), false),
        (format!("safari-web-extension://{uuid}"), true),
        (
            format!("safari-web-extension://{}", uuid.to_uppercase()),
            true,
        ),
        (format!("safari-web-extension://{uuid}/"), false),
    ] {
        assert_eq!(Origin::parse(&origin).is_ok(), fits, "{origin}");
    }
}

#[test]
fn a_class_of_extensions_matches_every_id_of_its_browser_and_no_other() {
    let set = set(&["moz-extension://*"]);
    let uuid = "0a1b2c3d-0000-4111-8222-333344445555";
    assert_eq!(
        set.find(format!("moz-extension://{uuid}").as_bytes()),
        Some(MatchedBy::ExtensionClass)
    );
    assert_eq!(
        set.find(format!("safari-web-extension://{uuid}").as_bytes()),
        None
    );
    assert_eq!(set.find(b"moz-extension://*"), None);
    assert_eq!(
        OriginPattern::parse(&format!("moz-extension://{uuid}")),
        Err(InvalidOrigin::ExtensionUuid)
    );
}

#[test]
fn a_wildcard_is_found_behind_more_labels_than_are_looked_up() {
    let set = set(&["https://*.a.b.c.d.e.f.g.h.i.j.mp.example"]);
    let deep = "https://1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.g.h.i.j.mp.example";
    assert_eq!(set.find(deep.as_bytes()), Some(MatchedBy::Subdomains));
    assert_eq!(set.find(b"https://a.b.c.d.e.f.g.h.i.j.mp.example"), None);
}

#[test]
fn the_same_suffix_may_serve_several_schemes_and_ports() {
    let set = set(&[
        "https://*.mp.example",
        "https://*.mp.example:8443",
        "http://*.mp.example",
    ]);
    for (origin, found) in [
        ("https://a.mp.example", true),
        ("https://a.mp.example:8443", true),
        ("http://a.mp.example", true),
        ("http://a.mp.example:8443", false),
    ] {
        assert_eq!(set.find(origin.as_bytes()).is_some(), found, "{origin}");
    }
}

/// What a pattern means, written as plainly as possible and sharing nothing with the code under test.
fn naive(pattern: &str, origin: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if let Some(before) = pattern.strip_suffix(":*") {
        let port = origin
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix(':'));
        let good_port = |port: &str| {
            port.parse::<u16>()
                .is_ok_and(|number| number != 0 && number != 80 && number.to_string() == port)
        };
        return origin == before || port.is_some_and(good_port);
    }
    let Some((scheme, suffix)) = pattern.split_once('*') else {
        return pattern == origin;
    };
    let below = origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_suffix(suffix));
    below.is_some_and(|labels| {
        labels.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')
                })
        })
    })
}

const PATTERNS: [&str; 8] = [
    "https://foo.com",
    "https://bar.com",
    "https://foo.com:8443",
    "https://*.foo.com",
    "https://*.mp.example",
    "https://*.a.mp.example:8443",
    "http://*.mp.example",
    "http://localhost:*",
];

/// Texts made of the pieces that origins and attacks on them are made of, so that near misses are frequent.
fn origin_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https",
        "http",
        "HTTPS",
        "://",
        ":",
        "/",
        ".",
        "foo",
        "bar",
        "com",
        "mp",
        "example",
        "a",
        "evil",
        "localhost",
        "8443",
        "443",
        "80",
        "0",
        "@",
        "#",
        "*",
        "_",
        "-",
        "^",
        " ",
        "null",
        "[::1]",
        "foo.com",
        "mp.example",
        "é",
    ]);
    let soup = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let label = prop::sample::select(vec![
        "a",
        "b",
        "evil",
        "foo",
        "mp",
        "foo.com",
        "mp.example",
        "xmp",
        "",
        "A",
    ]);
    let port = prop::sample::select(vec![
        "", ":8443", ":8444", ":443", ":80", ":0", ":08443", ".",
    ]);
    let shaped = (
        prop::sample::select(vec!["https://", "http://"]),
        prop::collection::vec(label, 0..4),
        prop::sample::select(vec![
            "foo.com",
            "bar.com",
            "mp.example",
            "a.mp.example",
            "localhost",
        ]),
        port,
    )
        .prop_map(|(scheme, labels, host, port)| {
            let host = labels
                .into_iter()
                .chain([host])
                .collect::<Vec<_>>()
                .join(".");
            format!("{scheme}{host}{port}")
        });
    prop_oneof![soup, shaped]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_tables_agree_with_the_naive_oracle(
        origin in origin_like(),
        chosen in prop::sample::subsequence(PATTERNS.to_vec(), 0..=PATTERNS.len()),
    ) {
        let found = set(&chosen).find(origin.as_bytes()).is_some();
        prop_assert_eq!(found, chosen.iter().any(|pattern| naive(pattern, &origin)), "{} {:?}", origin, chosen);
    }

    #[test]
    fn a_single_pattern_agrees_with_the_naive_oracle(origin in origin_like(), chosen in prop::sample::select(PATTERNS.to_vec())) {
        if let Ok(parsed) = Origin::parse(&origin) {
            prop_assert_eq!(pattern(chosen).matches(&parsed), naive(chosen, &origin), "{} {}", origin, chosen);
        }
    }

    #[test]
    fn a_match_has_the_scheme_and_the_suffix_at_a_label_boundary(origin in origin_like()) {
        if set(&["https://*.mp.example"]).find(origin.as_bytes()).is_some() {
            let url = url::Url::parse(&origin).unwrap();
            prop_assert_eq!(url.scheme(), "https");
            prop_assert!(url.host_str().unwrap().ends_with(".mp.example"));
            prop_assert_eq!(url.port(), None);
            prop_assert_eq!(url.origin().ascii_serialization(), origin);
        }
    }

    #[test]
    fn an_accepted_origin_is_one_that_a_browser_would_write(origin in origin_like()) {
        if Origin::parse(&origin).is_ok() && (origin.starts_with("https:") || origin.starts_with("http:")) {
            let url = url::Url::parse(&origin).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), origin);
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        set(&PATTERNS).find(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Origin::parse(&text);
        let _ = OriginPattern::parse(&text);
    }

    #[test]
    fn a_pattern_survives_being_written(text in origin_like()) {
        if let Ok(parsed) = OriginPattern::parse(&text) {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }
}
