use axum::http::HeaderValue;
use serde_json::Value;

use super::*;

const HOME: &str = "http://localhost:8700";

async fn site() -> Router {
    let sites = Sites {
        marketplace: HOME.to_owned(),
        api: "http://127.0.0.1:8701".to_owned(),
        hostile: "http://127.0.0.1:8702".to_owned(),
    };
    router(&sites, Arc::new(ApiLog::default())).await.unwrap()
}

fn request(method: Method, path: &str, body: &Value) -> Request {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:8700")
        .header(header::ORIGIN, HOME)
        .header(header::CONTENT_TYPE, "application/json")
        .header(CSRF_HEADER, "test")
        .body(Body::from(body.to_string()))
        .unwrap()
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(
        &body::to_bytes(response.into_body(), MAX_ANSWER)
            .await
            .unwrap(),
    )
    .unwrap()
}

/// Signs in and gives the cookie as a browser would send it.
async fn signed_in(site: &Router, user: &str) -> String {
    let response = site
        .clone()
        .oneshot(request(
            Method::POST,
            "/demo/login",
            &json!({ "user": user }),
        ))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn exchanged(site: &Router, cookie: &str) -> (StatusCode, Value) {
    let mut request = request(Method::POST, "/v1/token", &json!({ "audience": AUDIENCE }));
    request
        .headers_mut()
        .insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
    let response = site.clone().oneshot(request).await.unwrap();
    (response.status(), json_of(response).await)
}

fn claims_of(token: &str) -> (Value, Value) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(parts[0]), read(parts[1]))
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let site = site().await;
    let login = request(Method::POST, "/demo/login", &json!({ "user": "ada" }));
    let response = site.oneshot(login).await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("demo_sid=") && cookie.contains("; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_session_becomes_a_token_until_it_is_signed_out() {
    let site = site().await;
    let cookie = signed_in(&site, "ada").await;
    let (status, answer) = exchanged(&site, &cookie).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (_, claims) = claims_of(answer["token"].as_str().unwrap());
    assert_eq!(
        (&claims["name"], &claims["tenant"]),
        (&json!("ada@example.com"), &json!("northwind"))
    );

    let mut logout = request(Method::POST, "/demo/logout", &json!({}));
    logout
        .headers_mut()
        .insert(header::COOKIE, HeaderValue::from_str(&cookie).unwrap());
    assert_eq!(
        site.clone().oneshot(logout).await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(exchanged(&site, &cookie).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_in_as_somebody_else_ends_the_first_session() {
    let site = site().await;
    let first = signed_in(&site, "ada").await;
    let mut login = request(Method::POST, "/demo/login", &json!({ "user": "ben" }));
    login
        .headers_mut()
        .insert(header::COOKIE, HeaderValue::from_str(&first).unwrap());
    assert_eq!(
        site.clone().oneshot(login).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(exchanged(&site, &first).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn odd_tokens_are_real_tokens_of_the_published_key() {
    let site = site().await;
    let keys = site
        .clone()
        .oneshot(request(Method::GET, "/.well-known/jwks.json", &Value::Null))
        .await
        .unwrap();
    let keys = json_of(keys).await;
    let published: Vec<&Value> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["kid"])
        .collect();
    let now = DemoClock.now().as_secs();
    for (kind, tenant, is_expired) in [
        ("expired", "northwind", true),
        ("other-tenant", "globex", false),
    ] {
        let wanted = json!({ "kind": kind, "user": "ada" });
        let response = site
            .clone()
            .oneshot(request(Method::POST, "/demo/token", &wanted))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{kind}");
        let answer = json_of(response).await;
        let (header, claims) = claims_of(answer["token"].as_str().unwrap());
        assert!(published.contains(&&header["kid"]), "{kind}");
        assert_eq!(claims["tenant"], tenant, "{kind}");
        assert_eq!(
            claims["exp"].as_u64().unwrap() + 60 < now,
            is_expired,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn changes_are_taken_from_our_own_pages_only() {
    let site = site().await;
    for path in ["/demo/login", "/demo/logout", "/demo/token"] {
        let body = json!({ "user": "ada", "kind": "expired" });
        let mut foreign = request(Method::POST, path, &body);
        foreign.headers_mut().insert(
            header::ORIGIN,
            HeaderValue::from_static("http://127.0.0.1:8702"),
        );
        let mut without_header = request(Method::POST, path, &body);
        without_header.headers_mut().remove(CSRF_HEADER);
        for refused in [foreign, without_header] {
            let response = site.clone().oneshot(refused).await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
            assert!(!response.headers().contains_key(header::SET_COOKIE));
        }
        let own = site
            .clone()
            .oneshot(request(Method::POST, path, &body))
            .await
            .unwrap();
        assert!(own.status().is_success(), "{path}");
    }
}

#[tokio::test]
async fn under_another_name_the_page_leads_home_and_nothing_else_answers() {
    let site = site().await;
    for (path, status) in [
        ("/", StatusCode::TEMPORARY_REDIRECT),
        ("/demo/setup", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let mut elsewhere = request(Method::GET, path, &Value::Null);
        elsewhere
            .headers_mut()
            .insert(header::HOST, HeaderValue::from_static("evil.example:8700"));
        assert_eq!(
            site.clone().oneshot(elsewhere).await.unwrap().status(),
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_page_has_a_strict_policy_and_nothing_inline() {
    let site = site().await;
    for path in ["/", "/app.js", "/style.css", "/demo/setup", "/nowhere"] {
        let response = site
            .clone()
            .oneshot(request(Method::GET, path, &Value::Null))
            .await
            .unwrap();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{path}: {policy}"
        );
    }
    for page in [
        include_str!("../assets/index.html"),
        include_str!("../assets/hostile.html"),
    ] {
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick=")
        );
        assert!(
            !page.contains("<script>") && !page.contains("https://") && !page.contains("http://")
        );
    }
}
