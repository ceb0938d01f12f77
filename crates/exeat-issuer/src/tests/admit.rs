//! What headers alone decide: a pass, a refusal, the edge of each rule.

use super::*;

#[tokio::test]
async fn every_carrier_brings_its_session() {
    let stage = Stage::new().await;
    let in_body = format!(r#"{{"audience":"loyalty-api","session_id":"{SESSION}"}}"#);
    for (headers, body) in [
        (&[BACKEND][..], LOYALTY),
        (
            &[("authorization", "session session-id-of-ada-0001")],
            LOYALTY,
        ),
        (&[("x-session-id", SESSION)], LOYALTY),
        (&[COOKIE, CSRF], LOYALTY),
        (
            &[("cookie", "a=b; sid=session-id-of-ada-0001; c=d"), CSRF],
            LOYALTY,
        ),
        (&[], &in_body),
        // Some other scheme is not a session.
        (&[COOKIE, CSRF, ("authorization", "Bearer x")], LOYALTY),
    ] {
        assert_eq!(
            token_refusal(&stage, headers, body).await.0,
            200,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn two_session_ids_are_refused_even_when_they_are_the_same() {
    let stage = Stage::new().await;
    let in_body = format!(r#"{{"audience":"loyalty-api","session_id":"{SESSION}"}}"#);
    for (headers, body) in [
        (&[BACKEND, COOKIE, CSRF][..], LOYALTY),
        (
            &[("x-session-id", SESSION), ("x-session-id", SESSION)],
            LOYALTY,
        ),
        (
            &[
                (
                    "cookie",
                    "sid=session-id-of-ada-0001; sid=session-id-of-ada-0001",
                ),
                CSRF,
            ],
            LOYALTY,
        ),
        (&[COOKIE, COOKIE, CSRF], LOYALTY),
        (&[BACKEND, BACKEND], LOYALTY),
        (&[BACKEND], &in_body),
    ] {
        assert_eq!(
            token_refusal(&stage, headers, body).await,
            (400, "ambiguous_session".to_owned()),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_session_id_is_never_read_from_the_url() {
    let stage = Stage::new().await;
    let answer = stage
        .send(post(
            &format!("/v1/token?session_id={SESSION}&sid={SESSION}"),
            &[],
            LOYALTY,
        ))
        .await;
    assert_eq!(answer.refusal(), (401, "no_session".to_owned()));
    assert_eq!(answer.header("www-authenticate"), "Session");
}

#[tokio::test]
async fn a_carrier_that_is_not_configured_is_not_read() {
    let stage = Stage::with(RawConfig {
        carriers: Some(vec!["authorization-session".to_owned()]),
        ..raw_config()
    })
    .await;
    assert_eq!(
        token_refusal(&stage, &[COOKIE, CSRF], LOYALTY).await.1,
        "no_session"
    );
    let in_body = format!(r#"{{"audience":"loyalty-api","session_id":"{SESSION}"}}"#);
    assert_eq!(
        token_refusal(&stage, &[], &in_body).await.1,
        "invalid_request"
    );
}

#[tokio::test]
async fn a_cookie_needs_the_csrf_header_and_other_carriers_do_not() {
    let stage = Stage::new().await;
    assert_eq!(
        token_refusal(&stage, &[COOKIE], LOYALTY).await,
        (403, "csrf_header_missing".to_owned())
    );
    assert_eq!(
        token_refusal(&stage, &[COOKIE, ("origin", OWN)], LOYALTY).await,
        (403, "csrf_header_missing".to_owned())
    );
    assert_eq!(
        token_refusal(&stage, &[COOKIE, (CSRF.0, "")], LOYALTY).await,
        (403, "csrf_header_missing".to_owned())
    );
    assert_eq!(token_refusal(&stage, &[COOKIE, CSRF], LOYALTY).await.0, 200);
    assert_eq!(token_refusal(&stage, &[BACKEND], LOYALTY).await.0, 200);
}

#[tokio::test]
async fn an_origin_must_be_listed_and_the_csrf_header_rescues_none() {
    let stage = Stage::new().await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://shop.example.net/",
        "https://shop.example.net.evil.example",
    ] {
        let got = token_refusal(&stage, &[COOKIE, CSRF, ("origin", origin)], LOYALTY).await;
        assert_eq!(got, (403, "origin_not_allowed".to_owned()), "{origin}");
    }
    assert_eq!(
        token_refusal(&stage, &[COOKIE, CSRF, ("origin", SHOP)], LOYALTY)
            .await
            .0,
        200
    );
    let twice = token_refusal(
        &stage,
        &[COOKIE, CSRF, ("origin", SHOP), ("origin", SHOP)],
        LOYALTY,
    )
    .await;
    assert_eq!(twice, (400, "multiple_origin".to_owned()));
}

#[tokio::test]
async fn an_origin_of_another_audience_is_refused() {
    let stage = Stage::new().await;
    let seed = r#"{"audience":"seed"}"#;
    assert_eq!(
        token_refusal(&stage, &[BACKEND, ("origin", SHOP)], seed).await,
        (403, "origin_not_allowed".to_owned())
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND, ("origin", OWN)], seed)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn our_own_origin_is_refused_where_a_list_leaves_it_out() {
    let mut raw = raw_config();
    raw.audience[0].origins = Some(vec![SHOP.to_owned()]);
    let stage = Stage::with(raw).await;
    assert_eq!(
        token_refusal(&stage, &[BACKEND, ("origin", OWN)], LOYALTY).await,
        (403, "origin_not_allowed".to_owned())
    );
}

#[tokio::test]
async fn the_host_header_makes_no_origin_our_own() {
    let stage = Stage::new().await;
    let headers = [
        BACKEND,
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(
        token_refusal(&stage, &headers, LOYALTY).await.1,
        "origin_not_allowed"
    );
}

#[tokio::test]
async fn a_request_from_another_site_needs_a_listed_origin() {
    let stage = Stage::new().await;
    for site in ["cross-site", "same-site", "none", "new-word", ""] {
        let got = token_refusal(&stage, &[BACKEND, ("sec-fetch-site", site)], LOYALTY).await;
        assert_eq!(got, (403, "fetch_metadata".to_owned()), "{site}");
        assert_eq!(
            token_refusal(
                &stage,
                &[BACKEND, ("sec-fetch-site", site), ("origin", SHOP)],
                LOYALTY
            )
            .await
            .0,
            200,
            "{site}"
        );
    }
    assert_eq!(
        token_refusal(
            &stage,
            &[BACKEND, ("sec-fetch-site", "same-origin")],
            LOYALTY
        )
        .await
        .0,
        200
    );
}

#[tokio::test]
async fn a_listed_origin_may_read_answers_and_refusals() {
    let stage = Stage::new().await;
    for body in [LOYALTY, r#"{"audience":"nobody"}"#] {
        let answer = stage
            .send(post("/v1/token", &[COOKIE, CSRF, ("origin", SHOP)], body))
            .await;
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
    let foreign = stage
        .send(post(
            "/v1/token",
            &[("origin", "https://evil.example")],
            LOYALTY,
        ))
        .await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_preflight_ends_before_any_rule() {
    let stage = Stage::new().await;
    let ask = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,x-requested-by",
            ),
        ];
        request(Method::OPTIONS, "/v1/token", &headers, Body::empty())
    };
    assert_eq!(stage.send(ask(SHOP)).await.status, 204);
    assert_eq!(stage.send(ask("https://evil.example")).await.status, 403);
}

#[tokio::test]
async fn only_json_is_taken() {
    let stage = Stage::new().await;
    for (media_type, passes) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("Application/JSON;charset=\"UTF-8\"", true),
        ("application/json; charset=latin1", false),
        ("application/json; charset=utf-8; x=y", false),
        ("application/graphql+json", false),
        ("text/plain", false),
        ("text/plain; application/json", false),
        ("application/x-www-form-urlencoded", false),
        ("", false),
    ] {
        let answer = stage
            .send(request(
                Method::POST,
                "/v1/token",
                &[("content-type", media_type), BACKEND],
                LOYALTY,
            ))
            .await;
        assert_eq!(
            answer.status.as_u16(),
            if passes { 200 } else { 415 },
            "{media_type}"
        );
    }
    let twice = [("content-type", "application/json"), BACKEND];
    assert_eq!(
        token_refusal(&stage, &twice, LOYALTY).await,
        (415, "unsupported_media_type".to_owned())
    );
    let none = stage
        .send(request(Method::POST, "/v1/token", &[BACKEND], LOYALTY))
        .await;
    assert_eq!(none.status.as_u16(), 415);
}

#[tokio::test]
async fn a_body_ends_at_16_kib() {
    let stage = Stage::new().await;
    let padded = |len: usize| format!("{LOYALTY}{}", " ".repeat(len - LOYALTY.len()));
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &padded(crate::exchange::MAX_BODY))
            .await
            .0,
        200
    );
    assert_eq!(
        token_refusal(&stage, &[BACKEND], &padded(crate::exchange::MAX_BODY + 1)).await,
        (413, "too_large".to_owned())
    );
}

#[tokio::test]
async fn a_method_other_than_post_is_told_so() {
    let stage = Stage::new().await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let answer = stage
            .send(request(
                method.clone(),
                "/v1/token",
                &[BACKEND],
                Body::empty(),
            ))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "POST"),
            "{method}"
        );
    }
}
