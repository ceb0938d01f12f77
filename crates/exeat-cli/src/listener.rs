//! A listener: sockets that are bound, announced on stdout and served until the process should stop.

mod write_limit;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::Request as HttpRequest,
    middleware::{self, Next},
    response::Response,
};
use hyper::{
    StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tower::ServiceExt as _;

use crate::{output, shutdown::Shutdown};
use write_limit::WriteLimit;

/// How a listener protects itself from slow, large or too many clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections open at once; further ones wait in the backlog of the operating system.
    pub(crate) connections: usize,
    /// A request head must be complete within this time; also ends idle keep-alive connections.
    pub(crate) head_time: Duration,
    /// Bytes of request line and headers; beyond it the answer is 431.
    pub(crate) head_size: usize,
    /// A request must be read and answered within this time; beyond it the answer is 408.
    pub(crate) request_time: Duration,
    /// An answer must move on within this time; a client that reads nothing for so long loses its connection.
    pub(crate) write_time: Duration,
    /// Requests in flight may take this long to finish after the signal to stop.
    pub(crate) drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_time: Duration::from_secs(15),
            head_size: 32 * 1024,
            request_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(10),
        }
    }
}

/// After a failed accept (mostly: too many open files) the next one is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One address that clients use, bound but not yet served.
#[derive(Debug)]
pub(crate) struct Listener {
    name: &'static str,
    url: String,
    sockets: Vec<TcpListener>,
}

impl Listener {
    /// Binds one address; port 0 takes any free port.
    ///
    /// # Errors
    /// The operating system's, with the address in the message.
    pub(crate) async fn bind(name: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let socket = bound(name, address).await?;
        let actual = socket.local_addr().map_err(|source| BindError {
            name,
            address,
            source,
        })?;
        Ok(Self {
            name,
            url: format!("http://{actual}"),
            sockets: vec![socket],
        })
    }

    /// Binds the name `localhost`: 127.0.0.1 and, where the machine has IPv6, `::1` on the same port, because a browser
    /// may try either first.
    ///
    /// # Errors
    /// The operating system's. A `::1` port that somebody else holds is one too: the browser would talk to them.
    pub(crate) async fn bind_localhost(name: &'static str, port: u16) -> Result<Self, BindError> {
        let mut listener = Self::bind(name, (Ipv4Addr::LOCALHOST, port).into()).await?;
        let port = listener.port();
        match bound(name, (Ipv6Addr::LOCALHOST, port).into()).await {
            Ok(socket) => listener.sockets.push(socket),
            Err(error) if error.is_taken() => return Err(error),
            Err(error) => {
                tracing::debug!(listener = name, %error, "no IPv6 loopback, IPv4 alone is used");
            }
        }
        listener.url = format!("http://localhost:{port}");
        Ok(listener)
    }

    /// What this listener is for.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The URL that clients use, without a path; its port is the real one.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The real port; 0 only if the operating system does not tell.
    pub(crate) fn port(&self) -> u16 {
        let address = self
            .sockets
            .first()
            .and_then(|socket| socket.local_addr().ok());
        address.map_or(0, |address| address.port())
    }

    /// Serves `router` until `shutdown`, then finishes the requests in flight. The sockets are closed before that, so
    /// every probe sees at once that this process takes no more work.
    pub(crate) async fn serve(self, router: Router, limits: Limits, shutdown: Shutdown) {
        let router = router
            .layer(middleware::from_fn(
                move |request: Request, next: Next| async move {
                    tokio::time::timeout(limits.request_time, next.run(request))
                        .await
                        .unwrap_or_else(|_| too_slow())
                },
            ))
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(broken));
        let permits = Arc::new(Semaphore::new(limits.connections));
        let mut tasks = JoinSet::new();
        for socket in self.sockets {
            tasks.spawn(accept(
                self.name,
                socket,
                router.clone(),
                limits,
                Arc::clone(&permits),
                shutdown.clone(),
            ));
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// Prints the line that scripts wait for: `listening NAME URL`.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn announce(name: &str, url: &str) -> io::Result<()> {
    tracing::debug!(listener = name, url, "listening");
    output::print(&format!("listening {name} {url}"))
}

fn too_slow() -> Response {
    problem(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "the request took too long",
    )
}

/// A handler has panicked; the panic hook has logged it.
fn broken(_panic: Box<dyn std::any::Any + Send>) -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something failed here",
    )
}

/// Problem details (RFC 9457), as every other refusal of the service.
fn problem(status: StatusCode, code: &str, title: &str) -> Response {
    let body = serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn bound(name: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| BindError {
            name,
            address,
            source,
        })
}

async fn accept(
    name: &'static str,
    socket: TcpListener,
    router: Router,
    limits: Limits,
    permits: Arc<Semaphore>,
    mut shutdown: Shutdown,
) {
    let connections = GracefulShutdown::new();
    let http = connection_builder(limits);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(listener = name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Where axum's extractor of this name, and the issuer's log, look for the other end of the connection.
        let service = router
            .clone()
            .map_request(move |mut request: HttpRequest<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                request
            });
        let connection = http.serve_connection(
            io_of(stream, limits.write_time),
            TowerToHyperService::new(service),
        );
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(listener = name, %error, "a connection ended early");
            }
        });
    }
    drop(socket);
    let open = connections.count();
    if tokio::time::timeout(limits.drain_time, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            listener = name,
            open,
            "requests still in flight were cut off"
        );
    }
}

/// HTTP/1.1 alone: browsers never speak HTTP/2 without TLS, and detecting it would let a client that sends nothing hold
/// its connection without a time limit.
fn connection_builder(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_header_size(limits.head_size);
    http
}

fn io_of(stream: TcpStream, write_time: Duration) -> TokioIo<WriteLimit<TcpStream>> {
    // Answers are small and complete: waiting to fill a packet only adds latency. A failure costs only that.
    let _ = stream.set_nodelay(true);
    TokioIo::new(WriteLimit::new(stream, write_time))
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct BindError {
    name: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl BindError {
    /// Somebody else listens there already.
    pub(crate) fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot listen on {}", self.name, self.address)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests;
