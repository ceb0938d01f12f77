use std::sync::Arc;

use crate::{UntrustedHeader, UntrustedJws, VerifiedPayload};

/// Headers under which a signature has held, by their exact bytes: an issuer writes the same one into every token that a key signs.
///
/// Remembers at most [`Self::MAX`], the last ones. What is remembered is only how the bytes read: expectations, keys and signature are
/// checked for every token.
#[derive(Clone, Debug, Default)]
pub struct KnownHeaders {
    latest_first: Vec<Arc<KnownHeader>>,
}

#[derive(Debug)]
struct KnownHeader {
    /// base64url, as in the token.
    segment: Box<str>,
    header: UntrustedHeader,
}

impl KnownHeaders {
    /// How many are remembered: the keys that one issuer signs with at a time, and some to spare.
    pub const MAX: usize = 8;

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These and the header of `jws`. `_proof` is the payload that came with it: a header without a good signature is never remembered.
    #[must_use]
    pub fn with(&self, jws: &UntrustedJws<'_>, _proof: &VerifiedPayload<'_>) -> Self {
        let segment = jws.header_segment();
        let header = KnownHeader {
            segment: segment.into(),
            header: jws.untrusted_header().clone(),
        };
        let others = self
            .latest_first
            .iter()
            .filter(|known| &*known.segment != segment);
        Self {
            latest_first: std::iter::once(&Arc::new(header))
                .chain(others)
                .take(Self::MAX)
                .cloned()
                .collect(),
        }
    }

    pub(crate) fn find(&self, segment: &str) -> Option<&UntrustedHeader> {
        let known = self
            .latest_first
            .iter()
            .find(|known| &*known.segment == segment)?;
        Some(&known.header)
    }
}

#[cfg(test)]
mod tests;
