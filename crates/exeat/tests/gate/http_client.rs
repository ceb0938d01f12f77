//! The default HTTP client against a real server on loopback.

use std::io::Write;

use bytes::Bytes;
use exeat::{ExternalApi, FetchError, HttpClient, HttpGet, MAX_BODY};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::{es256, only_issuer};

/// Answers every connection with these bytes, after reading a request, and then stays silent. Returns the URL and the requests.
async fn server(answer: Vec<u8>) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let (sender, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            let _ = sender.send(String::from_utf8_lossy(&request[..length]).into_owned());
            // A client that has read enough hangs up: no concern of the server's.
            let _ = connection.write_all(&answer).await;
            tokio::spawn(async move {
                let _ = connection.read(&mut [0]).await;
            });
        }
    });
    (url, requests)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// Without `Content-Length`: the size shows only as the body arrives.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(1000) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn get(answer: Vec<u8>) -> Result<Response<Bytes>, FetchError> {
    let (url, _requests) = server(answer).await;
    HttpClient::new()
        .unwrap()
        .get(Request::get(url).body(()).unwrap())
        .await
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_not_beyond() {
    let full = vec![b'x'; MAX_BODY];
    let over = vec![b'x'; MAX_BODY + 1];
    assert_eq!(
        get(answer("200 OK", &full)).await.unwrap().body().len(),
        MAX_BODY
    );
    assert_eq!(get(chunked(&full)).await.unwrap().body().len(), MAX_BODY);
    assert!(matches!(
        get(answer("200 OK", &over)).await,
        Err(FetchError::TooLarge)
    ));
    assert!(matches!(
        get(chunked(&over)).await,
        Err(FetchError::TooLarge)
    ));
}

#[tokio::test]
async fn a_gzip_body_counts_by_what_it_unfolds_to() {
    let head = "200 OK\r\ncontent-encoding: gzip";
    let full = gzip(&vec![b'x'; MAX_BODY]);
    assert_eq!(
        get(answer(head, &full)).await.unwrap().body().len(),
        MAX_BODY
    );
    let bomb = gzip(&vec![0; 32 * 1024 * 1024]);
    assert!(bomb.len() < MAX_BODY);
    assert!(matches!(
        get(answer(head, &bomb)).await,
        Err(FetchError::TooLarge)
    ));
}

#[tokio::test]
async fn redirects_are_answers_and_are_not_followed() {
    let (target, mut requests) = server(answer("200 OK", b"{}")).await;
    let response = get(answer(&format!("302 Found\r\nlocation: {target}"), b""))
        .await
        .unwrap();
    assert_eq!(response.status(), 302);
    assert!(requests.try_recv().is_err(), "the target was asked");
}

#[tokio::test]
async fn the_request_says_who_asks_and_what_it_reads() {
    let (url, mut requests) = server(answer("200 OK", b"{}")).await;
    let request = Request::get(url)
        .header("if-none-match", "\"v1\"")
        .body(())
        .unwrap();
    HttpClient::new().unwrap().get(request).await.unwrap();
    let request = requests.recv().await.unwrap().to_ascii_lowercase();
    for line in [
        "get /jwks http/1.1",
        "user-agent: exeat/",
        "accept-encoding: gzip\r\n",
        "if-none-match: \"v1\"",
    ] {
        assert!(request.contains(line), "{line} is missing: {request}");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let result = HttpClient::new()
        .unwrap()
        .get(Request::get(url).body(()).unwrap())
        .await;
    assert!(matches!(result, Err(FetchError::Transport(_))));
}

#[tokio::test]
async fn an_error_names_the_place_but_no_secret_of_its_query() {
    let (url, _requests) = server(b"not http\r\n\r\n".to_vec()).await;
    let gate = ExternalApi::new("issuer", "api")
        .with_jwks_uri(&format!("{url}?key=s3cret"))
        .build()
        .await
        .unwrap();
    let error = only_issuer(&gate).last_error.unwrap();
    assert!(error.contains(&url), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_gate_fetches_over_loopback_with_the_default_client() {
    let body = json!({ "keys": [es256().public_jwk()] }).to_string();
    let (url, _requests) = server(answer("200 OK", body.as_bytes())).await;
    let gate = ExternalApi::new("issuer", "api")
        .with_jwks_uri(&url)
        .build()
        .await
        .unwrap();
    assert!(gate.is_ready(), "{:?}", gate.health());
}

#[tokio::test]
async fn a_gate_takes_nothing_from_an_answer_with_another_status() {
    let body = json!({ "keys": [es256().public_jwk()] }).to_string();
    for head in [
        "203 Non-Authoritative Information",
        "206 Partial Content",
        "404 Not Found",
        "500 Internal Server Error",
    ] {
        let (url, _requests) = server(answer(head, body.as_bytes())).await;
        let gate = ExternalApi::new("issuer", "api")
            .with_jwks_uri(&url)
            .build()
            .await
            .unwrap();
        assert!(!gate.is_ready(), "{head}");
        assert!(only_issuer(&gate).last_error.unwrap().contains(&head[..3]));
    }
}
