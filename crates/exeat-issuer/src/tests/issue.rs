//! What follows once the body is understood: a pass, a refusal, the edge of each rule.

use super::*;

#[tokio::test]
async fn the_answer_has_exactly_the_documented_members() {
    let answer = Stage::new()
        .await
        .send(post(
            "/v1/token",
            &[BACKEND],
            r#"{"audience":"loyalty-api","scope":"points:read"}"#,
        ))
        .await;
    let mut json = answer.json();
    let token = json["token"].take();
    assert_eq!(token.as_str().unwrap().split('.').count(), 3);
    assert_eq!(
        json,
        serde_json::json!({
            "token": null, "token_type": "Bearer", "expires_in": 300, "issued_at": NOW.as_secs(), "server_time": NOW.as_secs(),
            "audience": "loyalty-api", "scope": "points:read", "refresh_after": 210
        })
    );
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (StatusCode::OK, "no-store")
    );
}

#[tokio::test]
async fn a_token_carries_the_claims_of_the_issuer() {
    let answer = Stage::new()
        .await
        .send(post("/v1/token", &[BACKEND], LOYALTY))
        .await;
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let mut claims = claims(&token);
    assert_eq!(claims["jti"].take().as_str().unwrap().len(), 22);
    let sid = claims["sid"].take();
    assert_eq!(sid.as_str().unwrap().len(), 22);
    assert_ne!(sid, SESSION);
    let iat = NOW.as_secs();
    assert_eq!(
        claims,
        serde_json::json!({
            "sub": "user-1", "name": "ada@example.com", "tenant": "tenant-1", "iat": iat, "exp": iat + 300, "iss": OWN,
            "aud": "https://api.loyalty.example", "nbf": iat - 5, "jti": null, "sid": null, "scope": "points:read points:write"
        })
    );
    let header = segment(&token, 0);
    assert_eq!(header.as_object().unwrap().len(), 3);
    assert_eq!(
        (header["alg"].as_str(), header["typ"].as_str()),
        (Some("ES256"), Some("JWT"))
    );
}

#[tokio::test]
async fn two_tokens_of_a_session_share_its_sid_and_not_their_jti() {
    let stage = Stage::new().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = stage.send(post("/v1/token", &[BACKEND], LOYALTY)).await;
        seen.push(claims(answer.json()["token"].as_str().unwrap()));
    }
    assert_eq!(seen[0]["sid"], seen[1]["sid"]);
    assert_ne!(seen[0]["jti"], seen[1]["jti"]);
}

#[tokio::test]
async fn a_strict_shape_has_exactly_the_five_claims() {
    let answer = Stage::new()
        .await
        .send(post("/v1/token", &[BACKEND], r#"{"audience":"seed"}"#))
        .await;
    let claims = claims(answer.json()["token"].as_str().unwrap());
    let mut names: Vec<_> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["exp", "iat", "name", "sub", "tenant"]);
}

#[tokio::test]
async fn a_read_only_session_gets_no_token_that_can_not_say_so() {
    let stage = Stage::new().await;
    stage.put(ada().with_read_only(true)).await;
    assert_eq!(
        token_refusal(&stage, &[BACKEND], r#"{"audience":"seed"}"#).await,
        (403, "audience_not_allowed".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_is_no_token_request_is_refused() {
    let stage = Stage::new().await;
    for body in [
        "",
        "{",
        "[]",
        // The members' values without their names.
        r#"["loyalty-api",null,null,null,null]"#,
        "1",
        r#"{"audience":1}"#,
        r#"{"audiance":"loyalty-api"}"#,
        r#"{"audience":"loyalty-api","ttl":-1}"#,
    ] {
        assert_eq!(
            token_refusal(&stage, &[BACKEND], body).await,
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    for body in [
        "{}",
        r#"{"audience":"https://api.loyalty.example"}"#,
        r#"{"audience":"Loyalty-Api"}"#,
    ] {
        assert_eq!(
            token_refusal(&stage, &[BACKEND], body).await,
            (400, "unknown_audience".to_owned()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_claims_profile_may_only_name_what_the_audience_has() {
    let stage = Stage::new().await;
    let body =
        |profile: &str| format!(r#"{{"audience":"loyalty-api","claims_profile":"{profile}"}}"#);
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &body("appdirect"))
            .await
            .0,
        200
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &body("exeat")).await,
        (400, "invalid_request".to_owned())
    );
}

#[tokio::test]
async fn a_ttl_above_the_audiences_is_clamped_and_one_below_ten_seconds_refused() {
    let stage = Stage::new().await;
    for (asked, expected) in [
        (10, 10),
        (120, 120),
        (300, 300),
        (301, 300),
        (u64::MAX, 300),
    ] {
        let body = format!(r#"{{"audience":"loyalty-api","ttl":{asked}}}"#);
        assert_eq!(
            stage.send(post("/v1/token", &[BACKEND], body)).await.json()["expires_in"],
            expected,
            "{asked}"
        );
    }
    assert_eq!(
        token_refusal(&stage, &[BACKEND], r#"{"audience":"loyalty-api","ttl":9}"#)
            .await
            .1,
        "invalid_request"
    );
}

#[tokio::test]
async fn a_token_never_outlives_its_session() {
    let stage = Stage::new().await;
    // The session has 100, then 10, then 9, then 0 seconds to live.
    for (pass, expected) in [(3_500, Some(100)), (90, Some(10)), (1, None), (9, None)] {
        stage.clock.advance(pass);
        let answer = stage.send(post("/v1/token", &[BACKEND], LOYALTY)).await;
        match expected {
            Some(left) => assert_eq!(answer.json()["expires_in"], left),
            None => assert_eq!(answer.refusal(), (401, "session_expired".to_owned())),
        }
    }
}

#[tokio::test]
async fn an_absent_an_expired_and_a_revoked_session_are_told_apart() {
    let stage = Stage::new().await;
    let absent = [("x-session-id", "session-id-of-nobody-1")];
    assert_eq!(
        token_refusal(&stage, &absent, LOYALTY).await,
        (401, "no_session".to_owned())
    );
    assert_eq!(
        token_refusal(&stage, &[("x-session-id", "short")], LOYALTY).await,
        (401, "no_session".to_owned())
    );
    let id = SessionCredential::try_from(SESSION).unwrap();
    assert_eq!(
        stage
            .issuer
            .sessions()
            .revoke(crate::Revoke::Id(id))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND], LOYALTY).await,
        (401, "session_revoked".to_owned())
    );
    stage.put(ada()).await;
    stage.clock.advance(3_600);
    assert_eq!(
        token_refusal(&stage, &[BACKEND], LOYALTY).await,
        (401, "session_expired".to_owned())
    );
}

#[tokio::test]
async fn a_tenant_must_be_on_the_audiences_list() {
    let stage = Stage::new().await;
    let games = r#"{"audience":"games"}"#;
    assert_eq!(
        token_refusal(&stage, &[BACKEND], games).await,
        (403, "audience_not_allowed".to_owned())
    );
    stage
        .put(
            NewSession::new(
                "u",
                "n",
                "tenant-2",
                NOW.saturating_add(Duration::from_hours(1)),
            )
            .with_id(SessionCredential::try_from(SESSION).unwrap()),
        )
        .await;
    assert_eq!(token_refusal(&stage, &[BACKEND], games).await.0, 200);
}

#[tokio::test]
async fn scopes_are_what_is_asked_known_and_granted() {
    let stage = Stage::new().await;
    let ask = |scope: &str| format!(r#"{{"audience":"loyalty-api","scope":"{scope}"}}"#);
    let granted = async |body: String| {
        stage.send(post("/v1/token", &[BACKEND], body)).await.json()["scope"].clone()
    };
    assert_eq!(
        granted(LOYALTY.to_owned()).await,
        "points:read points:write"
    );
    assert_eq!(granted(ask("points:write")).await, "points:write");
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &ask("points:admin")).await,
        (400, "invalid_scope".to_owned())
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &ask("")).await,
        (400, "invalid_scope".to_owned())
    );
    stage.put(ada().with_scopes(["points:read"])).await;
    assert_eq!(granted(LOYALTY.to_owned()).await, "points:read");
    assert_eq!(
        granted(ask("points:read points:write")).await,
        "points:read"
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &ask("points:write")).await,
        (403, "scope_denied".to_owned())
    );
}

#[tokio::test]
async fn a_read_only_token_says_so_and_keeps_no_write_scope() {
    let mut raw = raw_config();
    raw.audience[0].read_only = Some(true);
    let stage = Stage::with(raw).await;
    let answer = stage.send(post("/v1/token", &[BACKEND], LOYALTY)).await;
    let claims = claims(answer.json()["token"].as_str().unwrap());
    assert_eq!(
        (&claims["ro"], &claims["scope"]),
        (&Value::Bool(true), &Value::from("points:read"))
    );
}

#[tokio::test]
async fn a_token_over_4_kib_is_not_handed_out() {
    let scopes: Vec<String> = (0..32)
        .map(|number| format!("{number:0>60}:read"))
        .map(|name| name[..64].to_owned())
        .collect();
    let mut raw = raw_config();
    raw.audience[0].scopes = Some(scopes);
    let stage = Stage::with(raw).await;
    assert_eq!(token_refusal(&stage, &[BACKEND], LOYALTY).await.0, 200);
    let wide = "é".repeat(128);
    let long = NewSession::new(
        wide.clone(),
        "\"".repeat(320),
        "\"".repeat(256),
        NOW.saturating_add(Duration::from_hours(1)),
    );
    stage
        .put(long.with_id(SessionCredential::try_from(SESSION).unwrap()))
        .await;
    assert_eq!(
        token_refusal(&stage, &[BACKEND], LOYALTY).await,
        (500, "token_too_large".to_owned())
    );
}
