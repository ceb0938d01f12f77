use axum::routing::get;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
};

use super::*;

async fn exchange(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    read(stream).await
}

async fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn bound() -> (Listener, String) {
    let listener = Listener::bind("test", (Ipv4Addr::LOCALHOST, 0).into())
        .await
        .unwrap();
    let address = listener.url().strip_prefix("http://").unwrap().to_owned();
    (listener, address)
}

/// A problem document that no cache keeps.
fn assert_problem(answer: &str, status: u16, code: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    for line in [
        "content-type: application/problem+json",
        "cache-control: no-store",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["type"], &body["status"], &body["code"]),
        (&"about:blank".into(), &status.into(), &code.into())
    );
    assert!(body["title"].is_string(), "{body}");
}

fn ok() -> Router {
    Router::new().route("/", get(async || "well"))
}

#[tokio::test]
async fn port_0_becomes_a_real_port_in_the_url() {
    let (listener, address) = bound().await;
    assert_ne!(listener.port(), 0);
    assert_eq!(address, format!("127.0.0.1:{}", listener.port()));
}

#[tokio::test]
async fn a_port_in_use_is_told_as_taken() {
    let (listener, _) = bound().await;
    let again = Listener::bind("test", (Ipv4Addr::LOCALHOST, listener.port()).into())
        .await
        .unwrap_err();
    assert!(again.is_taken());
    assert_eq!(
        again.to_string(),
        format!("test cannot listen on 127.0.0.1:{}", listener.port())
    );
}

#[tokio::test]
async fn localhost_answers_on_ipv4_and_where_there_is_one_on_ipv6() {
    let listener = Listener::bind_localhost("test", 0).await.unwrap();
    let port = listener.port();
    assert_eq!(listener.url(), format!("http://localhost:{port}"));
    let has_ipv6 = listener.sockets.len() == 2;
    let (_stop, shutdown) = Shutdown::by_hand();
    tokio::spawn(listener.serve(ok(), Limits::default(), shutdown));
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!(
        exchange(&format!("127.0.0.1:{port}"), request)
            .await
            .ends_with("well")
    );
    if has_ipv6 {
        assert!(
            exchange(&format!("[::1]:{port}"), request)
                .await
                .ends_with("well")
        );
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_after_the_signal_and_new_ones_are_not_taken() {
    let (listener, address) = bound().await;
    let (entered, handler_entered) = oneshot::channel();
    let (let_go, handler_may_go) = oneshot::channel::<()>();
    let parts = Arc::new(std::sync::Mutex::new(Some((entered, handler_may_go))));
    let router = Router::new().route(
        "/slow",
        get(async move || {
            let parts = parts.lock().unwrap().take();
            let Some((entered, may_go)) = parts else {
                return "again";
            };
            entered.send(()).unwrap();
            may_go.await.unwrap();
            "finished"
        }),
    );
    let (stop, shutdown) = Shutdown::by_hand();
    let server = tokio::spawn(listener.serve(router, Limits::default(), shutdown));
    let slow = tokio::spawn({
        let address = address.clone();
        async move { exchange(&address, b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await }
    });
    handler_entered.await.unwrap();
    stop.send(true).unwrap();
    // The socket is closed as soon as the listener has seen the signal, while the request still runs.
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!slow.is_finished());
    let_go.send(()).unwrap();
    let answer = slow.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("finished"),
        "{answer}"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off_when_the_drain_time_is_over() {
    let (listener, address) = bound().await;
    let (entered, mut handler_entered) = tokio::sync::mpsc::channel(1);
    let router = Router::new().route(
        "/",
        get(async move || {
            entered.send(()).await.unwrap();
            std::future::pending::<StatusCode>().await
        }),
    );
    let (stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        drain_time: Duration::from_millis(1),
        ..Limits::default()
    };
    let server = tokio::spawn(listener.serve(router, limits, shutdown));
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    handler_entered.recv().await.unwrap();
    stop.send(true).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_dropped_when_the_head_time_is_over() {
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        head_time: Duration::from_millis(1),
        ..Limits::default()
    };
    tokio::spawn(listener.serve(ok(), limits, shutdown));
    let stream = TcpStream::connect(&address).await.unwrap();
    assert_eq!(read(stream).await, "");
}

#[tokio::test]
async fn a_head_over_the_limit_is_431() {
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        head_size: 1024,
        ..Limits::default()
    };
    tokio::spawn(listener.serve(ok(), limits, shutdown));
    let request = |padding: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-padding: {}\r\n\r\n",
            "x".repeat(padding)
        )
        .into_bytes()
    };
    let frame = request(0).len();
    let fitting = exchange(&address, &request(1024 - frame)).await;
    assert!(fitting.starts_with("HTTP/1.1 200"), "{fitting}");
    let too_long = exchange(&address, &request(1025 - frame)).await;
    assert!(too_long.starts_with("HTTP/1.1 431"), "{too_long}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_408() {
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        request_time: Duration::from_millis(1),
        ..Limits::default()
    };
    let router = Router::new().route("/", get(std::future::pending::<StatusCode>));
    tokio::spawn(listener.serve(router, limits, shutdown));
    let answer = exchange(
        &address,
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_problem(&answer, 408, "request_timeout");
}

#[tokio::test]
async fn a_handler_that_panics_is_500_and_the_listener_lives_on() {
    async fn broken() -> StatusCode {
        panic!("a bug")
    }
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    tokio::spawn(listener.serve(
        ok().route("/broken", get(broken)),
        Limits::default(),
        shutdown,
    ));
    let request = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").into_bytes()
    };
    assert_problem(
        &exchange(&address, &request("/broken")).await,
        500,
        "internal",
    );
    assert!(exchange(&address, &request("/")).await.ends_with("well"));
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_one_to_end() {
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    tokio::spawn(listener.serve(ok(), limits, shutdown));
    let mut first = TcpStream::connect(&address).await.unwrap();
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    // The first is alive and idle, so the second is not served...
    let mut second = TcpStream::connect(&address).await.unwrap();
    second
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut waiting = [0];
    let early =
        tokio::time::timeout(Duration::from_millis(50), second.read_exact(&mut waiting)).await;
    assert!(early.is_err(), "the limit does not hold");
    // ... until the first ends.
    drop(first);
    assert!(read(second).await.ends_with("well"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_loses_its_connection() {
    let (listener, address) = bound().await;
    let (_stop, shutdown) = Shutdown::by_hand();
    let limits = Limits {
        connections: 1,
        write_time: Duration::from_millis(1),
        ..Limits::default()
    };
    // More than the buffers between two sockets hold.
    let router = ok().route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]));
    tokio::spawn(listener.serve(router, limits, shutdown));
    let mut deaf = TcpStream::connect(&address).await.unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    deaf.read_exact(&mut byte).await.unwrap();
    // There is room for one connection, so this one waits until the other has ended.
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(exchange(&address, request).await.ends_with("well"));
}
