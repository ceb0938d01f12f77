//! The APIs of the guides for Node and Python: the same answers as the gate's, from other people's libraries.

mod followed;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use exeat_issuer::{NewSession, SessionCredential};
use exeat_jose::{Clock, NumericDate, SystemClock};
use harness::{
    client,
    guide::shell_command,
    keys,
    marketplace::{Marketplace, SUBJECT},
    process::Process,
    server::{Port, Server},
    tokens,
};
use http::StatusCode;
use serde_json::{Value, json};

use followed::{Followed, Running, replaced};

const SHOP: &str = "https://shop.example";
const LATE: u64 = 3600;

/// The system's clock, some seconds late until somebody sets it right.
#[derive(Debug)]
struct LateClock(AtomicU64);

impl Clock for LateClock {
    fn now(&self) -> NumericDate {
        let late = Duration::from_secs(self.0.load(Ordering::SeqCst));
        SystemClock.now().saturating_sub(late)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

async fn issuer(clock: Arc<LateClock>) -> anyhow::Result<Marketplace> {
    let audiences = json!([
        {"id": "loyalty-api"},
        {"id": "another-api"},
        {"id": "loyalty-reader", "aud": "loyalty-api", "read_only": true},
    ]);
    Marketplace::start(audiences, clock).await
}

/// Every row of the table in the guide.
async fn answers_as_the_guide_says(followed: &Followed) -> anyhow::Result<()> {
    let clock = Arc::new(LateClock(AtomicU64::new(LATE)));
    let market = issuer(Arc::clone(&clock)).await?;
    market.log_in("session-of-acme-1", "acme", 3 * LATE).await?;
    market
        .log_in("session-of-globex", "globex", 3 * LATE)
        .await?;
    let expired = market.token("session-of-acme-1", "loyalty-api").await?;
    clock.0.store(0, Ordering::SeqCst);
    let good = market.token("session-of-acme-1", "loyalty-api").await?;
    let api = followed.start(market.url()).await?;

    let answer = api.call("GET", &good).await?;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(
        answer.json::<Value>()?,
        json!({"user": SUBJECT, "tenant": "acme", "balance": 100})
    );
    assert_eq!(api.call("POST", &good).await?.status, StatusCode::OK);

    let none = api.send("GET", &[]).await?;
    assert_eq!(
        (
            none.status,
            none.code().as_str(),
            none.header("www-authenticate")
        ),
        (StatusCode::UNAUTHORIZED, "no_token", "Bearer")
    );

    let foreign_key = keys::sign(
        &keys::other_p256()?,
        &keys::claims(market.url(), "loyalty-api", SystemClock.now(), &json!({}))?,
    )?;
    let another = market.token("session-of-acme-1", "another-api").await?;
    // {"alg":"none"} and {"alg":"HS256"}, each with the good token's claims
    let claims = good.split('.').nth(1).unwrap_or_default();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let hmac = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.AAAA");
    let faulty = [
        ("tampered", tokens::tampered(&good)?, "bad_signature"),
        ("expired", expired, "expired"),
        ("another audience's", another, "wrong_audience"),
        ("alg none", unsigned, "alg_not_allowed"),
        ("alg HS256", hmac, "alg_not_allowed"),
        ("no JWT", "no.j.wt".to_owned(), "malformed"),
        ("one segment", "nojwt".to_owned(), "malformed"),
    ];
    for (what, token, code) in faulty {
        let answer = api.call("GET", &token).await?;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{what}: {answer:?}"
        );
        assert_eq!(answer.code(), code, "{what}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_token\"",
            "{what}"
        );
    }
    // Not published: 401, or 503 where the API has just asked and may not ask again.
    let answer = api.call("GET", &foreign_key).await?;
    let known = [(401, "unknown_key"), (503, "keys_unavailable")];
    assert!(
        known.contains(&(answer.status.as_u16(), answer.code().as_str())),
        "{answer:?}"
    );

    let globex = market.token("session-of-globex", "loyalty-api").await?;
    let reader = market.token("session-of-acme-1", "loyalty-reader").await?;
    assert_eq!(api.call("GET", &reader).await?.status, StatusCode::OK);
    for (method, token, code) in [
        ("GET", globex, "tenant_not_allowed"),
        ("POST", reader, "read_only_token"),
    ] {
        let answer = api.call(method, &token).await?;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::FORBIDDEN, code)
        );
        assert_eq!(
            answer.header("www-authenticate"),
            "",
            "a new token would not help"
        );
    }

    let bearer = format!("Bearer {good}");
    let two = [("authorization", bearer.as_str()); 2];
    for (headers, code) in [
        (&two[..], "multiple_tokens"),
        (&[("authorization", "Bearer a b")][..], "bad_credentials"),
        (&[("authorization", "Bearer")][..], "bad_credentials"),
    ] {
        let answer = api.send("GET", headers).await?;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, code)
        );
    }
    origins(&api, &bearer).await
}

async fn origins(api: &Running, bearer: &str) -> anyhow::Result<()> {
    let preflight = [
        ("origin", SHOP),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let allowed = api.send("OPTIONS", &preflight).await?;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT, "without a token");
    for (name, value) in [
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-methods", "GET, HEAD, POST"),
        (
            "access-control-allow-headers",
            "authorization, content-type",
        ),
        (
            "vary",
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ),
    ] {
        assert_eq!(allowed.header(name), value, "{name}");
    }

    for (method, headers) in [
        ("GET", vec![("authorization", bearer)]),
        ("OPTIONS", vec![("access-control-request-method", "POST")]),
    ] {
        for origin in [
            "https://evil.example",
            "https://shop.example.evil.example",
            "null",
        ] {
            let headers = [headers.clone(), vec![("origin", origin)]].concat();
            let answer = api.send(method, &headers).await?;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::FORBIDDEN, "origin_not_allowed"),
                "{method} {origin}"
            );
            assert_eq!(answer.header("vary"), "Origin");
            assert!(
                !answer.everything().contains("access-control-"),
                "{answer:?}"
            );
        }
    }
    Ok(())
}

/// An issuer that is away is not the caller's fault.
async fn waits_for_the_issuer(followed: &Followed) -> anyhow::Result<()> {
    let market = issuer(Arc::new(LateClock(AtomicU64::new(0)))).await?;
    market.log_in("session-of-acme-1", "acme", LATE).await?;
    let good = market.token("session-of-acme-1", "loyalty-api").await?;

    // Bound, so that nobody else gets it, and closed at once.
    let nobody = Port::any().await?.url();
    let api = followed.start(&nobody).await?;
    let answer = api.call("GET", &good).await?;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
    );
    let wait: u64 = answer.header("retry-after").parse()?;
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(answer.header("www-authenticate"), "");
    let ready = client::get(&format!("{}/readyz", api.url)).await?;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);

    let api = followed.start(market.url()).await?;
    let ready = client::get(&format!("{}/readyz", api.url)).await?;
    assert_eq!(ready.status, StatusCode::OK);
    Ok(())
}

/// Claims of every kind, signed with a key that the API takes for the issuer's.
async fn checks_every_claim(followed: &Followed) -> anyhow::Result<()> {
    const ISSUER: &str = "https://market.example.com";
    let key = keys::p256()?;
    let set = json!({"keys": [key.public_jwk()]}).to_string();
    let fetches = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&fetches);
    let jwks = get(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        set
    });
    let published = Server::start(Router::new().route("/jwks", jwks)).await?;
    let api = followed
        .start(&format!("{ISSUER} JWKS_URI={}/jwks", published.url()))
        .await?;
    let now = SystemClock.now();
    let secs = now.as_secs();

    // A key id that is not published is the token's fault only if the API has asked for it.
    let claims = keys::claims(ISSUER, "loyalty-api", now, &json!({}))?;
    let unknown = keys::sign(&keys::other_p256()?, &claims)?;
    let answer = api.call("GET", &unknown).await?;
    assert_eq!(answer.code(), "unknown_key", "{answer:?}");
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let before = fetches.load(Ordering::SeqCst);
    let answer = api.call("GET", &unknown).await?;
    if fetches.load(Ordering::SeqCst) == before {
        assert_eq!(answer.code(), "keys_unavailable", "{answer:?}");
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let wait: u64 = answer.header("retry-after").parse()?;
        assert!((1..=10).contains(&wait), "{wait}");
    }

    let cases = [
        (json!({}), 200),
        (json!({"aud": ["another-api", "loyalty-api"]}), 200),
        (json!({"exp": secs - 20}), 200), // within the leeway
        (json!({"exp": secs - 31}), 401),
        (json!({"exp": null}), 401),
        (json!({"exp": "tomorrow"}), 401),
        (json!({"nbf": secs + 20}), 200),
        (json!({"nbf": secs + 60}), 401),
        (json!({"iss": "https://market.example.com/"}), 401),
        (json!({"iss": null}), 401),
        (json!({"aud": "LOYALTY-API"}), 401),
        (json!({"aud": null}), 401),
        (json!({"sub": null}), 401),
        (json!({"tenant": null}), 401),
        (json!({"tenant": "ACME"}), 403),
        (json!({"tenant": ["acme"]}), 403),
    ];
    for (changes, status) in cases {
        let claims = keys::claims(ISSUER, "loyalty-api", now, &changes)?;
        let answer = api.call("GET", &keys::sign(&key, &claims)?).await?;
        assert_eq!(answer.status.as_u16(), status, "{changes}: {answer:?}");
    }
    for ro in [json!(true), json!("true"), json!(1), json!(null)] {
        let claims = keys::claims(ISSUER, "loyalty-api", now, &json!({"ro": ro}))?;
        let answer = api.call("POST", &keys::sign(&key, &claims)?).await?;
        let expected = if ro.is_null() { 200 } else { 403 };
        assert_eq!(answer.status.as_u16(), expected, "ro: {ro}");
    }
    Ok(())
}

/// The last section that a user types: the guide's own command, its own answer.
async fn shows_the_answer_that_it_promises(followed: &Followed) -> anyhow::Result<()> {
    let clock = Arc::new(LateClock(AtomicU64::new(0)));
    let market = issuer(clock).await?;
    let session = NewSession::new(
        "user-1",
        "user@example.com",
        "acme",
        SystemClock.now().saturating_add(Duration::from_hours(1)),
    );
    let put = market.issuer().sessions().put(session).await?;
    let id = put.generated_id.as_ref().map(SessionCredential::expose);
    let token = market.token(id.unwrap_or_default(), "loyalty-api").await?;
    let api = followed.start(market.url()).await?;

    let lines = replaced(
        &followed.guide.block("sh", "try")?,
        "http://127.0.0.1:8090",
        &api.url,
    );
    let mut command = shell_command(followed.folder.path(), &lines)?;
    let finished = Process::start(command.env("TOKEN", token))?
        .finish("")
        .await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        finished.stdout.trim_end(),
        followed.guide.block("json", "answer")?.trim_end()
    );
    Ok(())
}

#[tokio::test]
async fn the_node_api_answers_as_its_guide_says() -> anyhow::Result<()> {
    let followed = Followed::new("docs/external-api-node.md", "js", "api.mjs").await?;
    answers_as_the_guide_says(&followed).await?;
    checks_every_claim(&followed).await?;
    waits_for_the_issuer(&followed).await?;
    shows_the_answer_that_it_promises(&followed).await
}

#[tokio::test]
async fn the_python_api_answers_as_its_guide_says() -> anyhow::Result<()> {
    let followed = Followed::new("docs/external-api-python.md", "py", "api.py").await?;
    answers_as_the_guide_says(&followed).await?;
    checks_every_claim(&followed).await?;
    waits_for_the_issuer(&followed).await?;
    shows_the_answer_that_it_promises(&followed).await
}
