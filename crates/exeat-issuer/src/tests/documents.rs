//! The key set, the metadata, health, and what hosts of the router may rely on.

use super::*;

const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn the_key_set_has_public_members_alone_active_before_pending() {
    let stage = Stage::new().await;
    let answer = stage.send(get(JWKS)).await;
    let json = answer.json();
    let keys = json["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let members = key.as_object().unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_ops"] {
            assert!(!members.contains_key(private), "{private}");
        }
        assert_eq!(
            (&key["use"], &key["alg"]),
            (&Value::from("sig"), &Value::from("ES256"))
        );
    }
    let token = stage
        .send(post("/v1/token", &[BACKEND], LOYALTY))
        .await
        .json();
    assert_eq!(
        segment(token["token"].as_str().unwrap(), 0)["kid"],
        keys[0]["kid"]
    );
}

#[cfg(feature = "aws-lc-rs")]
#[tokio::test]
async fn rsa_keys_publish_no_private_member_and_sign_for_their_audience() {
    let mut raw = raw_config();
    raw.keys.algs = Some(vec!["ES256".to_owned(), "RS256".to_owned()]);
    raw.audience[0].alg = Some("RS256".to_owned());
    let stage = Stage::with(raw).await;
    let json = stage.send(get(JWKS)).await.json();
    let keys = json["keys"].as_array().unwrap();
    let shape: Vec<_> = keys
        .iter()
        .map(|key| key["kty"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 4);
    assert_eq!(shape.iter().filter(|kty| **kty == "RSA").count(), 2);
    for key in keys.iter().filter(|key| key["kty"] == "RSA") {
        let mut members: Vec<_> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    }
    let token = stage
        .send(post("/v1/token", &[BACKEND], LOYALTY))
        .await
        .json();
    assert_eq!(segment(token["token"].as_str().unwrap(), 0)["alg"], "RS256");
    let metadata = stage
        .send(get("/.well-known/openid-configuration"))
        .await
        .json();
    assert_eq!(
        metadata["id_token_signing_alg_values_supported"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn every_answer_of_the_key_set_may_be_kept_for_about_max_age() {
    let stage = Stage::new().await;
    for _ in 0..20 {
        let answer = stage.send(get(JWKS)).await;
        let seconds: u64 = answer
            .header("cache-control")
            .strip_prefix("public, max-age=")
            .unwrap()
            .parse()
            .unwrap();
        assert!((240..=360).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn a_known_key_set_is_answered_with_304() {
    let stage = Stage::new().await;
    let first = stage.send(get(JWKS)).await;
    let tag = first.header("etag").to_owned();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let answer = stage
            .send(request(
                Method::GET,
                JWKS,
                &[("if-none-match", &known)],
                Body::empty(),
            ))
            .await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.text.as_str(),
                answer.header("etag")
            ),
            (304, "", tag.as_str()),
            "{known}"
        );
        assert!(
            answer
                .header("cache-control")
                .starts_with("public, max-age=")
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let other = stage
        .send(request(
            Method::GET,
            JWKS,
            &[("if-none-match", "\"other\"")],
            Body::empty(),
        ))
        .await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let stage = Stage::new().await;
    let (whole, head) = (
        stage.send(get(JWKS)).await,
        stage
            .send(request(Method::HEAD, JWKS, &[], Body::empty()))
            .await,
    );
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.header("etag"), whole.header("etag"));
    assert_eq!(head.header("content-length"), whole.text.len().to_string());
}

#[tokio::test]
async fn public_documents_are_for_every_origin_without_credentials() {
    let stage = Stage::new().await;
    for path in [
        JWKS,
        "/api/v1/ext/keys",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let answer = stage
            .send(request(
                Method::GET,
                path,
                &[("origin", "https://any.example")],
                Body::empty(),
            ))
            .await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.header("access-control-allow-origin")
            ),
            (200, "*"),
            "{path}"
        );
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            "",
            "{path}"
        );
        let post = stage
            .send(request(Method::POST, path, &[], Body::empty()))
            .await;
        assert_eq!(
            (post.status.as_u16(), post.header("allow")),
            (405, "GET, HEAD"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn both_metadata_documents_say_the_same() {
    let stage = Stage::new().await;
    let oauth = stage
        .send(get("/.well-known/oauth-authorization-server"))
        .await;
    let openid = stage.send(get("/.well-known/openid-configuration")).await;
    assert_eq!(oauth.text, openid.text);
    let json = oauth.json();
    assert_eq!(json["issuer"], OWN);
    assert_eq!(json["jwks_uri"], format!("{OWN}{JWKS}"));
    assert_eq!(
        json["id_token_signing_alg_values_supported"],
        serde_json::json!(["ES256"])
    );
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        assert!(json.get(endpoint).is_none(), "{endpoint}");
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_answers_at_every_place_a_verifier_may_look() {
    let stage = Stage::with(RawConfig {
        issuer: Some(format!("{OWN}/tenants/a")),
        ..raw_config()
    })
    .await;
    for path in [
        "/.well-known/oauth-authorization-server/tenants/a",
        "/.well-known/openid-configuration/tenants/a",
        "/tenants/a/.well-known/openid-configuration",
        "/.well-known/openid-configuration",
    ] {
        let json = stage.send(get(path)).await.json();
        assert_eq!(json["jwks_uri"], format!("{OWN}/tenants/a{JWKS}"), "{path}");
    }
    assert_eq!(
        stage.send(get(&format!("/tenants/a{JWKS}"))).await.status,
        200
    );
    let token = stage
        .send(post("/tenants/a/v1/token", &[BACKEND], LOYALTY))
        .await
        .json();
    assert_eq!(
        claims(token["token"].as_str().unwrap())["iss"],
        format!("{OWN}/tenants/a")
    );
}

#[tokio::test]
async fn health_is_live_and_ready_and_never_cached() {
    let stage = Stage::new().await;
    for (path, status) in [("/livez", "live"), ("/readyz", "ready")] {
        let answer = stage.send(get(path)).await;
        assert_eq!(
            (
                answer.json()["status"].as_str(),
                answer.header("cache-control")
            ),
            (Some(status), "no-store")
        );
    }
    assert!(stage.issuer.is_ready().await);
    assert_eq!(stage.admin(get("/livez")).await.status, 200);
}

#[tokio::test]
async fn the_router_can_be_merged_and_nested() {
    use axum::routing::get as on_get;
    let stage = Stage::new().await;
    let own = Router::new()
        .route("/", on_get(|| async { "shop" }))
        .fallback(|| async { (StatusCode::NOT_FOUND, "own 404") });
    let merged = own.clone().merge(stage.issuer.router());
    assert_eq!(send(merged.clone(), get("/")).await.text, "shop");
    assert_eq!(send(merged.clone(), get("/nothing")).await.text, "own 404");
    assert_eq!(
        send(merged, post("/v1/token", &[BACKEND], LOYALTY))
            .await
            .status,
        200
    );
    let nested = own.nest("/auth", stage.issuer.router());
    assert_eq!(
        send(nested.clone(), post("/auth/v1/token", &[BACKEND], LOYALTY))
            .await
            .status,
        200
    );
    assert_eq!(
        send(nested, get("/auth/.well-known/jwks.json"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_request_id_that_comes_from_outside_is_not_repeated() {
    let stage = Stage::new().await;
    let answer = stage
        .send(request(
            Method::GET,
            "/livez",
            &[("x-request-id", "mine")],
            Body::empty(),
        ))
        .await;
    assert_eq!(answer.header("x-request-id").len(), 32);
}
