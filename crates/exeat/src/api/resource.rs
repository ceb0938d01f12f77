//! Protected Resource Metadata (RFC 9728): where clients that know only this API's URL learn whom to ask for a token.

#[cfg(feature = "resource-metadata")]
mod serve;

use url::{Host, Url};

#[cfg(feature = "resource-metadata")]
pub(super) use self::serve::Served;
use super::{BuildError, ExternalApi};

/// This API's URL as its clients know it, without a slash at the end.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    origin: Box<str>,
    /// Empty, or what clients have before the paths that we see.
    prefix: Box<str>,
}

impl ExternalApi {
    /// This API's URL as clients know it: https (http on loopback), an origin and, where a proxy takes one off, the path before ours.
    /// Challenges then name the metadata of the very URL that was asked for (`resource_metadata`, RFC 9728 §5.1); serve it with
    /// [`Gate::resource_metadata`](crate::Gate::resource_metadata).
    #[cfg(feature = "resource-metadata")]
    pub fn with_resource(mut self, url: &str) -> Self {
        self.resource = Some(url.to_owned());
        self
    }

    /// The scopes that this API knows, for the metadata; separated by one space. Default: not said.
    #[cfg(feature = "resource-metadata")]
    pub fn with_supported_scopes(mut self, scope: &str) -> Self {
        self.supported_scopes = Some(scope.to_owned());
        self
    }

    pub(super) fn resource(&self, errors: &mut Vec<BuildError>) -> Option<Resource> {
        Resource::parse(self.resource.as_deref()?)
            .map_err(|why| errors.push(BuildError::Resource { why }))
            .ok()
    }
}

impl Resource {
    fn parse(given: &str) -> Result<Self, &'static str> {
        let url = Url::parse(given).map_err(|_| "is not a URL")?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            return Err("is not https (http is for loopback)");
        }
        let has_more = url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err("has more than an origin and a path");
        }
        let canonical = url.as_str().trim_end_matches('/');
        // Clients compare it byte by byte (RFC 9728 §3.3).
        if given.trim_end_matches('/') != canonical {
            return Err("is not written as browsers write it");
        }
        let prefix = url.path().trim_end_matches('/');
        if !prefix.bytes().all(is_plain) {
            return Err("has a path with other characters than letters, digits and -._~/%");
        }
        Ok(Self {
            origin: url.origin().ascii_serialization().into(),
            prefix: prefix.into(),
        })
    }

    /// Where the metadata of the resource at this path is (§3.1: inserted between host and path, without a slash at the end of the host).
    pub(super) fn metadata_url(&self, path: &str) -> String {
        let Self { origin, prefix } = self;
        // A path that cannot stand in a quoted-string, or would make a header that proxies refuse, gets the metadata of the whole API.
        let path = path.trim_end_matches('/');
        let path = if is_path(path) { path } else { "" };
        format!("{origin}{WELL_KNOWN}{prefix}{path}")
    }

    /// The resource whose metadata is asked for with this path behind the well-known one; `None` if it is not one of this API.
    #[cfg(feature = "resource-metadata")]
    fn identifier(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        let is_ours = path
            .strip_prefix(&*self.prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (is_ours && is_path(path)).then(|| format!("{}{path}", self.origin))
    }
}

fn is_path(path: &str) -> bool {
    path.len() <= MAX_PATH && path.bytes().all(is_plain)
}

/// Unreserved characters of RFC 3986, `/`, and `%` for all others.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)
}

/// Longest path that gets metadata of its own.
const MAX_PATH: usize = 512;
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
