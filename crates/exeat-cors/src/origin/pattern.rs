//! What an operator may write in an origin list.

use std::fmt;

use super::{
    CHROME_EXTENSION, InvalidOrigin, MAX_SUFFIX_LABELS, MOZ_EXTENSION, Origin, Parts,
    SAFARI_EXTENSION, host, split_scheme,
};

/// A set of origins, typed; there are no regular expressions.
///
/// | written | matches |
/// | --- | --- |
/// | `https://shop.example`, `https://shop.example:8443` | that origin |
/// | `https://*.mp.example` | every origin one or more labels below `mp.example`, same scheme and port; not `mp.example` itself |
/// | `http://localhost:*` | `localhost`, `127.0.0.1` or `[::1]` with any port |
/// | `chrome-extension://` and 32 letters a to p | that extension, from that store |
/// | `moz-extension://*`, `safari-web-extension://*` | every extension of that browser: their ids differ in each installation |
/// | `*` | everybody; for public data only |
///
/// ```
/// use exeat_cors::{Origin, OriginPattern};
///
/// let pattern = OriginPattern::parse("https://*.mp.example")?;
/// assert!(pattern.matches(&Origin::parse("https://a.mp.example")?));
/// assert!(!pattern.matches(&Origin::parse("https://evilmp.example")?));
/// # Ok::<(), exeat_cors::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OriginPattern(pub(super) Shape);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Shape {
    Any,
    Exact(Origin),
    Subdomains {
        scheme: Box<str>,
        suffix: Box<str>,
        port: Option<u16>,
    },
    AnyPort {
        scheme: Box<str>,
        host: Box<str>,
    },
    FirefoxAny,
    SafariAny,
}

impl OriginPattern {
    /// Reads one entry of an origin list.
    ///
    /// # Errors
    /// [`InvalidOrigin`] says what a browser would never send, or what no pattern may say. Whether a wildcard covers a public suffix,
    /// and whether plain `http` is acceptable, depends on the rest of the policy and is judged there.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        match text {
            "*" => return Ok(Self(Shape::Any)),
            "moz-extension://*" => return Ok(Self(Shape::FirefoxAny)),
            "safari-web-extension://*" => return Ok(Self(Shape::SafariAny)),
            _ => {}
        }
        let (scheme, authority) = split_scheme(text)?;
        if matches!(scheme, MOZ_EXTENSION | SAFARI_EXTENSION) {
            return Err(InvalidOrigin::ExtensionUuid);
        }
        if let Some(host) = authority.strip_suffix(":*") {
            return any_port(scheme, host);
        }
        if let Some(rest) = authority.strip_prefix("*.") {
            return subdomains(scheme, rest);
        }
        let origin = Origin::parse(text)?;
        check_punycode(authority)?;
        Ok(Self(Shape::Exact(origin)))
    }

    /// Like [`parse`](Self::parse), for an exact origin whose host ends in a dot.
    pub(crate) fn parse_with_trailing_dot(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = split_scheme(text)?;
        let (host, port) = super::split_port(authority)?;
        let undotted = host.strip_suffix('.').ok_or(InvalidOrigin::TrailingDot)?;
        let plain = match port {
            None => format!("{scheme}://{undotted}"),
            Some(port) => format!("{scheme}://{undotted}:{port}"),
        };
        match Self::parse(&plain)?.0 {
            Shape::Exact(_) => Ok(Self(Shape::Exact(Origin(text.into())))),
            _ => Err(InvalidOrigin::TrailingDot),
        }
    }

    /// Does this pattern cover this origin? Compares bytes, and cuts hosts at label boundaries only.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        let Ok(parts) = Parts::parse(origin.as_str()) else {
            // Only an exact pattern can hold an origin that the strict reader refuses (a trailing dot, explicitly allowed).
            return matches!(&self.0, Shape::Exact(exact) if exact == origin);
        };
        match &self.0 {
            Shape::Any => true,
            Shape::Exact(exact) => exact == origin,
            Shape::Subdomains {
                scheme,
                suffix,
                port,
            } => {
                let below = parts
                    .host
                    .strip_suffix(&**suffix)
                    .and_then(|labels| labels.strip_suffix('.'));
                **scheme == *parts.scheme
                    && *port == parts.port
                    && below.is_some_and(|labels| !labels.is_empty())
            }
            Shape::AnyPort { scheme, host } => **scheme == *parts.scheme && **host == *parts.host,
            Shape::FirefoxAny => parts.scheme == MOZ_EXTENSION,
            Shape::SafariAny => parts.scheme == SAFARI_EXTENSION,
        }
    }

    /// Everybody (`*`)?
    pub(crate) fn is_any(&self) -> bool {
        matches!(self.0, Shape::Any)
    }

    /// Exactly one origin?
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.0, Shape::Exact(_))
    }

    /// Pages loaded over the network without protection, which anybody on the path can rewrite.
    pub(crate) fn is_insecure(&self) -> bool {
        let Some((scheme, host)) = self.scheme_and_host() else {
            return false;
        };
        scheme == "http" && !host::is_loopback(host)
    }

    /// The public suffix, if the wildcard stands for names that strangers can register (<https://publicsuffix.org>).
    pub(crate) fn public_suffix(&self) -> Option<&str> {
        match &self.0 {
            Shape::Subdomains { suffix, .. } => {
                let public = psl::suffix_str(suffix)?;
                (public.len() == suffix.len()).then_some(suffix)
            }
            _ => None,
        }
    }

    fn scheme_and_host(&self) -> Option<(&str, &str)> {
        match &self.0 {
            Shape::Exact(origin) => {
                let (scheme, authority) = origin.as_str().split_once("://")?;
                super::split_port(authority)
                    .ok()
                    .map(|(host, _)| (scheme, host))
            }
            Shape::Subdomains { scheme, suffix, .. } => Some((scheme, suffix)),
            Shape::AnyPort { scheme, host } => Some((scheme, host)),
            Shape::Any | Shape::FirefoxAny | Shape::SafariAny => None,
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::Any => f.write_str("*"),
            Shape::Exact(origin) => origin.fmt(f),
            Shape::Subdomains {
                scheme,
                suffix,
                port: None,
            } => write!(f, "{scheme}://*.{suffix}"),
            Shape::Subdomains {
                scheme,
                suffix,
                port: Some(port),
            } => write!(f, "{scheme}://*.{suffix}:{port}"),
            Shape::AnyPort { scheme, host } => write!(f, "{scheme}://{host}:*"),
            Shape::FirefoxAny => write!(f, "{MOZ_EXTENSION}://*"),
            Shape::SafariAny => write!(f, "{SAFARI_EXTENSION}://*"),
        }
    }
}

fn any_port(scheme: &str, host: &str) -> Result<OriginPattern, InvalidOrigin> {
    let permitted =
        matches!(scheme, "http" | "https") && matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if !permitted {
        return Err(InvalidOrigin::PortWildcard);
    }
    Ok(OriginPattern(Shape::AnyPort {
        scheme: scheme.into(),
        host: host.into(),
    }))
}

fn subdomains(scheme: &str, rest: &str) -> Result<OriginPattern, InvalidOrigin> {
    if !matches!(scheme, "http" | "https") {
        return Err(if scheme == CHROME_EXTENSION {
            InvalidOrigin::ChromeExtension
        } else {
            InvalidOrigin::Wildcard
        });
    }
    // The suffix by itself must be a name that could be an origin's host.
    let plain = format!("{scheme}://{rest}");
    let parts = Parts::parse(&plain)?;
    if host::is_address(parts.host) {
        return Err(InvalidOrigin::Wildcard);
    }
    check_punycode(parts.host)?;
    if parts.host.split('.').count() > MAX_SUFFIX_LABELS {
        return Err(InvalidOrigin::SuffixTooLong);
    }
    Ok(OriginPattern(Shape::Subdomains {
        scheme: scheme.into(),
        suffix: parts.host.into(),
        port: parts.port,
    }))
}

/// An `xn--` label that is not the encoding of anything never comes from a browser.
fn check_punycode(host: &str) -> Result<(), InvalidOrigin> {
    if !host.split('.').any(|label| label.starts_with("xn--")) {
        return Ok(());
    }
    let (name, _) = super::split_port(host)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    match idna::domain_to_ascii(name) {
        Ok(ascii) if ascii == name => Ok(()),
        _ => Err(InvalidOrigin::Punycode),
    }
}
