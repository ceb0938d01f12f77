//! The issuer service.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use harness::{
    TestClock,
    client::{self, Answer},
    installation::{ADMIN_TOKEN, APP_DIRECT, APP_DIRECT_PATH, AUDIENCE, Installation, session},
    marketplace::{Marketplace, NAME},
    tokens,
};
use http::{Request, StatusCode, request};
use serde_json::json;

use super::{SHOP, assert_problem};

const ID: &str = "session-of-issuer-refusals";
const COOKIE: &str = "__Host-Http-sid=session-of-issuer-refusals";
/// 64 KiB and one byte: more than any request of ours.
const TOO_MUCH: usize = 64 * 1024 + 1;

/// Audiences for every reason: one for a page of another origin, one for a single tenant, one with scopes.
async fn marketplace(clock: &TestClock) -> anyhow::Result<Marketplace> {
    let audiences = json!([
        {"id": "plain"},
        {"id": "shop", "origins": [SHOP]},
        {"id": "globex-only", "tenants": ["globex"]},
        {"id": "scoped", "scopes": ["points:read", "points:write"]},
    ]);
    let marketplace = Marketplace::start(audiences, Arc::new(clock.clone())).await?;
    marketplace.log_in(ID, "acme", 600).await?;
    Ok(marketplace)
}

fn post(url: &str) -> request::Builder {
    Request::post(format!("{url}/v1/token")).header("content-type", "application/json")
}

async fn ask(request: request::Builder, audience: &str) -> anyhow::Result<Answer> {
    client::send(request.body(json!({"audience": audience}).to_string())?).await
}

fn assert_refused(answer: &Answer, status: u16, code: &str) -> anyhow::Result<()> {
    assert_problem(answer, StatusCode::from_u16(status)?, code)?;
    let challenge = if status == 401 { "Session" } else { "" };
    assert_eq!(answer.header("www-authenticate"), challenge, "{code}");
    assert!(
        tokens::leaks(&answer.everything(), &[ID, NAME]).is_empty(),
        "{code}: the answer repeats a secret"
    );
    Ok(())
}

#[tokio::test]
async fn a_request_is_refused_for_its_form_before_anything_is_looked_up() -> anyhow::Result<()> {
    let marketplace = marketplace(&TestClock::frozen()).await?;
    let url = marketplace.url();
    let session = format!("Session {ID}");
    let with = |body: &str| {
        post(url)
            .header("authorization", &session)
            .body(body.to_owned())
    };
    let cases = [
        (with("{"), 400, "invalid_request"),
        (with("[]"), 400, "invalid_request"),
        (with("{}"), 400, "unknown_audience"),
        (
            with(r#"{"audience":"plain","audience":"shop"}"#),
            400,
            "invalid_request",
        ),
        (with(r#"{"audience":7}"#), 400, "invalid_request"),
        (with(r#"{"audience":"nobody"}"#), 400, "unknown_audience"),
        (
            with(r#"{"audience":"scoped","scope":"points:steal"}"#),
            400,
            "invalid_scope",
        ),
        (
            with(&format!(r#"{{"audience":"{}"}}"#, "a".repeat(TOO_MUCH))),
            413,
            "too_large",
        ),
        (
            Request::post(format!("{url}/v1/token"))
                .header("authorization", &session)
                .body(r#"{"audience":"plain"}"#.to_owned()),
            415,
            "unsupported_media_type",
        ),
        (
            Request::post(format!("{url}/v1/token"))
                .header("content-type", "text/plain")
                .header("authorization", &session)
                .body("{}".to_owned()),
            415,
            "unsupported_media_type",
        ),
        (
            Request::get(format!("{url}/v1/token"))
                .header("authorization", &session)
                .body(String::new()),
            405,
            "method_not_allowed",
        ),
        (
            Request::put(format!("{url}/v1/token"))
                .header("authorization", &session)
                .body(String::new()),
            405,
            "method_not_allowed",
        ),
    ];
    for (request, status, code) in cases {
        let answer = client::send(request?).await?;
        assert_refused(&answer, status, code).with_context(|| format!("{status} {code}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_is_refused_when_it_is_absent_unknown_doubled_or_over() -> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let marketplace = marketplace(&clock).await?;
    let url = marketplace.url();
    assert_refused(&ask(post(url), "plain").await?, 401, "no_session")?;
    assert_refused(
        &ask(
            post(url).header("authorization", "Session an-unknown-session-id"),
            "plain",
        )
        .await?,
        401,
        "no_session",
    )?;
    assert_refused(
        &ask(post(url).header("authorization", "Session short"), "plain").await?,
        401,
        "no_session",
    )?;

    let twice = post(url).header("authorization", format!("Session {ID}"));
    assert_refused(
        &ask(twice.header("x-session-id", ID), "plain").await?,
        400,
        "ambiguous_session",
    )?;
    let twice = post(url)
        .header("x-requested-by", "page")
        .header("cookie", format!("{COOKIE}; {COOKIE}"));
    assert_refused(&ask(twice, "plain").await?, 400, "ambiguous_session")?;

    clock.advance(Duration::from_secs(591));
    let answer = ask(
        post(url).header("authorization", format!("Session {ID}")),
        "plain",
    )
    .await?;
    assert_refused(&answer, 401, "session_expired")?;
    Ok(())
}

#[tokio::test]
async fn a_session_id_in_the_query_is_not_read() -> anyhow::Result<()> {
    let marketplace = marketplace(&TestClock::frozen()).await?;
    let request = Request::post(format!("{}/v1/token?session_id={ID}", marketplace.url()))
        .header("content-type", "application/json");
    assert_refused(&ask(request, "plain").await?, 401, "no_session")
}

#[tokio::test]
async fn a_cookie_alone_does_not_prove_that_the_user_wanted_it() -> anyhow::Result<()> {
    let marketplace = marketplace(&TestClock::frozen()).await?;
    let url = marketplace.url();
    let cookie = || post(url).header("cookie", COOKIE);
    assert_refused(&ask(cookie(), "plain").await?, 403, "csrf_header_missing")?;
    assert_eq!(
        ask(cookie().header("x-requested-by", "page"), "plain")
            .await?
            .status,
        StatusCode::OK
    );
    assert_eq!(
        ask(
            cookie()
                .header("x-requested-by", "page")
                .header("origin", url),
            "plain"
        )
        .await?
        .status,
        StatusCode::OK
    );

    let foreign = |origin: &str| {
        cookie()
            .header("x-requested-by", "page")
            .header("origin", origin.to_owned())
    };
    assert_refused(
        &ask(foreign("https://evil.example"), "plain").await?,
        403,
        "origin_not_allowed",
    )?;
    assert_refused(
        &ask(foreign("null"), "plain").await?,
        403,
        "origin_not_allowed",
    )?;
    // Each audience has its own list: what is right for one is wrong for the other.
    assert_refused(
        &ask(foreign(SHOP), "plain").await?,
        403,
        "origin_not_allowed",
    )?;
    assert_refused(&ask(foreign(url), "shop").await?, 403, "origin_not_allowed")?;
    let allowed = ask(foreign(SHOP), "shop").await?;
    assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), SHOP);

    let without_origin = cookie()
        .header("x-requested-by", "page")
        .header("sec-fetch-site", "cross-site");
    assert_refused(&ask(without_origin, "plain").await?, 403, "fetch_metadata")?;
    Ok(())
}

#[tokio::test]
async fn an_audience_refuses_tenants_that_are_not_its_own() -> anyhow::Result<()> {
    let marketplace = marketplace(&TestClock::frozen()).await?;
    let session = || post(marketplace.url()).header("authorization", format!("Session {ID}"));
    assert_refused(
        &ask(session(), "globex-only").await?,
        403,
        "audience_not_allowed",
    )?;
    assert_eq!(ask(session(), "plain").await?.status, StatusCode::OK);
    Ok(())
}

/// Does every kind of thing, good and bad, and then looks for secrets in all that the service wrote.
#[tokio::test]
async fn no_token_session_id_or_e_mail_is_in_any_log_of_the_service() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    service.push(&session(ID)).await?;
    let mut secrets = vec![ID.to_owned(), NAME.to_owned(), ADMIN_TOKEN.to_owned()];
    for audience in [AUDIENCE, "loyalty-rsa", APP_DIRECT] {
        secrets.push(service.token(ID, audience).await?);
    }
    let url = &service.url;
    ask(
        post(url).header("authorization", format!("Session {ID}")),
        "nobody",
    )
    .await?;
    ask(post(url).header("cookie", COOKIE), AUDIENCE).await?;
    ask(
        post(url)
            .header("cookie", COOKIE)
            .header("x-session-id", ID),
        AUDIENCE,
    )
    .await?;
    ask(
        Request::post(format!("{url}/v1/token?session_id={ID}"))
            .header("content-type", "application/json"),
        AUDIENCE,
    )
    .await?;
    let body = format!(r#"{{"audience":"{AUDIENCE}","session_id":"{ID}","claims_profile":7}}"#);
    client::send(post(url).body(body)?).await?;
    let query = r#"{"query":"{ userExternalServiceAuthenticationToken { token } }"}"#;
    let graphql = Request::post(format!("{url}{APP_DIRECT_PATH}"))
        .header("content-type", "application/json")
        .header("cookie", COOKIE);
    let minted = client::send(graphql.body(query.to_owned())?)
        .await?
        .json::<serde_json::Value>()?;
    secrets.push(
        minted["data"]["userExternalServiceAuthenticationToken"]["token"]
            .as_str()
            .context("no token")?
            .to_owned(),
    );
    let intruder = Request::put(format!("{}/admin/v1/sessions", service.admin_url))
        .header("authorization", "Bearer wrong-admin-token-000");
    let refused = client::send(
        intruder
            .header("content-type", "application/json")
            .body(session("session-of-an-intruder").to_string())?,
    )
    .await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    secrets.extend([
        "wrong-admin-token-000".to_owned(),
        "session-of-an-intruder".to_owned(),
    ]);
    service.push(&json!({"session_id": ID, "subject": "u-1", "name": NAME, "tenant": "acme", "expires_in": -1})).await?;
    service.revoke(&json!({"session_id": ID})).await?;

    let finished = service.process.terminate().await?;
    assert!(
        finished.stderr.lines().count() > 3,
        "it logs something at all:\n{}",
        finished.stderr
    );
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let leaks = tokens::leaks(&format!("{}{}", finished.stdout, finished.stderr), &secrets);
    assert!(
        leaks.is_empty(),
        "secrets {leaks:?} of {} stand in the log:\n{}",
        secrets.len(),
        finished.stderr
    );
    Ok(())
}
