//! Routers on loopback ports, in this process.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

/// A bound port that nobody serves yet: its URL is known before the router is built.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Any free port of 127.0.0.1.
    ///
    /// # Errors
    /// The operating system has none.
    pub async fn any() -> anyhow::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// This very port, as after a restart.
    ///
    /// # Errors
    /// Somebody else has it.
    pub async fn at(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves `router` here from now on.
    #[must_use]
    pub fn serve(self, router: Router) -> Server {
        Server {
            address: self.address,
            task: tokio::spawn(accept(self.listener, router)),
        }
    }
}

/// A router that is being served.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on any free port.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(router: Router) -> anyhow::Result<Self> {
        Ok(Port::any().await?.serve(router))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes away like a crashed process: the port is closed, and so is every connection.
    pub async fn stop(mut self) {
        self.task.abort();
        // An aborted task ends with an error; it matters only that it has ended.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await
                .is_ok()
        });
    }
}
