//! Every event of a request names its id and, when the server has told who the peer is, the client's address.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Mutex,
};

use axum::extract::ConnectInfo;

use super::*;
use crate::RawServer;

const PROXY: &str = "10.0.0.1:5000";
const STRANGER: &str = "198.51.100.7:5000";
const FORWARDED: (&str, &str) = ("x-forwarded-for", "6.6.6.6, 203.0.113.9");

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

impl Log {
    /// The only line with this event.
    fn line(&self, event: &str) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(event)).collect();
        assert_eq!(lines.len(), 1, "{event}: {text}");
        lines[0].to_owned()
    }
}

async fn stage() -> Stage {
    Stage::with(RawConfig {
        server: RawServer {
            trusted_proxies: vec!["10.0.0.0/24".to_owned()],
            ..RawServer::default()
        },
        ..raw_config()
    })
    .await
}

fn from(peer: &str, mut request: Request<Body>) -> Request<Body> {
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// What is logged of `event` when `request` is answered by the public or the admin router, and the answer.
async fn logged(event: &str, is_admin: bool, request: Request<Body>) -> (String, Answer) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let stage = stage().await;
    let guard = tracing::subscriber::set_default(subscriber);
    let answer = if is_admin {
        stage.admin(request).await
    } else {
        stage.send(request).await
    };
    drop(guard);
    (log.line(event), answer)
}

#[tokio::test]
async fn exchanges_name_the_client_that_a_trusted_proxy_names() {
    for (peer, client) in [
        (PROXY, "client=203.0.113.9"),
        (STRANGER, "client=198.51.100.7"),
    ] {
        for (event, headers) in [
            ("token issued", &[BACKEND, FORWARDED][..]),
            ("exchange refused", &[FORWARDED]),
        ] {
            let (line, answer) = logged(
                event,
                false,
                from(peer, post("/v1/token", headers, LOYALTY)),
            )
            .await;
            assert!(line.contains(client), "{line}");
            let id = format!("request_id=\"{}\"", answer.header("x-request-id"));
            assert!(line.contains(&id), "{line}");
            assert!(!line.contains("6.6.6.6"), "{line}");
        }
    }
}

#[tokio::test]
async fn admin_calls_name_their_client_too() {
    let push = r#"{"subject":"s","name":"n","tenant":"t","expires_in":60}"#;
    let admin = format!("Bearer {ADMIN_TOKEN}");
    for (event, method, token, body) in [
        ("session pushed", Method::PUT, admin.as_str(), push),
        (
            "sessions revoked",
            Method::DELETE,
            &admin,
            r#"{"subject":"s"}"#,
        ),
        ("admin request refused", Method::PUT, "Bearer wrong", push),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", token),
            FORWARDED,
        ];
        let request = request(method, "/admin/v1/sessions", &headers, body);
        let (line, _) = logged(event, true, from(PROXY, request)).await;
        assert!(line.contains("client=203.0.113.9"), "{line}");
    }
}

#[tokio::test]
async fn without_a_known_peer_no_header_makes_one_up() {
    let request = post("/v1/token", &[BACKEND, FORWARDED], LOYALTY);
    let (line, _) = logged("token issued", false, request).await;
    assert!(
        line.contains("request_id=") && !line.contains("client="),
        "{line}"
    );
}
