mod answers;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exeat_jose::{Algorithm, KeyId, SigningKey};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Request};

pub(super) use self::answers::JWKS_PATH;
use super::keys::{Keys, generate};
use super::{Fault, TestClock, TokenDraft};
use crate::ExternalApi;

/// An issuer for tests. Clones are the same issuer.
///
/// It publishes metadata (RFC 8414, OpenID Connect Discovery) under `/.well-known/` and its key set (RFC 7517 §5) everywhere else, with
/// `ETag` and `Cache-Control: max-age=300`. As an [`crate::HttpGet`] it answers in process; [`Self::serve`] puts it on a socket.
///
/// A rotation as it should be, told step by step:
///
/// ```
/// use exeat::{ExternalApi, testkit::FakeIssuer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
/// let gate = issuer.connect(ExternalApi::new("https://market.example.com", "loyalty-api")).build().await?;
/// let old = issuer.token().mint();
///
/// issuer.publish_next(); // announced, not used
/// gate.refresh().await?;
/// issuer.activate_next(); // used; the old one stays published
/// gate.verifier().verify(&old).await?;
/// gate.verifier().verify(&issuer.token().mint()).await?;
/// issuer.retire_old(); // gone with the tokens that it signed
/// gate.refresh().await?;
/// assert_eq!(gate.verifier().verify(&old).await.unwrap_err().reason(), "unknown_key");
/// assert_eq!(issuer.key_set_requests(), 4, "the last one asked for the key that is gone");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeIssuer {
    name: Arc<str>,
    audience: Arc<str>,
    clock: TestClock,
    state: Arc<Mutex<State>>,
}

struct State {
    keys: Keys,
    /// Published in place of the keys.
    document: Option<String>,
    /// For the next requests for the key set, one each.
    script: VecDeque<Fault>,
    /// For every request, once the script is over.
    standing: Option<Fault>,
    headers: HeaderMap,
    requests: VecDeque<Request<()>>,
    asked_for_keys: usize,
    asked_for_metadata: usize,
    minted: u64,
}

impl FakeIssuer {
    /// An issuer of this name (`iss`) whose tokens are meant for this audience (`aud`), with a new ES256 key and a [`TestClock::new`].
    #[must_use]
    pub fn new(name: &str, audience: &str) -> Self {
        tracing::warn!(target: "exeat", issuer = name, "a fake issuer signs tokens for anybody: this is a test");
        let state = State {
            keys: Keys::new(Algorithm::Es256),
            document: None,
            script: VecDeque::new(),
            standing: None,
            headers: HeaderMap::from_iter([(
                CACHE_CONTROL,
                HeaderValue::from_static("max-age=300"),
            )]),
            requests: VecDeque::new(),
            asked_for_keys: 0,
            asked_for_metadata: 0,
            minted: 0,
        };
        Self {
            name: name.into(),
            audience: audience.into(),
            clock: TestClock::new(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Signs with another algorithm, and forgets the keys made before: `Es256`, `EdDsa`, or `Rs256` (whose keys take a while).
    ///
    /// ```
    /// use exeat::{exeat_jose::Algorithm, testkit::FakeIssuer};
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api").with_algorithm(Algorithm::EdDsa);
    /// assert!(issuer.key_set().contains(r#""alg":"EdDSA""#));
    /// ```
    ///
    /// # Panics
    /// For an algorithm that no key can be made for; under the backend `ring` that includes `Rs256`.
    #[must_use]
    pub fn with_algorithm(self, alg: Algorithm) -> Self {
        self.state().keys = Keys::new(alg);
        self
    }

    /// Takes the time from this clock.
    ///
    /// ```
    /// use exeat::testkit::{FakeIssuer, TestClock};
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api").with_clock(TestClock::frozen());
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: TestClock) -> Self {
        self.clock = clock;
        self
    }

    /// The API's configuration, with this issuer in place of the network and this clock in place of the system's.
    ///
    /// Its algorithms stay: an API that must accept `EdDSA` has to say so here as in production.
    #[must_use = "a configuration does nothing before build()"]
    pub fn connect(&self, api: ExternalApi) -> ExternalApi {
        api.with_http_client(Arc::new(self.clone()))
            .with_clock(Arc::new(self.clock.clone()))
    }

    /// The clock that issuer and connected gates share.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// The issuer's name: `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The audience of its tokens: `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// A good token of the key that signs now, not signed yet.
    pub fn token(&self) -> TokenDraft {
        let number = {
            let mut state = self.state();
            state.minted += 1;
            state.minted
        };
        TokenDraft::new(self, number)
    }

    /// The published keys as a JWK Set. For a gate whose keys are pinned, import it with [`exeat_jose::JwkSet::import`].
    #[must_use]
    pub fn key_set(&self) -> String {
        let state = self.state();
        let document = state.document.clone();
        document.unwrap_or_else(|| state.keys.key_set())
    }

    /// Publishes this document in place of its keys, whatever is in it: a key set of your production issuer, or one with keys of other
    /// kinds among [its own](Self::key_set). It goes without `ETag` unless [`Self::set_header`] names one.
    ///
    /// ```
    /// use exeat::{ExternalApi, testkit::FakeIssuer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let odd = issuer.key_set().replace(r#"{"keys":["#, r#"{"keys":[{"kty":"oct","k":"AA"},"#);
    /// issuer.publish_document(&odd);
    /// let gate = issuer.connect(ExternalApi::new("https://market.example.com", "loyalty-api")).build().await?;
    /// assert_eq!(gate.health().issuers[0].refused.len(), 1);
    /// assert!(gate.verifier().verify(&issuer.token().mint()).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_document(&self, document: &str) {
        self.state().document = Some(document.to_owned());
    }

    /// The key that signs.
    #[must_use]
    pub fn active_key(&self) -> KeyId {
        self.state().keys.active().key_id().clone()
    }

    /// Publishes a new key that does not sign yet, as long before its use as gates may keep a key set.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn publish_next(&self) -> KeyId {
        let mut state = self.state();
        let key = generate(state.keys.algorithm());
        state.keys.publish(key)
    }

    /// The next published key signs from now on; the one before stays published. Without a published one, a new one is made: a
    /// rotation without notice.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn activate_next(&self) -> KeyId {
        self.state().keys.activate_next()
    }

    /// Publishes none of the keys from before the active one any more.
    pub fn retire_old(&self) {
        self.state().keys.retire_old();
    }

    /// A new key signs at once and nothing else is published: what happens where nobody planned the rotation. Good tokens of
    /// earlier keys are lost with it.
    ///
    /// ```
    /// use exeat::testkit::FakeIssuer;
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let old = issuer.active_key();
    /// let new = issuer.rotate_rudely();
    /// assert!(issuer.key_set().contains(new.as_str()) && !issuer.key_set().contains(old.as_str()));
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn rotate_rudely(&self) -> KeyId {
        let mut state = self.state();
        let key = generate(state.keys.algorithm());
        state.keys.publish(key);
        let kid = state.keys.activate_newest();
        state.keys.retire_old();
        kid
    }

    /// Puts a new key under the name of the active one, which no issuer should do and some do.
    ///
    /// ```
    /// use exeat::testkit::FakeIssuer;
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let (kid, before) = (issuer.active_key(), issuer.key_set());
    /// issuer.reuse_key_id();
    /// assert_eq!(issuer.active_key(), kid);
    /// assert_ne!(issuer.key_set(), before);
    /// ```
    pub fn reuse_key_id(&self) {
        let mut state = self.state();
        let kid = state.keys.active().key_id().clone();
        state.keys.withdraw(&kid);
        let key = generate(state.keys.algorithm()).with_key_id(kid);
        state.keys.publish(key);
        state.keys.activate_newest();
    }

    /// Publishes this key no more, though it may still sign: what an issuer does with a stolen key.
    ///
    /// ```
    /// use exeat::testkit::FakeIssuer;
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// issuer.withdraw(&issuer.active_key());
    /// assert_eq!(issuer.key_set(), r#"{"keys":[]}"#);
    /// ```
    pub fn withdraw(&self, kid: &KeyId) {
        self.state().keys.withdraw(kid);
    }

    pub(super) fn key(&self, kid: &KeyId) -> Option<Arc<SigningKey>> {
        self.state().keys.find(kid)
    }

    pub(super) fn signing_key(&self) -> Arc<SigningKey> {
        self.state().keys.active()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FakeIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeIssuer")
            .field("name", &self.name)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
