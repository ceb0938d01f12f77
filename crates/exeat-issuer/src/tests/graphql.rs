//! AppDirect's dialect.

use super::*;

const ALIAS: &str = "/api/v1/personalization/graphql";
/// The query exactly as AppDirect's client sends it.
const APPDIRECT: &str =
    r#"{"query":"query personalization { userExternalServiceAuthenticationToken { token } }"}"#;
const GRAPHQL_LOYALTY: &str = r#"{"query":"{ userExternalServiceAuthenticationToken(audience: \"loyalty-api\") { token expiresIn issuedAt audience } }"}"#;

fn query(text: &str) -> String {
    serde_json::json!({ "query": text }).to_string()
}

#[tokio::test]
async fn the_exact_query_with_a_cookie_gets_the_exact_answer() {
    let answer = Stage::new()
        .await
        .send(post(ALIAS, &[COOKIE], APPDIRECT))
        .await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (StatusCode::OK, "no-store")
    );
    assert_eq!(answer.header("content-type"), "application/json");
    let token = answer
        .text
        .strip_prefix(r#"{"data":{"userExternalServiceAuthenticationToken":{"token":""#)
        .and_then(|rest| rest.strip_suffix(r#""}}}"#))
        .expect("the documented bytes around the token");
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(
        claims(token)["exp"].as_u64().unwrap() - claims(token)["iat"].as_u64().unwrap(),
        300
    );
}

#[tokio::test]
async fn the_alias_waives_the_csrf_header_for_our_own_origin_or_no_browser() {
    let stage = Stage::new().await;
    let same_origin = ("sec-fetch-site", "same-origin");
    for (headers, expected) in [
        (&[COOKIE][..], 200),
        (&[COOKIE, ("origin", OWN)], 200),
        (&[COOKIE, ("origin", OWN), same_origin], 200),
        // A browser that hides its origin.
        (&[COOKIE, same_origin], 403),
        // Another listed origin has to prove its preflight.
        (&[COOKIE, ("origin", SHOP)], 403),
        (&[COOKIE, ("origin", SHOP), CSRF], 200),
        (&[COOKIE, ("origin", "https://evil.example"), CSRF], 403),
        // No cookie, no rule.
        (&[BACKEND, ("origin", SHOP)], 200),
    ] {
        assert_eq!(
            stage
                .send(post(ALIAS, headers, APPDIRECT))
                .await
                .status
                .as_u16(),
            expected,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn the_plain_path_waives_nothing() {
    let stage = Stage::new().await;
    let refused = stage
        .send(post("/graphql", &[COOKIE], GRAPHQL_LOYALTY))
        .await;
    assert_eq!(refused.refusal(), (403, "csrf_header_missing".to_owned()));
    let answer = stage
        .send(post("/graphql", &[COOKIE, CSRF], GRAPHQL_LOYALTY))
        .await;
    let token = &answer.json()["data"]["userExternalServiceAuthenticationToken"];
    assert_eq!(
        (&token["expiresIn"], &token["audience"]),
        (&Value::from(300), &Value::from("loyalty-api"))
    );
    assert_eq!(token["issuedAt"], NOW.as_secs());
}

#[tokio::test]
async fn errors_have_a_status_a_code_a_reason_and_a_trace_id() {
    let stage = Stage::new().await;
    for (headers, body, status, code, reason) in [
        (&[][..], APPDIRECT, 401, "Unauthenticated", "no_session"),
        (
            &[BACKEND, ("origin", "null")],
            APPDIRECT,
            403,
            "OriginNotAllowed",
            "origin_not_allowed",
        ),
        (
            &[BACKEND, COOKIE],
            APPDIRECT,
            400,
            "AmbiguousSession",
            "ambiguous_session",
        ),
    ] {
        let answer = stage.send(post(ALIAS, headers, body)).await;
        let mut json = answer.json();
        assert!(json["errors"][0]["message"].take().is_string());
        let trace = answer.header("x-request-id");
        let extensions = serde_json::json!({ "code": code, "reason": reason, "traceId": trace });
        assert_eq!(
            json,
            serde_json::json!({ "errors": [{ "message": null, "extensions": extensions }], "data": null })
        );
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (status, "no-store")
        );
        assert!(
            answer
                .header("vary")
                .to_ascii_lowercase()
                .contains("origin")
        );
    }
}

#[tokio::test]
async fn an_expired_session_is_not_a_success_in_any_sense() {
    let stage = Stage::new().await;
    stage.clock.advance(3_600);
    let answer = stage.send(post(ALIAS, &[COOKIE], APPDIRECT)).await;
    assert_eq!(answer.refusal(), (401, "session_expired".to_owned()));
    assert_eq!(
        answer.json()["errors"][0]["extensions"]["code"],
        "Unauthenticated"
    );
}

#[tokio::test]
async fn a_query_without_an_audience_is_refused_where_none_is_bound() {
    let stage = Stage::new().await;
    let answer = stage.send(post("/graphql", &[BACKEND], APPDIRECT)).await;
    assert_eq!(answer.refusal(), (400, "unknown_audience".to_owned()));
    assert_eq!(
        answer.json()["errors"][0]["extensions"]["code"],
        "UnknownAudience"
    );
}

#[tokio::test]
async fn an_alias_mints_for_its_own_audience_alone() {
    let stage = Stage::new().await;
    assert_eq!(
        stage
            .send(post(ALIAS, &[COOKIE], GRAPHQL_LOYALTY))
            .await
            .status,
        200
    );
    let other = query(r#"{ userExternalServiceAuthenticationToken(audience: "seed") { token } }"#);
    assert_eq!(
        stage.send(post(ALIAS, &[COOKIE], other)).await.refusal(),
        (400, "unknown_audience".to_owned())
    );
}

#[tokio::test]
async fn arguments_may_come_as_variables() {
    let body = serde_json::json!({
        "query": "query q($a: String!) { userExternalServiceAuthenticationToken(audience: $a, scope: \"points:read\") { token } }",
        "operationName": "q",
        "variables": { "a": "loyalty-api" },
        "extensions": { "client": "x" }
    });
    let answer = Stage::new()
        .await
        .send(post("/graphql", &[BACKEND], body.to_string()))
        .await;
    let json = answer.json();
    let token = json["data"]["userExternalServiceAuthenticationToken"]["token"]
        .as_str()
        .unwrap();
    assert_eq!(claims(token)["scope"], "points:read");
}

#[tokio::test]
async fn documents_that_ask_for_anything_else_are_refused() {
    let stage = Stage::new().await;
    let field = "userExternalServiceAuthenticationToken { token }";
    let deep = format!(
        "{}token{}",
        "{ userExternalServiceAuthenticationToken ".repeat(17),
        "}".repeat(17)
    );
    let many = format!(
        "{{ userExternalServiceAuthenticationToken {{ {} }} }}",
        [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"
        ]
        .map(|alias| alias.to_owned() + ": token ")
        .concat()
    );
    for text in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"Query\") { name } }",
        "{ __typename }",
        "mutation { userExternalServiceAuthenticationToken { token } }",
        "subscription { userExternalServiceAuthenticationToken { token } }",
        "{ nothing }",
        "{ userExternalServiceAuthenticationToken }",
        "not graphql",
        "",
        &format!("{{ a: {field} b: {field} }}"),
        &format!("{{ {field} ...F }} fragment F on Query {{ {field} }}"),
        &format!(
            "{{ ...F a: __typename ... on Query {{ b: {field} }} }} fragment F on Query {{ c: {field} }}"
        ),
        &format!("query a {{ {field} }} query b {{ {field} }}"),
        &deep,
        &many,
    ] {
        assert_eq!(
            stage
                .send(post(ALIAS, &[BACKEND], query(text)))
                .await
                .refusal(),
            (400, "invalid_request".to_owned()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_fragment_used_twice_hands_out_one_token_or_none() {
    let text =
        "{ ...F ...F } fragment F on Query { userExternalServiceAuthenticationToken { token } }";
    let answer = Stage::new()
        .await
        .send(post(ALIAS, &[BACKEND], query(text)))
        .await;
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn eight_fragment_spreads_are_the_most() {
    let stage = Stage::new().await;
    for (spreads, status) in [(8, 200), (9, 400)] {
        let text = format!(
            "{{ userExternalServiceAuthenticationToken {{ {} }} }} fragment F on ExternalToken {{ token }}",
            "...F ".repeat(spreads)
        );
        let answer = stage.send(post(ALIAS, &[BACKEND], query(&text))).await;
        assert_eq!(answer.status.as_u16(), status, "{spreads}");
    }
}

#[tokio::test]
async fn fragments_that_multiply_are_refused_before_anything_walks_them() {
    let twice = |(place, next)| format!("fragment F{place} on Query {{ ...F{next} ...F{next} }} ");
    let text = format!(
        "{}fragment F30 on Query {{ __typename }} {{ ...F0 }}",
        (0..30).zip(1..31).map(twice).collect::<String>()
    );
    let answer = Stage::new()
        .await
        .send(post("/graphql", &[], query(&text)))
        .await;
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn brackets_by_the_thousand_do_not_reach_the_parser() {
    let stage = Stage::new().await;
    for bracket in ["{a", "[", "("] {
        let text = bracket.repeat(7_000);
        assert_eq!(
            stage
                .send(post(ALIAS, &[BACKEND], query(&text)))
                .await
                .refusal(),
            (400, "invalid_request".to_owned())
        );
    }
}

#[tokio::test]
async fn what_skips_a_preflight_is_refused() {
    let stage = Stage::new().await;
    let batch = format!("[{APPDIRECT}]");
    assert_eq!(
        stage.send(post(ALIAS, &[BACKEND], batch)).await.refusal(),
        (400, "invalid_request".to_owned())
    );
    let get = request(
        Method::GET,
        &format!("{ALIAS}?query=%7B__typename%7D"),
        &[BACKEND],
        Body::empty(),
    );
    assert_eq!(
        stage.send(get).await.refusal(),
        (405, "method_not_allowed".to_owned())
    );
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let sent = request(
            Method::POST,
            ALIAS,
            &[("content-type", media_type), COOKIE],
            APPDIRECT,
        );
        assert_eq!(
            stage.send(sent).await.refusal(),
            (415, "unsupported_media_type".to_owned())
        );
    }
}
