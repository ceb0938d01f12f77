//! Pushing and revoking sessions over HTTP.

use super::*;

const SESSIONS: &str = "/admin/v1/sessions";
const TOKEN: (&str, &str) = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");
const JSON: (&str, &str) = ("content-type", "application/json");

fn put(body: &Value) -> Request<Body> {
    request(Method::PUT, SESSIONS, &[JSON, TOKEN], body.to_string())
}

fn delete(body: &Value) -> Request<Body> {
    request(Method::DELETE, SESSIONS, &[JSON, TOKEN], body.to_string())
}

fn bob() -> Value {
    serde_json::json!({ "subject": "user-2", "name": "bob@example.com", "tenant": "tenant-2", "expires_in": 60 })
}

fn with(mut body: Value, member: &str, value: impl Into<Value>) -> Value {
    body[member] = value.into();
    body
}

#[tokio::test]
async fn a_session_without_an_id_gets_one_once() {
    let stage = Stage::new().await;
    let answer = stage.admin(put(&bob())).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("cache-control")),
        (201, "no-store")
    );
    let json = answer.json();
    let id = json["session_id"].as_str().unwrap();
    assert_eq!((id.len(), json["sid"].as_str().unwrap().len()), (43, 22));
    assert_eq!(json["expires_at"], NOW.as_secs() + 60);
    let token = stage
        .send(post(
            "/v1/token",
            &[("x-session-id", id)],
            r#"{"audience":"games"}"#,
        ))
        .await;
    assert_eq!(
        claims(token.json()["token"].as_str().unwrap())["sid"],
        json["sid"]
    );
    assert_eq!(token.json()["expires_in"], 60);
}

#[tokio::test]
async fn a_given_id_is_taken_and_not_repeated_and_a_second_push_replaces() {
    let stage = Stage::new().await;
    let body = with(bob(), "session_id", "marketplace-id-1");
    for expected in [201, 200] {
        let answer = stage.admin(put(&body)).await;
        assert_eq!(answer.status.as_u16(), expected);
        assert!(answer.json().get("session_id").is_none());
        assert!(!answer.text.contains("marketplace-id-1"));
    }
}

#[tokio::test]
async fn a_given_id_is_16_to_512_bytes_of_visible_ascii() {
    let stage = Stage::new().await;
    for (id, status) in [
        ("x".repeat(15), 400),
        ("x".repeat(16), 201),
        ("x".repeat(512), 201),
        ("x".repeat(513), 400),
        ("with a space in it".to_owned(), 400),
        ("ünïcödé-ünïcödé-ünïcödé".to_owned(), 400),
        (String::new(), 400),
    ] {
        let answer = stage
            .admin(put(&with(bob(), "session_id", id.clone())))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{id}");
        if status == 400 {
            assert_eq!(answer.refusal().1, "invalid_session_id");
            assert!(id.is_empty() || !answer.text.contains(&id));
        }
    }
}

#[tokio::test]
async fn fields_have_bounds() {
    let stage = Stage::new().await;
    let day = 86_400;
    for (member, value, status) in [
        ("subject", Value::from(""), 400),
        ("subject", Value::from("s".repeat(256)), 201),
        ("subject", Value::from("s".repeat(257)), 400),
        ("name", Value::from("n".repeat(320)), 201),
        ("name", Value::from("n".repeat(321)), 400),
        ("tenant", Value::from("t".repeat(256)), 201),
        ("tenant", Value::from("t".repeat(257)), 400),
        ("tenant", Value::from("a\nb"), 400),
        ("expires_in", Value::from(0), 400),
        ("expires_in", Value::from(1), 201),
        ("expires_in", Value::from(400 * day), 201),
        ("expires_in", Value::from(400 * day + 1), 400),
        ("expires_in", Value::from(u64::MAX), 400),
        ("expires_in", Value::from("tomorrow"), 400),
        ("expires_in", Value::Null, 400),
        // The end is the issuer's to compute, by its own clock.
        ("expires_at", Value::from(NOW.as_secs() + 60), 400),
        ("scopes", serde_json::json!(["points:read"]), 201),
        ("scopes", serde_json::json!(["two words"]), 400),
        ("read_only", Value::from(true), 201),
        ("unknown", Value::from(1), 400),
    ] {
        let answer = stage.admin(put(&with(bob(), member, value.clone()))).await;
        assert_eq!(answer.status.as_u16(), status, "{member} {value}");
        if status == 400 {
            assert_eq!(answer.refusal().1, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_body_without_the_names_of_its_members_is_refused() {
    let stage = Stage::new().await;
    let session = serde_json::json!([null, "user-2", "bob", "tenant-2", 60, null, false]);
    let which = serde_json::json!([null, "user-1"]);
    for sent in [put(&session), delete(&which)] {
        assert_eq!(
            stage.admin(sent).await.refusal(),
            (400, "invalid_request".to_owned())
        );
    }
}

#[tokio::test]
async fn sessions_are_revoked_by_id_or_by_subject() {
    let stage = Stage::new().await;
    for id in ["session-id-of-bob-00001", "session-id-of-bob-00002"] {
        stage.admin(put(&with(bob(), "session_id", id))).await;
    }
    let by_id = serde_json::json!({ "session_id": "session-id-of-bob-00001" });
    assert_eq!(
        stage.admin(delete(&by_id)).await.json(),
        serde_json::json!({ "revoked": 1 })
    );
    assert_eq!(
        stage.admin(delete(&by_id)).await.json(),
        serde_json::json!({ "revoked": 0 })
    );
    let by_subject = serde_json::json!({ "subject": "user-2" });
    assert_eq!(
        stage.admin(delete(&by_subject)).await.json(),
        serde_json::json!({ "revoked": 1 })
    );
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "session_id": SESSION, "subject": "user-1" }),
    ] {
        assert_eq!(
            stage.admin(delete(&wrong)).await.refusal(),
            (400, "invalid_request".to_owned())
        );
    }
    assert_eq!(
        stage
            .send(post("/v1/token", &[BACKEND], LOYALTY))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn without_the_admin_token_nothing_is_said() {
    let stage = Stage::new().await;
    let signed = stage
        .send(post("/v1/token", &[BACKEND], LOYALTY))
        .await
        .json();
    let own_token = format!("Bearer {}", signed["token"].as_str().unwrap());
    let prefix = format!("Bearer {}", &ADMIN_TOKEN[..31]);
    let longer = format!("Bearer {ADMIN_TOKEN}0");
    let basic = format!("Basic {ADMIN_TOKEN}");
    for value in [
        own_token.as_str(),
        &prefix,
        &longer,
        &basic,
        ADMIN_TOKEN,
        "Bearer",
        "Bearer ",
        "",
    ] {
        let headers = [JSON, ("authorization", value)];
        let answer = stage
            .admin(request(Method::PUT, SESSIONS, &headers, bob().to_string()))
            .await;
        assert_eq!(
            answer.refusal(),
            (401, "unauthorized".to_owned()),
            "{value}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let absent = stage
        .admin(request(Method::DELETE, SESSIONS, &[JSON], "{}"))
        .await;
    assert_eq!(absent.status, 401);
    let twice = stage
        .admin(request(
            Method::PUT,
            SESSIONS,
            &[JSON, TOKEN, TOKEN],
            bob().to_string(),
        ))
        .await;
    assert_eq!(twice.status, 401);
}

#[tokio::test]
async fn without_a_configured_token_no_token_passes() {
    let issuer =
        Issuer::in_memory(Config::in_memory(raw_config()).unwrap(), FakeClock::at(NOW)).unwrap();
    for value in ["Bearer ", "Bearer 0123456789abcdef0123456789abcdef"] {
        let headers = [JSON, ("authorization", value)];
        let answer = send(
            issuer.admin_router(),
            request(Method::PUT, SESSIONS, &headers, bob().to_string()),
        )
        .await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn other_methods_media_types_and_sizes_are_refused() {
    let stage = Stage::new().await;
    let sent = stage
        .admin(request(Method::GET, SESSIONS, &[TOKEN], Body::empty()))
        .await;
    assert_eq!(
        (sent.status.as_u16(), sent.header("allow")),
        (405, "PUT, DELETE")
    );
    let text = stage
        .admin(request(
            Method::PUT,
            SESSIONS,
            &[TOKEN, ("content-type", "text/plain")],
            bob().to_string(),
        ))
        .await;
    assert_eq!(text.refusal(), (415, "unsupported_media_type".to_owned()));
    let large = stage
        .admin(request(
            Method::PUT,
            SESSIONS,
            &[TOKEN, JSON],
            " ".repeat(crate::exchange::MAX_BODY + 1),
        ))
        .await;
    assert_eq!(large.refusal(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn the_public_listener_has_no_admin_routes() {
    assert_eq!(Stage::new().await.send(put(&bob())).await.status, 404);
}
