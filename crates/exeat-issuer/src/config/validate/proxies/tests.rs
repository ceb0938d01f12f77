use super::*;

/// What comes out, and the keys of what is wrong.
fn checked(networks: &[&str], header: Option<&str>) -> (TrustedProxies, Vec<String>) {
    let raw = RawServer {
        trusted_proxies: networks.iter().map(|one| (*one).to_owned()).collect(),
        forwarded_header: header.map(str::to_owned),
        ..RawServer::default()
    };
    let mut problems = Problems::default();
    let proxies = trusted_proxies(&raw, &mut problems);
    let keys = problems
        .0
        .iter()
        .map(|problem| problem.key().to_owned())
        .collect();
    (proxies, keys)
}

#[test]
fn nobody_is_trusted_by_default() {
    assert_eq!(checked(&[], None), (TrustedProxies::default(), vec![]));
    assert!(TrustedProxies::default().networks.is_empty());
}

#[test]
fn addresses_and_networks_of_both_families_are_taken() {
    let good = [
        "127.0.0.1",
        "10.0.0.0/8",
        "::1",
        "2001:db8::/32",
        "0.0.0.0/1",
    ];
    let (proxies, problems) = checked(&good, Some("forwarded"));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(proxies.header, ForwardedHeader::Forwarded);
    let written: Vec<String> = proxies.networks.iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        [
            "127.0.0.1/32",
            "10.0.0.0/8",
            "::1/128",
            "2001:db8::/32",
            "0.0.0.0/1"
        ]
    );
}

#[test]
fn every_wrong_entry_is_named_at_once() {
    let wrong = [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "nginx",
        "",
        " 10.0.0.1",
        "10.0.0.1:80",
        "*",
        "::ffff:10.0.0.1",
        "::ffff:10.0.0.0/104",
    ];
    let (_, keys) = checked(&wrong, Some("X-Real-IP"));
    let expected: Vec<String> = (0..wrong.len())
        .map(|position| format!("server.trusted_proxies[{position}]"))
        .chain(["server.forwarded_header".to_owned()])
        .collect();
    assert_eq!(keys, expected);
    for twice in [["10.0.0.1", "10.0.0.1"], ["10.0.0.1", "10.0.0.1/32"]] {
        assert_eq!(checked(&twice, None).1, ["server.trusted_proxies[1]"]);
    }
}

#[test]
fn a_header_that_nobody_is_believed_in_is_a_mistake() {
    for (networks, expected) in [
        (&[][..], &["server.forwarded_header"][..]),
        (&["127.0.0.1"], &[]),
    ] {
        assert_eq!(checked(networks, Some("X-Forwarded-For")).1, expected);
    }
}
