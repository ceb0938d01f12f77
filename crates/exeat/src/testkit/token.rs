use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat_jose::{Clock, KeyId, NumericDate, SigningKey, Typ};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::FakeIssuer;
use super::keys::generate;

/// A token of a [`FakeIssuer`] before it is signed: good for five minutes unless something else is asked for. Its time and its key are
/// those of the moment of [`FakeIssuer::token`].
///
/// Its claims are `iss`, `aud`, `sub` = `user-1`, `tenant` = `acme`, `iat`, `nbf`, `exp` and a `jti` of its own.
///
/// ```
/// use exeat::{ExternalApi, testkit::FakeIssuer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
/// let api = ExternalApi::new("https://market.example.com", "loyalty-api").with_tenants(["acme"]);
/// let gate = issuer.connect(api).build().await?;
/// let good = issuer.token().with_subject("user-7").with_claim("level", 3);
/// assert_eq!(gate.verifier().verify(&good.mint()).await?.subject(), "user-7");
///
/// for (draft, reason) in [
///     (issuer.token().expired(), "expired"),
///     (issuer.token().not_yet_valid(), "not_yet_valid"),
///     (issuer.token().for_audience("another-api"), "wrong_audience"),
///     (issuer.token().from_issuer("https://evil.example"), "wrong_issuer"),
///     (issuer.token().of_tenant("globex"), "tenant_not_allowed"),
///     (issuer.token().without_claim("sub"), "missing_claim"),
///     (issuer.token().with_claim("sub", 7), "bad_claim_type"),
///     (issuer.token().tampered(), "bad_signature"),
///     (issuer.token().with_wrong_key(), "bad_signature"),
///     (issuer.token().signed_by_stranger(), "unknown_key"),
///     (issuer.token().unsigned(), "alg_not_allowed"),
/// ] {
///     assert_eq!(gate.verifier().verify(&draft.mint()).await.unwrap_err().reason(), reason);
/// }
/// assert!(gate.verifier().verify(&issuer.token().read_only().mint()).await?.is_read_only());
/// # Ok(())
/// # }
/// ```
#[must_use = "a draft is no token before mint()"]
#[derive(Clone)]
pub struct TokenDraft {
    issuer: FakeIssuer,
    now: NumericDate,
    claims: Map<String, Value>,
    typ: Typ,
    key: Arc<SigningKey>,
    forgery: Option<Forgery>,
}

#[derive(Clone, Copy)]
enum Forgery {
    Tampered,
    WrongKey,
    Unsigned,
}

impl TokenDraft {
    pub(super) fn new(issuer: &FakeIssuer, number: u64) -> Self {
        let now = issuer.clock().now();
        let mut draft = Self {
            issuer: issuer.clone(),
            now,
            claims: Map::new(),
            typ: Typ::Jwt,
            key: issuer.signing_key(),
            forgery: None,
        };
        for (name, value) in [
            ("iss", json!(issuer.name())),
            ("aud", json!(issuer.audience())),
            ("sub", json!("user-1")),
            ("tenant", json!("acme")),
            ("iat", json!(now)),
            ("nbf", json!(now)),
            ("exp", json!(now.saturating_add(LIFETIME))),
            ("jti", json!(format!("fake-{number}"))),
        ] {
            draft.claims.insert(name.to_owned(), value);
        }
        draft
    }

    /// Of this user: `sub`.
    pub fn with_subject(self, sub: &str) -> Self {
        self.with_claim("sub", sub)
    }

    /// Any claim, of any type: right or wrong.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    #[expect(
        clippy::panic,
        reason = "the documented end of a test that asks for what is no JSON"
    )]
    pub fn with_claim(mut self, name: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.claims.insert(name.to_owned(), value),
            Err(error) => panic!("claim {name}: {error}"),
        };
        self
    }

    /// Lacks this claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Ends so long after now, in whole seconds.
    pub fn lasting(self, lifetime: Duration) -> Self {
        let end = self.now.saturating_add(lifetime);
        self.with_claim("exp", end)
    }

    /// Ended ten minutes ago: more than the largest leeway.
    pub fn expired(self) -> Self {
        let [start, end] = [3 * APART, APART].map(|ago| self.now.saturating_sub(ago));
        self.with_claim("iat", start)
            .with_claim("nbf", start)
            .with_claim("exp", end)
    }

    /// Begins in ten minutes.
    pub fn not_yet_valid(self) -> Self {
        let [start, end] = [APART, 2 * APART].map(|from_now| self.now.saturating_add(from_now));
        self.with_claim("nbf", start).with_claim("exp", end)
    }

    /// Meant for this audience: `aud`.
    pub fn for_audience(self, audience: &str) -> Self {
        self.with_claim("aud", audience)
    }

    /// Says that it comes from this issuer: `iss`. The signature stays this one's.
    pub fn from_issuer(self, issuer: &str) -> Self {
        self.with_claim("iss", issuer)
    }

    /// Of this tenant: `tenant`.
    pub fn of_tenant(self, tenant: &str) -> Self {
        self.with_claim("tenant", tenant)
    }

    /// Good for safe methods only: `ro`.
    pub fn read_only(self) -> Self {
        self.with_claim("ro", true)
    }

    /// `typ` of the header. Default: `JWT`.
    pub fn with_typ(mut self, typ: Typ) -> Self {
        self.typ = typ;
        self
    }

    /// Signed with another of the issuer's keys, published or not: one for what comes next, or one that was withdrawn.
    ///
    /// ```
    /// use exeat::testkit::FakeIssuer;
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let old = issuer.active_key();
    /// issuer.rotate_rudely();
    /// let late = issuer.token().signed_with(&old).mint();
    /// ```
    ///
    /// # Panics
    /// If the issuer never had it.
    #[expect(
        clippy::panic,
        reason = "the documented end of a test that asks for a key that never was"
    )]
    pub fn signed_with(mut self, kid: &KeyId) -> Self {
        match self.issuer.key(kid) {
            Some(key) => self.key = key,
            None => panic!("the fake issuer never had a key {kid}"),
        }
        self
    }

    /// Signed with a new key that the issuer never had: an unknown `kid`, another one each time.
    pub fn signed_by_stranger(mut self) -> Self {
        self.key = Arc::new(generate(self.key.algorithm()));
        self
    }

    /// Names the issuer's key and bears the signature of another.
    pub fn with_wrong_key(mut self) -> Self {
        self.forgery = Some(Forgery::WrongKey);
        self
    }

    /// Its subject was changed after it was signed.
    pub fn tampered(mut self) -> Self {
        self.forgery = Some(Forgery::Tampered);
        self
    }

    /// Says `"alg":"none"` and has no signature (RFC 7519 §6).
    pub fn unsigned(mut self) -> Self {
        self.forgery = Some(Forgery::Unsigned);
        self
    }

    /// The token in compact form.
    #[must_use]
    pub fn mint(&self) -> String {
        let token = sign(&self.key, self.typ, &self.claims);
        match self.forgery {
            None => token,
            Some(Forgery::WrongKey) => {
                let other = sign(&generate(self.key.algorithm()), self.typ, &self.claims);
                spliced(&token, token.split('.').nth(1), other.rsplit('.').next())
            }
            Some(Forgery::Tampered) => {
                let mut claims = self.claims.clone();
                claims.insert("sub".to_owned(), json!("somebody-else"));
                let payload = encoded(&Value::Object(claims));
                spliced(&token, Some(&payload), token.rsplit('.').next())
            }
            Some(Forgery::Unsigned) => {
                let header = encoded(&json!({ "alg": "none", "typ": "JWT" }));
                spliced(&header, token.split('.').nth(1), None)
            }
        }
    }

    /// [`Self::mint`] as the value of `Authorization` (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.mint())
    }
}

impl fmt::Debug for TokenDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDraft").finish_non_exhaustive()
    }
}

#[expect(
    clippy::panic,
    reason = "claims are an object, so only a broken cryptographic library ends here, and with it the test"
)]
fn sign(key: &SigningKey, typ: Typ, claims: &Map<String, Value>) -> String {
    match key.sign(typ, claims) {
        Ok(token) => token.into_string(),
        Err(error) => panic!("a fake issuer cannot sign: {error}"),
    }
}

/// The first segment of `header`, and these two.
fn spliced(header: &str, payload: Option<&str>, signature: Option<&str>) -> String {
    let segments = [header.split('.').next(), payload, signature];
    segments.map(Option::unwrap_or_default).join(".")
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// As short as issuers make them.
const LIFETIME: Duration = Duration::from_mins(5);
/// Twice the largest leeway of a gate.
const APART: Duration = Duration::from_mins(10);
