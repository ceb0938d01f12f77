use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.9";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Trusts `10.0.0.0/8` and `2001:db8:1::/48`.
fn trusting(header: ForwardedHeader) -> TrustedProxies {
    TrustedProxies {
        networks: ["10.0.0.0/8", "2001:db8:1::/48"]
            .map(|network| network.parse().unwrap())
            .to_vec(),
        header,
    }
}

/// The client by these lines of both headers.
fn client(proxies: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            proxies.header.name(),
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    proxies.client(ip(peer), &headers).to_string()
}

#[test]
fn by_default_no_header_is_believed_whoever_the_peer_is() {
    for peer in [PROXY, "127.0.0.1", "::1", CLIENT] {
        let default = TrustedProxies::default();
        assert_eq!(client(&default, peer, &["198.51.100.1"]), peer);
    }
}

#[test]
fn the_walk_ends_at_the_first_address_that_is_no_trusted_proxy() {
    let proxies = trusting(ForwardedHeader::XForwardedFor);
    for (lines, expected) in [
        (&[][..], PROXY),
        (&[CLIENT], CLIENT),
        (&["6.6.6.6, 203.0.113.9"], CLIENT),
        (&["203.0.113.9,10.9.9.9 ,\t10.8.8.8"], CLIENT),
        (&["6.6.6.6", "203.0.113.9", "10.8.8.8"], CLIENT),
        (&["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
        (&["9.255.255.255"], "9.255.255.255"),
        (&["6.6.6.6, 10.255.255.255"], "6.6.6.6"),
        (&["6.6.6.6, 11.0.0.0"], "11.0.0.0"),
        (&["6.6.6.6, 2001:db8:2::1, 2001:db8:1::7"], "2001:db8:2::1"),
    ] {
        assert_eq!(client(&proxies, PROXY, lines), expected, "{lines:?}");
    }
    assert_eq!(
        client(&proxies, "11.0.0.0", &[CLIENT]),
        "11.0.0.0",
        "a peer that is no proxy"
    );
}

#[test]
fn addresses_come_with_ports_brackets_and_as_mapped_ones() {
    let proxies = trusting(ForwardedHeader::XForwardedFor);
    for (line, expected) in [
        ("203.0.113.9:4711", CLIENT),
        ("2001:db8:2::1", "2001:db8:2::1"),
        ("[2001:db8:2::1]", "2001:db8:2::1"),
        ("[2001:db8:2::1]:4711", "2001:db8:2::1"),
        ("::ffff:203.0.113.9", CLIENT),
        ("203.0.113.9, ::ffff:10.8.8.8", CLIENT),
    ] {
        assert_eq!(client(&proxies, PROXY, &[line]), expected, "{line}");
    }
    assert_eq!(client(&proxies, "::ffff:10.0.0.1", &[CLIENT]), CLIENT);
}

#[test]
fn an_entry_that_is_no_address_ends_the_walk_at_the_proxy_that_wrote_it() {
    let proxies = trusting(ForwardedHeader::XForwardedFor);
    for entry in [
        "",
        "unknown",
        "_hidden",
        "localhost",
        "203.0.113",
        "203.0.113.9/32",
        "203.0.113.9 6.6.6.6",
        "203.0.113.009",
        "203.0.113.9:65536",
        "[203.0.113.9]",
        "[2001:db8:2::1",
        "for=203.0.113.9",
        "\u{a0}203.0.113.9",
    ] {
        assert_eq!(client(&proxies, PROXY, &[entry]), PROXY, "{entry:?}");
        let further = format!("6.6.6.6, {entry}, 10.8.8.8");
        assert_eq!(
            client(&proxies, PROXY, &[&further]),
            "10.8.8.8",
            "{entry:?}"
        );
    }
}

#[test]
fn only_so_many_hops_are_walked_and_only_short_entries_read() {
    let proxies = trusting(ForwardedHeader::XForwardedFor);
    let through = |count: usize| format!("{CLIENT}{}", ", 10.8.8.8".repeat(count));
    assert_eq!(client(&proxies, PROXY, &[&through(MAX_HOPS - 1)]), CLIENT);
    assert_eq!(
        client(&proxies, PROXY, &[&through(MAX_HOPS)]),
        "10.8.8.8",
        "one hop more"
    );
    let wide = |len: usize| format!("{CLIENT:>len$}");
    assert_eq!(client(&proxies, PROXY, &[&wide(MAX_ENTRY_LEN)]), CLIENT);
    assert_eq!(client(&proxies, PROXY, &[&wide(MAX_ENTRY_LEN + 1)]), PROXY);
}

#[test]
fn forwarded_elements_are_read_by_rfc_7239() {
    let proxies = trusting(ForwardedHeader::Forwarded);
    for (lines, expected) in [
        (&["for=203.0.113.9"][..], CLIENT),
        (
            &["proto=https;For=\"203.0.113.9:4711\"; by=10.0.0.1"],
            CLIENT,
        ),
        (&["for=\"[2001:db8:2::1]:4711\""], "2001:db8:2::1"),
        (&["for=6.6.6.6, for=203.0.113.9", "for=10.8.8.8"], CLIENT),
        (&["for=\"never closed, for=203.0.113.9"], CLIENT),
        (
            &["for=203.0.113.9;host=\"a, b\""],
            PROXY, // a comma in quotes: not understood, and so not believed
        ),
        (&["for=203.0.113.9;host=\"a, for=6.6.6.6\""], PROXY),
        (&["for=203.0.113.9;host=\"a, for=6.6.6.6;b=\\\"c\""], PROXY),
        (&["for=203.0.113.9;for=6.6.6.6"], PROXY),
        (&["for=_hidden"], PROXY),
        (&["for=unknown"], PROXY),
        (&["proto=https"], PROXY),
        (&["for=203.0.113.9;"], PROXY),
        (&["for = 203.0.113.9"], PROXY),
        (&["203.0.113.9"], PROXY),
        (&["for=\"203.0.113.9"], PROXY),
        (&["for=\""], PROXY),
    ] {
        assert_eq!(client(&proxies, PROXY, lines), expected, "{lines:?}");
    }
}

#[test]
fn the_header_that_the_proxies_do_not_write_is_never_read() {
    let mut headers = HeaderMap::new();
    headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
    headers.insert("x-real-ip", HeaderValue::from_static("6.6.6.6"));
    let proxies = trusting(ForwardedHeader::XForwardedFor);
    assert_eq!(proxies.client(ip(PROXY), &headers), ip(PROXY));
    headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6"));
    headers.insert("forwarded", HeaderValue::from_static("for=203.0.113.9"));
    let proxies = trusting(ForwardedHeader::Forwarded);
    assert_eq!(proxies.client(ip(PROXY), &headers), ip(CLIENT));
}

/// What a client can send as a header, much of it near the grammar.
fn invented() -> impl Strategy<Value = Vec<HeaderValue>> {
    let near = prop::collection::vec(
        prop::sample::select(vec![
            "for=", "10.0.0.1", "6.6.6.6", ",", ";", "\"", "\\", " ", "[::1]", "=", "host", ":80",
        ]),
        0..12,
    )
    .prop_map(|parts| parts.concat().into_bytes());
    let any = prop::collection::vec(any::<u8>(), 0..64);
    let value = prop_oneof![near, any].prop_filter_map("not a header value", |bytes| {
        HeaderValue::from_bytes(&bytes).ok()
    });
    prop::collection::vec(value, 0..3)
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(IpAddr::from),
        any::<Ipv6Addr>().prop_map(IpAddr::from),
    ]
}

fn kinds() -> impl Strategy<Value = ForwardedHeader> {
    prop::sample::select(vec![
        ForwardedHeader::XForwardedFor,
        ForwardedHeader::Forwarded,
    ])
}

proptest! {
    /// The property that the walk is for.
    #[test]
    fn whatever_a_client_invents_its_own_address_is_found(
        client in any_address(), invented in invented(), hops in prop::collection::vec(any::<[u8; 3]>(), 1..8), header in kinds(), joined in any::<bool>(),
    ) {
        let proxies = trusting(header);
        prop_assume!(!proxies.trusts(client.to_canonical()));
        let mut lines = invented;
        let mut caller = client;
        for [b, c, d] in hops {
            let entry = match (header, caller) {
                (ForwardedHeader::XForwardedFor, caller) => caller.to_string(),
                (ForwardedHeader::Forwarded, IpAddr::V4(caller)) => format!("for={caller};proto=https"),
                (ForwardedHeader::Forwarded, IpAddr::V6(caller)) => format!("for=\"[{caller}]\";proto=https"),
            };
            // A proxy adds to the last line or writes one of its own.
            let before = if joined { lines.pop() } else { None };
            let mut line = before.map_or_else(Vec::new, |line| [line.as_bytes(), b", "].concat());
            line.extend(entry.bytes());
            lines.push(HeaderValue::from_bytes(&line).unwrap());
            caller = IpAddr::from([10, b, c, d]);
        }
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), line);
        }
        prop_assert_eq!(proxies.client(caller, &headers), client.to_canonical());
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_is_the_client(peer in any_address(), invented in invented(), header in kinds()) {
        let proxies = trusting(header);
        prop_assume!(!proxies.trusts(peer.to_canonical()));
        let mut headers = HeaderMap::new();
        for line in invented {
            headers.append(header.name(), line);
        }
        prop_assert_eq!(proxies.client(peer, &headers), peer.to_canonical());
    }
}
