//! What was probably meant by what is not an origin.

use std::net::Ipv6Addr;

use crate::origin::{InvalidOrigin, OriginPattern};

/// What a browser would have sent, if that can be told; suggested only if it would be accepted.
pub(super) fn suggest(value: &str, reason: InvalidOrigin) -> Option<String> {
    let suggestion = match reason {
        InvalidOrigin::TrailingSlash => value.strip_suffix('/')?.to_owned(),
        InvalidOrigin::TrailingDot => value.strip_suffix('.')?.to_owned(),
        InvalidOrigin::UpperCase => value.to_ascii_lowercase(),
        InvalidOrigin::DefaultPort => value.rsplit_once(':')?.0.to_owned(),
        InvalidOrigin::NotBare => {
            let start = value.find("://")?.checked_add(3)?;
            let end = value
                .get(start..)?
                .find(['/', '?', '#', '\\'])?
                .checked_add(start)?;
            value.get(..end)?.to_owned()
        }
        InvalidOrigin::UserInfo => {
            let (scheme, rest) = value.split_once("://")?;
            format!("{scheme}://{}", rest.rsplit_once('@')?.1)
        }
        InvalidOrigin::NonAscii => {
            let (scheme, rest) = value.split_once("://")?;
            let (host, port) = rest
                .split_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port)));
            let (wildcard, name) = host
                .strip_prefix("*.")
                .map_or(("", host), |name| ("*.", name));
            let ascii = idna::domain_to_ascii(name).ok()?;
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{wildcard}{ascii}{port}")
        }
        InvalidOrigin::Ipv6 => {
            let (before, rest) = value.split_once('[')?;
            let (address, after) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            format!("{before}[{address}]{after}")
        }
        InvalidOrigin::NotAnOrigin => format!("https://{value}"),
        _ => return None,
    };
    OriginPattern::parse(&suggestion)
        .is_ok()
        .then_some(suggestion)
}
