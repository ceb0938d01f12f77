//! What a store or a key that is out of reach looks like from outside: 503, never 401.

use async_trait::async_trait;
use exeat_jose::{Algorithm, SigningKey};

use super::*;
use crate::{
    issuer::Parts,
    key_ring::{KeyEntry, KeyRing, Row, Times},
    key_store,
    random::SystemRandom,
    session::{Session, SessionKey, SessionLookup, SessionSecrets, SessionSource, SourceError},
};

#[derive(Clone, Copy)]
pub(super) enum Trouble {
    Refuses,
    /// Answers after this many milliseconds.
    Slow(u64),
}

#[async_trait]
impl SessionSource for Trouble {
    async fn lookup(&self, _: &SessionKey, now: NumericDate) -> Result<SessionLookup, SourceError> {
        self.health().await?;
        let expires_at = now.saturating_add(Duration::from_hours(1));
        let (subject, name, tenant) = ("u".to_owned(), "n".to_owned(), "t".to_owned());
        Ok(SessionLookup::Live(Session {
            subject,
            name,
            tenant,
            expires_at,
            scopes: None,
            read_only: false,
        }))
    }

    async fn put(&self, _: &SessionKey, _: &Session, _: NumericDate) -> Result<bool, SourceError> {
        self.health().await.map(|()| false)
    }

    async fn revoke(&self, _: &SessionKey, _: NumericDate) -> Result<usize, SourceError> {
        self.health().await.map(|()| 0)
    }

    async fn revoke_subject(&self, _: &str, _: NumericDate) -> Result<usize, SourceError> {
        self.health().await.map(|()| 0)
    }

    async fn health(&self) -> Result<(), SourceError> {
        match self {
            Self::Refuses => Err(SourceError::Unavailable("secret-connection-string".into())),
            Self::Slow(millis) => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                Ok(())
            }
        }
    }
}

pub(super) fn issuer(source: Trouble, ring: KeyRing) -> Issuer {
    let parts = Parts {
        ring,
        secrets: SessionSecrets::derive(&[7; 32]),
        source: Arc::new(source),
        clock: FakeClock::at(NOW),
        random: Arc::new(SystemRandom),
        admin_token: Some(AdminToken::new(ADMIN_TOKEN.as_bytes())),
    };
    Issuer::assemble(Config::in_memory(raw_config()).unwrap(), parts).unwrap()
}

fn keys() -> KeyRing {
    key_store::in_memory(&[Algorithm::Es256], NOW).unwrap()
}

/// One key that leaves the set `seconds` from now.
pub(super) fn ending_in(seconds: u64) -> KeyRing {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let times = Times {
        published_at: NOW,
        sign_from: Some(NOW),
        sign_until: None,
        remove_at: Some(NOW.saturating_add(Duration::from_secs(seconds))),
        revoked_at: None,
    };
    let row = Row {
        kid: key.key_id().clone(),
        alg: key.algorithm(),
        times,
    };
    KeyRing::new(vec![KeyEntry {
        row,
        jwk: key.public_jwk().clone(),
        signing: Some(Arc::new(key)),
    }])
}

#[tokio::test]
async fn a_source_that_refuses_is_503_in_every_dialect() {
    let issuer = issuer(Trouble::Refuses, keys());
    for path in ["/v1/token", "/api/v1/personalization/graphql"] {
        let body = if path == "/v1/token" {
            LOYALTY
        } else {
            r#"{"query":"{userExternalServiceAuthenticationToken{token}}"}"#
        };
        let answer = send(issuer.router(), post(path, &[BACKEND], body)).await;
        assert_eq!(
            answer.refusal(),
            (503, "session_source_unavailable".to_owned())
        );
        assert_eq!(answer.header("retry-after"), "2");
        assert!(!answer.text.contains("secret-connection-string"));
    }
    assert!(!issuer.is_ready().await);
    let ready = send(issuer.router(), get("/readyz")).await;
    assert_eq!(
        ready.refusal(),
        (503, "session_source_unavailable".to_owned())
    );
    assert_eq!(send(issuer.router(), get("/livez")).await.status, 200);
    assert_eq!(
        send(issuer.router(), get("/.well-known/jwks.json"))
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_has_800_ms_to_answer() {
    for (millis, expected) in [(799, 200), (801, 503)] {
        let issuer = issuer(Trouble::Slow(millis), keys());
        let answer = send(issuer.router(), post("/v1/token", &[BACKEND], LOYALTY)).await;
        assert_eq!(answer.status.as_u16(), expected, "{millis}");
        assert_eq!(issuer.is_ready().await, expected == 200, "{millis}");
    }
}

#[tokio::test]
async fn a_push_that_fails_is_503() {
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
    ];
    let router = issuer(Trouble::Refuses, keys()).admin_router();
    for (method, body) in [
        (
            Method::PUT,
            r#"{"subject":"s","name":"n","tenant":"t","expires_in":60}"#,
        ),
        (Method::DELETE, r#"{"subject":"s"}"#),
    ] {
        let answer = send(
            router.clone(),
            request(method, "/admin/v1/sessions", &headers, body.to_owned()),
        )
        .await;
        assert_eq!(
            answer.refusal(),
            (503, "session_source_unavailable".to_owned())
        );
        assert_eq!(answer.header("retry-after"), "2");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_signed_and_no_empty_set_is_published() {
    let issuer = issuer(Trouble::Slow(0), KeyRing::default());
    for request in [
        post("/v1/token", &[BACKEND], LOYALTY),
        get("/.well-known/jwks.json"),
        get("/readyz"),
    ] {
        let answer = send(issuer.router(), request).await;
        assert_eq!(answer.refusal(), (503, "no_signing_key".to_owned()));
        assert_eq!(
            (answer.header("retry-after"), answer.header("cache-control")),
            ("2", "no-store")
        );
    }
}

#[tokio::test]
async fn a_token_ends_a_skew_before_its_key_leaves() {
    // The skew is 60 s.
    for (key_ends_in, expected) in [
        (400, Some(300)),
        (359, Some(299)),
        (70, Some(10)),
        (69, None),
    ] {
        let issuer = issuer(Trouble::Slow(0), ending_in(key_ends_in));
        let answer = send(issuer.router(), post("/v1/token", &[BACKEND], LOYALTY)).await;
        match expected {
            Some(left) => assert_eq!(answer.json()["expires_in"], left, "{key_ends_in}"),
            None => assert_eq!(
                answer.refusal(),
                (503, "no_signing_key".to_owned()),
                "{key_ends_in}"
            ),
        }
    }
}
