use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::fault::{Answer, Delivery, gzip_bomb};
use super::issuer::JWKS_PATH;
use super::{FakeIssuer, TestClock};
use crate::ExternalApi;

/// A [`FakeIssuer`] on a free port of 127.0.0.1, for an API that runs in another process and for faults that only a wire shows. Stops,
/// with all its connections, when dropped.
///
/// Real sockets need real time: do not pause tokio's. It keeps 64 connections at most, each for one request and a minute at most.
///
/// ```
/// use std::time::Duration;
/// use exeat::testkit::{FakeIssuer, Fault, TestClock};
/// use exeat::{ExternalApi, JwksSettings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api").with_clock(TestClock::frozen());
/// let server = issuer.serve().await?;
/// let impatient = JwksSettings { timeout: Duration::from_millis(200), ..JwksSettings::default() };
/// let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_jwks_settings(impatient);
/// let gate = server.connect(api).build().await?;
/// # #[cfg(feature = "reqwest")] {
/// issuer.next_answers([Fault::DrippingBody(Duration::from_secs(1))]);
/// assert!(gate.refresh().await.is_err());
/// assert!(gate.verifier().verify(&issuer.token().mint()).await.is_ok());
/// # }
/// # Ok(())
/// # }
/// ```
#[must_use = "it stops when it is dropped"]
pub struct LoopbackServer {
    address: SocketAddr,
    clock: TestClock,
    accepting: AbortHandle,
}

impl FakeIssuer {
    /// Answers HTTP requests on a free port of 127.0.0.1, from the same keys and the same script.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn serve(&self) -> io::Result<LoopbackServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(LoopbackServer {
            address,
            clock: self.clock().clone(),
            accepting: tokio::spawn(accept(listener, self.clone(), address)).abort_handle(),
        })
    }
}

impl LoopbackServer {
    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the key set is.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("{}{JWKS_PATH}", self.url())
    }

    /// The API's configuration, with keys from this server, by the API's own HTTP client, and the issuer's clock.
    #[must_use = "a configuration does nothing before build()"]
    pub fn connect(&self, api: ExternalApi) -> ExternalApi {
        api.with_jwks_uri(&self.jwks_uri())
            .with_clock(Arc::new(self.clock.clone()))
    }
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for LoopbackServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, issuer: FakeIssuer, address: SocketAddr) {
    let base = format!("http://{address}");
    // Aborted with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if connections.len() < MOST_CONNECTIONS {
            let (issuer, base) = (issuer.clone(), base.clone());
            // A client that goes away, or never comes to the point, is no concern of an issuer's.
            connections.spawn(async move {
                let _ = timeout(LONGEST_CONNECTION, exchange(stream, &issuer, &base)).await;
            });
        }
    }
}

/// One request, one answer.
async fn exchange(mut stream: TcpStream, issuer: &FakeIssuer, base: &str) -> io::Result<()> {
    let Some(request) = read(&mut stream).await? else {
        return Ok(());
    };
    let Answer {
        mut response,
        delivery,
    } = issuer.answer(&request, base);
    if delivery == Delivery::Unfolding {
        response = gzip_bomb();
    }
    let (first, rest) = head(&response);
    let body = response.into_body();
    match delivery {
        Delivery::Never => {
            // Until the other side has had enough.
            let _ = stream.read_u8().await;
        }
        // Dropped with bytes that it must not linger for: RST instead of FIN.
        Delivery::Reset => stream.set_zero_linger()?,
        Delivery::Whole | Delivery::Unfolding => {
            stream.write_all(&[&first, &rest, &*body].concat()).await?;
            stream.shutdown().await?;
        }
        Delivery::Truncated => {
            let half = body.slice(..body.len() / 2);
            stream.write_all(&[&first, &rest, &*half].concat()).await?;
            stream.shutdown().await?;
        }
        Delivery::SlowHeaders(wait) => {
            stream.write_all(&first).await?;
            sleep(wait).await;
            stream.write_all(&[&*rest, &*body].concat()).await?;
            stream.shutdown().await?;
        }
        Delivery::DrippingBody(pause) => {
            stream.set_nodelay(true)?;
            stream.write_all(&[first, rest].concat()).await?;
            for byte in body {
                if !pause.is_zero() {
                    sleep(pause).await;
                }
                stream.write_all(&[byte]).await?;
            }
            stream.shutdown().await?;
        }
    }
    Ok(())
}

/// Reads the head of a request; `None` for what is none.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Request<()>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Ok(None);
        }
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let headers: HeaderMap = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((
                name.parse::<HeaderName>().ok()?,
                value.trim().parse::<HeaderValue>().ok()?,
            ))
        })
        .filter(|(name, _)| name != HOST)
        .collect();
    Ok(Request::get(target).body(()).ok().map(|mut request| {
        *request.headers_mut() = headers;
        request
    }))
}

/// The first line of an answer, and the lines after it with the empty one.
fn head(response: &Response<Bytes>) -> (Vec<u8>, Vec<u8>) {
    let status = response.status();
    let first = format!("HTTP/1.1 {} {}\r\n", status.as_str(), reason(response));
    let mut rest = Vec::new();
    let mut line = |name: &str, value: &[u8]| {
        rest.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    };
    for (name, value) in response.headers() {
        line(name.as_str(), value.as_bytes());
    }
    line(CONNECTION.as_str(), b"close");
    line(
        CONTENT_LENGTH.as_str(),
        response.body().len().to_string().as_bytes(),
    );
    rest.extend_from_slice(b"\r\n");
    (first.into_bytes(), rest)
}

fn reason(response: &Response<Bytes>) -> &'static str {
    response.status().canonical_reason().unwrap_or_default()
}

const MOST_CONNECTIONS: usize = 64;
const LONGEST_CONNECTION: Duration = Duration::from_mins(1);
const LONGEST_HEAD: usize = 16 * 1024;
