use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE,
    DATE, RANGE, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{Blocked, PageRequest};
use crate::Credentials;

fn page(method: &str) -> PageRequest {
    PageRequest::new(
        HeaderValue::from_static("https://shop.example"),
        Method::from_bytes(method.as_bytes()).unwrap(),
    )
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

#[test]
fn safelisted_methods_and_headers_are_sent_without_asking() {
    for (name, value, asks) in [
        (CONTENT_TYPE, "text/plain;charset=utf-8", false),
        (CONTENT_TYPE, "application/json", true),
        (CONTENT_TYPE, "text/plain; x=\"y\"", true),
        (ACCEPT, "*/*", false),
        (ACCEPT, "x{}", true),
        (RANGE, "bytes=0-", false),
        (RANGE, "bytes=-5", true),
        (RANGE, "bytes=9-9", false),
        (RANGE, "bytes=9-10", false),
        (RANGE, "bytes=009-9", false),
        (RANGE, "bytes=9-8", true),
        (RANGE, "bytes=10-9", true),
        (AUTHORIZATION, "Bearer x", true),
    ] {
        let value = HeaderValue::from_static(value);
        let request = page("POST").with_header(name.clone(), value.clone());
        assert_eq!(request.preflight().is_some(), asks, "{name}: {value:?}");
    }
    let at_limit = HeaderValue::from_str(&"x".repeat(128)).unwrap();
    assert!(
        page("GET")
            .with_header(ACCEPT, at_limit)
            .preflight()
            .is_none()
    );
    let past_limit = HeaderValue::from_str(&"x".repeat(129)).unwrap();
    assert!(
        page("GET")
            .with_header(ACCEPT, past_limit)
            .preflight()
            .is_some()
    );
}

#[test]
fn a_preflight_names_the_method_as_sent_and_the_headers_sorted() {
    for (written, sent) in [("put", "PUT"), ("delete", "DELETE"), ("patch", "patch")] {
        let preflight = page(written)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .with_header(AUTHORIZATION, HeaderValue::from_static("Bearer x"))
            .preflight()
            .unwrap();
        assert_eq!(preflight[ACCESS_CONTROL_REQUEST_METHOD], sent);
        assert_eq!(
            preflight[ACCESS_CONTROL_REQUEST_HEADERS],
            "authorization,content-type"
        );
    }
}

/// Web platform tests: `cors/origin.htm`, `cors/credentials-flag.htm`.
#[test]
fn the_cors_check_wants_one_exact_value() {
    let (origin, credentials) = (
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
    );
    let mine = "https://shop.example";
    for (answer, omit, include) in [
        (headers(&[]), false, false),
        (headers(&[(origin.clone(), "*")]), true, false),
        (headers(&[(origin.clone(), mine)]), true, false),
        (
            headers(&[(origin.clone(), mine), (credentials.clone(), "true")]),
            true,
            true,
        ),
        (
            headers(&[(origin.clone(), mine), (credentials.clone(), "TRUE")]),
            true,
            false,
        ),
        (
            headers(&[(origin.clone(), "*"), (credentials.clone(), "true")]),
            true,
            false,
        ),
        (
            headers(&[(origin.clone(), mine), (origin.clone(), mine)]),
            false,
            false,
        ),
        (
            headers(&[(origin.clone(), "https://shop.example, *")]),
            false,
            false,
        ),
        (
            headers(&[(origin.clone(), "https://shop.example/")]),
            false,
            false,
        ),
        (
            headers(&[(origin.clone(), "HTTPS://shop.example")]),
            false,
            false,
        ),
        (headers(&[(origin, "null")]), false, false),
    ] {
        let check = |mode| page("GET").with_credentials(mode).check(&answer).is_ok();
        assert_eq!(check(Credentials::Omit), omit, "{answer:?}");
        assert_eq!(check(Credentials::Include), include, "{answer:?}");
    }
}

#[test]
fn a_wildcard_in_a_preflight_covers_all_but_authorization_and_nothing_with_credentials() {
    let answer = headers(&[
        (ACCESS_CONTROL_ALLOW_ORIGIN, "https://shop.example"),
        (ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        (ACCESS_CONTROL_ALLOW_METHODS, "*"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
    ]);
    let x = HeaderName::from_static("x-own");
    let own = page("PUT").with_header(x.clone(), HeaderValue::from_static("1"));
    let token = own
        .clone()
        .with_header(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    let check = |page: &PageRequest| page.check_preflight(StatusCode::NO_CONTENT, &answer);
    assert_eq!(check(&own), Ok(()));
    assert_eq!(check(&token), Err(Blocked::Header(AUTHORIZATION)));
    let included = own.with_credentials(Credentials::Include);
    assert_eq!(check(&included), Err(Blocked::Method(Method::PUT)));
    let simple = page("GET")
        .with_header(x.clone(), HeaderValue::from_static("1"))
        .with_credentials(Credentials::Include);
    assert_eq!(check(&simple), Err(Blocked::Header(x)));
}

#[test]
fn a_preflight_fails_by_its_status_and_by_one_bad_name() {
    let mut answer = headers(&[
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "PUT,, "),
    ]);
    for (status, passes) in [
        (200, true),
        (204, true),
        (299, true),
        (302, false),
        (401, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(page("PUT").check_preflight(status, &answer).is_ok(), passes);
    }
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("PUT, a b"),
    );
    assert_eq!(
        page("PUT").check_preflight(StatusCode::OK, &answer),
        Err(Blocked::MalformedList(ACCESS_CONTROL_ALLOW_METHODS))
    );
}

#[test]
fn a_page_reads_seven_headers_and_what_is_exposed() {
    let mut answer = HeaderMap::new();
    assert!(page("GET").can_read(&CONTENT_TYPE, &answer));
    assert!(!page("GET").can_read(&DATE, &answer));
    answer.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Date, set-cookie"),
    );
    assert!(page("GET").can_read(&DATE, &answer));
    assert!(!page("GET").can_read(&SET_COOKIE, &answer));
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    assert!(page("GET").can_read(&DATE, &answer));
    assert!(
        !page("GET")
            .with_credentials(Credentials::Include)
            .can_read(&DATE, &answer)
    );
}

/// Web platform tests: `fetch/api/basic/request-forbidden-headers.any.js`.
#[test]
fn what_browsers_keep_for_themselves_is_left_out_and_never_asked_for() {
    for (name, value, is_kept) in [
        ("cookie", "a=b", true),
        ("host", "evil.example", true),
        ("origin", "https://evil.example", true),
        ("access-control-request-method", "GET", true),
        ("sec-fetch-site", "same-origin", true),
        ("sec-", "x", true),
        ("proxy-authorization", "x", true),
        ("x-http-method-override", "GET, track", true),
        ("x-http-method-override", "GET, tracker", false),
        ("sec", "x", false),
        ("proxy", "x", false),
        ("user-agent", "x", false),
    ] {
        let name = HeaderName::from_static(name);
        let page = page("GET").with_header(name.clone(), HeaderValue::from_static(value));
        assert_eq!(page.preflight().is_none(), is_kept, "{name}: {value}");
        let is_sent = page.headers().get(&name).is_some_and(|it| it == value);
        assert_eq!(is_sent, !is_kept, "{name}: {value}");
        assert_eq!(page.hints().len(), usize::from(is_kept), "{name}: {value}");
    }
}

#[test]
fn what_is_left_out_is_named_once_and_for_what_it_is() {
    let page = ["cookie", "cookie", "x-method-override"]
        .into_iter()
        .map(HeaderName::from_static)
        .fold(page("GET"), |page, name| {
            page.with_header(name, HeaderValue::from_static("TRACE"))
        });
    let hints = page.hints();
    assert!(
        hints[0]
            .text
            .starts_with("no page can set cookie, x-method-override to CONNECT, TRACE or TRACK:"),
        "{hints:?}"
    );
}

#[test]
fn a_method_that_no_page_can_use_is_not_asked_for() {
    for (method, is_forbidden) in [
        ("TRACE", true),
        ("connect", true),
        ("Track", true),
        ("TRACES", false),
    ] {
        let page = page(method);
        assert_eq!(page.is_forbidden(), is_forbidden, "{method}");
        assert_eq!(page.preflight().is_none(), is_forbidden, "{method}");
        assert_eq!(page.hints().len(), usize::from(is_forbidden), "{method}");
    }
}
