//! AppDirect's documented system, edge by edge: the rows AD-1 to AD-9 of what "works here" means.

use std::sync::Arc;

use exeat::ExternalApi;
use exeat_jose::SystemClock;
use harness::{
    api::Api,
    client::{self, Answer},
    installation::{APP_DIRECT, APP_DIRECT_PATH, Installation, Service, session},
    marketplace::{Marketplace, NAME, SUBJECT},
    process::Process,
    tokens,
};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

const ID: &str = "session-of-an-app-direct-user";
const COOKIE: &str = "__Host-Http-sid";
/// What AppDirect's own client sends, byte for byte in meaning: no variables, no audience.
const QUERY: &str =
    r#"{"query":"query personalization { userExternalServiceAuthenticationToken { token } }"}"#;
const EXTENSION: &str = "https://extension.example";

async fn ask(url: &str, cookie: Option<&str>) -> anyhow::Result<Answer> {
    let mut request =
        Request::post(format!("{url}{APP_DIRECT_PATH}")).header("content-type", "application/json");
    if let Some(id) = cookie {
        request = request.header("cookie", format!("{COOKIE}={id}"));
    }
    client::send(request.body(QUERY.to_owned())?).await
}

fn token_in(body: &Value) -> &str {
    body.pointer("/data/userExternalServiceAuthenticationToken/token")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

async fn signed_in() -> anyhow::Result<(Installation, Service)> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    assert_eq!(
        service.push(&session(ID)).await?.status,
        StatusCode::CREATED
    );
    Ok((installation, service))
}

/// A gate as AppDirect's partners need it: no `iss`, no `aud`, but a tenant.
async fn partner_api(jwks_uri: &str, tenant: &str) -> anyhow::Result<Api> {
    let gate = ExternalApi::app_direct("https://market.example.com", None, [tenant])
        .with_jwks_uri(jwks_uri)
        .with_token_header("MP-Authorization")
        .with_origin(EXTENSION)
        .build()
        .await?;
    Api::start(gate).await
}

#[tokio::test]
async fn ad_1_plain_curl_with_the_cookie_gets_the_documented_shape() -> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let url = format!("{}{APP_DIRECT_PATH}", service.url);
    let cookie = format!("{COOKIE}={ID}");
    let args = [
        "--silent",
        "--show-error",
        "--fail",
        "--cookie",
        &cookie,
        "--header",
        "Content-Type: application/json",
        "--data",
        QUERY,
        &url,
    ];
    let finished = Process::start(Command::new("curl").args(args))?
        .finish("")
        .await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let body: Value = serde_json::from_str(&finished.stdout)?;
    let token = token_in(&body);
    assert_eq!(
        body,
        json!({"data": {"userExternalServiceAuthenticationToken": {"token": token}}}),
        "and nothing else"
    );
    assert_eq!(token.split('.').count(), 3);
    Ok(())
}

#[tokio::test]
async fn ad_2_strict_shape_has_exactly_the_five_claims_and_300_seconds() -> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let claims = tokens::claims(token_in(&ask(&service.url, Some(ID)).await?.json()?))?;
    let mut names: Vec<_> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["exp", "iat", "name", "sub", "tenant"]);
    assert_eq!(
        (&claims["sub"], &claims["name"], &claims["tenant"]),
        (&json!(SUBJECT), &json!(NAME), &json!("acme"))
    );
    let time = |name: &str| claims[name].as_u64().unwrap_or_default();
    assert_eq!(time("exp") - time("iat"), 300);
    Ok(())
}

#[tokio::test]
async fn ad_2_and_3_the_profile_binds_to_issuer_and_audience_by_default_under_either_algorithm()
-> anyhow::Result<()> {
    for alg in ["ES256", "RS256"] {
        let alias = json!({"alias": [{"graphql": APP_DIRECT_PATH, "audience": "ext"}, {"jwks": "/api/v1/ext/keys"}]});
        let audiences = json!([{"id": "ext", "profile": "appdirect", "alg": alg}]);
        let marketplace = Marketplace::with(alias, audiences, Arc::new(SystemClock)).await?;
        marketplace.log_in(ID, "acme", 3600).await?;
        let body: Value = ask(marketplace.url(), Some(ID)).await?.json()?;
        let claims = tokens::claims(token_in(&body))?;
        assert_eq!(claims["iss"], marketplace.url());
        assert_eq!(claims["aud"], "ext");
        assert!(
            claims.contains_key("jti") && claims.contains_key("sid"),
            "{claims:?}"
        );

        let header = tokens::header(token_in(&body))?;
        assert_eq!(header["alg"], alg);
        for path in ["/.well-known/jwks.json", "/api/v1/ext/keys"] {
            let set: Value = client::get(&format!("{}{path}", marketplace.url()))
                .await?
                .json()?;
            let keys = set["keys"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            assert!(
                keys.iter()
                    .any(|key| key["kid"] == header["kid"] && key["alg"] == alg),
                "{path} lacks the key"
            );
            assert!(
                keys.iter().all(|key| key.get("d").is_none()),
                "{path} has a private key"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn ad_4_no_csrf_header_is_needed_but_the_exact_media_type_and_no_foreign_origin()
-> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let url = format!("{}{APP_DIRECT_PATH}", service.url);
    let with = |media: &'static str| {
        Request::post(&url)
            .header("cookie", format!("{COOKIE}={ID}"))
            .header("content-type", media)
    };
    let cases = [
        (with("application/json"), StatusCode::OK),
        (with("application/json; charset=utf-8"), StatusCode::OK),
        (
            with("application/json")
                .header("origin", "https://market.example.com")
                .header("sec-fetch-site", "same-origin"),
            StatusCode::OK,
        ),
        (with("text/plain"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            with("application/x-www-form-urlencoded"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            with("application/json").header("origin", "https://evil.example"),
            StatusCode::FORBIDDEN,
        ),
        (
            with("application/json").header("origin", "null"),
            StatusCode::FORBIDDEN,
        ),
        (
            with("application/json").header("sec-fetch-site", "cross-site"),
            StatusCode::FORBIDDEN,
        ),
        (
            with("application/json")
                .header("origin", "https://evil.example")
                .header("x-requested-by", "me"),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (request, status) in cases {
        let request = request.body(QUERY.to_owned())?;
        let sent = format!("{:?}", request.headers());
        let answer = client::send(request).await?;
        assert_eq!(answer.status, status, "{sent}: {}", answer.text());
        assert_eq!(
            answer.status == StatusCode::OK,
            answer.text().contains("\"token\":\"ey"),
            "{sent}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{sent}");
    }
    assert_eq!(
        client::get(&url).await?.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    Ok(())
}

#[tokio::test]
async fn ad_5_the_gate_takes_mp_authorization_bare_or_bearer_and_authorization()
-> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let api = partner_api(&service.jwks_uri(), "acme").await?;
    let token = token_in(&ask(&service.url, Some(ID)).await?.json()?).to_owned();
    for (header, value) in [
        ("mp-authorization", token.clone()),
        ("mp-authorization", format!("Bearer {token}")),
        ("authorization", format!("Bearer {token}")),
    ] {
        let answer = api.send(api.request("GET").header(header, value)).await?;
        assert_eq!(answer.status, StatusCode::OK, "{header}: {}", answer.text());
        assert_eq!(
            answer.json::<Value>()?,
            json!({"sub": SUBJECT, "name": NAME, "tenant": "acme"})
        );
    }
    let both = api
        .request("GET")
        .header("mp-authorization", &token)
        .header("authorization", format!("Bearer {token}"));
    let answer = api.send(both).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "multiple_tokens")
    );
    // Only `MP-Authorization` may come without a scheme.
    assert_eq!(
        api.send(api.request("GET").header("authorization", &token))
            .await?
            .status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(api.handled(), 3);
    Ok(())
}

#[tokio::test]
async fn ad_6_a_guest_gets_neither_200_nor_a_token_but_graphql_errors() -> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    service.push(&session("session-that-is-revoked")).await?;
    service
        .revoke(&json!({"session_id": "session-that-is-revoked"}))
        .await?;
    let guests = [
        (None, "no_session"),
        (Some("an-unknown-session-id"), "no_session"),
        (Some("session-that-is-revoked"), "session_revoked"),
    ];
    for (cookie, reason) in guests {
        let answer = ask(&service.url, cookie).await?;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{cookie:?}");
        let body: Value = answer.json()?;
        assert_eq!(body["data"], Value::Null);
        assert_eq!(
            body["errors"][0]["extensions"]["code"], "Unauthenticated",
            "{body}"
        );
        assert_eq!(body["errors"][0]["extensions"]["reason"], reason, "{body}");
        assert!(
            body["errors"][0]["message"].is_string()
                && body["errors"][0]["extensions"]["traceId"].is_string(),
            "{body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn ad_7_the_gate_refuses_another_tenant() -> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let token = token_in(&ask(&service.url, Some(ID)).await?.json()?).to_owned();
    let api = partner_api(&service.jwks_uri(), "globex").await?;
    let answer = api.call(&token).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "tenant_not_allowed")
    );
    assert_eq!(
        answer.header("www-authenticate"),
        "",
        "a new token would not help"
    );
    assert_eq!(api.handled(), 0);
    Ok(())
}

#[tokio::test]
async fn ad_8_the_preflight_of_the_extension_allows_mp_authorization_and_of_others_nothing()
-> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let api = partner_api(&service.jwks_uri(), "acme").await?;
    let preflight = |origin: &str| {
        let request = api.request("OPTIONS").header("origin", origin.to_owned());
        request
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,mp-authorization",
            )
    };
    let allowed = api.send(preflight(EXTENSION)).await?;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.header("access-control-allow-origin"), EXTENSION);
    assert!(
        allowed
            .header("access-control-allow-headers")
            .contains("mp-authorization"),
        "{:?}",
        allowed.headers
    );
    assert_eq!(
        allowed.header("access-control-allow-credentials"),
        "true",
        "its client sends credentials: include"
    );

    let refused = api.send(preflight("https://evil.example")).await?;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        !refused
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-")),
        "{:?}",
        refused.headers
    );
    Ok(())
}

#[tokio::test]
async fn ad_9_the_token_opens_nothing_at_the_marketplace_itself() -> anyhow::Result<()> {
    let (_installation, service) = signed_in().await?;
    let token = token_in(&ask(&service.url, Some(ID)).await?.json()?).to_owned();
    let admin = Request::put(format!("{}/admin/v1/sessions", service.admin_url))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let answer = client::send(admin.body(session("a-session-for-the-thief").to_string())?).await?;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    for scheme in ["Session", "Bearer"] {
        let request = Request::post(format!("{}/v1/token", service.url))
            .header("authorization", format!("{scheme} {token}"))
            .header("content-type", "application/json");
        let answer =
            client::send(request.body(json!({"audience": APP_DIRECT}).to_string())?).await?;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{scheme}");
    }
    assert_eq!(
        ask(&service.url, Some(&token)).await?.status,
        StatusCode::UNAUTHORIZED,
        "as a cookie"
    );
    Ok(())
}
