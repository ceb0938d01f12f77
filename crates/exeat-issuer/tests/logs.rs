//! Everything this crate and its store log, down to `trace`, holds no session id, no e-mail address, no token and no admin token.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its preparation does"
)]

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, http::Request};
use exeat_issuer::{Config, Issuer, NewSession, RawConfig, SessionCredential};
use exeat_jose::{Clock, SystemClock};
use http_body_util::BodyExt;
use tower::ServiceExt;

const SESSION: &str = "very-secret-session-id";
const MAIL: &str = "ada@example.com";
const ADMIN_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const QUERY: &str = r#"{"query":"{ userExternalServiceAuthenticationToken { token } }"}"#;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn send(
    router: Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .oneshot(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap();
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn nothing_that_is_logged_could_be_used_or_names_a_person() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .init();

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("admin.token"), ADMIN_TOKEN).unwrap();
    let raw: RawConfig = serde_json::from_value(serde_json::json!({
        "issuer": "https://market.example.com",
        "admin_token_file": "admin.token",
        "keys": { "algs": ["ES256"] },
        "alias": [{ "graphql": "/alias", "audience": "loyalty-api" }],
        "audience": [{ "id": "loyalty-api" }]
    }))
    .unwrap();
    let config = Config::from_raw(raw, directory.path()).unwrap();
    let issuer = Issuer::open(config, Arc::new(SystemClock)).await.unwrap();
    let ends = SystemClock.now().saturating_add(Duration::from_hours(1));
    let id = SessionCredential::try_from(SESSION).unwrap();
    issuer
        .sessions()
        .put(NewSession::new("user-1", MAIL, "tenant-1", ends).with_id(id))
        .await
        .unwrap();

    let session = ("authorization", "Session very-secret-session-id");
    let admin = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
    let push = format!(
        r#"{{"session_id":"{SESSION}","subject":"s","name":"{MAIL}","tenant":"t","expires_in":3600}}"#
    );
    let mut answers = Vec::new();
    for (path, headers, body) in [
        ("/v1/token", &[session][..], r#"{"audience":"loyalty-api"}"#),
        (
            "/v1/token?sid=very-secret-session-id",
            &[session],
            r#"{"audience":"nobody"}"#,
        ),
        (
            "/v1/token",
            &[session],
            r#"{"session_id":"very-secret-session-id"}"#,
        ),
        (
            "/v1/token",
            &[],
            r#"{"session_id":"very-secret-session-id","#,
        ),
        ("/alias", &[session], QUERY),
        (
            "/alias",
            &[session],
            r#"{"query":"{ very-secret-session-id }"}"#,
        ),
    ] {
        answers.push(send(issuer.router(), "POST", path, headers, body).await);
    }
    for (headers, body) in [
        (admin, push.as_str()),
        (admin, &push[1..]),
        (session, &push),
    ] {
        send(
            issuer.admin_router(),
            "PUT",
            "/admin/v1/sessions",
            &[headers],
            body,
        )
        .await;
    }
    send(
        issuer.admin_router(),
        "DELETE",
        "/admin/v1/sessions",
        &[admin],
        r#"{"session_id":"very-secret-session-id"}"#,
    )
    .await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("token issued") && text.contains("exchange refused") && text.contains("sqlx"),
        "{text}"
    );
    for secret in ["very-secret", MAIL, ADMIN_TOKEN, "eyJ"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(
        answers.iter().any(|answer| answer.contains("eyJ")),
        "tokens were made"
    );
    assert!(
        answers
            .iter()
            .all(|answer| !answer.contains("very-secret") && !answer.contains(MAIL))
    );
}
