use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::{Decision, MAX_LOGGED_ORIGIN, Refusal, RequestKind, decide, loggable_origin, vary};
use crate::{Credentials, Enforcement, Policy, PolicyConfig};

fn policy(change: impl FnOnce(&mut PolicyConfig)) -> Policy {
    let mut config = PolicyConfig {
        origins: vec!["https://shop.example".into()],
        ..PolicyConfig::default()
    };
    change(&mut config);
    Policy::try_from(config).unwrap()
}

fn from(origin: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
}

#[test]
fn report_only_runs_the_handler_and_does_not_share() {
    let policy = policy(|config| config.enforcement = Enforcement::ReportOnly);
    let decision = decide(&policy, &Method::GET, &from("https://evil.net"));
    assert_eq!(decision, Decision::Report(Refusal::OriginNotAllowed));
    assert!(decision.answer(&policy).is_none(), "the handler answers");
    let mut headers = HeaderMap::new();
    decision.finish(&policy, &mut headers);
    assert_eq!(
        headers,
        HeaderMap::from_iter([(VARY, HeaderValue::from_static("Origin"))])
    );
}

#[test]
fn report_only_does_not_share_what_it_would_refuse_for_its_method() {
    let policy = policy(|config| config.enforcement = Enforcement::ReportOnly);
    let decision = decide(&policy, &Method::DELETE, &from("https://shop.example"));
    assert!(
        matches!(decision, Decision::Report(Refusal::MethodNotAllowed(_))),
        "{decision:?}"
    );
    let mut headers = HeaderMap::new();
    decision.finish(&policy, &mut headers);
    assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[test]
fn report_only_answers_a_preflight_of_two_origins_itself() {
    let policy = policy(|config| config.enforcement = Enforcement::ReportOnly);
    let mut headers = from("https://shop.example");
    headers.append(ORIGIN, HeaderValue::from_static("https://evil.net"));
    let actual = decide(&policy, &Method::OPTIONS, &headers);
    assert_eq!(actual, Decision::Report(Refusal::MultipleOrigin));
    headers.insert(
        ACCESS_CONTROL_REQUEST_METHOD,
        HeaderValue::from_static("GET"),
    );
    let preflight = decide(&policy, &Method::OPTIONS, &headers);
    assert_eq!(preflight, Decision::Refuse(Refusal::MultipleOrigin));
}

#[test]
fn a_refused_preflight_says_why_to_the_log_and_the_same_bytes_to_the_page() {
    let policy = policy(|_| {});
    let ask = |origin, method, names: Option<&'static str>| {
        let mut headers = from(origin);
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static(method),
        );
        if let Some(names) = names {
            headers.insert(
                ACCESS_CONTROL_REQUEST_HEADERS,
                HeaderValue::from_static(names),
            );
        }
        decide(&policy, &Method::OPTIONS, &headers)
    };
    let refused = [
        (
            ask("https://evil.net", "GET", None),
            Refusal::PreflightOrigin,
            "origin_not_allowed",
        ),
        (
            ask("https://shop.example", "DELETE", None),
            Refusal::PreflightMethod,
            "method_not_allowed_cors",
        ),
        (
            ask("https://shop.example", "GET", Some("x-evil")),
            Refusal::PreflightHeaders,
            "headers_not_allowed_cors",
        ),
    ];
    for (decision, refusal, code) in refused {
        assert_eq!(refusal.code(), code);
        assert_eq!(decision.kind(), RequestKind::Preflight);
        let answer = decision.answer(&policy).unwrap();
        assert_eq!(answer.body(), "");
        assert_eq!(
            answer.headers(),
            ask("https://evil.net", "PUT", Some("a"))
                .answer(&policy)
                .unwrap()
                .headers()
        );
        assert_eq!(decision, Decision::Refuse(refusal));
    }
}

#[test]
fn report_only_answers_preflights_as_ever() {
    let policy = policy(|config| config.enforcement = Enforcement::ReportOnly);
    let mut headers = from("https://evil.net");
    headers.insert(
        ACCESS_CONTROL_REQUEST_METHOD,
        HeaderValue::from_static("POST"),
    );
    let decision = decide(&policy, &Method::OPTIONS, &headers);
    assert_eq!(
        decision.answer(&policy).map(|answer| answer.status()),
        Some(StatusCode::FORBIDDEN)
    );
}

#[test]
fn deny_all_refuses_every_origin_and_passes_requests_without_one() {
    let policy = Policy::deny_all();
    assert_eq!(
        decide(&policy, &Method::GET, &from("https://shop.example")),
        Decision::Refuse(Refusal::OriginNotAllowed)
    );
    assert_eq!(
        decide(&policy, &Method::GET, &HeaderMap::new()),
        Decision::Plain
    );
}

#[test]
fn credentials_go_to_exact_origins_and_https_wildcards_alone() {
    let uuid = "moz-extension://0a1b2c3d-0000-4111-8222-333344445555";
    let policy = policy(|config| {
        config.credentials = Credentials::Include;
        config.danger_insecure_origins = true;
        let more = [
            "https://*.mp.example",
            "http://*.plain.example",
            "http://localhost:*",
            "moz-extension://*",
        ];
        config.origins.extend(more.map(str::to_owned));
    });
    for (origin, wanted) in [
        ("https://shop.example", true),
        ("https://a.mp.example", true),
        ("http://a.plain.example", false),
        ("http://localhost:5173", false),
        (uuid, false),
    ] {
        let decision = decide(&policy, &Method::GET, &from(origin));
        let mut headers = HeaderMap::new();
        decision.finish(&policy, &mut headers);
        assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), origin);
        assert_eq!(
            headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS),
            wanted,
            "{origin}"
        );
    }
}

#[test]
fn a_preflight_needs_options_origin_and_a_requested_method() {
    let policy = policy(|_| {});
    let mut all = from("https://shop.example");
    all.insert(
        ACCESS_CONTROL_REQUEST_METHOD,
        HeaderValue::from_static("POST"),
    );
    let mut no_origin = all.clone();
    no_origin.remove(ORIGIN);
    for (method, headers, kind) in [
        (Method::OPTIONS, &all, RequestKind::Preflight),
        (Method::POST, &all, RequestKind::Cors),
        (Method::OPTIONS, &no_origin, RequestKind::Plain),
        (
            Method::OPTIONS,
            &from("https://shop.example"),
            RequestKind::Cors,
        ),
    ] {
        assert_eq!(
            decide(&policy, &method, headers).kind(),
            kind,
            "{method} {headers:?}"
        );
    }
}

#[test]
fn a_refusal_is_one_object_of_problem_details() {
    let policy = policy(|_| {});
    let answer = decide(&policy, &Method::GET, &from("null"))
        .answer(&policy)
        .unwrap();
    let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "status", "title", "type"]);
}

#[test]
fn a_method_in_the_wrong_case_is_hinted_at_and_another_is_not() {
    let policy = policy(|_| {});
    let hint = |origin, method| {
        let mut headers = from(origin);
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static(method),
        );
        decide(&policy, &Method::OPTIONS, &headers).hint(&policy, &headers)
    };
    assert!(hint("https://shop.example", "post").is_some());
    assert!(hint("https://shop.example", "POST").is_none());
    assert!(hint("https://shop.example", "DELETE").is_none());
    assert!(
        hint("https://evil.net", "post").is_none(),
        "the method is not why"
    );
}

#[test]
fn an_origin_is_logged_escaped_and_cut() {
    let log = |bytes: &[u8]| {
        let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_bytes(bytes).unwrap())]);
        loggable_origin(&headers).to_string()
    };
    assert_eq!(log(b"https://a.example"), "https://a.example");
    assert_eq!(log(b"a\tb\"\xff"), r#"a\tb\"\xff"#);
    assert_eq!(log(&[b'a'; MAX_LOGGED_ORIGIN]).len(), MAX_LOGGED_ORIGIN);
    assert_eq!(log(&[b'a'; MAX_LOGGED_ORIGIN + 1]).len(), MAX_LOGGED_ORIGIN);
    assert_eq!(loggable_origin(&HeaderMap::new()).to_string(), "");
}

proptest! {
    #[test]
    fn a_merged_vary_is_one_line_of_distinct_tokens_with_ours_among_them(
        lines in prop::collection::vec("(origin|Accept|\\*|[ ,]|[!-~]){0,6}", 0..4),
    ) {
        let mut headers: HeaderMap =
            lines.iter().map(|line| (VARY, HeaderValue::from_str(line).unwrap())).collect();
        vary::merge(&mut headers, "Origin");
        let merged: Vec<&str> = headers.get_all(VARY).iter().map(|line| line.to_str().unwrap()).collect();
        prop_assert_eq!(merged.len(), 1);
        let names: Vec<String> = merged[0].split(", ").map(str::to_ascii_lowercase).collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), names.len());
        prop_assert!(names == ["*"] || names.contains(&"origin".to_owned()), "{:?}", names);
    }
}
