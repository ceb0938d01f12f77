//! `exeat sample-api` in front of issuers that are not ours.

use harness::{
    installation::{AUDIENCE, ISSUER},
    peers::{ForeignIssuer, OidcProvider},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{SampleApi, claims, tokens};

#[tokio::test]
async fn it_takes_the_tokens_of_jose_pyjwt_and_authlib_and_refuses_what_they_made_for_others()
-> anyhow::Result<()> {
    for mut peer in [
        ForeignIssuer::start_jose().await?,
        ForeignIssuer::start_pyjwt().await?,
        ForeignIssuer::start_authlib().await?,
    ] {
        let uri = peer.jwks_uri()?;
        let api = SampleApi::start(&[
            "--issuer",
            ISSUER,
            "--jwks-uri",
            &uri,
            "--audience",
            AUDIENCE,
            "--alg",
            "RS256,ES256",
        ])
        .await?;
        for alg in ["ES256", "RS256"] {
            let good = claims(&json!({"level": 3}))?;
            let token = peer.sign(alg, "JWT", &good).await?;
            let answer = api.whoami(&token).await?;
            assert_eq!(answer.status, StatusCode::OK, "{alg}: {}", answer.text());
            assert_eq!(answer.json::<Value>()?, good);
            assert_eq!(
                api.reason(&tokens::tampered(&token)?).await?,
                "bad_signature"
            );
            for (change, code) in [
                (json!({"aud": "another-api"}), "wrong_audience"),
                (json!({"iss": "https://evil.example"}), "wrong_issuer"),
                (json!({"exp": 1_000_000_000}), "expired"),
            ] {
                let token = peer.sign(alg, "JWT", &claims(&change)?).await?;
                assert_eq!(api.reason(&token).await?, code, "{alg}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn it_finds_the_keys_of_oidc_provider_and_takes_its_access_tokens() -> anyhow::Result<()> {
    let provider = OidcProvider::start().await?;
    for resource in [OidcProvider::ES256, OidcProvider::RS256] {
        let api = in_front_of(&provider, resource).await?;
        let token = provider.token(resource).await?;
        let answer = api.whoami(&token).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let claims = answer.json::<serde_json::Map<String, Value>>()?;
        assert_eq!(claims, tokens::claims(&token)?);
        for (name, value) in [
            ("iss", provider.issuer()?),
            ("aud", resource),
            ("client_id", OidcProvider::CLIENT),
            ("scope", "points:read"),
        ] {
            assert_eq!(claims.get(name), Some(&value.into()), "{claims:?}");
        }
        let readyz = api.get("/readyz", &[]).await?;
        assert_eq!(readyz.status, StatusCode::OK, "{}", readyz.text());
    }
    Ok(())
}

#[tokio::test]
async fn it_refuses_oidc_providers_tokens_for_another_api_and_tampered_ones() -> anyhow::Result<()>
{
    let provider = OidcProvider::start().await?;
    let api = in_front_of(&provider, OidcProvider::ES256).await?;
    let other = provider.token(OidcProvider::RS256).await?;
    let refused = api.whoami(&other).await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.code(), "wrong_audience");
    let challenge = refused.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\""),
        "{challenge}"
    );
    let token = provider.token(OidcProvider::ES256).await?;
    assert_eq!(
        api.reason(&tokens::tampered(&token)?).await?,
        "bad_signature"
    );
    Ok(())
}

#[tokio::test]
async fn it_follows_oidc_provider_to_new_keys_and_leaves_the_old_ones() -> anyhow::Result<()> {
    let mut provider = OidcProvider::start().await?;
    let api = in_front_of(&provider, OidcProvider::ES256).await?;
    let old = provider.token(OidcProvider::ES256).await?;
    assert_eq!(api.whoami(&old).await?.status, StatusCode::OK);
    provider.replace_keys().await?;
    let new = provider.token(OidcProvider::ES256).await?;
    let answer = api.whoami(&new).await?;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        api.reason(&old).await?,
        "unknown_key",
        "the key is in no set any more"
    );
    assert_eq!(api.whoami(&new).await?.status, StatusCode::OK);
    Ok(())
}

/// By the issuer's name alone: metadata, keys and all else must come from there.
async fn in_front_of(provider: &OidcProvider, audience: &str) -> anyhow::Result<SampleApi> {
    SampleApi::start(&[
        "--profile",
        "rfc9068",
        "--issuer",
        provider.issuer()?,
        "--audience",
        audience,
    ])
    .await
}
