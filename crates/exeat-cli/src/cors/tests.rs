use exeat_cors::{Policy, PolicyConfig};

use super::*;

fn course(origin: &str, method: &str, headers: &[&str], mode: Mode) -> Course {
    let policy = Policy::try_from(PolicyConfig {
        origins: vec!["https://shop.example".to_owned()],
        own_origins: vec!["https://api.example".to_owned()],
        methods: vec!["GET".to_owned(), "PUT".to_owned()],
        ..PolicyConfig::default()
    })
    .unwrap();
    let page = PageRequest::new(origin.parse().unwrap(), method.parse().unwrap())
        .with_credentials(mode.into());
    let page = headers.iter().fold(page, |page, header| {
        let (name, value) = named(header).unwrap();
        page.with_header(name, value)
    });
    Course::of(&policy, &page, mode)
}

fn codes(course: &Course) -> Vec<&'static str> {
    course.hints.iter().map(|hint| hint.code).collect()
}

#[test]
fn a_simple_request_is_sent_without_asking() {
    let simple = course(
        "https://shop.example",
        "GET",
        &["content-type:text/plain"],
        Mode::Omit,
    );
    assert!(simple.allowed && simple.preflight.is_none());
    assert!(codes(&simple).is_empty());
    let json = course("https://shop.example", "GET", &["content-type"], Mode::Omit);
    assert!(json.allowed && json.preflight.is_some());
}

#[test]
fn what_the_preflight_refuses_is_not_sent() {
    for (origin, method, headers, hint) in [
        ("https://shop.example/", "PUT", &[][..], "trailing_slash"),
        ("https://shop.example", "DELETE", &[], "method_not_listed"),
        (
            "https://shop.example",
            "put",
            &["x-own"],
            "header_not_listed",
        ),
    ] {
        let course = course(origin, method, headers, Mode::Omit);
        assert!(!course.allowed && course.request.is_none());
        assert_eq!(codes(&course), [hint]);
        assert!(course.javascript.contains("Failed to fetch"));
    }
}

#[test]
fn a_simple_request_of_a_stranger_is_sent_and_refused() {
    let course = course("https://evil.example", "GET", &[], Mode::Omit);
    assert!(!course.allowed && course.preflight.is_none());
    let request = course.request.unwrap();
    assert_eq!(request.explanation.status, Some(403));
    assert!(request.blocked.is_some());
}

/// The answer is readable, and a refusal all the same.
#[test]
fn an_unlisted_simple_method_is_refused_readably() {
    let course = course("https://shop.example", "POST", &[], Mode::Omit);
    assert!(!course.allowed);
    assert!(
        course.javascript.starts_with("reads status 403"),
        "{}",
        course.javascript
    );
}

#[test]
fn credentials_are_a_matter_of_the_page_that_sends_them() {
    let with = course("https://shop.example", "GET", &[], Mode::Include);
    assert!(!with.allowed);
    assert_eq!(codes(&with), ["credentials"]);
    assert!(
        with.request.is_some(),
        "it is sent, and its answer is thrown away"
    );
    let preflighted = course("https://shop.example", "PUT", &[], Mode::Include);
    assert!(preflighted.request.is_none());
    assert_eq!(codes(&preflighted), ["credentials"]);
}

#[test]
fn the_apis_own_pages_need_no_cors() {
    let own = course(
        "https://api.example",
        "PUT",
        &["authorization"],
        Mode::Include,
    );
    assert!(own.allowed && own.preflight.is_none());
    assert!(
        own.javascript.contains("every header"),
        "{}",
        own.javascript
    );
}

#[test]
fn headers_that_no_page_can_set_are_left_out_and_named() {
    let simple = course(
        "https://shop.example",
        "GET",
        &["cookie", "host"],
        Mode::Omit,
    );
    assert!(simple.allowed && simple.preflight.is_none());
    assert_eq!(codes(&simple), ["forbidden_header"]);
    let with_token = course(
        "https://shop.example",
        "GET",
        &["authorization", "sec-fetch-site"],
        Mode::Omit,
    );
    assert!(with_token.allowed && with_token.preflight.is_some());
    assert_eq!(codes(&with_token), ["forbidden_header"]);
    let own = course("https://api.example", "PUT", &["cookie"], Mode::Omit);
    assert_eq!(codes(&own), ["forbidden_header"]);
}

#[test]
fn only_a_value_that_browsers_look_at_is_taken() {
    assert!(named("content-type: text/plain").is_ok());
    let refused = named("authorization: Bearer secret").unwrap_err();
    assert!(!refused.contains("secret"), "{refused}");
    assert!(named("a b").is_err());
}
