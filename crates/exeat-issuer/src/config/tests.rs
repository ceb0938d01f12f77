use super::*;

/// A configuration of `lines` above one audience of `audience` lines.
fn parse(lines: &str, audience: &str) -> Result<Config, ConfigErrors> {
    Config::from_raw(raw(lines, audience), Path::new("/etc/exeat"))
}

fn raw(lines: &str, audience: &str) -> RawConfig {
    let json = serde_json::from_str::<serde_json::Value>(&format!(
        r#"{{ "issuer": "https://market.example.com", "admin_token_file": "admin.token", {lines} "audience": [{{ "id": "loyalty-api" {audience} }}] }}"#
    ));
    serde_json::from_value(json.unwrap()).unwrap()
}

fn problems(result: Result<Config, ConfigErrors>) -> Vec<String> {
    result
        .unwrap_err()
        .iter()
        .map(|error| error.key().to_owned())
        .collect()
}

#[test]
fn few_lines_are_enough_and_the_defaults_are_the_documented_ones() {
    let config = parse("", "").unwrap();
    assert_eq!(config.listen().to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen().to_string(), "127.0.0.1:8081");
    assert_eq!(config.key_directory(), Path::new("/etc/exeat/keys"));
    assert_eq!(config.database(), Path::new("/etc/exeat/exeat.db"));
    assert_eq!(
        config.admin_token_file(),
        Some(Path::new("/etc/exeat/admin.token"))
    );
    assert_eq!(config.algorithms(), [Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(config.carriers.len(), 4);
    assert_eq!(config.csrf_header, "x-requested-by");
    assert_eq!(
        (
            config.keys.jwks_max_age.as_secs(),
            config.keys.skew.as_secs()
        ),
        (300, 60)
    );
    let audience = &config.audiences[0];
    assert_eq!(
        (audience.aud.as_str(), audience.alg, audience.ttl.as_secs()),
        ("loyalty-api", Algorithm::Es256, 300)
    );
    assert_eq!(audience.origins, ["https://market.example.com"]);
    assert_eq!(config.audience_ids().collect::<Vec<_>>(), ["loyalty-api"]);
}

#[test]
fn absolute_paths_stay_and_relative_ones_follow_the_file() {
    let config = parse(
        r#""keys": { "directory": "/var/keys" }, "session_source": [{ "kind": "pushed", "database": "sqlite:db/s.db" }],"#,
        "",
    )
    .unwrap();
    assert_eq!(
        (config.key_directory(), config.database()),
        (Path::new("/var/keys"), Path::new("/etc/exeat/db/s.db"))
    );
}

#[test]
fn every_problem_is_named_at_once() {
    let raw: RawConfig = serde_json::from_str(
        r#"{
            "issuer": "http://market.example.com", "carriers": ["cookie:sid", "magic"], "csrf_header": "a b",
            "server": { "listen": "here", "admin_listen": "1.2.3.4" },
            "keys": { "algs": ["ES256", "HS256"], "jwks_max_age": "5", "skew": "11m" },
            "session_source": [{ "kind": "redis", "database": "postgres://x" }, {}],
            "alias": [{ "graphql": "graphql" }, { "jwks": "/livez" }, {}],
            "audience": [
                { "ttl": "9s", "alg": "none", "profile": "rfc9068", "scopes": ["a b"], "tenants": [] },
                { "id": "x", "ttl": "25h", "origins": ["https://a.example/"], "strict_shape": true, "read_only": true, "scopes": ["read"] },
                { "id": "x" }
            ]
        }"#,
    )
    .unwrap();
    assert_eq!(
        problems(Config::from_raw(raw, Path::new("."))),
        [
            "issuer",
            "carriers[1]",
            "csrf_header",
            "admin_token_file",
            "server.listen",
            "server.admin_listen",
            "keys.algs[1]",
            "keys.jwks_max_age",
            "keys.skew",
            "session_source[1]",
            "session_source[0].kind",
            "session_source[0].database",
            "audience[0].id",
            "audience[0].alg",
            "audience[0].ttl",
            "audience[0].profile",
            "audience[0].scopes",
            "audience[0].tenants",
            "audience[1].ttl",
            "audience[1].read_only",
            "audience[1].scopes",
            "audience[1].origins[0]",
            "audience[2].id",
            "alias[0].graphql",
            "alias[0].audience",
            "alias[1].jwks",
            "alias[2]",
        ]
    );
}

#[test]
fn an_issuer_is_https_or_loopback_and_written_in_one_way() {
    let with = |issuer: &str| {
        let raw = RawConfig {
            issuer: Some(issuer.to_owned()),
            ..raw("", "")
        };
        Config::from_raw(raw, Path::new("."))
    };
    for good in [
        "https://market.example.com",
        "https://market.example.com:8443",
        "https://market.example.com/tenants/a",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "http://demo.localhost:1",
    ] {
        assert_eq!(with(good).unwrap().issuer(), good);
    }
    for wrong in [
        "",
        "market.example.com",
        "http://market.example.com",
        "http://128.0.0.1",
        "ftp://market.example.com",
        "https://market.example.com/",
        "https://market.example.com/a/",
        "https://Market.example.com",
        "https://market.example.com:443",
        "https://market.example.com?x",
        "https://market.example.com#x",
        "https://u@market.example.com",
        "https://market.example.com/{a}",
        "https://market.example.com/:a",
        "https://market.example.com/.well-known/a",
        " https://market.example.com",
    ] {
        assert_eq!(problems(with(wrong)), ["issuer"], "{wrong}");
    }
}

#[test]
fn a_missing_admin_token_file_says_how_to_make_one_and_is_only_for_memory() {
    let raw = || RawConfig {
        admin_token_file: None,
        ..raw("", "")
    };
    let errors = Config::from_raw(raw(), Path::new(".")).unwrap_err();
    assert!(
        errors.to_string().contains("openssl rand -hex 32"),
        "{errors}"
    );
    assert!(Config::in_memory(raw()).is_ok());
}

#[test]
fn durations_are_a_number_and_a_unit_within_their_range() {
    for (ttl, expected) in [
        ("10s", Some(10)),
        ("24h", Some(86_400)),
        ("1d", Some(86_400)),
        ("5m", Some(300)),
        ("9s", None),
        ("86401s", None),
    ] {
        let audience = format!(r#", "ttl": "{ttl}""#);
        assert_eq!(
            parse("", &audience)
                .ok()
                .map(|config| config.audiences[0].ttl.as_secs()),
            expected,
            "{ttl}"
        );
    }
    for wrong in [
        "",
        "5",
        "m",
        "-5m",
        "+5m",
        "5 m",
        "5M",
        "1.5h",
        "5ms",
        "99999999999999999999d",
        "18446744073709551615d",
    ] {
        assert_eq!(span::parse(wrong), None, "{wrong}");
    }
    assert_eq!(
        span::parse("18446744073709551615s"),
        Some(Duration::from_secs(u64::MAX))
    );
}

#[test]
fn durations_are_shown_in_their_largest_whole_unit() {
    for (seconds, text) in [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (90, "90s"),
        (3_600, "1h"),
        (86_400, "1d"),
        (90_000, "25h"),
    ] {
        assert_eq!(span::show(Duration::from_secs(seconds)), text);
    }
}

#[test]
fn an_audience_needs_a_key_of_its_algorithm() {
    let keys = r#""keys": { "algs": ["ES256"] },"#;
    assert_eq!(
        problems(parse(keys, r#", "alg": "RS256""#)),
        ["audience[0].alg"]
    );
    assert!(parse(keys, r#", "alg": "ES256""#).is_ok());
}

#[test]
fn an_empty_list_of_origins_is_a_list() {
    let config = parse("", r#", "origins": []"#).unwrap();
    assert!(
        !config.audiences[0].allows_origin(&http::HeaderValue::from_static(
            "https://market.example.com"
        ))
    );
}

#[test]
fn a_star_among_tenants_is_every_tenant() {
    for (tenants, other_passes) in [
        (r#"["*"]"#, true),
        (r#"["a", "*"]"#, true),
        (r#"["a"]"#, false),
    ] {
        let config = parse("", &format!(r#", "tenants": {tenants}"#)).unwrap();
        assert!(config.audiences[0].tenants.contains("a"));
        assert_eq!(
            config.audiences[0].tenants.contains("b"),
            other_passes,
            "{tenants}"
        );
    }
}

#[test]
fn both_listeners_need_addresses_of_their_own() {
    let server = |listen: &str, admin: &str| {
        parse(
            &format!(r#""server": {{ "listen": "{listen}", "admin_listen": "{admin}" }},"#),
            "",
        )
    };
    assert_eq!(
        problems(server("127.0.0.1:9000", "127.0.0.1:9000")),
        ["server.admin_listen"]
    );
    assert!(server("127.0.0.1:9000", "127.0.0.1:9001").is_ok());
    assert!(server("127.0.0.1:0", "127.0.0.1:0").is_ok());
}

#[test]
fn aliases_are_new_plain_paths_with_an_audience_that_exists() {
    let alias = |text: &str| parse(&format!(r#""alias": [{text}],"#), "");
    assert!(alias(r#"{ "graphql": "/api/v1/personalization/graphql", "audience": "loyalty-api" }, { "jwks": "/keys" }"#).is_ok());
    for (text, key) in [
        (r#"{ "graphql": "/a" }"#, "alias[0].audience"),
        (
            r#"{ "graphql": "/a", "audience": "nobody" }"#,
            "alias[0].audience",
        ),
        (
            r#"{ "jwks": "/a", "audience": "loyalty-api" }"#,
            "alias[0].audience",
        ),
        (r#"{ "jwks": "/a", "graphql": "/b" }"#, "alias[0]"),
        (r#"{ "jwks": "/v1/token" }"#, "alias[0].jwks"),
        (r#"{ "jwks": "/{any}" }"#, "alias[0].jwks"),
        (r#"{ "jwks": "/a/" }"#, "alias[0].jwks"),
        (r#"{ "jwks": "/a?b" }"#, "alias[0].jwks"),
        (r#"{ "jwks": "/a/../b" }"#, "alias[0].jwks"),
        (r#"{ "jwks": "/a" }, { "jwks": "/a" }"#, "alias[1].jwks"),
    ] {
        assert_eq!(problems(alias(text)), [key], "{text}");
    }
}

#[test]
fn an_alias_can_not_meet_another_path_below_the_path_of_the_issuer() {
    let alias = |text: &str| {
        let mut raw = raw(
            &format!(r#""keys": {{ "algs": ["ES256"] }}, "alias": [{text}],"#),
            "",
        );
        raw.issuer = Some("https://market.example.com/v1".to_owned());
        Config::from_raw(raw, Path::new("/etc/exeat"))
    };
    let config = alias(r#"{ "jwks": "/v1/keys" }, { "jwks": "/v1/v1/keys/more" }"#).unwrap();
    // The router panics on a path that is there twice.
    let _ = crate::Issuer::in_memory(config, std::sync::Arc::new(exeat_jose::SystemClock))
        .unwrap()
        .router();
    for (text, key) in [
        (r#"{ "jwks": "/v1/livez" }"#, "alias[0].jwks"),
        // Below the issuer's path it would be /v1/token.
        (r#"{ "jwks": "/token" }"#, "alias[0].jwks"),
        (
            r#"{ "jwks": "/.well-known/openid-configuration/v1" }"#,
            "alias[0].jwks",
        ),
        (r#"{ "jwks": "/a" }, { "jwks": "/v1/a" }"#, "alias[1].jwks"),
        (r#"{ "jwks": "/v1/a" }, { "jwks": "/a" }"#, "alias[1].jwks"),
    ] {
        assert_eq!(problems(alias(text)), [key], "{text}");
    }
}

#[test]
fn a_csrf_header_is_one_that_pages_can_not_send_without_a_preflight() {
    assert_eq!(
        parse(r#""csrf_header": "X-XSRF","#, "")
            .unwrap()
            .csrf_header,
        "x-xsrf"
    );
    for wrong in ["Content-Type", "accept", "Origin", "Cookie", "a b", ""] {
        assert_eq!(
            problems(parse(&format!(r#""csrf_header": "{wrong}","#), "")),
            ["csrf_header"],
            "{wrong}"
        );
    }
}

#[test]
fn a_key_that_is_not_known_is_refused_by_name() {
    let why = serde_json::from_str::<RawConfig>(r#"{ "audience": [{ "id": "a", "tll": "5m" }] }"#)
        .unwrap_err();
    assert!(why.to_string().contains("tll"), "{why}");
}
