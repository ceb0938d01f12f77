use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use super::b64token;
use crate::Rejected;

/// The query parameter that may carry a token (RFC 6750 §2.3): unreserved characters of RFC 3986 §2.3.
///
/// The name is found also where it is percent-encoded, since handlers decode it. The value is taken as it is: nothing in a b64token that
/// a client may leave out of a query needs encoding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct QueryParameter(Box<str>);

impl QueryParameter {
    pub(crate) fn new(name: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits = !name.is_empty() && name.bytes().all(unreserved);
        fits.then(|| Self(name.into()))
    }

    pub(super) fn find<'u>(&self, uri: &'u Uri) -> Result<Option<&'u str>, Rejected> {
        let mut values = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| self.is(pair))
            .map(|pair| pair.split_once('=').map_or("", |(_, value)| value));
        let first = values.next();
        if values.next().is_some() {
            return Err(Rejected::MultipleTokens);
        }
        first.map(|value| b64token(value.as_bytes())).transpose()
    }

    /// Takes the parameter out of what handlers and logs see; true if it was there.
    pub(crate) fn strip(&self, parts: &mut Parts) -> bool {
        #[cfg(feature = "axum")]
        if let Some(axum::extract::OriginalUri(uri)) = parts.extensions.get_mut()
            && let Some(stripped) = self.without(uri)
        {
            *uri = stripped;
        }
        let stripped = self.without(&parts.uri);
        let is_there = stripped.is_some();
        if let Some(stripped) = stripped {
            parts.uri = stripped;
        }
        is_there
    }

    /// The same URI without the parameter; `None` if it is not there.
    fn without(&self, uri: &Uri) -> Option<Uri> {
        let query = uri.query()?;
        if !query.split('&').any(|pair| self.is(pair)) {
            return None;
        }
        let rest: Vec<_> = query.split('&').filter(|pair| !self.is(pair)).collect();
        let target = match (uri.path(), rest.join("&")) {
            (path, rest) if rest.is_empty() => path.to_owned(),
            (path, rest) => format!("{path}?{rest}"),
        };
        let mut parts = uri.clone().into_parts();
        // Parts of a URI make a URI again; were it otherwise, the token had to go all the same.
        parts.path_and_query =
            Some(PathAndQuery::try_from(target).unwrap_or_else(|_| PathAndQuery::from_static("/")));
        Some(Uri::from_parts(parts).unwrap_or_default())
    }

    fn is(&self, pair: &str) -> bool {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        percent_decode_str(name).eq(self.0.bytes())
    }
}
