//! A request that breaks two rules is told of the first, in the pipeline's fixed order.

use super::*;

/// A way to break a rule, and what it gets. In the order of the pipeline.
const BREACHES: [(&str, u16, &str); 12] = [
    ("body", 413, "too_large"),
    ("method", 405, "method_not_allowed"),
    ("media type", 415, "unsupported_media_type"),
    ("origin", 403, "origin_not_allowed"),
    ("carrier", 400, "ambiguous_session"),
    ("csrf", 403, "csrf_header_missing"),
    ("audience", 400, "unknown_audience"),
    ("audience origin", 403, "origin_not_allowed"),
    ("session", 401, "no_session"),
    ("tenant", 403, "audience_not_allowed"),
    ("scope", 400, "invalid_scope"),
    ("life", 401, "session_expired"),
];

fn breach(broken: &[&str]) -> Request<Body> {
    let breaks = |what| broken.contains(&what);
    let session = if breaks("session") {
        "session-id-of-nobody-1"
    } else if breaks("life") && breaks("tenant") {
        "session-id-of-cleo-0003"
    } else if breaks("life") {
        "session-id-of-bob-00002"
    } else if breaks("tenant") {
        SESSION
    } else {
        "session-id-of-dora-0004"
    };
    let origin = if breaks("origin") {
        "https://evil.example"
    } else if breaks("audience origin") {
        SHOP
    } else {
        OWN
    };
    let audience = if breaks("audience") {
        "nobody"
    } else {
        "games"
    };
    let scope = if breaks("scope") {
        r#","scope":"unknown:scope""#
    } else {
        ""
    };
    let padding = if breaks("body") {
        " ".repeat(crate::exchange::MAX_BODY)
    } else {
        String::new()
    };
    let body = format!(r#"{{"audience":"{audience}"{scope}}}{padding}"#);
    let mut request = Request::builder()
        .uri("/v1/token")
        .method(if breaks("method") {
            Method::PUT
        } else {
            Method::POST
        })
        .header(
            "content-type",
            if breaks("media type") {
                "text/plain"
            } else {
                "application/json"
            },
        )
        .header("origin", origin)
        .header("cookie", format!("sid={session}"));
    if breaks("carrier") {
        request = request.header("x-session-id", session);
    }
    if !breaks("csrf") {
        request = request.header(CSRF.0, CSRF.1);
    }
    request.body(body.into()).unwrap()
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    for (id, tenant, life) in [
        ("session-id-of-bob-00002", "tenant-2", 9),
        ("session-id-of-cleo-0003", "tenant-1", 9),
        ("session-id-of-dora-0004", "tenant-2", 3_600),
    ] {
        let id = SessionCredential::try_from(id).unwrap();
        stage
            .put(
                NewSession::new(
                    "u",
                    "n",
                    tenant,
                    NOW.saturating_add(Duration::from_secs(life)),
                )
                .with_id(id),
            )
            .await;
    }
    stage
}

#[tokio::test]
async fn a_request_that_breaks_no_rule_passes() {
    assert_eq!(stage().await.send(breach(&[])).await.status, 200);
}

#[tokio::test]
async fn each_breach_alone_gets_its_own_code() {
    let stage = stage().await;
    for (what, status, code) in BREACHES {
        assert_eq!(
            stage.send(breach(&[what])).await.refusal(),
            (status, code.to_owned()),
            "{what}"
        );
    }
}

#[tokio::test]
async fn of_two_breaches_the_earlier_step_answers() {
    let stage = stage().await;
    for (place, (first, status, code)) in BREACHES.iter().enumerate() {
        for (second, ..) in &BREACHES[place + 1..] {
            let answer = stage.send(breach(&[*first, *second])).await;
            assert_eq!(
                answer.refusal(),
                (*status, (*code).to_owned()),
                "{first} and {second}"
            );
        }
    }
}

#[tokio::test]
async fn every_refusal_is_kept_out_of_caches_and_names_the_request() {
    let stage = stage().await;
    for (what, ..) in BREACHES {
        let answer = stage.send(breach(&[what])).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        assert!(
            answer
                .header("vary")
                .to_ascii_lowercase()
                .contains("origin"),
            "{what}: {:?}",
            answer.headers
        );
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{what}"
        );
        let id = answer.header("x-request-id");
        assert_eq!(id.len(), 32, "{what}");
        assert_eq!(answer.json()["request_id"], id, "{what}");
    }
}
