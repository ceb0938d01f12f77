//! The error table: what each kind of credential gets.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat_jose::{Algorithm, CompactJws, SigningKey};
use http::Method;
use serde_json::{Value, json};

use crate::fixture::{App, NOW, bearer, claims, claims_with, es256, from_page, pinned, sign};

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A token with any header and the signature of another: refused before the signature is looked at.
fn with_header(header: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(&claims()),
        URL_SAFE_NO_PAD.encode([0; 64])
    )
}

#[tokio::test(start_paused = true)]
async fn a_good_token_reaches_the_handler() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let seen = app.with_token(&sign(&key, &claims())).await;
    assert_eq!(
        (seen.status, seen.body.as_str(), app.runs()),
        (200, "ran", 1)
    );
    assert_eq!(seen.header("cache-control"), "private, no-store");
    assert_eq!(seen.refused, None);
    assert!(!seen.headers.contains_key("exeat-handler"));
}

#[tokio::test(start_paused = true)]
async fn no_token_is_401_with_a_bare_challenge() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    for headers in [
        &[][..],
        &[("authorization", "Basic dTpw")],
        &[("authorization", "Digest")],
    ] {
        let seen = app.send(from_page(Method::GET, headers)).await;
        assert_eq!(seen.readable_refusal(), refusal(401, "no_token"));
        assert_eq!(seen.header("www-authenticate"), "Bearer");
    }
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_are_400_invalid_request() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let good = format!("Bearer {}", sign(&key, &claims()));
    for (headers, code) in [
        (
            vec![
                ("authorization", good.as_str()),
                ("authorization", good.as_str()),
            ],
            "multiple_tokens",
        ),
        (
            vec![
                ("authorization", good.as_str()),
                ("authorization", "Basic dTpw"),
            ],
            "multiple_tokens",
        ),
        (vec![("authorization", "Bearer")], "bad_credentials"),
        (vec![("authorization", "Bearer ")], "bad_credentials"),
        (vec![("authorization", "Bearer a b")], "bad_credentials"),
        (
            vec![("authorization", "Bearer a,Bearer b")],
            "bad_credentials",
        ),
        (vec![("authorization", "Bearer ä")], "bad_credentials"),
    ] {
        let seen = app.send(from_page(Method::GET, &headers)).await;
        assert_eq!(seen.readable_refusal(), refusal(400, code), "{headers:?}");
        let challenge = seen.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer error=\"invalid_request\", error_description=\""),
            "{challenge}"
        );
    }
    assert_eq!(app.runs(), 0);
}

/// Tokens that are refused whatever they claim.
fn forged(key: &SigningKey, stranger: &SigningKey) -> Vec<(&'static str, String)> {
    let good = sign(key, &claims());
    let kid = key.key_id().as_str();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let admin = URL_SAFE_NO_PAD.encode(claims_with(&json!({ "sub": "admin" })).to_string());
    let too_large = "a".repeat(CompactJws::MAX_LEN + 1 - good.len());
    let headers = [
        (
            "crit_unsupported",
            json!({ "alg": "ES256", "kid": kid, "crit": ["b64"], "b64": false }),
        ),
        ("alg_not_allowed", json!({ "alg": "none" })),
        ("alg_not_allowed", json!({ "alg": "HS256", "kid": kid })),
        ("alg_not_allowed", json!({ "alg": "ES384", "kid": kid })),
        (
            "typ_mismatch",
            json!({ "alg": "ES256", "kid": kid, "typ": "dpop+jwt" }),
        ),
        ("unknown_key", json!({ "alg": "RS256", "kid": kid })),
        ("bad_signature", json!({ "alg": "ES256", "kid": kid })),
    ];
    let mut tokens = vec![
        ("too_large", format!("{good}{too_large}")),
        ("malformed", "abc".to_owned()),
        ("malformed", "a.b".to_owned()),
        ("malformed", format!("{good}.x")),
        (
            "bad_header",
            format!("{}.e30.AA", URL_SAFE_NO_PAD.encode("[]")),
        ),
        ("bad_signature", format!("{header}.{admin}.{signature}")),
        ("unknown_key", sign(stranger, &claims())),
    ];
    tokens.extend(
        headers
            .iter()
            .map(|(code, header)| (*code, with_header(header))),
    );
    tokens
}

/// Tokens with a good signature that are refused for what they claim.
fn ill_claimed(key: &SigningKey) -> Vec<(&'static str, String)> {
    let changes = [
        ("expired", json!({ "exp": NOW - 30 })),
        ("not_yet_valid", json!({ "nbf": NOW + 31 })),
        ("iat_future", json!({ "iat": NOW + 31 })),
        ("wrong_issuer", json!({ "iss": "https://market.example/" })),
        ("wrong_audience", json!({ "aud": "loyalty-api-2" })),
        ("wrong_audience", json!({ "aud": [] })),
        ("missing_claim", json!({ "exp": null })),
        ("missing_claim", json!({ "iss": null })),
        ("missing_claim", json!({ "aud": null })),
        ("missing_claim", json!({ "sub": null })),
        ("bad_claim_type", json!({ "exp": "soon" })),
        ("bad_claim_type", json!({ "sub": 7 })),
        ("bad_claim_type", json!({ "tenant": ["T1"] })),
        ("bad_claim_type", json!({ "name": {} })),
    ];
    changes
        .iter()
        .map(|(code, change)| (*code, sign(key, &claims_with(change))))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_invalid_token_is_401_invalid_token_with_the_sentence_of_its_class() {
    let (key, stranger) = (es256(), es256());
    let app = App::new(&pinned(&key, |api| api).await);
    for (code, token) in forged(&key, &stranger).into_iter().chain(ill_claimed(&key)) {
        let seen = app.with_token(&token).await;
        assert_eq!(seen.readable_refusal(), refusal(401, code));
        let challenge = seen.header("www-authenticate");
        let sentence = seen.problem()["title"].as_str().unwrap().to_owned();
        assert_eq!(
            challenge,
            format!("Bearer error=\"invalid_token\", error_description=\"{sentence}\""),
            "{code}"
        );
        assert!(!seen.headers.contains_key("retry-after"));
    }
    assert_eq!(app.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn times_are_judged_to_the_second() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_leeway(Duration::from_secs(10))).await);
    for (changes, status) in [
        (json!({ "exp": NOW - 9 }), 200),
        (json!({ "exp": NOW - 10 }), 401),
        (json!({ "nbf": NOW + 10 }), 200),
        (json!({ "nbf": NOW + 11 }), 401),
        (json!({ "iat": NOW + 10 }), 200),
        (json!({ "iat": NOW + 11 }), 401),
    ] {
        assert_eq!(
            app.with_token(&sign(&key, &claims_with(&changes)))
                .await
                .status,
            status,
            "{changes}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_exactly_the_largest_size_is_read() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let sized = |filler: usize| sign(&key, &claims_with(&json!({ "filler": "x".repeat(filler) })));
    // Three bytes of payload are four of token: one of the sizes near the limit is the limit itself, or just below.
    let largest = (5000..6200)
        .map(sized)
        .take_while(|token| token.len() <= CompactJws::MAX_LEN)
        .last()
        .unwrap();
    assert!(largest.len() >= CompactJws::MAX_LEN - 1);
    assert_eq!(app.with_token(&largest).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_not_served_is_403_without_a_challenge() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_tenants(["T1", "T2"])).await);
    for (tenant, status) in [
        (json!("T1"), 200),
        (json!("T2"), 200),
        (json!("T3"), 403),
        (json!("t1"), 403),
        (json!(""), 403),
        (json!(null), 403),
    ] {
        let seen = app
            .with_token(&sign(&key, &claims_with(&json!({ "tenant": tenant }))))
            .await;
        assert_eq!(seen.status, status, "{tenant}");
        if status == 403 {
            assert_eq!(seen.readable_refusal(), refusal(403, "tenant_not_allowed"));
            assert!(
                !seen.headers.contains_key("www-authenticate"),
                "a challenge would make the client fetch a token in vain"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_star_serves_every_tenant() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_tenants(["*"])).await);
    for tenant in [json!("anyone"), json!(null)] {
        assert_eq!(
            app.with_token(&sign(&key, &claims_with(&json!({ "tenant": tenant }))))
                .await
                .status,
            200
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_token_permits_safe_methods_only() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let token = |ro: Value| sign(&key, &claims_with(&json!({ "ro": ro })));
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(
            app.send(bearer(method, &token(json!(true)))).await.status,
            200
        );
    }
    let seen = app.send(bearer(Method::POST, &token(json!(true)))).await;
    assert_eq!(seen.readable_refusal(), refusal(403, "read_only_token"));
    assert!(!seen.headers.contains_key("www-authenticate"));
    assert_eq!(
        app.send(bearer(Method::POST, &token(json!(false))))
            .await
            .status,
        200
    );
    for wrong in [json!("true"), json!(1), json!([true])] {
        assert_eq!(
            app.with_token(&token(wrong)).await.readable_refusal(),
            refusal(401, "bad_claim_type")
        );
    }
    let mut claims = claims();
    claims["ro"] = Value::Null;
    assert_eq!(
        app.with_token(&sign(&key, &claims))
            .await
            .readable_refusal(),
        refusal(401, "bad_claim_type")
    );
}

#[tokio::test(start_paused = true)]
async fn the_token_header_is_read_bare_or_behind_bearer() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_token_header("MP-Authorization")).await);
    let token = sign(&key, &claims());
    let bearer = format!("bearer {token}");
    for (headers, status) in [
        (vec![("mp-authorization", token.as_str())], 200),
        (vec![("mp-authorization", bearer.as_str())], 200),
        (vec![("authorization", bearer.as_str())], 200),
        (
            vec![
                ("authorization", "Basic dTpw"),
                ("mp-authorization", token.as_str()),
            ],
            200,
        ),
        (vec![("authorization", token.as_str())], 401),
        (
            vec![
                ("authorization", bearer.as_str()),
                ("mp-authorization", token.as_str()),
            ],
            400,
        ),
        (
            vec![
                ("mp-authorization", token.as_str()),
                ("mp-authorization", token.as_str()),
            ],
            400,
        ),
        (vec![("mp-authorization", "Basic dTpw")], 400),
        (vec![("mp-authorization", "")], 400),
    ] {
        assert_eq!(
            app.send(from_page(Method::GET, &headers)).await.status,
            status,
            "{status} {}",
            headers.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_header_is_not_read_unless_enabled() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api).await);
    let token = sign(&key, &claims());
    let bearer = format!("Bearer {token}");
    let headers = [("mp-authorization", token.as_str())];
    assert_eq!(
        app.send(from_page(Method::GET, &headers))
            .await
            .readable_refusal(),
        refusal(401, "no_token")
    );
    let headers = [
        ("authorization", bearer.as_str()),
        ("mp-authorization", token.as_str()),
    ];
    assert_eq!(
        app.send(from_page(Method::GET, &headers)).await.status,
        200,
        "only enabled sources are counted"
    );
}

#[tokio::test(start_paused = true)]
async fn algorithms_are_those_of_the_configuration() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap().0;
    let token = sign(&key, &claims());
    let gate = pinned(&key, |api| {
        api.with_algorithms([Algorithm::EdDsa].into_iter().collect())
    })
    .await;
    assert_eq!(App::new(&gate).with_token(&token).await.status, 200);
    let gate = pinned(&key, |api| api).await;
    assert_eq!(
        App::new(&gate).with_token(&token).await.readable_refusal(),
        refusal(401, "alg_not_allowed")
    );
}
