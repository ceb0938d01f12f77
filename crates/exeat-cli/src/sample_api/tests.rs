use axum::{
    body::{Body, to_bytes},
    http::{Method, Request},
};
use exeat::ExternalApi;
use exeat_jose::{Algorithm, ImportPolicy, JwkSet, SigningKey, Typ};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

const PAGE: &str = "https://shop.example";
/// The year 2200.
const LATER: u64 = 7_258_118_400;

struct Api {
    router: Router,
    token: String,
}

impl Api {
    async fn start() -> Self {
        let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
        let set = json!({ "keys": [key.public_jwk()] }).to_string();
        let keys = JwkSet::import(set.as_bytes(), &ImportPolicy::default()).unwrap();
        let gate = ExternalApi::new("https://a.example", "b")
            .with_origin(PAGE)
            .with_static_keys(keys)
            .build()
            .await
            .unwrap();
        let token = key
            .sign(
                Typ::Jwt,
                &json!({ "iss": "https://a.example", "aud": "b", "sub": "u-1", "exp": LATER, "level": 1.50 }),
            )
            .unwrap()
            .into_string();
        Self {
            router: router(&gate),
            token,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn with_token(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let all = [
            &[("authorization", bearer.as_str()), ("origin", PAGE)],
            headers,
        ]
        .concat();
        self.send(method, path, &all, body).await
    }
}

fn header_of<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 1024 * 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn whoami_answers_the_claims_as_they_were_signed() {
    let api = Api::start().await;
    let answer = api
        .with_token(Method::GET, "/whoami", &[], Body::empty())
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header_of(&answer, "content-type"), "application/json");
    assert_eq!(header_of(&answer, "access-control-allow-origin"), PAGE);
    let claims: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(
        claims,
        json!({ "iss": "https://a.example", "aud": "b", "sub": "u-1", "exp": LATER, "level": 1.5 })
    );
}

#[tokio::test]
async fn echo_takes_64_kib_and_not_a_byte_more() {
    let api = Api::start().await;
    let full = "x".repeat(64 * 1024);
    let answer = api
        .with_token(Method::POST, "/echo", &[], full.clone().into())
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(text(answer).await, full);
    let refused = api
        .with_token(Method::POST, "/echo", &[], format!("{full}x").into())
        .await;
    assert_eq!(refused.status(), 413);
    assert_eq!(header_of(&refused, "access-control-allow-origin"), PAGE);
    assert!(text(refused).await.contains("body_too_large"));
}

#[tokio::test]
async fn echo_keeps_the_content_type_and_lets_no_browser_guess_one() {
    let api = Api::start().await;
    for (sent, answered) in [
        (&[("content-type", "text/html")][..], "text/html"),
        (
            &[("content-type", "application/json; charset=utf-8")],
            "application/json; charset=utf-8",
        ),
        (&[], "application/octet-stream"),
    ] {
        let answer = api
            .with_token(Method::POST, "/echo", sent, "<script>".into())
            .await;
        assert_eq!(header_of(&answer, "content-type"), answered);
        assert_eq!(header_of(&answer, "x-content-type-options"), "nosniff");
        assert!(header_of(&answer, "content-security-policy").contains("sandbox"));
        assert_eq!(text(answer).await, "<script>");
    }
}

#[tokio::test]
async fn everything_but_public_and_the_probes_is_behind_the_gate() {
    let api = Api::start().await;
    for (method, path) in [
        (Method::GET, "/whoami"),
        (Method::POST, "/echo"),
        (Method::GET, "/echo"),
        (Method::GET, "/nothing"),
        (Method::GET, "/"),
    ] {
        let refused = api.send(method, path, &[], Body::empty()).await;
        assert_eq!(refused.status(), 401, "{path}");
    }
    for path in ["/public", "/livez", "/readyz", "/healthz"] {
        assert_eq!(
            api.send(Method::GET, path, &[], Body::empty())
                .await
                .status(),
            200,
            "{path}"
        );
    }
    let unknown = api
        .with_token(Method::GET, "/nothing", &[], Body::empty())
        .await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(header_of(&unknown, "access-control-allow-origin"), PAGE);
    assert!(text(unknown).await.contains("not_found"));
    let method = api
        .with_token(Method::GET, "/echo", &[], Body::empty())
        .await;
    assert_eq!(method.status(), 405);
}

#[tokio::test]
async fn public_is_shared_with_the_same_pages_as_the_rest() {
    let api = Api::start().await;
    let shared = api
        .send(Method::GET, "/public", &[("origin", PAGE)], Body::empty())
        .await;
    assert_eq!(shared.status(), 200);
    assert_eq!(header_of(&shared, "access-control-allow-origin"), PAGE);
    assert_eq!(header_of(&shared, "x-content-type-options"), "nosniff");
    let foreign = [("origin", "https://evil.example")];
    let refused = api
        .send(Method::GET, "/public", &foreign, Body::empty())
        .await;
    assert_eq!(refused.status(), 403);
    assert!(text(refused).await.contains("origin_not_allowed"));
}

#[tokio::test]
async fn health_lists_the_keys_and_is_kept_by_no_cache() {
    let api = Api::start().await;
    let answer = api.send(Method::GET, "/healthz", &[], Body::empty()).await;
    assert_eq!(header_of(&answer, "cache-control"), "no-store");
    let health: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
    let keys = health["issuers"][0]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{health}");
    assert!(keys[0]["kid"].is_string() && keys[0]["last_used_seconds_ago"].is_null());
}
