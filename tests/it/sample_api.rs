//! `exeat sample-api` in front of issuers of all kinds: our own, a key file on the command line, and other implementations.

mod foreign;

use std::sync::Arc;

use axum::{Router, routing::get};
use exeat_jose::{Clock as _, SystemClock};
use harness::{
    DEADLINE, binary,
    client::{self, Answer},
    installation::{AUDIENCE, ISSUER, Installation, session},
    keys,
    marketplace::Marketplace,
    process::Process,
    server::{Port, Server},
    tokens,
};
use http::{Request, StatusCode};
use serde_json::{Value, json};

const PAGE: &str = "https://shop.example";

/// The running API.
struct SampleApi {
    process: Process,
    url: String,
}

impl SampleApi {
    async fn start(options: &[&str]) -> anyhow::Result<Self> {
        let fixed = ["--log", "debug", "sample-api", "--listen", "127.0.0.1:0"];
        let mut process = Process::start(&mut binary::command([&fixed, options].concat())?)?;
        process.until_listening(&["sample-api"]).await?;
        let url = process.url("sample-api")?.to_owned();
        Ok(Self { process, url })
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let mut request = Request::get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client::send(request.body(String::new())?).await
    }

    async fn whoami(&self, token: &str) -> anyhow::Result<Answer> {
        self.get("/whoami", &[("authorization", &format!("Bearer {token}"))])
            .await
    }

    async fn reason(&self, token: &str) -> anyhow::Result<String> {
        Ok(self.whoami(token).await?.code())
    }
}

fn claims(changes: &Value) -> anyhow::Result<Value> {
    keys::claims(ISSUER, AUDIENCE, SystemClock.now(), changes)
}

/// A key set on loopback, which publishes the P-256 key of the vectors.
async fn published() -> anyhow::Result<(Server, String)> {
    let set = json!({"keys": [keys::p256()?.public_jwk()]}).to_string();
    let server =
        Server::start(Router::new().route("/jwks", get(move || async move { set }))).await?;
    let uri = format!("{}/jwks", server.url());
    Ok((server, uri))
}

#[tokio::test]
async fn it_finds_the_keys_of_our_issuer_and_answers_with_the_claims() -> anyhow::Result<()> {
    let market = Marketplace::start(json!([{"id": AUDIENCE}]), Arc::new(SystemClock)).await?;
    market
        .log_in("a-session-of-sample-api", "acme", 600)
        .await?;
    let token = market.token("a-session-of-sample-api", AUDIENCE).await?;
    let options = ["--issuer", market.url(), "--audience", AUDIENCE];
    let api = SampleApi::start(&[&options[..], &["--tenant", "acme,northwind"]].concat()).await?;
    let answer = api.whoami(&token).await?;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        answer.json::<serde_json::Map<_, _>>()?,
        tokens::claims(&token)?
    );
    let readyz = api.get("/readyz", &[]).await?;
    assert_eq!(
        readyz.json::<Value>()?,
        json!({"status": "ready", "keys": "fresh"})
    );

    let strict = SampleApi::start(&[&options[..], &["--tenant", "northwind"]].concat()).await?;
    let refused = strict.whoami(&token).await?;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::FORBIDDEN, "tenant_not_allowed")
    );
    let logs = api.process.terminate().await?;
    assert_eq!(logs.code(), Some(0), "{}", logs.stderr);
    assert!(tokens::leaks(&logs.stderr, &[&token]).is_empty());
    Ok(())
}

#[tokio::test]
async fn it_takes_the_tokens_that_the_installed_service_makes() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    service
        .push(&session("another-session-of-sample-api"))
        .await?;
    let uri = service.jwks_uri();
    let api = SampleApi::start(&[
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--audience",
        "loyalty-rsa",
        "--alg",
        "RS256",
    ])
    .await?;
    let rsa = service
        .token("another-session-of-sample-api", "loyalty-rsa")
        .await?;
    assert_eq!(api.whoami(&rsa).await?.status, StatusCode::OK);
    let other = service
        .token("another-session-of-sample-api", AUDIENCE)
        .await?;
    assert_eq!(api.reason(&other).await?, "alg_not_allowed");
    Ok(())
}

#[tokio::test]
async fn it_takes_minted_tokens_in_the_profile_of_rfc_9068() -> anyhow::Result<()> {
    let (_server, uri) = published().await?;
    let key = harness::vectors::folder().join("jose/keys/p256.pkcs8.txt");
    let key = key.to_string_lossy();
    let api = SampleApi::start(&[
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--audience",
        AUDIENCE,
        "--profile",
        "rfc9068",
    ])
    .await?;
    let whole = claims(&json!({"client_id": "shop", "jti": "j-1"}))?;
    let partial = claims(&json!({"client_id": "shop"}))?;
    for (claims, typ, expected) in [
        (&whole, "at+jwt", ""),
        (&whole, "JWT", "typ_mismatch"),
        (&partial, "at+jwt", "missing_claim"),
    ] {
        let args = [
            "token", "mint", "--claims", "-", "--key", &*key, "--typ", typ,
        ];
        let minted = binary::run(args, &claims.to_string()).await?;
        assert_eq!(minted.code(), Some(0), "{}", minted.stderr);
        assert_eq!(api.reason(minted.stdout.trim()).await?, expected, "{typ}");
    }
    Ok(())
}

#[tokio::test]
async fn app_direct_tokens_come_bare_in_their_own_header_and_pages_may_send_credentials()
-> anyhow::Result<()> {
    let (_server, uri) = published().await?;
    let api = SampleApi::start(&[
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--profile",
        "appdirect",
        "--tenant",
        "*",
        "--origin",
        PAGE,
    ])
    .await?;
    let five = claims(&json!({"iss": null, "aud": null, "nbf": null}))?;
    let token = keys::sign(&keys::p256()?, &five)?;
    let bearer = format!("Bearer {token}");
    for carrier in [
        ("mp-authorization", token.as_str()),
        ("mp-authorization", &bearer),
        ("authorization", &bearer),
    ] {
        let answer = api.get("/whoami", &[carrier, ("origin", PAGE)]).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
    let aimed = keys::sign(&keys::p256()?, &claims(&json!({}))?)?;
    assert_eq!(api.reason(&aimed).await?, "wrong_audience");
    assert!(api.process.logs().contains("tokens of every tenant"));
    Ok(())
}

#[tokio::test]
async fn without_an_origin_every_page_is_refused_and_with_one_only_the_others() -> anyhow::Result<()>
{
    let (_server, uri) = published().await?;
    let options = [
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--audience",
        AUDIENCE,
    ];
    let closed = SampleApi::start(&options).await?;
    let open = SampleApi::start(&[&options[..], &["--origin", PAGE]].concat()).await?;
    let token = keys::sign(&keys::p256()?, &claims(&json!({}))?)?;
    let bearer = format!("Bearer {token}");
    for path in ["/whoami", "/public"] {
        for (api, origin, status) in [
            (&closed, PAGE, 403),
            (&open, PAGE, 200),
            (&open, "https://evil.example", 403),
        ] {
            let headers = [("authorization", bearer.as_str()), ("origin", origin)];
            let answer = api.get(path, &headers).await?;
            assert_eq!(answer.status.as_u16(), status, "{path} {origin}");
            let shared = answer.header("access-control-allow-origin");
            assert_eq!(shared, if status == 200 { PAGE } else { "" }, "{path}");
        }
        let headers = [("authorization", bearer.as_str())];
        assert_eq!(closed.get(path, &headers).await?.status, StatusCode::OK);
    }
    Ok(())
}

#[tokio::test]
async fn it_starts_cold_without_the_issuer_says_so_and_recovers() -> anyhow::Result<()> {
    let address = {
        let market = Server::start(Router::new()).await?;
        let address = market.address();
        market.stop().await;
        address
    };
    let uri = format!("http://{address}/jwks");
    let api = SampleApi::start(&[
        "--issuer",
        ISSUER,
        "--jwks-uri",
        &uri,
        "--audience",
        AUDIENCE,
    ])
    .await?;
    let token = keys::sign(&keys::p256()?, &claims(&json!({}))?)?;
    let cold = api.get("/readyz", &[]).await?;
    assert_eq!(cold.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        cold.json::<Value>()?,
        json!({"status": "not ready", "keys": "cold"})
    );
    assert_eq!(api.get("/livez", &[]).await?.status, StatusCode::OK);
    let refused = api.whoami(&token).await?;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!refused.header("retry-after").is_empty());
    assert!(
        api.process.logs().contains("started without signing keys"),
        "{}",
        api.process.logs()
    );

    let set = json!({"keys": [keys::p256()?.public_jwk()]}).to_string();
    let _server = Port::at(address)
        .await?
        .serve(Router::new().route("/jwks", get(move || async move { set })));
    let recovered = async {
        while api.get("/readyz", &[]).await?.status != StatusCode::OK {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, recovered).await??;
    assert_eq!(api.whoami(&token).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn wrong_options_are_exit_code_2_with_every_one_named_and_nothing_started()
-> anyhow::Result<()> {
    let wrong = [
        "sample-api",
        "--listen",
        "nowhere",
        "--issuer",
        "market",
        "--leeway",
        "1w",
        "--origin",
        "null",
        "--jwks-cooldown",
        "0s",
    ];
    let finished = binary::run(wrong, "").await?;
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    for option in [
        "--listen",
        "--issuer",
        "--audience",
        "--leeway",
        "--origin",
        "--jwks-cooldown",
    ] {
        assert!(
            finished.stderr.contains(&format!("\n  {option}: ")),
            "{option}: {}",
            finished.stderr
        );
    }
    Ok(())
}
