use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat_jose::CompactJws;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use super::{b64token, is_tchar};
use crate::Rejected;

/// A subprotocol that is a token in disguise, since a page can set no other header of a WebSocket handshake:
/// `base64url.bearer.authorization.<namespace>.<base64url of the token>`. This is the convention of Kubernetes' API server, with our
/// namespace in place of `k8s.io`.
#[derive(Debug)]
pub(crate) struct TokenSubprotocol {
    prefix: Box<str>,
}

impl TokenSubprotocol {
    pub(crate) fn new(namespace: &str) -> Option<Self> {
        let fits =
            (1..=MAX_NAMESPACE).contains(&namespace.len()) && namespace.bytes().all(is_tchar);
        fits.then(|| Self {
            prefix: format!("base64url.bearer.authorization.{namespace}.").into(),
        })
    }

    /// The token. A client that offers one must offer another subprotocol with it, for the server to choose (RFC 6455 §4.1: it
    /// must be one of those offered, and must not be this).
    pub(super) fn find(&self, headers: &HeaderMap) -> Result<Option<String>, Rejected> {
        let (mut encoded, mut others) = (None, 0_usize);
        let mut room = MAX_LEN;
        for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
            room = room
                .checked_sub(line.len())
                .ok_or(Rejected::BadCredentials)?;
            for entry in entries(line) {
                match self.encoded(entry) {
                    None => others += 1,
                    Some(token) if encoded.is_none() => encoded = Some(token),
                    Some(_) => return Err(Rejected::MultipleTokens),
                }
            }
        }
        let Some(encoded) = encoded else {
            return Ok(None);
        };
        if others == 0 {
            return Err(Rejected::BadCredentials);
        }
        let token = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| Rejected::BadCredentials)?;
        b64token(&token).map(|token| Some(token.to_owned()))
    }

    /// Leaves the other subprotocols, in one line: what the handler does not see it cannot choose, and so cannot echo.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        let carries = |line: &HeaderValue| entries(line).any(|entry| self.encoded(entry).is_some());
        if !headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().any(carries) {
            return;
        }
        let mut others = Vec::new();
        for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
            for entry in entries(line).filter(|entry| self.encoded(entry).is_none()) {
                if !others.is_empty() {
                    others.extend_from_slice(b", ");
                }
                others.extend_from_slice(entry);
            }
        }
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        if !others.is_empty()
            && let Ok(others) = HeaderValue::from_bytes(&others)
        {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, others);
        }
    }

    fn encoded<'h>(&self, entry: &'h [u8]) -> Option<&'h [u8]> {
        entry.strip_prefix(self.prefix.as_bytes())
    }
}

fn entries(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// Most bytes of all `Sec-WebSocket-Protocol` lines: base64url makes four bytes of three, and as much as that leaves is for the others.
const MAX_LEN: usize = 2 * CompactJws::MAX_LEN;
/// Longest namespace.
const MAX_NAMESPACE: usize = 128;
