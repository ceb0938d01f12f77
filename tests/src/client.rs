//! An HTTP client that sends exactly what it is told: no cookies, no redirects, no headers of its own but `Host`.

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::DEADLINE;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// All header lines.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn read<B>(response: Response<B>) -> anyhow::Result<Self>
    where
        B: http_body::Body,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (head, body) = response.into_parts();
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// A header that must be there at most once; `""` when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not JSON of this shape; the message has the body.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{}: {}", self.status, self.text()))
    }

    /// The member `code` of a problem body; `""` without one.
    #[must_use]
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("code")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Head and body as one text, to look for what must not be in it.
    #[must_use]
    pub fn everything(&self) -> String {
        format!("{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Sends a request over a connection of its own.
///
/// # Errors
/// Nobody answers, or not before the deadline.
pub async fn send(request: Request<String>) -> anyhow::Result<Answer> {
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http::<Full<Bytes>>();
    let target = format!("{} {}", request.method(), request.uri());
    let answered = async {
        let response = client
            .request(request.map(|body| Full::new(body.into())))
            .await?;
        Answer::read(response).await
    };
    timeout(DEADLINE, answered)
        .await
        .context("no answer before the deadline")?
        .with_context(|| target)
}

/// GET without any header.
///
/// # Errors
/// As of [`send`].
pub async fn get(url: &str) -> anyhow::Result<Answer> {
    send(Request::get(url).body(String::new())?).await
}
