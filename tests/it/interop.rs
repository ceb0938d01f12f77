//! Other implementations on the other side: they verify our tokens against our live key set, and our gate accepts theirs.

use exeat::ExternalApi;
use exeat_jose::Clock as _;
use exeat_jose::{Algorithm, SystemClock};
use harness::{
    api::Api,
    installation::{AUDIENCE, ISSUER, Installation, session},
    peers::{ForeignIssuer, Verifier},
};
use http::StatusCode;
use serde_json::{Value, json};

const ID: &str = "session-of-interop";

#[tokio::test]
async fn node_jose_and_pyjwt_verify_our_tokens_against_the_live_key_set() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    service.push(&session(ID)).await?;
    for (audience, alg) in [(AUDIENCE, "ES256"), ("loyalty-rsa", "RS256")] {
        let token = service.token(ID, audience).await?;
        for peer in Verifier::ALL {
            let accepted = peer
                .verify(&token, &service.jwks_uri(), ISSUER, audience)
                .await?;
            let accepted =
                accepted.map_err(|why| anyhow::anyhow!("{peer:?} refused {alg}: {why}"))?;
            assert_eq!(accepted.header.get("alg"), Some(&alg.into()), "{peer:?}");
            assert_eq!(
                accepted.claims.get("tenant"),
                Some(&"acme".into()),
                "{peer:?}"
            );
            assert_eq!(
                accepted.claims.get("name"),
                Some(&"ann@example.com".into()),
                "{peer:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn node_jose_and_pyjwt_refuse_our_token_for_another_audience_and_a_tampered_one()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    service.push(&session(ID)).await?;
    let token = service.token(ID, AUDIENCE).await?;
    let tampered = harness::tokens::tampered(&token)?;
    for peer in Verifier::ALL {
        let other = peer
            .verify(&token, &service.jwks_uri(), ISSUER, "another-api")
            .await?;
        assert!(other.is_err(), "{peer:?} took a token for another audience");
        let wrong = peer
            .verify(&tampered, &service.jwks_uri(), ISSUER, AUDIENCE)
            .await?;
        assert!(wrong.is_err(), "{peer:?} took a tampered token");
    }
    Ok(())
}

fn claims() -> Value {
    let now = SystemClock.now().as_secs();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "name": "ann@example.com", "tenant": "acme", "iat": now, "exp": now + 300})
}

#[tokio::test]
async fn the_gate_accepts_tokens_that_node_jose_minted_with_its_keys_over_http()
-> anyhow::Result<()> {
    let mut peer = ForeignIssuer::start_jose().await?;
    let gate = ExternalApi::new(ISSUER, AUDIENCE)
        .with_jwks_uri(&peer.jwks_uri()?)
        .with_algorithms(
            [
                Algorithm::Rs256,
                Algorithm::Ps256,
                Algorithm::Es256,
                Algorithm::Es384,
                Algorithm::EdDsa,
            ]
            .into_iter()
            .collect(),
        )
        .build()
        .await?;
    let api = Api::start(gate).await?;
    for alg in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        for typ in ["JWT", "at+jwt"] {
            let token = peer.sign(alg, typ, &claims()).await?;
            let answer = api.call(&token).await?;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{alg} {typ}: {}",
                answer.text()
            );
            assert_eq!(
                answer.json::<Value>()?,
                json!({"sub": "u-1", "name": "ann@example.com", "tenant": "acme"}),
                "{alg}"
            );
        }
    }
    assert_eq!(api.handled(), 10);
    Ok(())
}

#[tokio::test]
async fn the_gate_refuses_what_node_jose_minted_for_others() -> anyhow::Result<()> {
    let mut peer = ForeignIssuer::start_jose().await?;
    let api = Api::start(
        ExternalApi::new(ISSUER, AUDIENCE)
            .with_jwks_uri(&peer.jwks_uri()?)
            .build()
            .await?,
    )
    .await?;
    let now = SystemClock.now().as_secs();
    let cases = [
        ("ES256", "aud", json!("another-api"), "wrong_audience"),
        (
            "ES256",
            "iss",
            json!("https://evil.example"),
            "wrong_issuer",
        ),
        ("RS256", "exp", json!(now - 31), "expired"),
        ("RS256", "iat", json!(now + 3600), "iat_future"),
        ("EdDSA", "sub", json!("u-1"), "alg_not_allowed"),
    ];
    for (alg, claim, value, code) in cases {
        let mut claims = claims();
        if let Some(members) = claims.as_object_mut() {
            members.insert(claim.to_owned(), value);
        }
        let answer = api.call(&peer.sign(alg, "JWT", &claims).await?).await?;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, code),
            "{alg} with another {claim}"
        );
    }
    assert_eq!(api.handled(), 0, "no handler ran");
    Ok(())
}
