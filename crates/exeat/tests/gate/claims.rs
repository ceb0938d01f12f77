//! Extractors, the AppDirect profile, and the verifier without HTTP.

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use exeat::{ExternalApi, Gate, Rejected, User, VerifiedClaims};
use http::{Method, Request};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tower::ServiceExt;

use crate::fixture::{
    App, ISSUER, Seen, TestClock, bearer, claims, claims_with, es256, key_set, pinned, sign,
};

#[derive(Deserialize)]
struct Loyalty {
    sub: String,
    level: u8,
}

fn routes() -> Router {
    Router::new()
        .route("/points", get(|user: User| async move { format!("{} {:?} {:?}", user.sub, user.name, user.tenant) }))
        .route("/maybe", get(|user: Option<User>| async move { user.map_or(String::new(), |user| user.sub) }))
        .route("/level", get(|VerifiedClaims(claims): VerifiedClaims<Loyalty>| async move { format!("{} {}", claims.sub, claims.level) }))
}

async fn call(router: Router, path: &str, token: &str) -> Seen {
    let mut request = bearer(Method::GET, token);
    *request.uri_mut() = path.parse().unwrap();
    Seen::new(router.oneshot(request).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_the_user_of_the_token() {
    let key = es256();
    let app = routes().layer(pinned(&key, |api| api).await.layer());
    let seen = call(app.clone(), "/points", &sign(&key, &claims())).await;
    assert_eq!(seen.body, r#"u-1 Some("ada@example.com") Some("T1")"#);
    let bare = sign(&key, &claims_with(&json!({ "name": null, "tenant": null })));
    assert_eq!(
        call(app.clone(), "/points", &bare).await.body,
        "u-1 None None"
    );
    assert_eq!(call(app, "/maybe", &bare).await.body, "u-1");
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_the_claims_as_its_own_type() {
    let key = es256();
    let app = routes().layer(pinned(&key, |api| api).await.layer());
    let token = sign(&key, &claims_with(&json!({ "level": 255 })));
    assert_eq!(call(app.clone(), "/level", &token).await.body, "u-1 255");
    for wrong in [json!(256), json!("3"), json!(null)] {
        let seen = call(
            app.clone(),
            "/level",
            &sign(&key, &claims_with(&json!({ "level": wrong }))),
        )
        .await;
        assert_eq!(
            (seen.status, seen.problem()["code"].as_str().unwrap()),
            (401, "bad_claim_type")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_extractor_without_the_gate_is_500_and_never_lets_anyone_in() {
    let key = es256();
    let token = sign(&key, &claims());
    // The trap: the layer is added before the routes, and so wraps none of them.
    let wrong_way = Router::new()
        .layer(pinned(&key, |api| api).await.layer())
        .merge(routes());
    for path in ["/points", "/maybe", "/level"] {
        let seen = call(wrong_way.clone(), path, &token).await;
        assert_eq!(
            (seen.status, seen.problem()["code"].as_str().unwrap()),
            (500, "internal_error"),
            "{path}"
        );
        assert!(!seen.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_behind_the_gate_can_not_pass_for_one_of_the_gate() {
    let key = es256();
    let handler =
        || async { ([("exeat-handler", "not-run")], Rejected::UnknownKey).into_response() };
    let app = Router::new()
        .route("/points", post(handler))
        .layer(pinned(&key, |api| api).await.layer());
    let request = bearer(Method::POST, &sign(&key, &claims()));
    let seen = Seen::new(app.oneshot(request).await.unwrap()).await;
    assert_eq!(seen.status, 401);
    assert!(!seen.headers.contains_key("exeat-handler"));
    assert_eq!(seen.refused, None);
}

fn app_direct(audience: Option<&str>, key: &exeat_jose::SigningKey) -> ExternalApi {
    ExternalApi::app_direct(ISSUER, audience.map(Into::into), ["T1"])
        .with_static_keys(key_set(&[key]))
        .with_clock(Arc::new(TestClock::new()))
}

async fn code(
    gate: &Gate,
    changes: serde_json::Value,
    key: &exeat_jose::SigningKey,
) -> &'static str {
    match gate
        .verifier()
        .verify(&sign(key, &claims_with(&changes)))
        .await
    {
        Ok(_) => "",
        Err(rejected) => rejected.reason(),
    }
}

#[tokio::test(start_paused = true)]
async fn app_direct_tokens_need_neither_issuer_nor_audience_but_a_tenant() {
    let key = es256();
    let gate = app_direct(None, &key).build().await.unwrap();
    for (changes, expected) in [
        (json!({ "iss": null, "aud": null }), ""),
        (json!({ "aud": null }), ""),
        (
            json!({ "iss": "https://else.example", "aud": null }),
            "wrong_issuer",
        ),
        (json!({ "iss": null }), "wrong_audience"),
        (json!({ "aud": null, "tenant": null }), "tenant_not_allowed"),
        (json!({ "aud": null, "tenant": "T2" }), "tenant_not_allowed"),
        (json!({ "aud": null, "exp": null }), "missing_claim"),
    ] {
        assert_eq!(
            code(&gate, changes.clone(), &key).await,
            expected,
            "{changes}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn app_direct_checks_a_configured_audience_when_the_token_has_one() {
    let key = es256();
    let gate = app_direct(Some("loyalty-api"), &key).build().await.unwrap();
    for (changes, expected) in [
        (json!({}), ""),
        (json!({ "aud": null }), ""),
        (json!({ "aud": "else" }), "wrong_audience"),
        (json!({ "aud": ["else", "loyalty-api"] }), ""),
    ] {
        assert_eq!(
            code(&gate, changes.clone(), &key).await,
            expected,
            "{changes}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn app_direct_clients_that_send_credentials_are_answered_as_they_need() {
    let key = es256();
    let gate = app_direct(None, &key)
        .with_origin(crate::fixture::PAGE)
        .build()
        .await
        .unwrap();
    let seen = App::new(&gate)
        .with_token(&sign(&key, &claims_with(&json!({ "aud": null }))))
        .await;
    assert_eq!(
        (seen.status, seen.header("access-control-allow-credentials")),
        (200, "true")
    );
}

#[tokio::test(start_paused = true)]
async fn the_verifier_needs_no_request() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let verified = gate
        .verifier()
        .verify(&sign(
            &key,
            &claims_with(&json!({ "ro": true, "level": 3 })),
        ))
        .await
        .unwrap();
    assert_eq!(
        (verified.subject(), verified.name(), verified.tenant()),
        ("u-1", Some("ada@example.com"), Some("T1"))
    );
    assert!(verified.is_read_only());
    assert_eq!(
        verified.expires_at().unwrap().as_secs(),
        crate::fixture::NOW + 300
    );
    assert_eq!(verified.claims::<Loyalty>().unwrap().level, 3);
    assert_eq!(
        gate.verifier().verify("nonsense").await.unwrap_err(),
        Rejected::Invalid(exeat_jose::InvalidToken::Malformed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_public_route_beside_the_gate_stays_public() {
    let key = es256();
    let app = routes()
        .layer(pinned(&key, |api| api).await.layer())
        .route("/livez", get(|| async { "ok" }));
    let request = Request::get("/livez").body(Body::empty()).unwrap();
    assert_eq!(
        Seen::new(app.oneshot(request).await.unwrap()).await.status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn an_rfc_9068_token_is_typed_so_and_has_every_claim_of_the_profile() {
    use crate::fixture::AUDIENCE;
    use exeat_jose::Typ;

    let key = es256();
    let gate = ExternalApi::rfc9068(ISSUER, AUDIENCE)
        .with_static_keys(key_set(&[&key]))
        .with_clock(Arc::new(TestClock::new()))
        .build()
        .await
        .unwrap();
    let whole = claims_with(&json!({ "client_id": "shop" }));
    let sign_as = |typ, claims: &serde_json::Value| key.sign(typ, claims).unwrap().into_string();
    let reason = async |token: String| {
        let verdict = gate.verifier().verify(&token).await;
        verdict.map_or_else(|rejected| rejected.reason(), |_| "accepted")
    };
    assert_eq!(reason(sign_as(Typ::AccessToken, &whole)).await, "accepted");
    assert_eq!(reason(sign_as(Typ::Jwt, &whole)).await, "typ_mismatch");
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let mut claims = whole.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(
            reason(sign_as(Typ::AccessToken, &claims)).await,
            "missing_claim",
            "{name}"
        );
    }
}
