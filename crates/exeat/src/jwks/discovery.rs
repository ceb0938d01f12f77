//! From an issuer to its `jwks_uri`: RFC 8414 §3, then OpenID Connect Discovery 1.0 §4.

use serde::Deserialize;
use url::{Host, Url};

use super::FetchError;

/// Where a key set is fetched from. No part of it ever comes from a request.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Configured by the operator.
    Uri(Url),
    /// Looked up in the issuer's metadata.
    Issuer {
        issuer: String,
        metadata: [Url; 2],
        allow_insecure_http: bool,
    },
}

impl Target {
    pub(crate) fn from_issuer(issuer: &str, allow_insecure_http: bool) -> Result<Self, UriProblem> {
        let url = parse_uri(issuer, allow_insecure_http)?;
        if url.query().is_some() {
            return Err(UriProblem::QueryOrFragment);
        }
        Ok(Self::Issuer {
            issuer: issuer.to_owned(),
            metadata: metadata_urls(&url),
            allow_insecure_http,
        })
    }

    pub(crate) fn from_jwks_uri(uri: &str, allow_insecure_http: bool) -> Result<Self, UriProblem> {
        parse_uri(uri, allow_insecure_http).map(Self::Uri)
    }
}

/// Why a URL cannot be fetched from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum UriProblem {
    #[error("not an absolute http or https URL")]
    NotAUrl,
    #[error("must be https; plain http is for loopback addresses")]
    Insecure,
    #[error("must not carry a user or a password")]
    UserInfo,
    #[error("must not carry a query or a fragment")]
    QueryOrFragment,
}

fn parse_uri(text: &str, allow_insecure_http: bool) -> Result<Url, UriProblem> {
    let url = Url::parse(text).map_err(|_| UriProblem::NotAUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UriProblem::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UriProblem::QueryOrFragment);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_insecure_http || is_loopback(&url) => Ok(url),
        "http" => Err(UriProblem::Insecure),
        _ => Err(UriProblem::NotAUrl),
    }
}

/// `localhost` and names below it (RFC 6761 §6.3), 127.0.0.0/8 or `[::1]`.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// RFC 8414 puts the well-known name before the issuer's path, OpenID Connect behind it.
fn metadata_urls(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/');
    [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ]
    .map(|path| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    })
}

/// The `jwks_uri` of a metadata document, if the document speaks for `issuer`.
pub(crate) fn read_metadata(
    body: &[u8],
    issuer: &str,
    allow_insecure_http: bool,
) -> Result<Url, FetchError> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    let metadata: Metadata = serde_json::from_slice(body).map_err(|_| FetchError::Metadata)?;
    // RFC 8414 §3.3: identical, or a mix-up attack could put another issuer's keys under this name.
    if metadata.issuer != issuer {
        return Err(FetchError::IssuerMismatch);
    }
    parse_uri(&metadata.jwks_uri, allow_insecure_http).map_err(|problem| match problem {
        UriProblem::Insecure => FetchError::InsecureUri,
        _ => FetchError::Metadata,
    })
}

#[cfg(test)]
mod tests;
