//! Whose request it is: the peer of the connection, or whom a trusted proxy names.
//!
//! Only addresses are ever read from a forwarded header, never host, scheme or path: those come from the configuration. An address is for
//! logs; nothing is allowed because of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// Most hops that are walked back from the peer.
const MAX_HOPS: usize = 16;
/// Most bytes of one hop's entry.
const MAX_ENTRY_LEN: usize = 512;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whose word about a caller is taken, and in which header. By default nobody's.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TrustedProxies {
    pub(crate) networks: Vec<IpNet>,
    pub(crate) header: ForwardedHeader,
}

/// The header that the proxies write. One alone: a proxy that writes the one passes the other on as the client has made it up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ForwardedHeader {
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl TrustedProxies {
    /// The address that a request came from.
    ///
    /// Each proxy adds to the right whom it was called by, so the walk goes from the peer to the left and ends at the first address that is
    /// no trusted proxy. What stands further left is that caller's own invention and is not even read. An entry that is no address ends the
    /// walk at the trusted proxy that wrote it.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let entries = headers
            .get_all(self.header.name())
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut hop = peer.to_canonical();
        for entry in entries.take(MAX_HOPS) {
            if !self.trusts(hop) {
                break;
            }
            match self.header.address(entry) {
                Some(address) => hop = address.to_canonical(),
                None => break,
            }
        }
        hop
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

impl ForwardedHeader {
    /// By the name of the header.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::XForwardedFor, Self::Forwarded]
            .into_iter()
            .find(|header| name.eq_ignore_ascii_case(header.name().as_str()))
    }

    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => header::FORWARDED,
        }
    }

    fn address(self, entry: &[u8]) -> Option<IpAddr> {
        if entry.len() > MAX_ENTRY_LEN {
            return None;
        }
        let entry = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
        match self {
            Self::XForwardedFor => address(entry),
            Self::Forwarded => address(for_parameter(entry)?),
        }
    }
}

/// An address, with or without a port; one of IPv6 with or without brackets. Not `unknown` and no hidden name (RFC 7239 §6.2, §6.3).
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || {
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        inside.parse::<Ipv6Addr>().ok().map(IpAddr::from)
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

/// The one `for` of a `forwarded-element` (RFC 7239 §4).
///
/// The entry was cut at commas, those inside quotes too. That is safe because half a quoted string is neither a token nor a quoted string.
fn for_parameter(element: &str) -> Option<&str> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        let quoted = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let (value, fits) = match quoted {
            Some(inside) => (inside, !inside.contains(['"', '\\'])),
            None => (value, is_token(value)),
        };
        if !fits || !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests;
