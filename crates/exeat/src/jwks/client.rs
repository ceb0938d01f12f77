use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{FetchError, HttpGet, MAX_BODY};

/// The default [`HttpGet`]: reqwest with TLS by rustls under the enabled backend feature and the operating system's certificates.
///
/// Redirects are not followed, cookies are not kept, bodies are gzip or plain and cut at [`MAX_BODY`] after decompression, a
/// connection must stand within 2 s. Proxy settings of the environment are ignored: whoever can set a variable must not choose
/// where signing keys come from. For a proxy, a private certificate authority or client certificates, implement [`HttpGet`]
/// over a client of your own.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
}

impl HttpClient {
    /// Builds the client.
    ///
    /// A machine without certificates (a bare container) is no error: plain loopback http works there, every https fetch fails.
    ///
    /// # Errors
    /// [`FetchError::Transport`] when TLS cannot be configured.
    pub fn new() -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config()?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(1)
            .user_agent(USER_AGENT)
            .build()
            .map_err(transport)?;
        Ok(Self { client })
    }
}

#[async_trait]
impl HttpGet for HttpClient {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let request = reqwest::Request::try_from(request.map(|()| "")).map_err(transport)?;
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        answer.headers_mut().clone_from(response.headers());
        if response
            .content_length()
            .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > MAX_BODY))
        {
            return Err(FetchError::TooLarge);
        }
        let mut body = BytesMut::new();
        // Chunks arrive decompressed: what is counted is what would have to be kept.
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        *answer.body_mut() = body.freeze();
        Ok(answer)
    }
}

fn tls_config() -> Result<ClientConfig, FetchError> {
    // Taken from the feature, not from the process: a library must neither install nor trust a global provider.
    let builder = || {
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(transport)
    };
    match builder()?.with_platform_verifier() {
        Ok(config) => Ok(config.with_no_client_auth()),
        Err(error) => {
            tracing::warn!(target: "exeat", %error, "no system certificates: keys can be fetched over loopback http only");
            Ok(builder()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth())
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// reqwest's errors show the URL, and its query may hold a key for the endpoint: it must not get into logs and health reports.
fn failed(mut error: reqwest::Error) -> FetchError {
    if let Some(url) = error.url_mut() {
        url.set_query(None);
    }
    transport(error)
}

fn transport(error: impl Error + Send + Sync + 'static) -> FetchError {
    FetchError::Transport(Box::new(error))
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than any refresh interval: an idle connection is of no use.
const POOL_IDLE: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("exeat/", env!("CARGO_PKG_VERSION"));
