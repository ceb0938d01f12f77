//! What holds for every pattern, origin and header, tried on random ones: matching against an oracle written from the specification's words,
//! and that no byte of a request comes out as anything but a token.

#![expect(
    clippy::unwrap_used,
    reason = "the strategies make nothing but valid values; a test may stop otherwise"
)]

use exeat_cors::{Decision, Origin, OriginPattern, Policy, PolicyConfig, decide, loggable_origin};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

/// `scheme://labels[:port]`, the only shape in which the oracle thinks.
#[derive(Clone, Debug)]
struct Page {
    scheme: &'static str,
    labels: Vec<String>,
    port: Option<u16>,
}

impl Page {
    fn written(&self, wildcard: &str) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!(
            "{}://{wildcard}{}{port}",
            self.scheme,
            self.labels.join(".")
        )
    }
}

/// Same scheme, same port, and at least one whole label before the suffix.
fn oracle(suffix: &Page, page: &Page) -> bool {
    let (wanted, host) = (&suffix.labels, &page.labels);
    suffix.scheme == page.scheme
        && suffix.port == page.port
        && host.len() > wanted.len()
        && host
            .iter()
            .rev()
            .zip(wanted.iter().rev())
            .all(|(a, b)| a == b)
}

/// Few letters and few labels, so that near misses are the rule.
fn page(labels: std::ops::Range<usize>) -> impl Strategy<Value = Page> {
    let label = prop::sample::select(vec!["a", "b", "ab", "ba", "a-b", "a_b", "mp", "amp"]);
    (
        prop::sample::select(vec!["https", "http"]),
        prop::collection::vec(label.prop_map(str::to_owned), labels),
        prop::sample::select(vec![None, Some(81), Some(444), Some(8443)]),
    )
        .prop_map(|(scheme, mut labels, port)| {
            labels.push("example".into());
            Page {
                scheme,
                labels,
                port,
            }
        })
}

fn policy(origins: &[String]) -> Policy {
    Policy::try_from(PolicyConfig {
        origins: origins.to_vec(),
        danger_public_suffixes: true,
        ..PolicyConfig::default()
    })
    .unwrap()
}

fn allows(policy: &Policy, origin: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
    matches!(decide(policy, &Method::GET, &headers), Decision::Cors(_))
}

/// What a parser of HTTP lets through: no control characters but the tab.
fn value() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"apGETUT,;: \t*\"()-/.@[]?#\\^".to_vec()),
        1 => prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8],
    ];
    let noise = prop::collection::vec(byte, 0..80);
    let near = prop::sample::select(vec![
        "https://a.mp.example",
        "https://mp.example",
        "null",
        "PUT",
        "PATCH",
        "authorization",
        "content-type , authorization",
        "*",
        "true",
        "",
    ]);
    prop_oneof![
        noise.prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
        near.prop_map(HeaderValue::from_static),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop::sample::select(vec![
        ORIGIN,
        ORIGIN,
        ACCESS_CONTROL_REQUEST_METHOD,
        ACCESS_CONTROL_REQUEST_METHOD,
        ACCESS_CONTROL_REQUEST_HEADERS,
        HeaderName::from_static("access-control-request-private-network"),
    ]);
    prop::collection::vec((name, value()), 0..6).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    })
}

fn is_list_of_tokens(value: &HeaderValue) -> bool {
    let token = |element: &str| {
        let element = element.trim_matches(' ');
        let of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        !element.is_empty() && element.chars().all(of_token)
    };
    value.to_str().is_ok_and(|list| list.split(',').all(token))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_wildcard_covers_what_the_oracle_says(suffix in page(0..3), page in page(0..5)) {
        let (pattern, origin) = (suffix.written("*."), page.written(""));
        let expected = oracle(&suffix, &page);
        let parsed = Origin::parse(&origin).unwrap();
        prop_assert_eq!(OriginPattern::parse(&pattern).unwrap().matches(&parsed), expected);
        prop_assert_eq!(allows(&policy(&[pattern]), &origin), expected);
    }

    #[test]
    fn an_exact_pattern_covers_its_own_bytes_alone(listed in page(0..4), page in page(0..4)) {
        let (pattern, origin) = (listed.written(""), page.written(""));
        prop_assert_eq!(allows(&policy(std::slice::from_ref(&pattern)), &origin), pattern == origin);
        prop_assert!(allows(&policy(std::slice::from_ref(&pattern)), &pattern));
    }

    #[test]
    fn a_list_allows_what_one_of_its_patterns_covers(
        suffixes in prop::collection::vec(page(0..3), 1..4),
        exact in prop::collection::vec(page(0..4), 0..3),
        page in page(0..5),
    ) {
        let mut patterns: Vec<String> = suffixes.iter().map(|suffix| suffix.written("*.")).collect();
        patterns.extend(exact.iter().map(|listed| listed.written("")));
        let origin = page.written("");
        let expected = suffixes.iter().any(|suffix| oracle(suffix, &page)) || patterns.contains(&origin);
        prop_assert_eq!(allows(&policy(&patterns), &origin), expected);
    }

    #[test]
    fn whatever_matches_has_the_scheme_and_ends_at_a_label(
        before in "[a-z0-9:/@.#?\\\\_^*-]{0,12}",
        dot in prop::sample::select(vec!["", ".", "..", "-"]),
        after in "[a-z0-9:/@.#?-]{0,6}",
        scheme in prop::sample::select(vec!["https", "http", "HTTPS", "httpsx"]),
    ) {
        let origin = format!("{scheme}://{before}{dot}mp.example{after}");
        if allows(&policy(&["https://*.mp.example".into()]), &origin) {
            let host = origin.strip_prefix("https://").unwrap();
            let labels = host.strip_suffix(".mp.example").unwrap();
            let is_label = |label: &str| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
            };
            prop_assert!(labels.split('.').all(is_label), "{}", origin);
            prop_assert!(Origin::parse(&origin).is_ok());
        }
    }

    #[test]
    fn what_is_read_is_written_alike(text in "[a-z]{1,6}://[a-z0-9.:@/\\[\\]*-]{0,20}") {
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(origin.as_str(), &text);
        }
        if let Ok(pattern) = OriginPattern::parse(&text) {
            let written = pattern.to_string();
            prop_assert_eq!(OriginPattern::parse(&written).unwrap(), pattern);
            prop_assert_eq!(written, text);
        }
    }

    #[test]
    fn no_header_breaks_a_decision_and_only_tokens_come_out(
        request in headers(),
        method in prop::sample::select(vec![Method::OPTIONS, Method::GET, Method::POST]),
        vary in prop::collection::vec(value(), 0..4),
        any_header in any::<bool>(),
    ) {
        let mut config = PolicyConfig {
            origins: vec!["https://*.mp.example".into()],
            methods: vec!["GET".into(), "PUT".into(), "PATCH".into()],
            ..PolicyConfig::default()
        };
        if any_header {
            config.request_headers.push("*".into());
        }
        let policy = Policy::try_from(config).unwrap();
        let decision = decide(&policy, &method, &request);
        let response = decision.answer(&policy).map(|answer| answer.headers().clone());
        let response = response.unwrap_or_else(|| {
            let mut response = HeaderMap::new();
            for line in vary {
                response.append(VARY, line);
            }
            decision.finish(&policy, &mut response);
            response
        });
        for name in [VARY, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_HEADERS] {
            let lines: Vec<_> = response.get_all(&name).iter().collect();
            prop_assert!(lines.len() <= 1, "{}: {:?}", name, lines);
            prop_assert!(lines.iter().all(|line| is_list_of_tokens(line)), "{}: {:?}", name, lines);
        }
        prop_assert!(response.contains_key(VARY));
        let logged = loggable_origin(&request).to_string();
        prop_assert!(logged.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}

#[test]
fn the_oracle_of_tokens_can_say_no() {
    for list in ["a b", "a,,b", "", "(a)", "a;q=1", "\"a\""] {
        assert!(
            !is_list_of_tokens(&HeaderValue::from_static(list)),
            "{list}"
        );
    }
    assert!(is_list_of_tokens(&HeaderValue::from_static("a, B-c,*")));
}
