//! SIGTERM: what has begun is finished, nothing new is begun, and the exit code is 0.

use anyhow::Context as _;
use harness::{
    DEADLINE,
    installation::{AUDIENCE, Installation, Service, session},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const ID: &str = "session-pushed-while-stopping";

/// Sends the head of a push and waits until the service asks for the body: now the request is in flight.
async fn begin_push(service: &Service, length: usize) -> anyhow::Result<TcpStream> {
    let address = service
        .admin_url
        .strip_prefix("http://")
        .context("not http")?;
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "PUT /admin/v1/sessions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        harness::installation::ADMIN_TOKEN,
    );
    stream.write_all(head.as_bytes()).await?;
    let mut line = [0; 25];
    timeout(DEADLINE, stream.read_exact(&mut line))
        .await
        .context("no 100 Continue")??;
    anyhow::ensure!(
        &line == b"HTTP/1.1 100 Continue\r\n\r\n",
        "{}",
        String::from_utf8_lossy(&line)
    );
    Ok(stream)
}

/// Waits until nobody listens there any more.
async fn until_closed(url: &str) -> anyhow::Result<()> {
    let address = url.strip_prefix("http://").context("not http")?;
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, closed)
        .await
        .context("it still takes connections")
}

#[tokio::test]
async fn sigterm_lets_the_request_in_flight_finish_and_takes_no_new_one() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let body = session(ID).to_string();
    let mut stream = begin_push(&service, body.len()).await?;
    service.process.signal("TERM").await?;
    until_closed(&service.url).await?;
    until_closed(&service.admin_url).await?;

    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer))
        .await
        .context("no answer")??;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let finished = service.process.end().await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);

    let service = installation.start().await?;
    service.token(ID, AUDIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn sigterm_without_work_ends_at_once_and_well() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let finished = installation.start().await?.process.terminate().await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    Ok(())
}
