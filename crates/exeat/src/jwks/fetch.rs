use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use exeat_jose::{ImportPolicy, JwkSet, JwkSetError};
use http::header::{ACCEPT, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use url::Url;

use super::cache::Freshness;
use super::discovery::{Target, read_metadata};
use super::headers::{freshness, retry_after};
use super::{JwksSettings, Redirects};

/// One GET, for key sets and issuer metadata. Bring your own with [`crate::ExternalApi::with_http_client`].
///
/// The request carries its URL and headers. An implementation must not follow redirects, must not send anything of its own that
/// identifies users, and should stop reading a body that (decompressed) passes [`MAX_BODY`]; a longer one is refused in any case.
/// The total time is limited by the caller. Every status is an `Ok`.
///
/// ```
/// use exeat::{FetchError, HttpGet};
///
/// struct Canned(&'static str);
///
/// #[async_trait::async_trait]
/// impl HttpGet for Canned {
///     async fn get(&self, _: http::Request<()>) -> Result<http::Response<bytes::Bytes>, FetchError> {
///         Ok(http::Response::new(self.0.into()))
///     }
/// }
/// ```
#[async_trait]
pub trait HttpGet: Send + Sync {
    /// Performs the request.
    ///
    /// # Errors
    /// [`FetchError::Transport`] when there is no answer, [`FetchError::TooLarge`] when the body is over [`MAX_BODY`].
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError>;
}

/// Longest key set or metadata document that is read: 64 KiB after decompression.
pub const MAX_BODY: usize = 64 * 1024;

/// Why keys could not be fetched. The issuer's fault or the network's, never that of the request: answered with 503, not 401.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The whole fetch took longer than [`super::JwksSettings::timeout`].
    #[error("no complete answer in time")]
    Timeout,
    /// No answer: name, connection, TLS or protocol.
    #[error("no answer")]
    Transport(#[source] Box<dyn Error + Send + Sync>),
    /// The body is over [`MAX_BODY`].
    #[error("answer over {MAX_BODY} bytes")]
    TooLarge,
    /// Neither 200 nor (when asked for) 304. Redirects are among them unless [`super::JwksSettings::redirects`] says otherwise.
    #[error("status {status}")]
    Status {
        /// The status of the answer.
        status: StatusCode,
        /// Its `Retry-After`, if any.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed although some are.
    #[error("redirected {why}")]
    Redirect {
        /// Where to, or how often.
        why: &'static str,
    },
    /// The metadata is not a JSON object with `issuer` and a usable `jwks_uri`.
    #[error("not an issuer metadata document")]
    Metadata,
    /// The metadata's `issuer` is not, byte for byte, the configured one (RFC 8414 §3.3).
    #[error("the metadata speaks for another issuer")]
    IssuerMismatch,
    /// The metadata's `jwks_uri` is plain http on a host that is not loopback.
    #[error("jwks_uri is not https")]
    InsecureUri,
    /// The answer is not a JWK Set (RFC 7517 §5).
    #[error("not a usable key set")]
    KeySet(#[source] JwkSetError),
    /// Every key of the set was refused, or it has none.
    #[error("no usable key; refused: [{}]", .refused.join(", "))]
    NoUsableKey {
        /// Why each key of the set was refused.
        refused: Vec<&'static str>,
    },
    /// The HTTP client panicked.
    #[error("the HTTP client panicked")]
    Panicked,
}

impl FetchError {
    /// What the issuer asked for with `Retry-After`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error and its causes in one bounded line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause
            && line.len() < MAX_LINE
        {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line.chars()
            .filter(|char| !char.is_control())
            .take(MAX_LINE)
            .collect()
    }
}

/// What a fetch brought.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one exists per fetch")]
pub(crate) enum Fetched {
    Updated {
        keys: JwkSet,
        validators: Validators,
        freshness: Freshness,
    },
    NotModified {
        freshness: Freshness,
    },
}

/// What makes the next request conditional (RFC 9110 §13), and the URI it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validators {
    uri: Option<Url>,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// Fetches the key set of one issuer.
pub(crate) struct Fetcher {
    http: Arc<dyn HttpGet>,
    target: Target,
    import: ImportPolicy,
    timeout: Duration,
    redirects: Redirects,
    discovered: Mutex<Option<Discovered>>,
}

struct Discovered {
    uri: Url,
    at: Duration,
}

impl Fetcher {
    pub(crate) fn new(
        http: Arc<dyn HttpGet>,
        target: Target,
        import: ImportPolicy,
        settings: &JwksSettings,
    ) -> Self {
        Self {
            http,
            target,
            import,
            timeout: settings.timeout,
            redirects: settings.redirects,
            discovered: Mutex::new(None),
        }
    }

    /// One fetch, within the time-out, metadata included.
    pub(crate) async fn fetch(
        &self,
        validators: &Validators,
        now: Duration,
    ) -> Result<Fetched, FetchError> {
        let result = tokio::time::timeout(self.timeout, self.fetch_untimed(validators, now))
            .await
            .unwrap_or(Err(FetchError::Timeout));
        if result.is_err() {
            // The issuer may have moved its keys: the next fetch asks the metadata again.
            *self
                .discovered
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }

    async fn fetch_untimed(
        &self,
        validators: &Validators,
        now: Duration,
    ) -> Result<Fetched, FetchError> {
        let uri = self.jwks_uri(now).await?;
        let Reply {
            response,
            uri,
            conditional,
        } = self.get(uri, validators).await?;
        let freshness = freshness(response.headers());
        if conditional && response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::NotModified { freshness });
        }
        let response = accept(response)?;
        let keys = JwkSet::import(response.body(), &self.import).map_err(FetchError::KeySet)?;
        if keys.is_empty() {
            return Err(FetchError::NoUsableKey {
                refused: keys.refused().iter().map(|key| key.why.reason()).collect(),
            });
        }
        let header = |name: HeaderName| response.headers().get(name).cloned();
        let validators = Validators {
            uri: Some(uri),
            etag: header(ETAG),
            last_modified: header(LAST_MODIFIED),
        };
        Ok(Fetched::Updated {
            keys,
            validators,
            freshness,
        })
    }

    async fn jwks_uri(&self, now: Duration) -> Result<Url, FetchError> {
        let (issuer, [oauth, openid], allow_insecure_http) = match &self.target {
            Target::Uri(uri) => return Ok(uri.clone()),
            Target::Issuer {
                issuer,
                metadata,
                allow_insecure_http,
            } => (issuer, metadata, *allow_insecure_http),
        };
        if let Some(known) = &*self
            .discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            && now.saturating_sub(known.at) < DISCOVERY_LIFETIME
        {
            return Ok(known.uri.clone());
        }
        let uri = match self.metadata(oauth, issuer, allow_insecure_http).await {
            Ok(uri) => uri,
            // A document that is there but wrong tells more than the absence of the other one.
            Err(first) => match self.metadata(openid, issuer, allow_insecure_http).await {
                Ok(uri) => uri,
                Err(second) if matches!(first, FetchError::Status { .. }) => return Err(second),
                Err(_) => return Err(first),
            },
        };
        *self
            .discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Discovered {
            uri: uri.clone(),
            at: now,
        });
        Ok(uri)
    }

    async fn metadata(
        &self,
        url: &Url,
        issuer: &str,
        allow_insecure_http: bool,
    ) -> Result<Url, FetchError> {
        let reply = self.get(url.clone(), &Validators::default()).await?;
        let response = accept(reply.response)?;
        read_metadata(response.body(), issuer, allow_insecure_http)
    }

    /// One GET and the redirects that may be followed.
    async fn get(&self, mut uri: Url, validators: &Validators) -> Result<Reply, FetchError> {
        for _ in 0..=Redirects::MAX {
            let request = validators.request(&uri)?;
            let conditional = [IF_NONE_MATCH, IF_MODIFIED_SINCE]
                .iter()
                .any(|name| request.headers().contains_key(name));
            let response = self.http.get(request).await?;
            match self.redirects.follow(&uri, &response)? {
                Some(target) => uri = target,
                None => {
                    return Ok(Reply {
                        response,
                        uri,
                        conditional,
                    });
                }
            }
        }
        Err(FetchError::Redirect {
            why: "more than 3 times",
        })
    }
}

struct Reply {
    response: Response<Bytes>,
    /// Where it came from in the end.
    uri: Url,
    /// Whether a 304 is an answer to what was asked.
    conditional: bool,
}

impl Validators {
    /// Conditional only where they come from: the same tag at another place means something else.
    fn request(&self, url: &Url) -> Result<Request<()>, FetchError> {
        let mut request = Request::get(url.as_str())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .body(())
            .map_err(|error| FetchError::Transport(error.into()))?;
        if self.uri.as_ref() == Some(url) {
            for (name, value) in [
                (IF_NONE_MATCH, &self.etag),
                (IF_MODIFIED_SINCE, &self.last_modified),
            ] {
                let value = value.clone().map(|value| (name, value));
                request.headers_mut().extend(value);
            }
        }
        Ok(request)
    }
}

fn accept(response: Response<Bytes>) -> Result<Response<Bytes>, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status {
            status: response.status(),
            retry_after: retry_after(response.headers()),
        });
    }
    if response.body().len() > MAX_BODY {
        return Err(FetchError::TooLarge);
    }
    Ok(response)
}

/// How long a discovered `jwks_uri` is used while fetches from it succeed.
const DISCOVERY_LIFETIME: Duration = Duration::from_hours(1);
/// Longest line about an error in health and logs.
const MAX_LINE: usize = 256;

#[cfg(test)]
mod tests;
