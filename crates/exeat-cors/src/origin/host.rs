//! Hosts in the form in which browsers serialize them (URL `#host-serializing`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{InvalidOrigin, MAX_HOST_LENGTH, MAX_LABEL_LENGTH};

/// Accepts a canonical domain name, IPv4 address or bracketed IPv6 address.
pub(super) fn check(host: &str) -> Result<(), InvalidOrigin> {
    if host.len() > MAX_HOST_LENGTH {
        return Err(InvalidOrigin::HostTooLong);
    }
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => check_ipv6(address),
        None => check_name(host),
    }
}

fn check_ipv6(text: &str) -> Result<(), InvalidOrigin> {
    let address: Ipv6Addr = text.parse().map_err(|_| InvalidOrigin::Ipv6)?;
    // A dot appears only in the IPv4-mapped form, which browsers write in hexadecimal and nobody should list.
    let canonical = address.to_ipv4_mapped().is_none() && address.to_string() == text;
    if canonical {
        Ok(())
    } else {
        Err(InvalidOrigin::Ipv6)
    }
}

fn check_name(host: &str) -> Result<(), InvalidOrigin> {
    let without_dot = host.strip_suffix('.').unwrap_or(host);
    for label in without_dot.split('.') {
        check_label(label)?;
    }
    if ends_in_number(without_dot) {
        let canonical = host.parse::<Ipv4Addr>().is_ok();
        return if canonical {
            Ok(())
        } else {
            Err(InvalidOrigin::Ipv4)
        };
    }
    if without_dot.len() < host.len() {
        Err(InvalidOrigin::TrailingDot)
    } else {
        Ok(())
    }
}

fn check_label(label: &str) -> Result<(), InvalidOrigin> {
    if label.is_empty() {
        return Err(InvalidOrigin::EmptyLabel);
    }
    if label.len() > MAX_LABEL_LENGTH {
        return Err(InvalidOrigin::LabelTooLong);
    }
    for byte in label.bytes() {
        match byte {
            // Browsers do send underscores: names of hosts that are no "host names" (RFC 1123) still have web pages.
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'A'..=b'Z' => return Err(InvalidOrigin::UpperCase),
            b'*' => return Err(InvalidOrigin::Wildcard),
            _ => return Err(InvalidOrigin::HostCharacter),
        }
    }
    Ok(())
}

/// A host whose last label is a number is an IPv4 address or nothing (URL `#ends-in-a-number-checker`).
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let decimal = last.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    decimal || hexadecimal
}

/// Is this the machine the browser runs on? Traffic to it meets no network, so `http` is as good as `https` (Secure Contexts §3.1).
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Is this host an address, not a name?
pub(super) fn is_address(host: &str) -> bool {
    host.starts_with('[') || ends_in_number(host)
}
