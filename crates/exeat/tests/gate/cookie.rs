//! A token from a cookie: who may send it, and who sees it.

use exeat::{Cookies, Gate};
use exeat_cors::{Enforcement, PolicyConfig, PolicyError, RequireOrigin};
use exeat_jose::SigningKey;
use http::Method;

use crate::fixture::{
    App, PAGE, api, claims, es256, from_page, key_set, mirrored, pinned, plain, sign,
};

const OWN: &str = "https://api.example";

async fn gate(key: &SigningKey) -> Gate {
    pinned(key, |api| {
        api.with_token_cookie("__Host-t").with_policy(PolicyConfig {
            origins: vec![PAGE.to_owned(), "http://localhost:*".to_owned()],
            own_origins: vec![OWN.to_owned()],
            ..PolicyConfig::default()
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_known_may_use_the_cookie_with_every_method() {
    let key = es256();
    let app = App::new(&gate(&key).await);
    let cookie = format!("a=b; __Host-t={}; c=d", sign(&key, &claims()));
    let same_origin = ("sec-fetch-site", "same-origin");
    for headers in [
        &[("origin", PAGE)][..],
        &[("origin", OWN)],
        &[same_origin],
        // A page of ours that tells nobody its address (Referrer-Policy: no-referrer) submits a form.
        &[("origin", "null"), same_origin],
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let mut headers = headers.to_vec();
            headers.push(("cookie", &cookie));
            let mut request = plain("/points", &headers);
            *request.method_mut() = method.clone();
            assert_eq!(app.send(request).await.status, 200, "{headers:?} {method}");
        }
    }
    let shared = app
        .send(plain("/points", &[("cookie", &cookie), ("origin", PAGE)]))
        .await;
    assert_eq!(shared.header("access-control-allow-credentials"), "true");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_known_page_sent_is_403_csrf_whatever_its_method() {
    let key = es256();
    let app = App::new(&gate(&key).await);
    let cookie = format!("__Host-t={}", sign(&key, &claims()));
    for headers in [
        &[][..],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "Same-Origin")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        // Any program on the developer's machine: let in by its token, never by the user's cookie.
        &[("origin", "http://localhost:5173")],
        // Perhaps an extension, perhaps the user's own form: nobody who may ride on the cookie.
        &[("origin", "null"), ("sec-fetch-site", "none")],
    ] {
        for method in [Method::GET, Method::POST] {
            let mut headers = headers.to_vec();
            headers.push(("cookie", &cookie));
            let mut request = plain("/points", &headers);
            *request.method_mut() = method;
            let seen = app.send(request).await;
            assert_eq!(seen.refusal(), (403, "csrf".to_owned()), "{headers:?}");
            assert!(!seen.headers.contains_key("www-authenticate"));
        }
    }
    for (header, code) in [
        (("origin", "https://evil.example"), "origin_not_allowed"),
        (("origin", "null"), "origin_not_allowed"),
        (("sec-fetch-site", "same-site"), "fetch_metadata"),
        (("sec-fetch-site", "cross-site"), "fetch_metadata"),
    ] {
        for method in [Method::GET, Method::POST] {
            let mut foreign = plain("/points", &[("cookie", &cookie), header]);
            *foreign.method_mut() = method;
            assert_eq!(
                app.send(foreign).await.refusal(),
                (403, code.to_owned()),
                "{header:?}"
            );
        }
    }
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_only_reports_does_not_open_the_cookie() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_token_cookie("t").with_policy(PolicyConfig {
            origins: vec![PAGE.to_owned()],
            enforcement: Enforcement::ReportOnly,
            ..PolicyConfig::default()
        })
    })
    .await;
    let token = sign(&key, &claims());
    let app = App::new(&gate);
    let evil = ("origin", "https://evil.example");
    let by_cookie = plain("/points", &[("cookie", &format!("t={token}")), evil]);
    assert_eq!(
        app.send(by_cookie).await.refusal(),
        (403, "csrf".to_owned())
    );
    let by_header = plain(
        "/points",
        &[("authorization", &format!("Bearer {token}")), evil],
    );
    assert_eq!(app.send(by_header).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_web_socket_needs_an_origin() {
    let key = es256();
    let app = App::new(&gate(&key).await);
    let cookie = format!("__Host-t={}", sign(&key, &claims()));
    let handshake = [
        ("cookie", cookie.as_str()),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-fetch-site", "same-origin"),
    ];
    let seen = app.send(plain("/points", &handshake)).await;
    assert_eq!(seen.refusal(), (403, "csrf".to_owned()));
    for origin in [PAGE, OWN] {
        let mut handshake = handshake.to_vec();
        handshake.push(("origin", origin));
        assert_eq!(app.send(plain("/points", &handshake)).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn only_an_enabled_cookie_counts_and_one_token_is_the_most() {
    let key = es256();
    let token = sign(&key, &claims());
    let bearer = format!("Bearer {token}");
    let cookie = format!("__Host-t={token}");
    let without = App::new(&pinned(&key, |api| api).await);
    let seen = without
        .send(from_page(Method::GET, &[("cookie", &cookie)]))
        .await;
    assert_eq!(seen.refusal(), (401, "no_token".to_owned()));
    let both = from_page(
        Method::GET,
        &[("cookie", &cookie), ("authorization", &bearer)],
    );
    assert_eq!(without.send(both).await.status, 200);

    let app = App::new(&gate(&key).await);
    let twice = format!("{cookie}; {cookie}");
    let long = format!("x={}; {cookie}", "a".repeat(16 * 1024 - cookie.len() - 4));
    let too_long = format!("x{long}");
    for (headers, expected) in [
        (
            vec![("cookie", cookie.as_str()), ("authorization", &bearer)],
            Err((400, "multiple_tokens")),
        ),
        (vec![("cookie", &twice)], Err((400, "multiple_tokens"))),
        (
            vec![("cookie", &cookie), ("cookie", &cookie)],
            Err((400, "multiple_tokens")),
        ),
        (
            vec![("cookie", "__Host-t=a b")],
            Err((400, "bad_credentials")),
        ),
        (
            vec![("cookie", "__Host-t=\"abc\"")],
            Err((400, "bad_credentials")),
        ),
        (vec![("cookie", "__Host-t=")], Err((401, "no_token"))),
        (vec![("cookie", "__host-t=abc")], Err((401, "no_token"))),
        (
            vec![("cookie", "x__Host-t=abc; __Host-tt=abc")],
            Err((401, "no_token")),
        ),
        (vec![("cookie", ";;; ,=,;")], Err((401, "no_token"))),
        (vec![("cookie", &too_long)], Err((400, "bad_credentials"))),
        (vec![("cookie", &long)], Ok(200)),
        (vec![("cookie", "a=b"), ("cookie", &cookie)], Ok(200)),
    ] {
        let seen = app.send(from_page(Method::GET, &headers)).await;
        match expected {
            Ok(status) => assert_eq!(seen.status, status),
            Err((status, code)) => assert_eq!(seen.refusal(), (status, code.to_owned())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_never_sees_the_cookie() {
    let key = es256();
    let token = sign(&key, &claims());
    let cookie = format!("a=b; __Host-t={token};c=d");
    for (cookies, left) in [(Cookies::Strip, None), (Cookies::Pass, Some("a=b; c=d"))] {
        let gate = pinned(&key, |api| {
            api.with_token_cookie("__Host-t").with_cookies(cookies)
        })
        .await;
        let request = plain("/points", &[("cookie", &cookie), ("origin", PAGE)]);
        let seen = mirrored(&gate, "/points", request).await.problem();
        assert_eq!(seen["user"], "u-1");
        assert_eq!(seen["headers"]["cookie"].as_str(), left);
        let alone = format!("__Host-t={token}");
        let request = plain("/points", &[("cookie", &alone), ("origin", PAGE)]);
        let seen = mirrored(&gate, "/points", request).await.problem();
        assert_eq!(seen["headers"]["cookie"].as_str(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cookie_in_an_open_policy_is_a_configuration_error() {
    let key = es256();
    let open = PolicyConfig {
        origins: vec!["*".to_owned()],
        ..PolicyConfig::default()
    };
    let errors = api()
        .with_static_keys(key_set(&[&key]))
        .with_policy(open)
        .with_token_cookie("t")
        .build()
        .await
        .unwrap_err();
    assert!(errors.to_string().starts_with("cors: "), "{errors}");
    let errors = api().with_token_cookie("a b").check().unwrap_err();
    assert!(
        errors.to_string().contains("token_cookie: \"a b\""),
        "{errors}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cookie_is_not_for_a_policy_that_never_asks_for_an_origin() {
    for (require_origin, fits) in [
        (RequireOrigin::Never, false),
        (RequireOrigin::WhenBrowser, true),
        (RequireOrigin::Always, true),
    ] {
        let policy = || PolicyConfig {
            origins: vec![PAGE.to_owned()],
            require_origin,
            ..PolicyConfig::default()
        };
        let found = api()
            .with_token_cookie("t")
            .with_policy(policy())
            .check()
            .map_err(|errors| errors.to_string());
        assert_eq!(found.is_ok(), fits, "{require_origin:?}: {found:?}");
        if let Err(message) = found {
            assert!(message.starts_with("cors: require_origin: "), "{message}");
        }
        assert!(api().with_policy(policy()).check().is_ok(), "without one");
    }

    let gate = gate(&es256()).await;
    let mut never = gate.policy().config();
    never.require_origin = RequireOrigin::Never;
    never.methods.push("TRACE".to_owned());
    let errors = gate.reload_policy(never).unwrap_err();
    let keys: Vec<&str> = errors.iter().map(PolicyError::key).collect();
    assert_eq!(keys.last(), Some(&"require_origin"));
    assert_eq!(keys.len(), 2, "{errors}");
}
