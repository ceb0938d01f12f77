use http::header::LOCATION;
use http::{Response, StatusCode};
use url::Url;

use super::FetchError;

/// Which redirects a fetch of keys or metadata follows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Redirects {
    /// None: a redirect is a failed fetch. The URI in the configuration is where the keys are.
    #[default]
    Refuse,
    /// At most 3 in a row, each to the same scheme, host and port. A wrong yes lets whoever can make that host redirect choose which of
    /// its documents are the keys: not for hosts that also keep files of others.
    SameOrigin,
}

impl Redirects {
    /// The most redirects in a row.
    pub(super) const MAX: usize = 3;

    /// Where an answer from `uri` sends its reader, if that is to be followed.
    pub(super) fn follow<B>(
        self,
        uri: &Url,
        response: &Response<B>,
    ) -> Result<Option<Url>, FetchError> {
        let is_redirect = matches!(
            response.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        if self == Self::Refuse || !is_redirect {
            return Ok(None);
        }
        let refused = |why| FetchError::Redirect { why };
        let mut target = response
            .headers()
            .get(LOCATION)
            .and_then(|location| uri.join(location.to_str().ok()?).ok())
            .ok_or(refused("without a usable location"))?;
        let has_user = !target.username().is_empty() || target.password().is_some();
        if target.origin() != uri.origin() || has_user {
            return Err(refused("to another origin"));
        }
        target.set_fragment(None);
        Ok(Some(target))
    }
}

#[cfg(test)]
mod tests;
