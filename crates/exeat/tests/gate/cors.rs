//! CORS around the token gate: preflights, refused origins, headers on every answer.

use axum::body::Body;
use exeat::Cookies;
use exeat_cors::PolicyConfig;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::fixture::{App, PAGE, bearer, claims, claims_with, es256, from_page, pinned, sign};
use crate::secrecy::Log;

fn preflight(origin: &str, method: &str, headers: &str) -> Request<Body> {
    Request::options("/points")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_preflight_reaches_neither_token_gate_nor_handler() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_token_header("MP-Authorization")).await);
    for headers in [
        "authorization",
        "authorization,content-type",
        "authorization,mp-authorization",
    ] {
        let seen = app.send(preflight(PAGE, "POST", headers)).await;
        assert_eq!(seen.status, 204, "{headers}");
        assert_eq!(seen.header("access-control-allow-origin"), PAGE);
        assert_eq!(seen.body, "");
        assert!(!seen.headers.contains_key("www-authenticate"));
        assert!(
            !seen.headers.contains_key("exeat-handler"),
            "a preflight is answered, not refused"
        );
    }
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_preflight_with_a_bad_token_is_answered_all_the_same() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let mut request = preflight(PAGE, "GET", "authorization");
    request
        .headers_mut()
        .insert("authorization", "Bearer a b c".parse().unwrap());
    assert_eq!(app.send(request).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_preflight_that_is_refused_says_nothing_about_the_policy() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    for (origin, method, headers) in [
        ("https://evil.example", "GET", "authorization"),
        ("null", "GET", "authorization"),
        (PAGE, "DELETE", "authorization"),
        (PAGE, "GET", "x-evil"),
        (PAGE, "GET", "mp-authorization"),
    ] {
        let seen = app.send(preflight(origin, method, headers)).await;
        assert_eq!(
            (seen.status, seen.body.as_str()),
            (403, ""),
            "{origin} {method} {headers}"
        );
        assert!(
            seen.headers
                .keys()
                .all(|name| !name.as_str().starts_with("access-control-"))
        );
        assert_eq!(
            (seen.header("exeat-handler"), seen.header("cache-control")),
            ("not-run", "no-store")
        );
        assert!(seen.refused.is_some());
    }
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn options_that_are_no_preflight_need_a_token() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    assert_eq!(
        app.send(from_page(Method::OPTIONS, &[]))
            .await
            .readable_refusal(),
        (401, "no_token".to_owned())
    );
    let no_origin = Request::options("/points")
        .header("access-control-request-method", "GET")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        app.send(no_origin).await.refusal(),
        (401, "no_token".to_owned())
    );
    assert_eq!(
        app.send(bearer(Method::OPTIONS, &sign(&key, &claims())))
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_origin_is_refused_before_the_handler_even_with_a_good_token() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let token = sign(&key, &claims());
    for origin in [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "null",
        "",
    ] {
        let mut request = bearer(Method::POST, &token);
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let seen = app.send(request).await;
        assert_eq!(
            seen.refusal(),
            (403, "origin_not_allowed".to_owned()),
            "{origin}"
        );
        assert!(!seen.headers.contains_key("access-control-allow-origin"));
        assert!(!seen.headers.contains_key("www-authenticate"));
    }
    let mut twice = bearer(Method::GET, &token);
    twice.headers_mut().append("origin", PAGE.parse().unwrap());
    assert_eq!(
        app.send(twice).await.refusal(),
        (400, "multiple_origin".to_owned())
    );
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_origins_every_foreign_page_is_refused_and_programs_pass() {
    let key = es256();
    let gate = exeat::ExternalApi::new(crate::fixture::ISSUER, crate::fixture::AUDIENCE)
        .with_clock(std::sync::Arc::new(crate::fixture::TestClock::new()))
        .with_static_keys(crate::fixture::key_set(&[&key]))
        .build()
        .await
        .unwrap();
    let app = App::new(&gate);
    let token = sign(&key, &claims());
    assert_eq!(
        app.with_token(&token).await.refusal(),
        (403, "origin_not_allowed".to_owned())
    );
    let mut program = bearer(Method::POST, &token);
    program.headers_mut().remove("origin");
    assert_eq!(app.send(program).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_read_by_the_page_and_by_no_other() {
    let key = es256();
    let inner = || {
        Response::builder()
            .header("vary", "accept-encoding")
            .header("access-control-allow-origin", "*")
            .header("exeat-handler", "not-run")
            .body(Body::from("ran"))
            .unwrap()
    };
    let app = App::with(&pinned(&key, |api| api).await, inner);
    let seen = app.with_token(&sign(&key, &claims())).await;
    assert_eq!(
        seen.headers
            .get_all("access-control-allow-origin")
            .iter()
            .count(),
        1
    );
    assert_eq!(seen.header("access-control-allow-origin"), PAGE);
    assert!(
        !seen
            .headers
            .contains_key("access-control-allow-credentials")
    );
    assert!(
        !seen.headers.contains_key("exeat-handler"),
        "only the gate may say that the handler has not run"
    );
    let vary = seen.header("vary").to_ascii_lowercase();
    assert!(
        vary.contains("accept-encoding") && vary.contains("origin"),
        "{vary}"
    );

    let mut program = bearer(Method::GET, &sign(&key, &claims()));
    program.headers_mut().remove("origin");
    let seen = app.send(program).await;
    assert!(!seen.headers.contains_key("access-control-allow-origin"));
    assert!(seen.header("vary").to_ascii_lowercase().contains("origin"));
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_failing_handlers_can_be_read_too() {
    let key = es256();
    let app = App::with(&pinned(&key, |api| api).await, || {
        Response::builder().status(500).body(Body::empty()).unwrap()
    });
    let seen = app.with_token(&sign(&key, &claims())).await;
    assert_eq!(
        (seen.status, seen.header("access-control-allow-origin")),
        (500, PAGE)
    );
    assert_eq!(seen.refused, None);
}

#[tokio::test(start_paused = true)]
async fn cache_control_of_the_handler_stays_except_on_refusals() {
    let key = es256();
    for (status, own, expected) in [
        (200, None, "private, no-store"),
        (200, Some("private, max-age=5"), "private, max-age=5"),
        (404, None, "private, no-store"),
        (401, Some("max-age=5"), "no-store"),
        (403, None, "no-store"),
    ] {
        let app = App::with(&pinned(&key, |api| api).await, move || {
            let mut response = Response::builder().status(status);
            if let Some(own) = own {
                response = response.header("cache-control", own);
            }
            response.body(Body::empty()).unwrap()
        });
        let seen = app.with_token(&sign(&key, &claims())).await;
        assert_eq!(seen.header("cache-control"), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn cookies_pass_in_neither_direction_unless_asked_for() {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt;

    let key = es256();
    let echo = |headers: http::HeaderMap| async move {
        let seen = headers.contains_key("cookie").to_string();
        Response::builder()
            .header("set-cookie", "a=b")
            .header("seen-cookie", seen)
            .body(Body::empty())
            .unwrap()
    };
    for (cookies, passes) in [(Cookies::Strip, false), (Cookies::Pass, true)] {
        let gate = pinned(&key, |api| api.with_cookies(cookies)).await;
        let app = Router::new()
            .route("/points", get(echo))
            .layer(gate.layer());
        let mut request = bearer(Method::GET, &sign(&key, &claims()));
        request
            .headers_mut()
            .append("cookie", "sid=1".parse().unwrap());
        request
            .headers_mut()
            .append("cookie", "sid=2".parse().unwrap());
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["seen-cookie"], passes.to_string());
        assert_eq!(response.headers().contains_key("set-cookie"), passes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_ones_own_still_exposes_what_clients_need() {
    let key = es256();
    let policy = PolicyConfig {
        origins: vec![PAGE.to_owned()],
        expose_headers: vec!["x-total".to_owned()],
        ..PolicyConfig::default()
    };
    let app = App::new(&pinned(&key, |api| api.with_policy(policy)).await);
    let exposed = app
        .with_token(&sign(&key, &claims()))
        .await
        .header("access-control-expose-headers")
        .to_ascii_lowercase();
    assert!(
        exposed.contains("x-total") && exposed.contains("exeat-handler"),
        "{exposed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_bound_to_origins_is_refused_from_those_of_others() {
    const OTHER: &str = "https://other.example";
    let key = es256();
    let policy = PolicyConfig {
        origins: vec![PAGE.to_owned(), OTHER.to_owned()],
        tenants: [("T1", PAGE), ("T2", OTHER)]
            .map(|(tenant, origin)| (tenant.to_owned(), vec![origin.to_owned()]))
            .into(),
        ..PolicyConfig::default()
    };
    let app = App::new(&pinned(&key, |api| api.with_policy(policy)).await);
    let of_tenant = |tenant: Value| sign(&key, &claims_with(&json!({ "tenant": tenant })));

    let own = app.with_token(&of_tenant("T1".into())).await;
    assert_eq!(own.status, 200, "the tenant's own page");
    let mut from_program = bearer(Method::GET, &of_tenant("T1".into()));
    from_program.headers_mut().remove("origin");
    assert_eq!(app.send(from_program).await.status, 200, "no page at all");
    assert_eq!(app.runs(), 2);

    for tenant in ["T2".into(), "T3".into(), Value::Null] {
        let (log, _guard) = Log::start(tracing::Level::INFO);
        let seen = app.with_token(&of_tenant(tenant)).await;
        let logged = log.text();
        assert_eq!(logged.lines().count(), 1, "one security event: {logged}");
        for part in ["WARN", "origin_tenant_mismatch", PAGE] {
            assert!(logged.contains(part), "{part}: {logged}");
        }
        assert_eq!(
            seen.readable_refusal(),
            (403, "origin_tenant_mismatch".to_owned())
        );
        assert!(
            !seen.headers.contains_key("www-authenticate"),
            "a new token would not help"
        );
    }
    assert_eq!(app.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_open_route_has_the_policy_of_the_gate_and_asks_for_no_token() {
    use axum::{Router, routing::get};
    use tower::ServiceExt;

    let key = es256();
    let gate = pinned(&key, |api| api.with_token_header("MP-Authorization")).await;
    let app = Router::new()
        .route("/points", get(|| async { "open" }))
        .layer(gate.cors_layer());
    let send = async |request| app.clone().oneshot(request).await.unwrap();
    let allowed = send(from_page(Method::GET, &[])).await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.headers()["access-control-allow-origin"], PAGE);
    let asked = send(preflight(PAGE, "GET", "mp-authorization")).await;
    assert_eq!(asked.status(), 204);
    let mut foreign = from_page(Method::GET, &[]);
    foreign
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    let refused = send(foreign).await;
    assert_eq!(refused.status(), 403);
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );
}
