//! Input: a letter for the policy, one for the method, then lines of a letter for a header's name and its value: of the request, and of the
//! handler's response. Who is let in is what an oracle says that knows lists of texts and nothing else.

use std::sync::LazyLock;

use exeat::exeat_cors::{
    Credentials, Decision, Enforcement, MAX_EMPTY_ELEMENTS, MAX_LOGGED_ORIGIN,
    MAX_REQUEST_HEADER_NAMES, MAX_REQUEST_HEADERS_LENGTH, MAX_WHITE_SPACE, Policy, PolicyConfig,
    Refusal, RequestKind, decide, decide_by_origin, loggable_origin,
};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const LISTED: [&str; 2] = ["https://shop.example", "https://a.mp.example"];
const OWN: &str = "https://api.example";
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const NAMES: [&str; 3] = ["authorization", "content-type", "x-one"];

struct Rules {
    policy: Policy,
    is_public: bool,
    any_header: bool,
}

static RULES: LazyLock<[Rules; 3]> = LazyLock::new(|| {
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<String>>()
    };
    let config = PolicyConfig {
        origins: owned(&LISTED),
        own_origins: owned(&[OWN]),
        methods: owned(&METHODS),
        request_headers: owned(&NAMES),
        credentials: Credentials::Include,
        ..PolicyConfig::default()
    };
    let reporting = PolicyConfig {
        request_headers: owned(&["*", "authorization"]),
        credentials: Credentials::Omit,
        enforcement: Enforcement::ReportOnly,
        ..config.clone()
    };
    let public = PolicyConfig {
        origins: owned(&["*"]),
        own_origins: Vec::new(),
        credentials: Credentials::Omit,
        ..config.clone()
    };
    let rules = |config, is_public, any_header| Rules {
        policy: Policy::try_from(config).expect("a good configuration"),
        is_public,
        any_header,
    };
    [
        rules(config, false, false),
        rules(reporting, false, true),
        rules(public, true, false),
    ]
});

pub fn run(input: &[u8]) {
    let [policy, method, lines @ ..] = input else {
        return;
    };
    let [ordinary, reporting, public] = &*RULES;
    let rules = match policy {
        b'r' => reporting,
        b'*' => public,
        _ => ordinary,
    };
    let method = match method {
        b'o' => Method::OPTIONS,
        b'p' => Method::POST,
        b'd' => Method::DELETE,
        b'c' => Method::CONNECT,
        _ => Method::GET,
    };
    let (request, response) = headers(lines);
    let decision = decide(&rules.policy, &method, &request);
    judge(rules, &method, &request, &decision);
    narrows_only(rules, &method, &request, &decision);
    let logged = loggable_origin(&request).to_string();
    assert!(logged.len() <= 4 * MAX_LOGGED_ORIGIN);
    assert!(logged.bytes().all(|byte| (b' '..=b'~').contains(&byte)));

    let finished = decision.answer(&rules.policy).map_or_else(
        || {
            let mut finished = response;
            decision.finish(&rules.policy, &mut finished);
            finished
        },
        |answer| answer.headers().clone(),
    );
    is_legible(rules, &request, &decision, &finished);
    // Deciding does not depend on anything but what it is given.
    assert_eq!(decide(&rules.policy, &method, &request), decision);
}

fn judge(rules: &Rules, method: &Method, request: &HeaderMap, decision: &Decision) {
    let origins: Vec<&[u8]> = lines(request, &ORIGIN);
    let is_listed = matches!(origins[..], [one] if rules.is_public || LISTED.iter().any(|it| it.as_bytes() == one));
    let is_preflight = *method == Method::OPTIONS
        && !origins.is_empty()
        && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    match decision {
        Decision::Cors(_) => assert!(is_listed && !is_preflight),
        Decision::Preflight {
            method, headers, ..
        } => {
            assert!(is_listed && is_preflight && origins != [b"null"]);
            assert_eq!(
                lines(request, &ACCESS_CONTROL_REQUEST_METHOD),
                [method.as_bytes()]
            );
            assert!(METHODS.iter().any(|known| method == known));
            assert!(
                asks_for_listed(rules, request),
                "a header that is not listed"
            );
            let asked = elements(request).any(|name| !name.is_empty());
            assert_eq!(headers.is_some(), asked);
        }
        Decision::Plain => assert!(
            origins.is_empty() || origins == [OWN.as_bytes()] || origins == [b"null"],
            "let in by no rule"
        ),
        Decision::Refuse(Refusal::PreflightHeaders) => {
            assert!(!asks_for_listed(rules, request) || is_excessive(request));
        }
        Decision::Refuse(refusal) | Decision::Report(refusal) => {
            assert_eq!(origins.len() > 1, *refusal == Refusal::MultipleOrigin);
        }
        _ => panic!("another decision"),
    }
    if is_preflight && origins.len() == 1 {
        assert_eq!(decision.kind(), RequestKind::Preflight);
    }
    if let Decision::Refuse(refusal) = decision
        && refusal.is_preflight()
    {
        let answer = decision
            .answer(&rules.policy)
            .expect("a refusal is answered");
        let other = Decision::Refuse(Refusal::PreflightOrigin).answer(&rules.policy);
        let other = other.expect("a refusal is answered");
        assert_eq!(answer.status(), other.status());
        assert_eq!(
            (answer.headers(), answer.body()),
            (other.headers(), other.body())
        );
    }
}

/// Fetch metadata refuse or say nothing. All that they let in is `null`, and nobody may read what comes of it.
fn narrows_only(rules: &Rules, method: &Method, request: &HeaderMap, decision: &Decision) {
    let by_origin = decide_by_origin(&rules.policy, method, request);
    if by_origin != *decision {
        let refused = Decision::Refuse(Refusal::FetchMetadata);
        let reported = Decision::Report(Refusal::FetchMetadata);
        assert!(!rules.is_public && (*decision == refused || *decision == reported));
    }
    let mut silent = request.clone();
    for name in [SITE, MODE, DESTINATION] {
        silent.remove(name);
    }
    let silent = decide(&rules.policy, method, &silent);
    let unnamed = lines(request, &ORIGIN) == [b"null"] && *decision == Decision::Plain;
    if matches!(decision, Decision::Cors(_) | Decision::Plain) && !unnamed {
        assert_eq!(silent, *decision, "let in because of Fetch metadata");
    }
}

fn is_legible(rules: &Rules, request: &HeaderMap, decision: &Decision, finished: &HeaderMap) {
    let shared = lines(finished, &ACCESS_CONTROL_ALLOW_ORIGIN);
    match decision {
        Decision::Cors(_)
        | Decision::Preflight { .. }
        | Decision::Refuse(Refusal::MethodNotAllowed(_)) => {
            assert_eq!(shared.len(), 1);
            assert!(shared == [b"*"] || shared == lines(request, &ORIGIN));
            assert_eq!(shared == [b"*"], rules.is_public);
        }
        Decision::Plain if rules.is_public => assert_eq!(shared, [b"*"]),
        _ => {
            let mut names = finished.keys();
            assert!(!names.any(|name| name.as_str().starts_with("access-control-")));
        }
    }
    let credentials = lines(finished, &ACCESS_CONTROL_ALLOW_CREDENTIALS);
    assert!(credentials.is_empty() || (credentials == [b"true"] && shared != [b"*"]));
    for name in [
        VARY,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
    ] {
        let lines = lines(finished, &name);
        assert!(lines.len() <= 1, "{name} has {} lines", lines.len());
        for line in lines {
            assert!(
                line.split(|byte| *byte == b',').all(is_token),
                "{name}: {}",
                line.escape_ascii()
            );
        }
    }
    let varies = lines(finished, &VARY).concat().to_ascii_lowercase();
    let by_origin = varies == b"*"
        || varies
            .split(|byte| *byte == b',')
            .any(|name| name.trim_ascii() == b"origin");
    assert!(by_origin || (rules.is_public && decision.kind() != RequestKind::Preflight));
}

/// Are all names of the list allowed? Read as one list, however many lines it has.
fn asks_for_listed(rules: &Rules, request: &HeaderMap) -> bool {
    elements(request)
        .filter(|name| !name.is_empty())
        .all(|name| {
            let listed = NAMES
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(name));
            listed || (rules.any_header && is_token(name))
        })
}

/// Near a limit the oracle does not count; beyond it, it does.
fn is_excessive(request: &HeaderMap) -> bool {
    let lines = lines(request, &ACCESS_CONTROL_REQUEST_HEADERS);
    let length: usize = lines.iter().map(|line| line.len() + 1).sum();
    let empty = elements(request).filter(|name| name.is_empty()).count();
    let white = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b','));
    let mut white = white.map(|element| element.len() - element.trim_ascii().len());
    length > MAX_REQUEST_HEADERS_LENGTH + 1
        || empty > MAX_EMPTY_ELEMENTS
        || elements(request).count() - empty > MAX_REQUEST_HEADER_NAMES
        || white.any(|bytes| bytes > MAX_WHITE_SPACE)
}

fn elements(request: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    request
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// RFC 9110 §5.6.2, with the space after the comma of a list.
fn is_token(element: &[u8]) -> bool {
    let token = element.strip_prefix(b" ").unwrap_or(element);
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !token.is_empty() && token.iter().all(of_token)
}

fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h [u8]> {
    let lines = headers.get_all(name).iter();
    lines.map(HeaderValue::as_bytes).collect()
}

/// Of the request, and of the response.
fn headers(input: &[u8]) -> (HeaderMap, HeaderMap) {
    let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
    for line in input.split(|byte| *byte == b'\n').take(32) {
        let Some((letter, value)) = line.split_first() else {
            continue;
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            continue;
        };
        match letter {
            b'm' => request.append(ACCESS_CONTROL_REQUEST_METHOD, value),
            b'h' => request.append(ACCESS_CONTROL_REQUEST_HEADERS, value),
            b's' => request.append(SITE, value),
            b'n' => request.append(MODE, value),
            b'd' => request.append(DESTINATION, value),
            b'u' => request.append(UPGRADE, value),
            b'v' => response.append(VARY, value),
            b'a' => response.append(ACCESS_CONTROL_ALLOW_ORIGIN, value),
            b'c' => response.append(ACCESS_CONTROL_ALLOW_CREDENTIALS, value),
            _ => request.append(ORIGIN, value),
        };
    }
    (request, response)
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");
