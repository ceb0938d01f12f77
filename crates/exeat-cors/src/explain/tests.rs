use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::Explanation;
use crate::{
    Blocked, Credentials, Decision, Enforcement, PageRequest, Policy, PolicyConfig, Refusal,
    RequireOrigin, decide,
};

const CHROME: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";

fn policy(change: impl FnOnce(&mut PolicyConfig)) -> Policy {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let mut config = PolicyConfig {
        origins: owned(&[
            "https://shop.example",
            "https://shop.example:8443",
            "https://*.mp.example",
            "http://localhost:*",
            CHROME,
        ]),
        own_origins: owned(&["https://api.example"]),
        methods: owned(&["GET", "HEAD", "POST", "PUT", "PATCH"]),
        ..PolicyConfig::default()
    };
    change(&mut config);
    Policy::try_from(config).unwrap()
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

fn get(origin: &str) -> Explanation {
    policy(|_| {}).explain(&Method::GET, &headers(&[(ORIGIN, origin)]))
}

fn preflight(policy: &Policy, method: &str, names: &str) -> Explanation {
    let headers = headers(&[
        (ORIGIN, "https://shop.example"),
        (ACCESS_CONTROL_REQUEST_METHOD, method),
        (ACCESS_CONTROL_REQUEST_HEADERS, names),
    ]);
    policy.explain(&Method::OPTIONS, &headers)
}

fn codes(explanation: &Explanation) -> Vec<&'static str> {
    explanation.hints.iter().map(|hint| hint.code).collect()
}

#[test]
fn each_near_miss_of_an_origin_is_named() {
    for (origin, expected) in [
        ("https://shop.example/", &["trailing_slash"][..]),
        ("https://shop.example/cart?x", &["path"]),
        ("http://shop.example", &["scheme"]),
        ("https://shop.example:9000", &["port"]),
        ("https://shop.example:443", &["default_port"]),
        ("https://Shop.example", &["upper_case"]),
        ("HTTPS://SHOP.EXAMPLE/", &["trailing_slash"]),
        ("https://shop.example.", &["trailing_dot"]),
        ("https://www.shop.example", &["www"]),
        ("https://a.shop.example", &["subdomain"]),
        ("https://mp.example", &["apex"]),
        ("http://a.mp.example", &["scheme"]),
        ("https://a.mp.example:444", &["port"]),
        ("http://127.0.0.1:3000", &["loopback"]),
        ("https://localhost:3000", &["scheme"]),
        ("http://a.mp.example:8080", &["scheme", "port"]),
        (
            "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
            &["extension_id"],
        ),
        ("chrome-extension://abc", &["extension_id"]),
        (
            "moz-extension://0a1b2c3d-0000-4111-8222-333344445555",
            &["extension_class"],
        ),
        ("null", &["null"]),
        ("", &["not_an_origin"]),
        ("shop.example", &["not_an_origin"]),
        (
            "https://shop.example, https://evil.net",
            &["multiple_origins"],
        ),
        ("https://evil.net", &["not_listed"]),
        ("https://evilshop.example", &["not_listed"]),
        ("https://bücher.example", &["not_an_origin"]),
    ] {
        let explanation = get(origin);
        assert_eq!(explanation.rule, "origin_not_allowed", "{origin}");
        assert_eq!(codes(&explanation), expected, "{origin}: {explanation}");
        assert!(explanation.browser.unwrap().omit.is_err(), "{origin}");
    }
}

#[test]
fn an_origin_that_differs_in_three_ways_is_another_origin() {
    assert_eq!(codes(&get("http://www.shop.example:81")), ["not_listed"]);
}

#[test]
fn two_lines_of_origin_are_no_list() {
    let two = headers(&[
        (ORIGIN, "https://shop.example"),
        (ORIGIN, "https://shop.example"),
    ]);
    let explanation = policy(|_| {}).explain(&Method::GET, &two);
    assert_eq!(
        (explanation.rule, explanation.status),
        ("multiple_origin", Some(400))
    );
    assert_eq!(codes(&explanation), ["multiple_origins"]);
}

#[test]
fn the_rule_that_lets_an_origin_in_is_named() {
    for (origin, rule, meaning) in [
        (
            "https://shop.example",
            "origin_listed",
            "https://shop.example is listed",
        ),
        (
            "https://a.mp.example",
            "origin_under_wildcard",
            "https://a.mp.example is covered by https://*.mp.example",
        ),
        (
            "http://localhost:5173",
            "origin_with_any_port",
            "http://localhost:5173 is covered by http://localhost:*",
        ),
        (
            CHROME,
            "origin_listed",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop is listed",
        ),
        (
            "https://api.example",
            "own_origin",
            "https://api.example is the API's own; the answer is shared with no other",
        ),
    ] {
        let explanation = get(origin);
        assert_eq!(
            (explanation.rule, explanation.meaning.as_str()),
            (rule, meaning)
        );
        assert_eq!(explanation.status, None, "the handler answers");
    }
    let plain = policy(|_| {}).explain(&Method::GET, &HeaderMap::new());
    assert_eq!((plain.rule, plain.browser), ("no_origin", None));
}

/// Case 76.
#[test]
fn a_page_that_includes_credentials_is_blocked_by_its_browser_alone() {
    let explanation = get("https://shop.example");
    let browser = explanation.browser.clone().unwrap();
    assert_eq!(browser.omit, Ok(()));
    assert_eq!(browser.include, Err(Blocked::NoAllowCredentials));
    assert_eq!(codes(&explanation), ["credentials"]);

    let with_credentials = policy(|config| config.credentials = Credentials::Include);
    let asked = |origin| with_credentials.explain(&Method::GET, &headers(&[(ORIGIN, origin)]));
    assert_eq!(codes(&asked("https://shop.example")), [""; 0]);
    // Any process on a developer's machine: never with credentials.
    assert_eq!(codes(&asked("http://localhost:5173")), ["credentials"]);
}

#[test]
fn each_near_miss_of_a_preflight_is_named() {
    let own = policy(|_| {});
    let without_token = policy(|config| config.request_headers = vec!["content-type".to_owned()]);
    for (policy, method, names, expected) in [
        (&own, "PUT", "authorization", &["credentials"][..]),
        (&own, "patch", "", &["method_case"]),
        (&own, "DELETE", "", &["method_not_listed"]),
        (&own, "PUT", "x-own", &["header_not_listed"]),
        (&without_token, "PUT", "authorization", &["authorization"]),
        (
            &without_token,
            "PUT",
            "authorization,x-own",
            &["authorization", "header_not_listed"],
        ),
        (&own, "PUT", ",,,,,,,,,,,,,,,,,,,,", &["header_list"]),
        (&own, "TRACE", "", &["forbidden_method"]),
        (&own, "track", "", &["forbidden_method"]),
        (&own, "TRACER", "", &["method_not_listed"]),
        (&own, "PUT", "Cookie,sec-own", &["forbidden_header"]),
        (
            &own,
            "PUT",
            "host,x-own",
            &["forbidden_header", "header_not_listed"],
        ),
        (&own, "PUT", "proxy", &["header_not_listed"]),
        // An apostrophe is a character of names (RFC 9110 §5.6.2).
        (&own, "PUT", "x'y", &["header_not_listed"]),
    ] {
        let explanation = preflight(policy, method, names);
        assert_eq!(explanation.kind, "preflight");
        assert_eq!(
            codes(&explanation),
            expected,
            "{method} {names}: {explanation}"
        );
    }
}

#[test]
fn a_token_that_is_not_listed_is_named_whatever_else_is_wrong() {
    let without_token = policy(|config| config.request_headers = vec!["content-type".to_owned()]);
    let before_it = |count| {
        let names = (0..count).map(|n| format!("a{n:02}"));
        names
            .chain(["authorization".to_owned()])
            .collect::<Vec<_>>()
            .join(",")
    };
    for (method, names, expected) in [
        (
            "PUT",
            &before_it(15)[..],
            &["authorization", "header_not_listed"][..],
        ),
        (
            "PUT",
            &before_it(16),
            &["authorization", "header_not_listed"],
        ),
        ("patch", "authorization", &["method_case", "authorization"]),
        (
            "DELETE",
            "authorization",
            &["method_not_listed", "authorization"],
        ),
        ("DELETE", "content-type", &["method_not_listed"]),
    ] {
        let explanation = preflight(&without_token, method, names);
        assert_eq!(codes(&explanation), expected, "{explanation}");
    }
}

#[test]
fn what_a_wildcard_covers_is_not_missed() {
    let any =
        policy(|config| config.request_headers = vec!["*".to_owned(), "authorization".to_owned()]);
    let explanation = preflight(&any, "PUT", "authorization,x-own,a b");
    assert_eq!(codes(&explanation), ["header_list"], "{explanation}");
    // What no browser asks for is not why.
    let explanation = preflight(&any, "PUT", "origin,a b");
    assert_eq!(
        codes(&explanation),
        ["forbidden_header", "header_list"],
        "{explanation}"
    );
    // Nor is it of use to list what is no name.
    let explanation = preflight(&policy(|_| {}), "PUT", "x-own,a b");
    assert_eq!(codes(&explanation), ["header_not_listed"]);
    assert!(
        explanation.hints[0].text.starts_with("not listed: x-own. "),
        "{explanation}"
    );
}

#[test]
fn what_no_page_can_send_is_said_where_it_is_allowed_too() {
    let any =
        policy(|config| config.request_headers = vec!["*".to_owned(), "authorization".to_owned()]);
    let explanation = preflight(&any, "PUT", "origin,x-own");
    assert_eq!(explanation.rule, "preflight_allowed");
    assert_eq!(codes(&explanation), ["forbidden_header", "credentials"]);
    assert!(
        explanation.hints[0]
            .text
            .starts_with("no page can set origin: "),
        "{explanation}"
    );
    let trace = any.explain(
        &Method::TRACE,
        &headers(&[(ORIGIN, "https://shop.example")]),
    );
    assert_eq!(trace.rule, "method_not_allowed_cors");
    assert!(codes(&trace).contains(&"forbidden_method"), "{trace}");
}

/// The browser sends `CONNECT` of itself (RFC 8441 §4), and the policy takes it for `GET`.
#[test]
fn a_socket_over_http_2_is_missed_for_want_of_get() {
    let own = policy(|config| config.methods = vec!["POST".to_owned()]);
    let page = headers(&[(ORIGIN, "https://shop.example")]);
    let explanation = own.explain(&Method::CONNECT, &page);
    assert_eq!(explanation.hints[0].code, "method_not_listed");
    assert!(
        explanation.hints[0].text.contains("needs GET"),
        "{explanation}"
    );
}

#[test]
fn every_listed_header_is_found_before_authorization_under_a_wildcard_is_missed() {
    let any =
        policy(|config| config.request_headers = vec!["*".to_owned(), "authorization".to_owned()]);
    let explanation = preflight(&any, "PUT", "authorization,x-own");
    assert_eq!(explanation.browser.unwrap().omit, Ok(()));
}

#[test]
fn a_policy_that_only_reports_says_so() {
    let policy = policy(|config| config.enforcement = Enforcement::ReportOnly);
    let explanation = policy.explain(&Method::GET, &headers(&[(ORIGIN, "https://evil.net")]));
    assert_eq!(
        (explanation.rule, explanation.status),
        ("origin_not_allowed", None)
    );
    assert!(
        explanation
            .meaning
            .ends_with("only reported: the handler runs")
    );
    assert!(
        explanation.browser.unwrap().omit.is_err(),
        "it is not shared all the same"
    );
}

#[test]
fn no_bytes_of_a_request_reach_a_terminal_unescaped() {
    let explanation = get("https://shop.example/\u{e9}\u{9b}2J");
    let written = explanation.to_string();
    assert!(
        written
            .bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{written}"
    );
}

#[test]
fn written_out_and_as_json_it_says_the_same() {
    let explanation = get("https://www.shop.example");
    assert_eq!(
        explanation.to_string(),
        "rule     origin_not_allowed: \"https://www.shop.example\" is not a listed origin
answer   403, and the handler does not run
           vary: Origin
           content-type: application/problem+json
           cache-control: no-store
browser  credentials omit   : network error; the answer has no Access-Control-Allow-Origin
browser  credentials include: network error; the answer has no Access-Control-Allow-Origin
hint     https://shop.example is listed: www. makes another origin; list https://www.shop.example as well"
    );
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["browser"]["omit"]["allowed"], false);
    assert_eq!(
        json["browser"]["omit"]["because"],
        "the answer has no Access-Control-Allow-Origin"
    );
    assert_eq!(json["hints"][0]["code"], "www");
    assert_eq!(json["headers"][0], serde_json::json!(["vary", "Origin"]));
}

#[test]
fn a_request_that_is_no_call_is_explained_by_what_the_browser_says() {
    let site = HeaderName::from_static("sec-fetch-site");
    let mode = HeaderName::from_static("sec-fetch-mode");
    let link = headers(&[(site.clone(), "cross-site"), (mode, "navigate")]);
    let refused = policy(|_| {}).explain(&Method::GET, &link);
    assert_eq!(
        (refused.rule, refused.status),
        ("fetch_metadata", Some(403))
    );
    assert_eq!(codes(&refused), ["fetch_metadata"]);

    let always = policy(|config| config.require_origin = RequireOrigin::Always);
    let refused = always.explain(&Method::GET, &HeaderMap::new());
    assert_eq!((refused.rule, refused.kind), ("origin_required", "plain"));
    assert_eq!(codes(&refused), ["require_origin"]);

    let null = headers(&[(ORIGIN, "null"), (site, "none")]);
    let unshared = policy(|_| {}).explain(&Method::POST, &null);
    assert_eq!((unshared.rule, unshared.status), ("null_of_no_page", None));
}

/// <https://fetch.spec.whatwg.org/#cors-request>: what makes one is an `Origin`.
#[test]
fn an_image_is_a_cors_request_only_if_it_has_an_origin() {
    let names = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"].map(HeaderName::from_static);
    let [site, mode, dest] = names;
    let mut image = headers(&[
        (site, "cross-site"),
        (mode.clone(), "no-cors"),
        (dest, "image"),
    ]);
    for enforcement in [Enforcement::Enforce, Enforcement::ReportOnly] {
        let policy = policy(|config| config.enforcement = enforcement);
        let explanation = policy.explain(&Method::GET, &image);
        assert_eq!(
            (explanation.rule, explanation.kind),
            ("fetch_metadata", "plain")
        );
        assert_eq!(explanation.browser, None);
    }
    // <img crossorigin>
    image.insert(mode, HeaderValue::from_static("cors"));
    image.insert(ORIGIN, HeaderValue::from_static("https://shop.example"));
    let explanation = policy(|_| {}).explain(&Method::GET, &image);
    assert_eq!(
        (explanation.rule, explanation.kind),
        ("fetch_metadata", "cors")
    );
    assert!(explanation.browser.is_some());

    let reporting = policy(|config| {
        config.enforcement = Enforcement::ReportOnly;
        config.require_origin = RequireOrigin::Always;
    });
    let explanation = reporting.explain(&Method::GET, &HeaderMap::new());
    assert_eq!(
        (explanation.rule, explanation.kind),
        ("origin_required", "plain")
    );
}

/// Pieces of requests, right and nearly right, in any combination.
fn a_page() -> impl Strategy<Value = PageRequest> {
    let origin = prop::sample::select(vec![
        "https://shop.example",
        "https://a.mp.example",
        "http://localhost:3000",
        CHROME,
        "https://shop.example.evil.net",
        "https://mp.example",
        "null",
        "https://shop.example/",
    ]);
    let method = prop::sample::select(vec![
        "GET", "post", "PUT", "put", "PATCH", "patch", "DELETE",
    ]);
    let name = prop::sample::select(vec![
        "authorization",
        "content-type",
        "accept",
        "x-own",
        "range",
    ]);
    let value = prop::sample::select(vec!["text/plain", "application/json", "bytes=0-", "\"", ""]);
    let headers = prop::collection::vec((name, value), 0..4);
    (origin, method, headers, any::<bool>()).prop_map(|(origin, method, headers, include)| {
        let page = PageRequest::new(
            HeaderValue::from_static(origin),
            Method::from_bytes(method.as_bytes()).unwrap(),
        );
        let mode = if include {
            Credentials::Include
        } else {
            Credentials::Omit
        };
        headers
            .into_iter()
            .fold(page.with_credentials(mode), |page, (name, value)| {
                page.with_header(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
    })
}

proptest! {
    /// What the policy allows a browser does, and what it refuses a browser does not do: two accounts of Fetch that share no code.
    #[test]
    fn a_browser_does_what_the_policy_allows_and_no_more(page in a_page(), include in any::<bool>()) {
        let policy = policy(|config| {
            config.credentials = if include { Credentials::Include } else { Credentials::Omit };
        });
        let expects = |decision: &Decision| match decision {
            Decision::Cors(grant) | Decision::Preflight { grant, .. } => {
                page.credentials() == Credentials::Omit || grant.credentials() == Credentials::Include
            }
            _ => false,
        };
        if let Some(asked) = page.preflight() {
            let decision = decide(&policy, &Method::OPTIONS, &asked);
            let answer = decision.answer(&policy).unwrap();
            let sends = page.check_preflight(answer.status(), answer.headers()).is_ok();
            prop_assert_eq!(sends, expects(&decision), "{:?} {:?}", page, decision);
        }
        let decision = decide(&policy, page.method(), &page.headers());
        let mut answer = HeaderMap::new();
        decision.finish(&policy, &mut answer);
        if !matches!(decision, Decision::Refuse(Refusal::MethodNotAllowed(_))) {
            prop_assert_eq!(page.check(&answer).is_ok(), expects(&decision), "{:?} {:?}", page, decision);
        }
    }

    #[test]
    fn no_request_makes_an_explanation_panic(
        origin in prop::collection::vec(any::<u8>(), 0..400),
        method in "[A-Za-z]{1,40}",
        names in prop::collection::vec(any::<u8>(), 0..1200),
    ) {
        let mut headers = HeaderMap::new();
        let pairs = [(ORIGIN, &origin[..]), (ACCESS_CONTROL_REQUEST_METHOD, method.as_bytes()), (ACCESS_CONTROL_REQUEST_HEADERS, &names[..])];
        for (name, value) in pairs {
            headers.extend(HeaderValue::from_bytes(value).ok().map(|value| (name, value)));
        }
        let written = policy(|_| {}).explain(&Method::OPTIONS, &headers).to_string();
        prop_assert!(written.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{}", written);
    }
}

#[test]
fn more_names_than_a_map_can_hold_are_refused_and_explained() {
    let names: Vec<_> = (0..40_000).map(|n| format!("a{n}")).collect();
    let asked = headers(&[
        (ORIGIN, "https://shop.example"),
        (ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        (ACCESS_CONTROL_REQUEST_HEADERS, &names.join(",")),
    ]);
    let explanation = policy(|_| {}).explain(&Method::OPTIONS, &asked);
    assert_eq!(explanation.rule, Refusal::PreflightHeaders.code());
}
