//! Input: a pattern, a line feed, an origin. What a pattern covers is what is written in it, read by an oracle that knows nothing of the
//! parser; the hash tables of a policy say the same.

use exeat::exeat_cors::{
    Decision, MAX_HOST_LENGTH, MAX_LABEL_LENGTH, MAX_ORIGIN_LENGTH, Origin, OriginPattern, Policy,
    PolicyConfig, decide,
};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue, Method};

pub fn run(input: &[u8]) {
    let Ok(input) = str::from_utf8(input) else {
        return;
    };
    let (pattern, origin) = input.split_once('\n').unwrap_or((input, ""));
    let origin_read = Origin::parse(origin);
    if let Ok(read) = &origin_read {
        assert_eq!(read.as_str(), origin, "what is read is written alike");
        assert!(origin.len() <= MAX_ORIGIN_LENGTH && origin.is_ascii());
        assert!(origin != "null" && origin.contains("://"));
        let tail = origin.split_once("://").map_or("", |(_, tail)| tail);
        let ends = |c: char| "/?#\\@, \t".contains(c);
        assert!(!tail.contains(ends), "{origin:?} goes on after the host");
    }
    let Ok(read) = OriginPattern::parse(pattern) else {
        return;
    };
    assert_eq!(read.to_string(), pattern, "what is read is written alike");
    assert_eq!(OriginPattern::parse(&read.to_string()), Ok(read.clone()));

    let expected = covers(pattern, origin);
    if let Ok(origin) = &origin_read {
        assert_eq!(read.matches(origin), expected, "{pattern:?} {origin:?}");
    }
    let policy = Policy::try_from(PolicyConfig {
        origins: vec![pattern.to_owned(), "https://second.example".to_owned()],
        danger_public_suffixes: true,
        ..PolicyConfig::default()
    });
    let policy = policy.unwrap_or_else(|errors| panic!("{pattern:?} alone is fine: {errors}"));
    let Ok(value) = HeaderValue::from_str(origin) else {
        return;
    };
    let is_listed = expected || origin == "https://second.example";
    assert_eq!(
        policy.allows_origin(&value),
        is_listed,
        "{pattern:?} {origin:?}"
    );
    let headers = HeaderMap::from_iter([(ORIGIN, value)]);
    let decision = decide(&policy, &Method::GET, &headers);
    assert_eq!(matches!(decision, Decision::Cors(_)), is_listed);
}

/// What the table in the documentation of `OriginPattern` says, on texts.
fn covers(pattern: &str, origin: &str) -> bool {
    match pattern {
        "*" => return true,
        "moz-extension://*" => return is_uuid(origin, "moz-extension://", "0123456789abcdef"),
        "safari-web-extension://*" => {
            let digits = "0123456789abcdefABCDEF";
            return is_uuid(origin, "safari-web-extension://", digits);
        }
        _ => {}
    }
    if let Some(host) = pattern.strip_suffix(":*") {
        let default = if host.starts_with("https:") {
            "443"
        } else {
            "80"
        };
        let port = origin
            .strip_prefix(host)
            .map(|port| port.strip_prefix(':').ok_or(port));
        return match port {
            Some(Ok(port)) => {
                let number = port
                    .parse::<u16>()
                    .is_ok_and(|number| number.to_string() == port);
                number && port != "0" && port != default
            }
            Some(Err(rest)) => rest.is_empty(),
            None => false,
        };
    }
    let Some((scheme, suffix)) = pattern.split_once("://*.") else {
        return origin == pattern;
    };
    let Some(host_and_port) = origin
        .strip_prefix(scheme)
        .and_then(|it| it.strip_prefix("://"))
    else {
        return false;
    };
    let labels = host_and_port
        .strip_suffix(suffix)
        .and_then(|labels| labels.strip_suffix('.'));
    let host = host_and_port.split(':').next().unwrap_or_default();
    host.len() <= MAX_HOST_LENGTH && labels.is_some_and(|labels| labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    let of_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    (1..=MAX_LABEL_LENGTH).contains(&label.len()) && label.chars().all(of_label)
}

fn is_uuid(origin: &str, scheme: &str, digits: &str) -> bool {
    let Some(id) = origin.strip_prefix(scheme) else {
        return false;
    };
    let groups: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.concat().chars().all(|c| digits.contains(c))
}
