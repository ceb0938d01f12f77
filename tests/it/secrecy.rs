//! Everything that the two servers write, down to `trace`, all that they answer and all that they count, after good and bad traffic of
//! every kind: not one piece of a token, no session id, no admin token, no name of a user.

use axum::{Router, routing::get};
use exeat_jose::{Clock as _, SystemClock};
use harness::{
    binary,
    client::{self, Answer},
    installation::{
        ADMIN_TOKEN, APP_DIRECT_PATH, AUDIENCE, ISSUER, Installation, Service, session, token_of,
    },
    keys,
    marketplace::NAME,
    process::Process,
    server::Server,
    tokens,
};
use http::{Request, StatusCode, request};
use serde_json::{Value, json};

const ID: &str = "session-that-must-stay-secret";
const SHOP: &str = "https://shop.example";
const WRONG_ADMIN_TOKEN: &str = "wrong-admin-token-of-an-intruder";

/// What must not be seen, and all that could be.
#[derive(Default)]
struct Ledger {
    secrets: Vec<String>,
    seen: Vec<String>,
}

impl Ledger {
    fn secret(&mut self, secret: impl Into<String>) {
        self.secrets.push(secret.into());
    }

    async fn send(&mut self, request: request::Builder, body: &str) -> anyhow::Result<Answer> {
        let answer = client::send(request.body(body.to_owned())?).await?;
        self.seen.push(answer.everything());
        Ok(answer)
    }

    /// The one answer that holds a token: the token is a secret from then on, and the rest of the answer is looked at.
    async fn exchange(&mut self, request: request::Builder, body: &str) -> anyhow::Result<String> {
        let answer = client::send(request.body(body.to_owned())?).await?;
        let token = token_of(&answer)?;
        self.seen.push(answer.everything().replace(&token, ""));
        self.secret(&token);
        Ok(token)
    }

    /// The secrets that were seen, by their place.
    fn leaks(&self, text: &str) -> Vec<usize> {
        let secrets: Vec<_> = self.secrets.iter().map(String::as_str).collect();
        tokens::leaks(text, &secrets)
    }
}

fn post(url: &str, path: &str) -> request::Builder {
    Request::post(format!("{url}{path}")).header("content-type", "application/json")
}

/// Tokens for every audience by every carrier, and every refusal that a configuration as simple as this one has.
async fn exchanges(service: &Service, ledger: &mut Ledger) -> anyhow::Result<Vec<String>> {
    let url = &service.url;
    let wanted = json!({"audience": AUDIENCE}).to_string();
    let by_session = |path: &str| post(url, path).header("authorization", format!("Session {ID}"));
    let cookie = || post(url, "/v1/token").header("cookie", format!("__Host-Http-sid={ID}"));
    let mut made = Vec::new();
    for request in [
        by_session("/v1/token"),
        cookie().header("x-requested-by", "page"),
        post(url, "/v1/token").header("x-session-id", ID),
    ] {
        made.push(ledger.exchange(request, &wanted).await?);
    }
    let rsa = json!({"audience": "loyalty-rsa"}).to_string();
    made.push(ledger.exchange(by_session("/v1/token"), &rsa).await?);
    let body = json!({"audience": AUDIENCE, "session_id": ID}).to_string();
    made.push(ledger.exchange(post(url, "/v1/token"), &body).await?);

    let in_query = format!("/v1/token?session_id={ID}");
    let unknown = "session-that-nobody-has-pushed";
    ledger.secret(unknown);
    let query = r#"{"query":"{ userExternalServiceAuthenticationToken { token } }"}"#;
    let strange = format!(r#"{{"query":"{{ a{ID} }}"}}"#);
    let twice = by_session("/v1/token").header("x-session-id", ID);
    let unread = format!(r#"{{"session_id":"{ID}","audience":"#);
    for (request, body) in [
        (by_session("/v1/token"), "{"),
        (by_session("/v1/token"), r#"{"audience":"nobody"}"#),
        (
            by_session("/v1/token"),
            r#"{"audience":"loyalty-api","scope":"all"}"#,
        ),
        (by_session("/v1/token"), unread.as_str()),
        (twice, &wanted),
        (cookie(), &wanted),
        (cookie().header("origin", "https://evil.example"), &wanted),
        (cookie().header("sec-fetch-site", "cross-site"), &wanted),
        (post(url, "/v1/token"), &wanted),
        (post(url, &in_query), &wanted),
        (
            post(url, "/v1/token").header("x-session-id", unknown),
            &wanted,
        ),
        (Request::get(format!("{url}/v1/token?token={ID}")), ""),
        (Request::post(format!("{url}/v1/token")), &wanted),
        (by_session("/graphql"), query),
        (by_session("/graphql"), &strange),
        (post(url, APP_DIRECT_PATH), query),
        (Request::get(format!("{url}/.well-known/jwks.json")), ""),
        (Request::get(format!("{url}/readyz")), ""),
        (Request::get(format!("{url}/{ID}")), ""),
    ] {
        ledger.send(request, body).await?;
    }
    Ok(made)
}

/// Sessions pushed and revoked, by the marketplace and by somebody who guesses.
async fn administration(service: &Service, ledger: &mut Ledger) -> anyhow::Result<()> {
    let url = format!("{}/admin/v1/sessions", service.admin_url);
    let admin = |method: &str, token: &str| {
        Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
    };
    let good = session(ID).to_string();
    let over = json!({"session_id": ID, "subject": "u-1", "name": NAME, "tenant": "acme", "expires_in": -1});
    let broken = good.get(..good.len() - 1).unwrap_or_default();
    for (method, token, body) in [
        ("PUT", ADMIN_TOKEN, good.as_str()),
        ("PUT", ADMIN_TOKEN, &over.to_string()),
        ("PUT", ADMIN_TOKEN, broken),
        ("PUT", WRONG_ADMIN_TOKEN, &good),
        (
            "DELETE",
            ADMIN_TOKEN,
            &json!({"session_id": "session-that-is-not-there"}).to_string(),
        ),
        ("PATCH", ADMIN_TOKEN, &good),
    ] {
        ledger.send(admin(method, token), body).await?;
    }
    let without_id = json!({"subject": "u-2", "name": NAME, "tenant": "acme", "expires_in": 60});
    let answer = client::send(admin("PUT", ADMIN_TOKEN).body(without_id.to_string())?).await?;
    let made: Value = answer.json()?;
    let generated = made.get("session_id").and_then(Value::as_str);
    let generated = generated.unwrap_or_default();
    assert!(generated.len() > 16, "an id was made: {}", answer.status);
    ledger.seen.push(answer.everything().replace(generated, ""));
    ledger.secret(generated);
    Ok(())
}

/// Good tokens, and a bad one for every reason that a token alone can give.
async fn calls(url: &str, foreign: &[String], ledger: &mut Ledger) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let (key, other) = (keys::p256()?, keys::other_p256()?);
    let sign = |changes: &Value| -> anyhow::Result<String> {
        keys::sign(&key, &keys::claims(ISSUER, AUDIENCE, now, changes)?)
    };
    let good = sign(&json!({}))?;
    let mut sent = vec![
        (good.clone(), ""),
        (sign(&json!({"ro": true}))?, "read_only_token"),
        (sign(&json!({"exp": now.as_secs() - 600}))?, "expired"),
        (sign(&json!({"nbf": now.as_secs() + 600}))?, "not_yet_valid"),
        (sign(&json!({"iat": now.as_secs() + 600}))?, "iat_future"),
        (
            sign(&json!({"iss": "https://other.example"}))?,
            "wrong_issuer",
        ),
        (sign(&json!({"aud": "other-api"}))?, "wrong_audience"),
        (
            sign(&json!({"tenant": "tenant-that-is-not-served"}))?,
            "tenant_not_allowed",
        ),
        (sign(&json!({"sub": null}))?, "missing_claim"),
        (sign(&json!({"exp": "soon"}))?, "bad_claim_type"),
        (tokens::tampered(&good)?, "bad_signature"),
        (
            keys::sign(&other, &keys::claims(ISSUER, AUDIENCE, now, &json!({}))?)?,
            "unknown_key",
        ),
        (good.replace('.', "-"), "malformed"),
        (format!("AAAA{good}"), "bad_header"),
        ("q".repeat(9 * 1024), "too_large"),
    ];
    sent.extend(foreign.iter().map(|token| (token.clone(), "")));
    for (token, code) in sent {
        ledger.secret(&token);
        let request = Request::post(format!("{url}/echo"))
            .header("origin", SHOP)
            .header("authorization", format!("Bearer {token}"));
        let answer = ledger.send(request, "hello").await?;
        assert!(
            code.is_empty() || answer.code() == code,
            "{code}: {}",
            answer.text()
        );
    }
    let whoami = || Request::get(format!("{url}/whoami"));
    let bearer = format!("Bearer {good}");
    for request in [
        whoami(),
        whoami()
            .header("authorization", &bearer)
            .header("authorization", &bearer),
        whoami().header("authorization", format!("Bearer {good} {good}")),
        whoami().header("authorization", format!("Basic {good}")),
        whoami()
            .header("authorization", &bearer)
            .header("origin", "https://evil.example"),
        Request::get(format!("{url}/nothing/{good}")),
        Request::get(format!("{url}/public?access_token={good}")),
        Request::options(format!("{url}/echo"))
            .header("origin", SHOP)
            .header("access-control-request-method", "DELETE"),
    ] {
        ledger.send(request, "").await?;
    }
    Ok(())
}

/// An API that takes tokens signed with the P-256 key of the vectors, fetched from `uri`.
async fn sample_api(uri: &str) -> anyhow::Result<Process> {
    let fixed = "--log trace sample-api --listen 127.0.0.1:0 --tenant acme --jwks-cooldown 1s";
    let options = ["--issuer", ISSUER, "--jwks-uri", uri];
    let more = ["--audience", AUDIENCE, "--origin", SHOP];
    let args = fixed.split(' ').chain(options).chain(more);
    let mut process = Process::start(&mut binary::command(args)?)?;
    process.until_listening(&["sample-api"]).await?;
    Ok(process)
}

#[tokio::test]
async fn no_log_answer_or_metric_holds_a_piece_of_a_token_an_id_or_a_name() -> anyhow::Result<()> {
    let mut ledger = Ledger::default();
    for secret in [ID, NAME, ADMIN_TOKEN, WRONG_ADMIN_TOKEN] {
        ledger.secret(secret);
    }
    let installation = Installation::new()?;
    let service = installation.start().await?;
    administration(&service, &mut ledger).await?;
    let made = exchanges(&service, &mut ledger).await?;

    let set = json!({"keys": [keys::p256()?.public_jwk()]}).to_string();
    let server =
        Server::start(Router::new().route("/jwks", get(move || async move { set }))).await?;
    let api = sample_api(&format!("{}/jwks", server.url())).await?;
    let url = api.url("sample-api")?.to_owned();
    calls(&url, &made, &mut ledger).await?;
    // The outage: a key that cannot be looked for any more.
    server.stop().await;
    let unknown = made.first().map(String::as_str).unwrap_or_default();
    let request =
        Request::get(format!("{url}/whoami")).header("authorization", format!("Bearer {unknown}"));
    let during = ledger.send(request, "").await?;
    assert!(
        [StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE].contains(&during.status),
        "{}",
        during.text()
    );

    for metrics in [&url, &service.admin_url] {
        let answer = ledger
            .send(Request::get(format!("{metrics}/metrics")), "")
            .await?;
        assert!(answer.text().contains("# TYPE exeat_"), "{}", answer.text());
    }
    for process in [api, service.process] {
        let finished = process.terminate().await?;
        assert!(
            finished.stderr.contains("DEBUG"),
            "more is logged than by default"
        );
        assert!(finished.stderr.contains("refused"), "{}", finished.stderr);
        ledger.seen.extend([finished.stdout, finished.stderr]);
    }
    for text in &ledger.seen {
        let leaks = ledger.leaks(text);
        assert!(
            leaks.is_empty(),
            "secrets {leaks:?} of {} in:\n{text}",
            ledger.secrets.len()
        );
    }
    // The proof that the look-out sees: each secret, planted in the longest text, is found.
    let haystack = ledger.seen.iter().max_by_key(|text| text.len());
    for (place, secret) in ledger.secrets.iter().enumerate() {
        let planted = format!("{}{secret}", haystack.map_or("", String::as_str));
        assert!(ledger.leaks(&planted).contains(&place), "secret {place}");
    }
    Ok(())
}
