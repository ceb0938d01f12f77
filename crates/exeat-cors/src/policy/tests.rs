use std::time::Duration;

use http::HeaderValue;
use proptest::prelude::*;

use super::headers::{NotGranted, RequestHeaders};
use super::{Policy, PolicyConfig, PolicyErrors};

fn config(origins: &[&str]) -> PolicyConfig {
    PolicyConfig {
        origins: origins.iter().map(ToString::to_string).collect(),
        ..PolicyConfig::default()
    }
}

fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

#[test]
fn deny_all_allows_no_origin() {
    let policy = Policy::deny_all();
    assert!(!policy.allows_origin(&value("https://shop.example")));
    assert!(!policy.allows_origin(&value("null")));
    assert!(
        Policy::try_from(policy.config()).is_err(),
        "an empty list is a slip everywhere else"
    );
}

#[test]
fn own_origins_are_not_foreign_ones() {
    let own = PolicyConfig {
        own_origins: vec!["https://api.example".into()],
        ..config(&["https://shop.example"])
    };
    let policy = Policy::try_from(own).unwrap();
    assert!(policy.is_own_origin(&value("https://api.example")));
    assert!(!policy.allows_origin(&value("https://api.example")));
    assert!(!policy.is_own_origin(&value("https://shop.example")));
}

#[test]
fn an_own_origin_is_exact() {
    for own in [
        "*",
        "https://*.api.example",
        "http://localhost:*",
        "moz-extension://*",
    ] {
        let config = PolicyConfig {
            own_origins: vec![own.into()],
            ..config(&["https://shop.example"])
        };
        let errors = Policy::try_from(config).unwrap_err();
        assert_eq!(
            errors
                .iter()
                .map(super::PolicyError::key)
                .collect::<Vec<_>>(),
            ["own_origins[0]"],
            "{own}"
        );
    }
}

#[test]
fn a_tenant_is_held_to_its_own_origins() {
    let mut config = config(&["https://shop.example", "https://*.mp.example"]);
    config
        .tenants
        .insert("T1".into(), vec!["https://shop.example".into()]);
    config
        .tenants
        .insert("T2".into(), vec!["https://*.mp.example".into()]);
    let policy = Policy::try_from(config).unwrap();
    let (shop, market) = (
        HeaderValue::from_static("https://shop.example"),
        HeaderValue::from_static("https://a.mp.example"),
    );
    assert!(policy.tenant_allows(Some("T1"), &shop));
    assert!(!policy.tenant_allows(Some("T1"), &market));
    assert!(policy.tenant_allows(Some("T2"), &market));
    assert!(
        !policy.tenant_allows(Some("T3"), &shop),
        "an unnamed tenant has no origin"
    );
    assert!(
        !policy.tenant_allows(None, &shop),
        "a token without a tenant belongs nowhere"
    );
}

#[test]
fn without_tenants_every_tenant_may_come_from_everywhere() {
    let policy = Policy::try_from(config(&["https://shop.example"])).unwrap();
    let shop = HeaderValue::from_static("https://shop.example");
    assert!(policy.tenant_allows(Some("T1"), &shop));
    assert!(policy.tenant_allows(None, &shop));
}

#[test]
fn a_file_may_leave_everything_out_but_the_origins() {
    let written: PolicyConfig =
        serde_json::from_str(r#"{"origins": ["https://shop.example"]}"#).unwrap();
    assert_eq!(written, config(&["https://shop.example"]));
    assert_eq!(written.max_age, Duration::from_hours(2));
}

#[test]
fn a_file_with_an_unknown_key_is_refused() {
    let error = serde_json::from_str::<PolicyConfig>(r#"{"orgins": []}"#).unwrap_err();
    assert!(error.to_string().contains("orgins"), "{error}");
}

#[test]
fn a_file_cannot_give_a_fraction_or_a_negative_age() {
    for age in ["0.5", "-1"] {
        assert!(
            serde_json::from_str::<PolicyConfig>(&format!(r#"{{"max_age_secs": {age}}}"#)).is_err(),
            "{age}"
        );
    }
}

#[test]
fn a_configuration_survives_being_written() {
    let written = serde_json::to_string(&config(&["https://shop.example"])).unwrap();
    assert_eq!(
        serde_json::from_str::<PolicyConfig>(&written).unwrap(),
        config(&["https://shop.example"])
    );
}

#[test]
fn all_errors_are_one_text_with_a_separator() {
    let errors: PolicyErrors =
        Policy::try_from(config(&["null", "https://a.example/"])).unwrap_err();
    let text = errors.to_string();
    assert!(
        text.starts_with("origins[0]: ") && text.contains("; origins[1]: "),
        "{text}"
    );
}

fn allowed(names: &[&str]) -> RequestHeaders {
    RequestHeaders::new(
        names.iter().map(|name| name.parse().unwrap()).collect(),
        false,
    )
}

#[test]
fn names_are_found_among_many() {
    let names: Vec<String> = (0..200).map(|number| format!("x-{number}")).collect();
    let headers = allowed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        let line = HeaderValue::from_str(&name.to_uppercase()).unwrap();
        assert_eq!(
            headers.grant([&line]),
            Ok(Some(HeaderValue::from_str(name).unwrap()))
        );
    }
    assert_eq!(headers.grant([&value("x-200")]), Err(NotGranted::Name));
}

#[test]
fn a_name_that_is_no_token_is_told_from_one_that_is_not_allowed() {
    let headers = allowed(&["authorization"]);
    assert_eq!(headers.grant([&value("x(y")]), Err(NotGranted::Malformed));
    assert_eq!(headers.grant([&value("x-y")]), Err(NotGranted::Name));
    assert_eq!(
        headers.grant([&value(",,,,,,,,,,,,,,,,,")]),
        Err(NotGranted::Excessive)
    );
}

proptest! {
    #[test]
    fn what_is_granted_is_always_made_of_our_own_names(
        lines in prop::collection::vec("(authorization|Content-Type|x-evil|[ \t,]|[!-~]){0,6}", 0..4),
    ) {
        let headers = allowed(&["content-type", "authorization"]);
        let lines: Vec<HeaderValue> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
        if let Ok(Some(granted)) = headers.grant(&lines) {
            let ours = ["authorization", "content-type", "authorization,content-type"];
            prop_assert!(ours.iter().any(|ours| granted == *ours), "{:?}", granted);
        }
    }

    #[test]
    fn no_bytes_make_the_header_list_panic(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        if let Ok(line) = HeaderValue::from_bytes(&bytes) {
            let _ = allowed(&["authorization"]).grant([&line, &line]);
        }
    }
}
