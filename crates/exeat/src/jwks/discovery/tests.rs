use super::*;

#[test]
fn metadata_urls_follow_both_standards() {
    for (issuer, oauth, openid) in [
        (
            "https://a.example",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ),
        (
            "https://a.example/",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ),
        (
            "https://a.example/t/1",
            "/.well-known/oauth-authorization-server/t/1",
            "/t/1/.well-known/openid-configuration",
        ),
        (
            "https://a.example/t/",
            "/.well-known/oauth-authorization-server/t",
            "/t/.well-known/openid-configuration",
        ),
        (
            "https://a.example/%C3%A4",
            "/.well-known/oauth-authorization-server/%C3%A4",
            "/%C3%A4/.well-known/openid-configuration",
        ),
    ] {
        let urls = metadata_urls(&Url::parse(issuer).unwrap());
        assert_eq!(urls.each_ref().map(Url::path), [oauth, openid], "{issuer}");
    }
}

#[test]
fn loopback_is_an_address_or_localhost_or_below_it() {
    for (url, expected) in [
        ("http://localhost:1", true),
        ("http://127.0.0.1", true),
        ("http://127.255.255.255", true),
        ("http://[::1]", true),
        ("http://2130706433", true),
        ("http://128.0.0.1", false),
        ("http://0.0.0.0", false),
        ("http://[::]", false),
        ("http://market.localhost:1", true),
        ("http://a.market.localhost", true),
        ("http://notlocalhost", false),
        ("http://localhost.example", false),
        ("http://127.0.0.1.example", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }
}

#[test]
fn metadata_must_be_whole_and_unambiguous() {
    let issuer = "https://a.example";
    for (body, fits) in [
        (
            r#"{"issuer":"https://a.example","jwks_uri":"https://a.example/k"}"#,
            true,
        ),
        (r#"{"issuer":"https://a.example"}"#, false),
        (r#"{"jwks_uri":"https://a.example/k"}"#, false),
        (
            r#"{"issuer":"https://b.example","issuer":"https://a.example","jwks_uri":"https://a.example/k"}"#,
            false,
        ),
        (r#"{"issuer":"https://a.example","jwks_uri":7}"#, false),
        (r#"{"issuer":"https://a.example","jwks_uri":"/k"}"#, false),
        ("[]", false),
        ("", false),
    ] {
        assert_eq!(
            read_metadata(body.as_bytes(), issuer, false).is_ok(),
            fits,
            "{body}"
        );
    }
}
