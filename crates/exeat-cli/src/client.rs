//! The HTTP client of the commands: bounded in time and size, no redirects, no proxies.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, bail};
use reqwest::{Client, Response};
use url::Url;

/// Bytes of an answer that are read; more is an error.
const MAX_ANSWER: usize = 64 * 1024;

/// Installs the TLS provider of our backend feature for the whole process. Libraries must not do that; the binary may.
pub(crate) fn install_tls_provider() {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    // An error means that one is installed already, which is just as good.
    let _ = provider.install_default();
}

/// A client for this URL. Redirects are answers, not instructions: a token or an id is never sent on.
///
/// # Errors
/// When the scheme is neither http nor https, or the system's certificates cannot be read (https only).
pub(crate) fn client_for(url: &Url, limit: Duration) -> anyhow::Result<Client> {
    let builder = Client::builder()
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    let builder = match url.scheme() {
        "https" => builder,
        // No certificate is looked at, so a container without any can still check its own health.
        "http" => builder.tls_certs_only([]),
        other => bail!("{url} has the scheme {other}; http and https can be asked"),
    };
    builder.build().context("the HTTP client cannot be set up")
}

/// The body as text, up to a limit.
///
/// # Errors
/// When the answer is too long, is cut off or is not UTF-8.
pub(crate) async fn bounded_text(mut answer: Response) -> anyhow::Result<String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("the answer was cut off")? {
        if body.len() + chunk.len() > MAX_ANSWER {
            bail!("the answer is longer than {MAX_ANSWER} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).context("the answer is not text")
}

/// Why a request got no answer, without the URL that reqwest repeats.
pub(crate) fn no_answer(error: reqwest::Error) -> anyhow::Error {
    if error.is_timeout() {
        return anyhow::anyhow!("no answer in time");
    }
    anyhow::Error::from(error.without_url())
}

/// Is this host the machine itself (names as in RFC 6761 §6.3)? Then plain http gives nothing away.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:8081", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8081", true),
            ("http://localhost:8081", true),
            ("http://market.localhost:1", true),
            ("http://a.market.localhost", true),
            ("http://notlocalhost", false),
            ("http://localhost.example", false),
            ("http://128.0.0.1", false),
            ("http://0.0.0.0", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
