//! Origins as browsers serialize them, and the patterns an operator may write for them.

mod host;
mod pattern;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;

pub use pattern::OriginPattern;
pub(crate) use set::{MatchedBy, OriginSet};

/// A serialized tuple origin exactly as a browser sends it (HTML, "ASCII serialization of an origin"): never `null`.
///
/// Canonical by construction: lower case, no default port, no trailing slash or dot, host in ASCII. Two equal origins have equal bytes,
/// so comparing bytes is comparing origins.
///
/// ```
/// use exeat_cors::Origin;
///
/// assert!(Origin::parse("https://shop.example:8443").is_ok());
/// assert!(Origin::parse("https://shop.example/").is_err(), "an origin ends before the slash");
/// assert!(Origin::parse("null").is_err(), "an opaque origin names nobody");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin(Box<str>);

impl Origin {
    /// Reads a canonical origin of at most [`MAX_ORIGIN_LENGTH`] bytes.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first thing that a browser would have serialized differently, or not at all.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        Parts::parse(text).map(|_| Self(text.into()))
    }

    /// The bytes a browser sends in `Origin` (RFC 6454 §7, Fetch `#origin-header`).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an origin, or not a pattern for one. Carries nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// `null`, the serialization of every opaque origin: sandboxed frames, `data:` pages and redirects of anybody.
    #[error("`null` is sent by anybody's sandboxed frame and names no one")]
    Null,
    /// Longer than [`MAX_ORIGIN_LENGTH`] bytes.
    #[error("longer than {MAX_ORIGIN_LENGTH} bytes")]
    TooLong,
    /// No `scheme://host`.
    #[error("not of the form scheme://host")]
    NotAnOrigin,
    /// The scheme is longer than [`MAX_SCHEME_LENGTH`] bytes.
    #[error("the scheme is longer than {MAX_SCHEME_LENGTH} bytes")]
    SchemeTooLong,
    /// Documents of this scheme have opaque origins, or are not documents.
    #[error("documents of this scheme have no origin of their own")]
    Scheme,
    /// A slash after the host; no browser sends it.
    #[error("remove the trailing /")]
    TrailingSlash,
    /// A path, query or fragment.
    #[error("an origin has no path, query or fragment")]
    NotBare,
    /// `user:password@`.
    #[error("an origin has no user name or password")]
    UserInfo,
    /// Upper case in scheme or host; browsers lower it.
    #[error("browsers send scheme and host in lower case")]
    UpperCase,
    /// Not 1 to 65535 in plain decimal.
    #[error("the port is not a number from 1 to 65535 without leading zeros")]
    Port,
    /// `:443` with `https`, `:80` with `http`.
    #[error("the default port is elided by browsers")]
    DefaultPort,
    /// Not ASCII; browsers send the punycode form.
    #[error("browsers send the host in punycode")]
    NonAscii,
    /// An `xn--` label that decodes to nothing.
    #[error("the host has an invalid punycode label")]
    Punycode,
    /// Looks like an IPv4 address and is not one in the four-part form.
    #[error("not an IPv4 address of four decimal parts")]
    Ipv4,
    /// Not an IPv6 address as browsers write it: in brackets, compressed, no zone, not IPv4-mapped.
    #[error("not an IPv6 address in the bracketed, compressed form")]
    Ipv6,
    /// No host, two dots in a row or a dot at the start.
    #[error("the host has an empty label")]
    EmptyLabel,
    /// A dot at the end: a different origin to browsers, and nearly always a slip.
    #[error("`example.` with a dot at the end is another origin than `example`")]
    TrailingDot,
    /// The host is longer than [`MAX_HOST_LENGTH`] bytes (RFC 1035 §2.3.4).
    #[error("the host is longer than {MAX_HOST_LENGTH} bytes")]
    HostTooLong,
    /// A label is longer than [`MAX_LABEL_LENGTH`] bytes (RFC 1035 §2.3.4).
    #[error("a label of the host is longer than {MAX_LABEL_LENGTH} bytes")]
    LabelTooLong,
    /// A byte outside `a-z 0-9 - _ .`.
    #[error("the host has a character that host names do not have")]
    HostCharacter,
    /// A `*` that is not the whole first label before a domain name.
    #[error(
        "a wildcard stands for whole labels at the start of a domain name: https://*.shop.example"
    )]
    Wildcard,
    /// A wildcard suffix of more than [`MAX_SUFFIX_LABELS`] labels.
    #[error("a wildcard is followed by at most {MAX_SUFFIX_LABELS} labels")]
    SuffixTooLong,
    /// A port wildcard on a host other than `localhost`, `127.0.0.1` or `[::1]`.
    #[error("a port wildcard is for localhost, 127.0.0.1 and [::1] only")]
    PortWildcard,
    /// Not `chrome-extension://` with 32 letters a to p.
    #[error("a Chrome extension is chrome-extension:// and its 32 letters from a to p")]
    ChromeExtension,
    /// Not a UUID after `moz-extension://` or `safari-web-extension://`, or a UUID in a pattern: it differs in every installation.
    #[error(
        "these extensions have a new UUID in every installation: write moz-extension://* or safari-web-extension://*"
    )]
    ExtensionUuid,
}

/// A canonical origin taken apart, borrowed from its text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

impl<'a> Parts<'a> {
    /// The one strict reader: what it accepts is what browsers send, byte for byte. No allocation.
    pub(crate) fn parse(text: &'a str) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = split_scheme(text)?;
        match scheme {
            CHROME_EXTENSION if !is_chrome_id(authority) => {
                return Err(InvalidOrigin::ChromeExtension);
            }
            // Schemes that are not special keep the case of their host: Firefox writes lower case, Safari either (URL `#host-parsing`).
            MOZ_EXTENSION if !is_uuid(authority, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
                return Err(InvalidOrigin::ExtensionUuid);
            }
            SAFARI_EXTENSION if !is_uuid(authority, |b| b.is_ascii_hexdigit()) => {
                return Err(InvalidOrigin::ExtensionUuid);
            }
            CHROME_EXTENSION | MOZ_EXTENSION | SAFARI_EXTENSION => {
                return Ok(Self {
                    scheme,
                    host: authority,
                    port: None,
                });
            }
            _ => {}
        }
        let (host, port) = split_port(authority)?;
        host::check(host)?;
        let port = port.map(|digits| read_port(scheme, digits)).transpose()?;
        Ok(Self { scheme, host, port })
    }
}

/// Scheme and authority, with everything that cannot be part of an origin refused.
fn split_scheme(text: &str) -> Result<(&str, &str), InvalidOrigin> {
    if text.len() > MAX_ORIGIN_LENGTH {
        return Err(InvalidOrigin::TooLong);
    }
    if text == "null" {
        return Err(InvalidOrigin::Null);
    }
    let named = text.split_once(':').map_or("", |(scheme, _)| scheme);
    if WITHOUT_ORIGIN
        .iter()
        .any(|scheme| named.eq_ignore_ascii_case(scheme))
    {
        return Err(InvalidOrigin::Scheme);
    }
    let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin::NotAnOrigin)?;
    if scheme.len() > MAX_SCHEME_LENGTH {
        return Err(InvalidOrigin::SchemeTooLong);
    }
    let mut bytes = scheme.bytes();
    let well_formed = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !well_formed {
        return Err(InvalidOrigin::NotAnOrigin);
    }
    let authority = match rest.find(['/', '?', '#', '\\']) {
        None => rest,
        Some(end) => {
            let (authority, tail) = rest.split_at(end);
            if authority.contains('@') {
                return Err(InvalidOrigin::UserInfo);
            }
            return Err(if tail == "/" {
                InvalidOrigin::TrailingSlash
            } else {
                InvalidOrigin::NotBare
            });
        }
    };
    if authority.contains('@') {
        return Err(InvalidOrigin::UserInfo);
    }
    if !authority.is_ascii() {
        return Err(InvalidOrigin::NonAscii);
    }
    if scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(InvalidOrigin::UpperCase);
    }
    Ok((scheme, authority))
}

/// Host and the text of the port, if a colon introduces one.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), InvalidOrigin> {
    if !authority.starts_with('[') {
        return Ok(match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => (host, Some(port)),
        });
    }
    let end = authority.find(']').ok_or(InvalidOrigin::Ipv6)?;
    match authority.split_at_checked(end + 1) {
        Some((host, "")) => Ok((host, None)),
        Some((host, port)) => port
            .strip_prefix(':')
            .map(|port| (host, Some(port)))
            .ok_or(InvalidOrigin::Ipv6),
        None => Err(InvalidOrigin::Ipv6),
    }
}

fn read_port(scheme: &str, digits: &str) -> Result<u16, InvalidOrigin> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = digits
        .parse()
        .ok()
        .filter(|_| plain)
        .ok_or(InvalidOrigin::Port)?;
    match (scheme, port) {
        ("https", 443) | ("http", 80) => Err(InvalidOrigin::DefaultPort),
        _ => Ok(port),
    }
}

/// Is this the origin of a browser extension? `origin` is one that a set has found.
pub(crate) fn is_extension(origin: &[u8]) -> bool {
    [CHROME_EXTENSION, MOZ_EXTENSION, SAFARI_EXTENSION]
        .iter()
        .any(|scheme| {
            origin
                .strip_prefix(scheme.as_bytes())
                .is_some_and(|rest| rest.starts_with(b"://"))
        })
}

fn is_chrome_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'a'..=b'p'))
}

/// 8-4-4-4-12 digits; a UUID may start with a digit, which host parsers for domains refuse.
fn is_uuid(text: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| {
            if matches!(at, 8 | 13 | 18 | 23) {
                b == b'-'
            } else {
                is_digit(b)
            }
        })
}

/// Longest scheme, in bytes.
pub const MAX_SCHEME_LENGTH: usize = 64;
/// Longest host, in bytes (RFC 1035 §2.3.4).
pub const MAX_HOST_LENGTH: usize = 253;
/// Longest label of a host, in bytes (RFC 1035 §2.3.4).
pub const MAX_LABEL_LENGTH: usize = 63;
/// Longest origin, in bytes: scheme, `://`, host, `:65535`. A longer `Origin` is refused before anything else looks at it.
pub const MAX_ORIGIN_LENGTH: usize = MAX_SCHEME_LENGTH + 3 + MAX_HOST_LENGTH + 6;
/// Most labels after a wildcard, which is also the number of table look-ups a request can cost.
pub const MAX_SUFFIX_LABELS: usize = 12;

const CHROME_EXTENSION: &str = "chrome-extension";
const MOZ_EXTENSION: &str = "moz-extension";
const SAFARI_EXTENSION: &str = "safari-web-extension";

/// Schemes whose documents have opaque origins, and schemes no document has (HTML `#origin`, URL `#concept-url-origin`).
const WITHOUT_ORIGIN: [&str; 10] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "mailto",
    "ws",
    "wss",
];
