//! `[server] trusted_proxies` and `forwarded_header`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Problems;
use crate::{
    client_address::{ForwardedHeader, TrustedProxies},
    config::RawServer,
};

pub(super) fn trusted_proxies(raw: &RawServer, problems: &mut Problems) -> TrustedProxies {
    let mut networks: Vec<IpNet> = Vec::with_capacity(raw.trusted_proxies.len());
    for (position, text) in raw.trusted_proxies.iter().enumerate() {
        let key = format!("server.trusted_proxies[{position}]");
        match network(text) {
            Ok(network) if networks.contains(&network) => problems.add(key, "given twice"),
            Ok(network) => networks.push(network),
            Err(problem) => problems.add(key, problem),
        }
    }
    let header = match raw.forwarded_header.as_deref() {
        None => ForwardedHeader::default(),
        Some(name) => ForwardedHeader::parse(name).unwrap_or_else(|| {
            problems.add(
                "server.forwarded_header",
                "expected X-Forwarded-For or Forwarded",
            );
            ForwardedHeader::default()
        }),
    };
    if raw.forwarded_header.is_some() && raw.trusted_proxies.is_empty() {
        problems.add(
            "server.forwarded_header",
            "has no effect: server.trusted_proxies names nobody whose header is believed",
        );
    }
    TrustedProxies { networks, header }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .ok_or("expected an address or a network, e.g. \"127.0.0.1\" or \"10.1.2.0/24\"")?;
    if network.prefix_len() == 0 {
        return Err("is everybody: any client could write its own address".to_owned());
    }
    if network.addr() != network.network() {
        return Err(format!(
            "has bits beyond its prefix: write \"{}\"",
            network.trunc()
        ));
    }
    match network.addr() {
        // Addresses are compared as what they are, so this one would never match.
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
            Err("is IPv4 in the form of IPv6: write it as IPv4".to_owned())
        }
        _ => Ok(network),
    }
}

#[cfg(test)]
mod tests;
