//! Claims handed on as headers.

use exeat::{ExternalApi, TokenMode};
use exeat_jose::Typ;
use http::Method;
use serde_json::{Value, json};

use crate::fixture::{bearer, claims_with, es256, from_page, mirrored, pinned, sign};

fn configured(api: ExternalApi) -> ExternalApi {
    api.with_claim_header("sub", "X-User")
        .with_claim_header("custom", "X-Custom")
}

async fn custom(value: &Value) -> Value {
    let key = es256();
    let gate = pinned(&key, configured).await;
    let token = sign(&key, &claims_with(&json!({ "custom": value })));
    let seen = mirrored(&gate, "/points", bearer(Method::GET, &token)).await;
    seen.problem()["headers"]["x-custom"].clone()
}

#[tokio::test(start_paused = true)]
async fn values_are_safe_in_a_header_and_can_be_read_back() {
    for (claim, header) in [
        (json!("T1"), json!("T1")),
        (json!("ada@example.com"), json!("ada@example.com")),
        (
            json!("https://a.example/b+c-d_e~f"),
            json!("https://a.example/b+c-d_e~f"),
        ),
        (json!("a b"), json!("a%20b")),
        (json!("100%"), json!("100%25")),
        (json!("a\r\nX-Admin: 1"), json!("a%0D%0AX-Admin:%201")),
        (json!("\u{0}\u{7f}"), json!("%00%7F")),
        (json!("é€😀"), json!("%C3%A9%E2%82%AC%F0%9F%98%80")),
        (json!("a,b;c=\"d\""), json!("a%2Cb%3Bc%3D%22d%22")),
        (json!(""), json!("")),
        (json!(7), json!("7")),
        (json!(true), json!("true")),
        (json!(["a", "b"]), json!("%5B%22a%22%2C%22b%22%5D")),
        (json!("a".repeat(4096)), json!("a".repeat(4096))),
        (json!("é".repeat(682)), json!("%C3%A9".repeat(682))),
        (Value::Null, Value::Null),
    ] {
        assert_eq!(custom(&claim).await, header, "{claim}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stranger_sends_is_removed_in_every_mode() {
    let key = es256();
    let forged = [
        ("x-user", "admin"),
        ("X-User", "admin"),
        ("x_user", "admin"),
        ("X.User", "admin"),
        ("x-custom", "1"),
        ("x-users", "kept"),
        ("user", "kept"),
    ];
    for mode in [
        TokenMode::Optional,
        TokenMode::ReportOnly,
        TokenMode::Public,
    ] {
        let gate = pinned(&key, |api| configured(api).with_route("/points", mode)).await;
        let seen = mirrored(&gate, "/points", from_page(Method::GET, &forged)).await;
        let headers = &seen.problem()["headers"];
        for name in ["x-user", "x_user", "x.user", "x-custom"] {
            assert_eq!(headers[name], Value::Null, "{mode:?} {name}");
        }
        assert_eq!(
            (&headers["x-users"], &headers["user"]),
            (&json!("kept"), &json!("kept"))
        );
    }
    let gate = pinned(&key, configured).await;
    let mut request = from_page(Method::GET, &forged);
    let credentials = format!("Bearer {}", sign(&key, &claims_with(&json!({}))));
    request
        .headers_mut()
        .insert("authorization", credentials.parse().unwrap());
    let headers = &mirrored(&gate, "/points", request).await.problem()["headers"];
    assert_eq!(headers["x-user"], "u-1");
    for name in ["x_user", "x.user", "x-custom"] {
        assert_eq!(headers[name], Value::Null, "{name}");
    }
}

#[test]
fn a_header_that_means_something_else_is_a_configuration_error() {
    for (name, why) in [
        ("Authorization", "meaning of its own"),
        ("cookie", "meaning of its own"),
        ("Sec-Fetch-Site", "meaning of its own"),
        ("a b", "not a header name"),
        ("X_User", "set twice"),
    ] {
        let errors = configured(ExternalApi::new("https://market.example", "a"))
            .with_claim_header("name", name)
            .check()
            .unwrap_err();
        let text = errors.to_string();
        assert!(
            text.contains("claim_header: ") && text.contains(why),
            "{name}: {text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fits_no_header_is_refused_and_not_left_out() {
    let key = es256();
    for (mode, expected) in [(TokenMode::Required, 401), (TokenMode::Optional, 200)] {
        let gate = pinned(&key, |api| configured(api).with_token_mode(mode)).await;
        for claim in [json!("a".repeat(4097)), json!("é".repeat(683))] {
            let token = sign(&key, &claims_with(&json!({ "custom": claim })));
            let seen = mirrored(&gate, "/points", bearer(Method::GET, &token)).await;
            assert_eq!(seen.status, expected);
            if mode == TokenMode::Required {
                assert_eq!(seen.refusal().1, "bad_claim_type");
            } else {
                let seen = seen.problem();
                assert_eq!(seen["user"], Value::Null);
                assert_eq!(seen["headers"]["x-user"], Value::Null);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_nobody_asked_for_is_in_nobodys_way() {
    let key = es256();
    let gate = pinned(&key, configured).await;
    for other in ["1e999".to_owned(), "[".repeat(130) + &"]".repeat(130)] {
        let claims = claims_with(&json!({ "custom": 1 })).to_string();
        let claims = claims.replacen('{', &format!("{{\"other\":{other},"), 1);
        let claims = serde_json::value::RawValue::from_string(claims).unwrap();
        let token = key.sign(Typ::Jwt, &claims).unwrap().into_string();
        let seen = mirrored(&gate, "/points", bearer(Method::GET, &token)).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        assert_eq!(seen.problem()["headers"]["x-user"], "u-1");
    }
}

#[tokio::test(start_paused = true)]
async fn no_caller_has_a_proxy_remove_a_claim() {
    let key = es256();
    let gate = pinned(&key, configured).await;
    let token = sign(&key, &claims_with(&json!({})));
    for (sent, kept) in [
        (&["close, X-User"][..], json!("close")),
        (&["x_user,X-CUSTOM"], Value::Null),
        (
            &["keep-alive", "x-user", "x-users"],
            json!("keep-alive, x-users"),
        ),
        (&["keep-alive,te"], json!("keep-alive,te")),
    ] {
        let mut request = bearer(Method::GET, &token);
        for line in sent {
            request
                .headers_mut()
                .append("connection", line.parse().unwrap());
        }
        let headers = &mirrored(&gate, "/points", request).await.problem()["headers"];
        assert_eq!(headers["connection"], kept, "{sent:?}");
        assert_eq!(headers["x-user"], "u-1");
    }
}
