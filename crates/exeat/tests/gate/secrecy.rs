//! What refusals leave behind: one event each, and no part of a token in events, answers or `Debug` texts.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use exeat::{BearerToken, User, VerifiedClaims};
use exeat_cors::{Enforcement, PolicyConfig};
use http::{Method, Request, Response};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{App, PAGE, bearer, claims, claims_with, es256, pinned, sign};

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Log {
    pub(crate) fn start(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_one_event_with_code_status_and_origin() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let (log, _guard) = Log::start(tracing::Level::DEBUG);
    app.send(crate::fixture::from_page(Method::GET, &[])).await;
    let text = log.text();
    assert_eq!(
        text.lines().filter(|line| line.contains("refused")).count(),
        1,
        "{text}"
    );
    for part in ["exeat", "no_token", "401", PAGE, "handler_run=false"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_origin_is_logged_at_info_and_a_refused_token_is_not() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let (log, _guard) = Log::start(tracing::Level::INFO);
    app.send(crate::fixture::from_page(Method::GET, &[])).await;
    assert_eq!(log.text(), "");
    let evil = Request::get("/points")
        .header("origin", "https://evil.example")
        .body(Body::empty())
        .unwrap();
    app.send(evil).await;
    assert!(
        log.text().contains("origin_not_allowed") && log.text().contains("https://evil.example"),
        "{}",
        log.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_preflight_for_a_method_in_the_wrong_case_is_logged_with_a_hint() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let (log, _guard) = Log::start(tracing::Level::INFO);
    let preflight = |method: &str| {
        Request::options("/points")
            .header("origin", PAGE)
            .header("access-control-request-method", method)
            .body(Body::empty())
            .unwrap()
    };
    app.send(preflight("POST")).await;
    app.send(preflight("DELETE")).await;
    assert_eq!(log.text(), "");
    app.send(preflight("post")).await;
    let text = log.text();
    for part in ["method_not_allowed_cors", PAGE, "case-sensitive"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_of_a_cross_origin_request_is_warned_of_once() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let answering = |status: u16| {
        App::with(&gate, move || {
            Response::builder()
                .status(status)
                .header("location", "/elsewhere")
                .body(Body::empty())
                .unwrap()
        })
    };
    let (log, _guard) = Log::start(tracing::Level::INFO);
    let token = sign(&key, &claims());
    answering(201).with_token(&token).await;
    assert_eq!(log.text(), "", "a location alone is no redirect");
    for _ in 0..3 {
        answering(302).with_token(&token).await;
    }
    assert_eq!(
        log.text().matches("redirected").count(),
        1,
        "{}",
        log.text()
    );
}

#[tokio::test(start_paused = true)]
async fn debug_of_user_and_claims_shows_no_name() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let verified = gate
        .verifier()
        .verify(&sign(&key, &claims()))
        .await
        .unwrap();
    let user = User::from(&*verified);
    assert_eq!(user.name.as_deref(), Some("ada@example.com"));
    assert_eq!(
        format!("{user:?}"),
        r#"User { sub: "u-1", tenant: Some("T1"), .. }"#
    );
    let claims: serde_json::Value = verified.claims().unwrap();
    assert_eq!(
        format!("{:?}", VerifiedClaims(claims)),
        "VerifiedClaims { .. }"
    );
}

#[tokio::test(start_paused = true)]
async fn report_only_runs_the_handler_and_logs_what_would_be_refused() {
    let key = es256();
    let policy = PolicyConfig {
        origins: vec![PAGE.to_owned()],
        enforcement: Enforcement::ReportOnly,
        ..PolicyConfig::default()
    };
    let app = App::new(&pinned(&key, |api| api.with_policy(policy)).await);
    let (log, _guard) = Log::start(tracing::Level::INFO);
    let mut request = bearer(Method::GET, &sign(&key, &claims()));
    request
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    let seen = app.send(request).await;
    assert_eq!((seen.status, app.runs()), (200, 1));
    assert!(!seen.headers.contains_key("access-control-allow-origin"));
    let text = log.text();
    for part in [
        "origin_not_allowed",
        "https://evil.example",
        "handler_run=true",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostile_origin_can_not_write_its_own_log_lines_or_fill_the_disk() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let (log, _guard) = Log::start(tracing::Level::DEBUG);
    let mut origin = b"https://\x80\xff\"x".to_vec();
    origin.resize(10_000, b'a');
    let request = Request::get("/points")
        .header("origin", origin)
        .body(Body::empty())
        .unwrap();
    app.send(request).await;
    let text = log.text();
    assert!(text.is_ascii() && text.len() < 600, "{} {text}", text.len());
}

#[tokio::test(start_paused = true)]
async fn no_part_of_a_token_gets_out() {
    let (key, stranger) = (es256(), es256());
    let gate = pinned(&key, |api| api.with_tenants(["T1"])).await;
    let app = App::new(&gate);
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    let tokens = [
        sign(&key, &claims()),
        sign(&stranger, &claims()),
        sign(&key, &claims_with(&json!({ "aud": "else" }))),
        sign(&key, &claims_with(&json!({ "tenant": "secret-tenant" }))),
        sign(&key, &claims_with(&json!({ "exp": "secret-exp" }))),
    ];
    let mut texts = Vec::new();
    for token in &tokens {
        let seen = app.send(bearer(Method::POST, token)).await;
        texts.push(format!("{:?} {}", seen.headers, seen.body));
        texts.push(match gate.verifier().verify(token).await {
            Ok(verified) => format!("{verified:?}"),
            Err(rejected) => format!("{rejected:?} {rejected}"),
        });
        let headers = http::HeaderMap::from_iter([(
            http::header::AUTHORIZATION,
            format!("Bearer {token}").parse().unwrap(),
        )]);
        texts.push(format!(
            "{:?}",
            BearerToken::from_headers(&headers, None).unwrap()
        ));
    }
    texts.push(log.text());
    texts.push(format!("{gate:?}"));
    for text in &texts {
        for token in &tokens {
            for part in token.split('.') {
                assert!(!text.contains(part), "{text}");
            }
        }
        for secret in ["ada@example.com", "u-1", "secret-tenant", "secret-exp"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_carrier_of_a_token_gets_it_into_the_log_or_the_answer() {
    use base64::Engine as _;
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_token_cookie("t")
            .with_token_header("x-token")
            .with_web_socket_token("a")
            .with_query_token("/points", "t")
            .with_claim_header("name", "x-name")
    })
    .await;
    let app = App::new(&gate);
    let good = sign(&key, &claims());
    let foreign = sign(&es256(), &claims());
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    for token in [&good, &foreign] {
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token);
        let subprotocol = format!("base64url.bearer.authorization.a.{encoded}, v1");
        for (uri, name, value) in [
            ("/points".to_owned(), "cookie", format!("t={token}")),
            ("/points".to_owned(), "x-token", token.clone()),
            ("/points".to_owned(), "sec-websocket-protocol", subprotocol),
            (format!("/points?t={token}"), "x-other", token.clone()),
            (
                format!("/points?t={token}&t={token}"),
                "x-other",
                token.clone(),
            ),
        ] {
            let request = crate::fixture::plain(&uri, &[(name, &value), ("origin", PAGE)]);
            let seen = app.send(request).await;
            let answer = format!("{:?} {}", seen.headers, seen.body);
            for part in token.split('.').chain([&*encoded]) {
                assert!(!answer.contains(part), "{name}: {answer}");
            }
        }
    }
    let text = log.text();
    assert!(
        text.contains("unknown_key") && text.contains("multiple_tokens"),
        "{text}"
    );
    for secret in good
        .split('.')
        .chain(foreign.split('.'))
        .chain(["ada@example.com"])
    {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
