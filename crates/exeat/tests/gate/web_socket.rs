//! A token among the subprotocols of a WebSocket handshake.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat::Gate;
use exeat_jose::SigningKey;
use http::{Request, Response};
use serde_json::json;
use tower::ServiceExt;

use crate::fixture::{PAGE, Seen, claims, claims_with, es256, mirrored, pinned, plain, sign};

async fn gate(key: &SigningKey) -> Gate {
    pinned(key, |api| api.with_web_socket_token("api.example")).await
}

fn entry(token: &str) -> String {
    let encoded = URL_SAFE_NO_PAD.encode(token);
    format!("base64url.bearer.authorization.api.example.{encoded}")
}

fn handshake(lines: &[&str]) -> Request<Body> {
    let mut headers = vec![
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", PAGE),
    ];
    headers.extend(lines.iter().map(|line| ("sec-websocket-protocol", *line)));
    plain("/points", &headers)
}

#[tokio::test(start_paused = true)]
async fn the_token_opens_and_the_handler_sees_the_other_subprotocols() {
    let key = es256();
    let gate = gate(&key).await;
    let token = entry(&sign(&key, &claims()));
    for lines in [
        vec![format!("{token}, points.v2, points.v1")],
        vec![format!("points.v2,{token},points.v1")],
        vec!["points.v2 ,, points.v1".to_owned(), token.clone()],
    ] {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let seen = mirrored(&gate, "/points", handshake(&lines)).await;
        let seen = seen.problem();
        assert_eq!(seen["user"], "u-1");
        assert_eq!(
            seen["headers"]["sec-websocket-protocol"],
            "points.v2, points.v1"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_echoes_what_was_offered_echoes_no_token() {
    let key = es256();
    let gate = gate(&key).await;
    let careless = any(async |request: Request<Body>| {
        let offered = request.headers()["sec-websocket-protocol"].clone();
        Response::builder()
            .status(101)
            .header("sec-websocket-protocol", offered)
            .body(Body::empty())
            .unwrap()
    });
    let app = Router::new().route("/points", careless).layer(gate.layer());
    let token = sign(&key, &claims());
    let offer = format!("{}, points.v1", entry(&token));
    let seen = Seen::new(app.oneshot(handshake(&[&offer])).await.unwrap()).await;
    assert_eq!(seen.status, 101);
    assert_eq!(seen.header("sec-websocket-protocol"), "points.v1");
}

#[tokio::test(start_paused = true)]
async fn hostile_offers_are_refused() {
    let key = es256();
    let gate = gate(&key).await;
    let token = sign(&key, &claims());
    let good = entry(&token);
    let prefix = "base64url.bearer.authorization.api.example.";
    let padded = format!("{good}=, v1");
    let exact = format!("{good}, {}", "a".repeat(16 * 1024 - good.len() - 2));
    let one_more = format!("{exact}a");
    for (offer, status, code) in [
        (good.clone(), 400, "bad_credentials"),
        (format!("{good},"), 400, "bad_credentials"),
        (format!("{good}, {good}, v1"), 400, "multiple_tokens"),
        (format!("{good}, {prefix}, v1"), 400, "multiple_tokens"),
        (format!("{prefix}, v1"), 400, "bad_credentials"),
        (format!("{prefix}!!!, v1"), 400, "bad_credentials"),
        (format!("{prefix}{token}, v1"), 400, "bad_credentials"),
        (padded, 400, "bad_credentials"),
        // Decodes to what is no b64token.
        (
            format!("{prefix}{}, v1", URL_SAFE_NO_PAD.encode("a b\r\nc")),
            400,
            "bad_credentials",
        ),
        (
            format!("{prefix}{}, v1", URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
            400,
            "bad_credentials",
        ),
        (
            format!("{prefix}{}, v1", URL_SAFE_NO_PAD.encode("a".repeat(8193))),
            401,
            "too_large",
        ),
        (one_more, 400, "bad_credentials"),
        // Not ours: names of subprotocols are case-sensitive, and the namespace is a whole word.
        (format!("{}, v1", good.to_uppercase()), 401, "no_token"),
        (good.replace("api.example", "k8s.io"), 401, "no_token"),
        (String::new(), 401, "no_token"),
    ] {
        let seen = mirrored(&gate, "/points", handshake(&[&offer])).await;
        let what = offer.get(..80).unwrap_or(&offer);
        assert_eq!(seen.refusal(), (status, code.to_owned()), "{what}");
        assert!(!seen.headers.contains_key("sec-websocket-protocol"));
    }
    let seen = mirrored(&gate, "/points", handshake(&[&exact])).await;
    assert_eq!(seen.status, 200, "at the limit");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_page_opens_nothing_with_a_good_token() {
    let key = es256();
    let gate = gate(&key).await;
    let offer = format!("{}, v1", entry(&sign(&key, &claims())));
    for origin in ["https://evil.example", "null"] {
        let mut request = handshake(&[&offer]);
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let seen = mirrored(&gate, "/points", request).await;
        assert_eq!(seen.refusal(), (403, "origin_not_allowed".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_here_and_in_a_header_are_two() {
    let key = es256();
    let token = sign(&key, &claims());
    let mut request = handshake(&[&format!("{}, v1", entry(&token))]);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let seen = mirrored(&gate(&key).await, "/points", request).await;
    assert_eq!(seen.refusal(), (400, "multiple_tokens".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_gate_without_it_leaves_subprotocols_alone() {
    let key = es256();
    let gate = pinned(&key, |api| api).await;
    let offer = format!("{}, v1", entry("abc"));
    let mut request = handshake(&[&offer]);
    let bearer = format!("Bearer {}", sign(&key, &claims())).parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let seen = mirrored(&gate, "/points", request).await.problem();
    assert_eq!(seen["headers"]["sec-websocket-protocol"], offer.as_str());
}

#[test]
fn a_namespace_is_a_part_of_a_subprotocol() {
    for (namespace, fits) in [
        ("a".repeat(128), true),
        ("a".repeat(129), false),
        (String::new(), false),
        ("a b".to_owned(), false),
        ("a,b".to_owned(), false),
        ("a/b".to_owned(), false),
    ] {
        let config = exeat::ExternalApi::new("https://market.example", "a");
        let checked = config.with_web_socket_token(&namespace).check();
        assert_eq!(checked.is_ok(), fits, "{namespace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_token_opens_no_socket() {
    let key = es256();
    let gate = gate(&key).await;
    for (read_only, expected) in [(true, 403), (false, 200)] {
        let token = sign(&key, &claims_with(&json!({ "ro": read_only })));
        let lines = [&*entry(&token), "points.v1"];
        let seen = mirrored(&gate, "/points", handshake(&lines)).await;
        assert_eq!(seen.status, expected, "{}", seen.body);
        if read_only {
            assert_eq!(seen.readable_refusal(), (403, "read_only_token".to_owned()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_selects_the_token_selects_nothing() {
    let key = es256();
    let gate = gate(&key).await;
    let offered = entry(&sign(&key, &claims()));
    // A layer in front of the gate may have kept what the handler never saw.
    let echo = offered.clone();
    let handler = any(async move || {
        Response::builder()
            .status(101)
            .header("sec-websocket-protocol", echo)
            .body(Body::empty())
            .unwrap()
    });
    let app = Router::new().route("/points", handler).layer(gate.layer());
    let offer = format!("{offered}, points.v1");
    let seen = Seen::new(app.oneshot(handshake(&[&offer])).await.unwrap()).await;
    assert_eq!(seen.status, 101);
    assert_eq!(seen.header("sec-websocket-protocol"), "");
}
