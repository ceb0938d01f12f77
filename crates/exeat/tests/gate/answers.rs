//! What a refused sender reads: challenge, detail, realm.

use exeat::{Detail, ExternalApi};
use exeat_jose::{Algorithm, AlgorithmSet, TypPolicy};
use http::Method;
use serde_json::json;

use crate::fixture::{
    AUDIENCE, App, ISSUER, Seen, api, claims, claims_with, es256, from_page, key_set, pinned, sign,
};

/// The answer to a token with these claims.
async fn refused(
    changes: &serde_json::Value,
    change: impl FnOnce(ExternalApi) -> ExternalApi,
) -> Seen {
    let key = es256();
    let app = App::new(&pinned(&key, change).await);
    app.with_token(&sign(&key, &claims_with(changes))).await
}

#[tokio::test(start_paused = true)]
async fn a_realm_stands_in_every_challenge_and_nowhere_else() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_realm("loyalty points")).await);
    let no_token = app.send(from_page(Method::GET, &[])).await;
    assert_eq!(
        no_token.header("www-authenticate"),
        r#"Bearer realm="loyalty points""#
    );
    let invalid = app.with_token("a.b.c").await;
    assert_eq!(
        invalid.header("www-authenticate"),
        r#"Bearer realm="loyalty points", error="invalid_token", error_description="The token is malformed""#
    );
    let read_only = sign(&key, &claims_with(&json!({ "ro": true })));
    let forbidden = app
        .send(crate::fixture::bearer(Method::POST, &read_only))
        .await;
    assert_eq!(forbidden.refusal(), (403, "read_only_token".to_owned()));
    assert!(!forbidden.headers.contains_key("www-authenticate"));
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_would_end_the_quoted_string_is_a_configuration_error() {
    let key = es256();
    for realm in ["a\"b", "a\\b", "a\nb", "ä"] {
        let errors = api()
            .with_realm(realm)
            .with_static_keys(key_set(&[&key]))
            .build()
            .await
            .unwrap_err();
        assert!(
            errors.to_string().starts_with("realm: "),
            "{realm:?}: {errors}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn terse_answers_name_nothing_of_the_configuration() {
    for change in [
        json!({ "iss": "https://foreign.example" }),
        json!({ "aud": "foreign-api" }),
        json!({ "exp": null }),
    ] {
        let seen = refused(&change, |api| api).await;
        let said = format!("{} {:?}", seen.body, seen.headers);
        for secret in [ISSUER, AUDIENCE, "exp\""] {
            assert!(!said.contains(secret), "{secret} in {said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn verbose_answers_name_what_is_expected_and_never_what_came() {
    for (change, expected) in [
        (
            json!({ "iss": "https://foreign.example" }),
            "Expected issuer: https://market.example",
        ),
        (
            json!({ "aud": "foreign-api" }),
            "Expected audience: loyalty-api",
        ),
        (json!({ "exp": null }), "The claim: exp"),
        (json!({ "tenant": 7 }), "The claim: tenant"),
    ] {
        let seen = refused(&change, |api| api.with_detail(Detail::Verbose)).await;
        assert_eq!(seen.problem()["detail"], expected);
        let challenge = seen.header("www-authenticate");
        assert!(
            challenge.ends_with(&format!(". {expected}\"")),
            "{challenge}"
        );
        let said = format!("{} {challenge}", seen.body);
        assert!(
            !said.contains("foreign") && !said.contains("ada@example.com"),
            "{said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn verbose_answers_name_the_algorithms() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_detail(Detail::Verbose).with_algorithms(
            AlgorithmSet::EMPTY
                .with(Algorithm::EdDsa)
                .with(Algorithm::Es384),
        )
    })
    .await;
    let seen = App::new(&gate).with_token(&sign(&key, &claims())).await;
    let detail = seen.problem()["detail"].clone();
    let detail = detail.as_str().unwrap();
    assert!(
        detail.contains("ES384") && detail.contains("EdDSA") && !detail.contains("ES256"),
        "{detail}"
    );
}

#[tokio::test(start_paused = true)]
async fn verbose_answers_name_the_typ() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.with_detail(Detail::Verbose)
            .with_typ(TypPolicy::AccessToken)
    })
    .await;
    let seen = App::new(&gate).with_token(&sign(&key, &claims())).await;
    assert_eq!(seen.problem()["code"], "typ_mismatch");
    assert_eq!(seen.problem()["detail"], "Expected typ: at+jwt");
}

#[tokio::test(start_paused = true)]
async fn an_expected_value_that_cannot_be_quoted_stays_out_of_the_challenge() {
    let key = es256();
    let gate = ExternalApi::new("urn:\"market\"", AUDIENCE)
        .with_detail(Detail::Verbose)
        .with_static_keys(key_set(&[&key]))
        .with_clock(std::sync::Arc::new(crate::fixture::TestClock::new()))
        .with_origin(crate::fixture::PAGE)
        .build()
        .await
        .unwrap();
    let seen = App::new(&gate).with_token(&sign(&key, &claims())).await;
    assert_eq!(seen.problem()["detail"], "Expected issuer: urn:\"market\"");
    assert_eq!(
        seen.header("www-authenticate"),
        r#"Bearer error="invalid_token", error_description="The token issuer is not accepted""#
    );
}
