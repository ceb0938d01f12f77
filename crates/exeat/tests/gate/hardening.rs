//! Headers that keep browsers from doing more with an answer than a program would.

use axum::body::Body;
use exeat::{ExternalApi, Gate};
use exeat_jose::SigningKey;
use http::{Method, Request, Response};

use crate::fixture::{App, PAGE, Seen, bearer, claims, es256, from_page, pinned, sign};

const ALL: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
];

/// What a handler's answer with these headers becomes.
async fn finished(
    gate: &Gate,
    key: &SigningKey,
    headers: &'static [(&'static str, &'static str)],
) -> Seen {
    let app = App::with(gate, move || {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Body::empty()).unwrap()
    });
    app.send(bearer(Method::GET, &sign(key, &claims()))).await
}

#[tokio::test(start_paused = true)]
async fn answers_and_refusals_have_the_set_and_preflights_do_not() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let app = App::new(&gate);
    let foreign = Request::get("/points").header("origin", "https://evil.example");
    for seen in [
        finished(&gate, &key, &[]).await,
        app.send(from_page(Method::GET, &[])).await,
        app.send(foreign.body(Body::empty()).unwrap()).await,
    ] {
        for (name, value) in ALL {
            assert_eq!(seen.header(name), value, "{} {name}", seen.status);
        }
    }
    let asked = [("access-control-request-method", "GET")];
    for origin in [PAGE, "https://evil.example"] {
        let mut preflight = from_page(Method::OPTIONS, &asked);
        preflight
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let seen = app.send(preflight).await;
        assert!(
            ALL.iter()
                .all(|(name, _)| !seen.headers.contains_key(*name))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_says_stands_and_a_page_gets_no_policy() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let own = &[
        ("cross-origin-resource-policy", "cross-origin"),
        ("referrer-policy", "origin"),
        ("content-security-policy", "default-src 'self'"),
    ];
    let seen = finished(&gate, &key, own).await;
    for (name, value) in own {
        assert_eq!(seen.headers.get_all(*name).iter().count(), 1);
        assert_eq!(seen.header(name), *value);
    }
    for (headers, has_policy) in [
        (&[("content-type", "text/html")], false),
        (&[("content-type", "Text/HTML; charset=utf-8")], false),
        (&[("content-type", "application/json")], true),
        (&[("content-type", "text/plain")], true),
    ] {
        let seen = finished(&gate, &key, headers).await;
        assert_eq!(
            seen.headers.contains_key("content-security-policy"),
            has_policy,
            "{headers:?}"
        );
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test(start_paused = true)]
async fn each_can_be_left_out() {
    let key = es256();
    for (left_out, _) in ALL {
        let gate = pinned(&key, |api| api.without_hardening(&left_out.to_uppercase())).await;
        let seen = finished(&gate, &key, &[]).await;
        for (name, _) in ALL {
            assert_eq!(
                seen.headers.contains_key(name),
                name != left_out,
                "{left_out} {name}"
            );
        }
    }
    let unknown =
        ExternalApi::new("https://market.example", "a").without_hardening("x-frame-options");
    let errors = unknown.check().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "hardening: \"x-frame-options\" is no header of the set"
    );
}
