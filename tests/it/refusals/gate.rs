//! The external API's gate.

use std::sync::Arc;

use anyhow::Context as _;
use exeat::ExternalApi;
use exeat_cors::PolicyConfig;
use exeat_jose::{Algorithm, Clock as _};
use harness::{TestClock, api::Api, client::Answer, keys, logs::Logs, marketplace::NAME, tokens};
use http::StatusCode;
use serde_json::{Value, json};

use super::{SHOP, assert_problem};

const ISSUER: &str = "https://market.example.com";
const AUDIENCE: &str = "loyalty-api";

/// A gate with the vectors' P-256 key pinned and the vectors' time on its clock.
pub(super) fn external_api() -> anyhow::Result<ExternalApi> {
    Ok(ExternalApi::new(ISSUER, AUDIENCE)
        .with_static_keys(keys::published(&keys::p256()?)?)
        .with_algorithms(Algorithm::ALL.into_iter().collect())
        .with_clock(Arc::new(TestClock::frozen()))
        .with_origin(SHOP))
}

fn token(changes: &Value) -> anyhow::Result<String> {
    keys::sign(
        &keys::p256()?,
        &keys::claims(ISSUER, AUDIENCE, TestClock::START, changes)?,
    )
}

/// A refusal that the page of `SHOP` can read, made without the handler.
pub(super) fn assert_refused(
    answer: &Answer,
    status: StatusCode,
    code: &str,
    challenge: Option<&str>,
) -> anyhow::Result<()> {
    assert_problem(answer, status, code)?;
    assert_eq!(answer.header("exeat-handler"), "not-run", "{code}");
    assert_eq!(answer.header("access-control-allow-origin"), SHOP, "{code}");
    assert!(
        answer
            .header("vary")
            .to_ascii_lowercase()
            .contains("origin"),
        "{code}"
    );
    for readable in ["www-authenticate", "retry-after", "exeat-handler"] {
        assert!(
            answer
                .header("access-control-expose-headers")
                .contains(readable),
            "{code}: {readable} is not exposed"
        );
    }
    let found = answer.header("www-authenticate");
    match challenge {
        None => assert_eq!(
            found, "",
            "{code}: a challenge makes clients fetch a new token"
        ),
        Some("") => assert_eq!(found, "Bearer", "{code}: nothing was wrong with a token"),
        Some(error) => {
            let start = format!("Bearer error=\"{error}\", error_description=\"");
            assert!(found.starts_with(&start), "{code}: {found}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_without_one_well_formed_bearer_token_is_told_so() -> anyhow::Result<()> {
    let api = Api::start(external_api()?.build().await?).await?;
    let good = format!("Bearer {}", token(&json!({}))?);
    let cases: [(&[&str], StatusCode, &str, &str); 9] = [
        (&[], StatusCode::UNAUTHORIZED, "no_token", ""),
        (
            &["Basic dXNlcjpwYXNz"],
            StatusCode::UNAUTHORIZED,
            "no_token",
            "",
        ),
        (
            &["Bearer"],
            StatusCode::BAD_REQUEST,
            "bad_credentials",
            "invalid_request",
        ),
        (
            &["Bearer "],
            StatusCode::BAD_REQUEST,
            "bad_credentials",
            "invalid_request",
        ),
        (
            &["Bearer a b"],
            StatusCode::BAD_REQUEST,
            "bad_credentials",
            "invalid_request",
        ),
        (
            &["Bearer a,b"],
            StatusCode::BAD_REQUEST,
            "bad_credentials",
            "invalid_request",
        ),
        (
            &["Bearer caf\u{e9}"],
            StatusCode::BAD_REQUEST,
            "bad_credentials",
            "invalid_request",
        ),
        (
            &[&good, &good],
            StatusCode::BAD_REQUEST,
            "multiple_tokens",
            "invalid_request",
        ),
        (
            &[&good, "Basic dXNlcjpwYXNz"],
            StatusCode::BAD_REQUEST,
            "multiple_tokens",
            "invalid_request",
        ),
    ];
    for (lines, status, code, challenge) in cases {
        let mut request = api.request("GET").header("origin", SHOP);
        for line in lines {
            request = request.header(
                "authorization",
                http::HeaderValue::from_bytes(line.as_bytes())?,
            );
        }
        let answer = api.send(request).await?;
        assert_refused(&answer, status, code, Some(challenge))
            .with_context(|| format!("{code} for {} lines", lines.len()))?;
    }
    assert_eq!(api.handled(), 0);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = api
            .send(
                api.request("GET")
                    .header("authorization", good.replace("Bearer", scheme)),
            )
            .await?;
        assert_eq!(answer.status, StatusCode::OK, "{scheme}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_key_and_a_token_without_subject_are_401() -> anyhow::Result<()> {
    let api = Api::start(external_api()?.build().await?).await?;
    let foreign = keys::sign(
        &keys::other_p256()?,
        &keys::claims(ISSUER, AUDIENCE, TestClock::START, &json!({}))?,
    )?;
    for (token, code) in [
        (foreign, "unknown_key"),
        (token(&json!({"sub": null}))?, "missing_claim"),
        (token(&json!({"tenant": 7}))?, "bad_claim_type"),
    ] {
        let answer = api
            .send(
                api.request("GET")
                    .header("origin", SHOP)
                    .header("authorization", format!("Bearer {token}")),
            )
            .await?;
        assert_refused(
            &answer,
            StatusCode::UNAUTHORIZED,
            code,
            Some("invalid_token"),
        )?;
    }
    assert_eq!(api.handled(), 0);
    Ok(())
}

#[tokio::test]
async fn another_tenant_is_403_without_a_challenge() -> anyhow::Result<()> {
    let api = Api::start(
        external_api()?
            .with_tenants(["acme", "globex"])
            .build()
            .await?,
    )
    .await?;
    for (tenant, allowed) in [
        (json!("acme"), true),
        (json!("globex"), true),
        (json!("initech"), false),
        (json!("ACME"), false),
        (json!(""), false),
    ] {
        let token = token(&json!({"tenant": tenant}))?;
        let answer = api
            .send(
                api.request("GET")
                    .header("origin", SHOP)
                    .header("authorization", format!("Bearer {token}")),
            )
            .await?;
        if allowed {
            assert_eq!(answer.status, StatusCode::OK, "{tenant}");
        } else {
            assert_refused(&answer, StatusCode::FORBIDDEN, "tenant_not_allowed", None)?;
        }
    }
    assert_eq!(api.handled(), 2);
    Ok(())
}

#[tokio::test]
async fn a_read_only_token_reads_and_does_not_write() -> anyhow::Result<()> {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE"];
    let policy = PolicyConfig {
        origins: vec![SHOP.to_owned()],
        methods: methods.map(str::to_owned).to_vec(),
        ..PolicyConfig::default()
    };
    let api = Api::start(external_api()?.with_policy(policy).build().await?).await?;
    let bearer = format!("Bearer {}", token(&json!({"ro": true}))?);
    for method in ["GET", "HEAD"] {
        assert_eq!(
            api.send(api.request(method).header("authorization", &bearer))
                .await?
                .status,
            StatusCode::OK,
            "{method}"
        );
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = api
            .send(
                api.request(method)
                    .header("origin", SHOP)
                    .header("authorization", &bearer),
            )
            .await?;
        assert_refused(&answer, StatusCode::FORBIDDEN, "read_only_token", None)
            .with_context(|| method.to_owned())?;
    }
    let writing = format!("Bearer {}", token(&json!({"ro": false}))?);
    assert_eq!(
        api.send(api.request("POST").header("authorization", writing))
            .await?
            .status,
        StatusCode::OK
    );
    let unclear = format!("Bearer {}", token(&json!({"ro": "no"}))?);
    assert_eq!(
        api.send(api.request("POST").header("authorization", unclear))
            .await?
            .code(),
        "bad_claim_type"
    );
    Ok(())
}

#[tokio::test]
async fn a_method_that_the_policy_does_not_name_is_refused_to_pages_and_left_to_servers()
-> anyhow::Result<()> {
    let api = Api::start(external_api()?.build().await?).await?;
    let bearer = format!("Bearer {}", token(&json!({}))?);
    let from_page = api.request("DELETE").header("origin", SHOP);
    let answer = api.send(from_page.header("authorization", &bearer)).await?;
    assert_problem(&answer, StatusCode::FORBIDDEN, "method_not_allowed_cors")?;
    assert_eq!(answer.header("exeat-handler"), "not-run");
    assert_eq!(api.handled(), 0);
    let from_server = api.request("DELETE").header("authorization", &bearer);
    assert_eq!(api.send(from_server).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_foreign_origin_is_refused_even_with_a_good_token_and_can_read_nothing()
-> anyhow::Result<()> {
    let logs = Logs::capture();
    let api = Api::start(external_api()?.build().await?).await?;
    let token = token(&json!({}))?;
    let bearer = format!("Bearer {token}");
    for origin in [
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "",
    ] {
        for method in ["GET", "POST"] {
            let answer = api
                .send(
                    api.request(method)
                        .header("origin", origin)
                        .header("authorization", &bearer),
                )
                .await?;
            assert_problem(&answer, StatusCode::FORBIDDEN, "origin_not_allowed")
                .with_context(|| origin.to_owned())?;
            assert_eq!(answer.header("exeat-handler"), "not-run");
            assert_eq!(answer.header("www-authenticate"), "");
            assert!(
                !answer
                    .headers
                    .keys()
                    .any(|name| name.as_str().starts_with("access-control-")),
                "{origin}: {:?}",
                answer.headers
            );
        }
    }
    let twice = api
        .request("GET")
        .header("origin", SHOP)
        .header("origin", SHOP)
        .header("authorization", &bearer);
    assert_problem(
        &api.send(twice).await?,
        StatusCode::BAD_REQUEST,
        "multiple_origin",
    )?;
    assert_eq!(api.handled(), 0, "no handler ran");
    let text = logs.text();
    assert!(
        text.contains("origin_not_allowed") && text.contains("https://evil.example"),
        "an operator must see it:\n{text}"
    );
    assert!(
        tokens::leaks(&text, &[&token, NAME]).is_empty(),
        "the log repeats the token"
    );
    Ok(())
}

#[tokio::test]
async fn a_token_is_refused_at_exactly_exp_plus_leeway() -> anyhow::Result<()> {
    let clock = TestClock::frozen();
    let api = Api::start(
        external_api()?
            .with_clock(Arc::new(clock.clone()))
            .build()
            .await?,
    )
    .await?;
    let bearer = token(&json!({}))?;
    clock.advance(std::time::Duration::from_secs(329));
    assert_eq!(
        api.call(&bearer).await?.status,
        StatusCode::OK,
        "one second before"
    );
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(clock.now().as_secs(), TestClock::START.as_secs() + 330);
    assert_eq!(api.call(&bearer).await?.code(), "expired");
    Ok(())
}
