//! Sessions: what a source knows about one, and how a marketplace pushes and revokes them.

mod memory;
mod pushed;
mod secrets;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use exeat_jose::{Clock, NumericDate, Scope};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

pub(crate) use memory::MemorySessions;
pub(crate) use pushed::{PushedSessions, StoreError};
pub(crate) use secrets::{SECRET_LEN, SessionKey, SessionSecrets};

use crate::random::{Random, RandomUnavailable};

/// Fewest bytes of a session id: 128 bits, if each byte is a hexadecimal digit of good randomness, are 32; 16 leaves room for denser ids.
pub(crate) const MIN_ID_LEN: usize = 16;
/// Most bytes of a session id.
pub(crate) const MAX_ID_LEN: usize = 512;
/// Bytes of randomness in an id made here.
const GENERATED_ID_LEN: usize = 32;
/// Most bytes of a subject and of a tenant.
pub(crate) const MAX_SUBJECT_LEN: usize = 256;
/// Most bytes of a name: an e-mail address ends at 320.
pub(crate) const MAX_NAME_LEN: usize = 320;
/// Longest a session may still live when it is pushed: 400 days, the longest life browsers give a cookie.
pub(crate) const MAX_LIFE: std::time::Duration = std::time::Duration::from_hours(400 * 24);

/// A session id: whoever knows it *is* the session. Wiped on drop, never printed.
///
/// ```
/// use exeat_issuer::SessionCredential;
///
/// assert!(SessionCredential::try_from("0123456789abcdef").is_ok());
/// assert!(SessionCredential::try_from("too short").is_err());
/// ```
pub struct SessionCredential(Zeroizing<String>);

/// The text cannot be a session id: 16 to 512 bytes of visible ASCII.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a session id is 16 to 512 bytes of visible ASCII")]
pub struct InvalidSessionId;

impl SessionCredential {
    /// The id itself, for the cookie a marketplace sets. Keep it out of logs and URLs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn generate(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let mut bytes = Zeroizing::new([0; GENERATED_ID_LEN]);
        random.fill(bytes.as_mut_slice())?;
        Ok(Self(Zeroizing::new(crate::text::base64url(
            bytes.as_slice(),
        ))))
    }
}

impl TryFrom<&str> for SessionCredential {
    type Error = InvalidSessionId;

    fn try_from(text: &str) -> Result<Self, InvalidSessionId> {
        let fits = (MIN_ID_LEN..=MAX_ID_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidSessionId)
        }
    }
}

impl fmt::Debug for SessionCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCredential(..)")
    }
}

/// Text of a JSON body that is meant as a session id. Wiped on drop.
pub(crate) struct WrittenId(Zeroizing<String>);

impl WrittenId {
    pub(crate) fn parse(&self) -> Result<SessionCredential, InvalidSessionId> {
        SessionCredential::try_from(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for WrittenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A live session, as a source knows it.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Session {
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) expires_at: NumericDate,
    /// `None`: every scope of the audience.
    pub(crate) scopes: Option<Scope>,
    pub(crate) read_only: bool,
}

/// What a source knows about an id.
pub(crate) enum SessionLookup {
    Live(Session),
    Absent,
    Expired,
    Revoked,
}

/// A place sessions are kept. It sees keyed hashes only, never an id.
///
/// "No such session" is an answer, not an error: an error means that the source could not answer, and nobody is signed out by it.
#[async_trait]
pub(crate) trait SessionSource: Send + Sync {
    async fn lookup(
        &self,
        key: &SessionKey,
        now: NumericDate,
    ) -> Result<SessionLookup, SourceError>;

    /// Writes a session; `true` when the id was known before. It must survive a crash once this returns.
    async fn put(
        &self,
        key: &SessionKey,
        session: &Session,
        now: NumericDate,
    ) -> Result<bool, SourceError>;

    /// Revokes one session; how many were live before (0 or 1).
    async fn revoke(&self, key: &SessionKey, now: NumericDate) -> Result<usize, SourceError>;

    /// Revokes every session of a subject; how many were live before.
    async fn revoke_subject(&self, subject: &str, now: NumericDate) -> Result<usize, SourceError>;

    async fn health(&self) -> Result<(), SourceError>;
}

/// The session source could not answer. Never the user's fault: 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The store refused or could not be reached.
    #[error("session store unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row is not what was written.
    #[error("stored session is malformed: {0}")]
    Malformed(&'static str),
}

/// A session to push.
///
/// Bounds: subject and tenant 1 to 256 bytes, name 1 to 320, none with control characters; `expires_at` in the future and at most
/// 400 days ahead.
#[derive(Debug)]
pub struct NewSession {
    id: Option<SessionCredential>,
    subject: String,
    name: String,
    tenant: String,
    expires_at: NumericDate,
    scopes: Option<Vec<String>>,
    read_only: bool,
}

impl NewSession {
    /// `sub`, `name` (an e-mail address, in AppDirect's tokens) and `tenant` of the tokens; none lives longer than `expires_at`.
    pub fn new(
        subject: impl Into<String>,
        name: impl Into<String>,
        tenant: impl Into<String>,
        expires_at: NumericDate,
    ) -> Self {
        Self {
            id: None,
            subject: subject.into(),
            name: name.into(),
            tenant: tenant.into(),
            expires_at,
            scopes: None,
            read_only: false,
        }
    }

    /// The marketplace's own id of the session. Without it one is made, 256 bits, and returned once.
    #[must_use]
    pub fn with_id(mut self, id: SessionCredential) -> Self {
        self.id = Some(id);
        self
    }

    /// Limits the tokens of this session to these scopes. Default: every scope of the audience.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Tokens of this session say `ro: true` and keep only scopes that end in `read`.
    #[must_use]
    pub fn with_read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    fn check(self, now: NumericDate) -> Result<(Option<SessionCredential>, Session), PutError> {
        for (field, text, max) in [
            ("subject", &self.subject, MAX_SUBJECT_LEN),
            ("name", &self.name, MAX_NAME_LEN),
            ("tenant", &self.tenant, MAX_SUBJECT_LEN),
        ] {
            if !(1..=max).contains(&text.len()) || text.chars().any(char::is_control) {
                return Err(PutError::Field { field, max });
            }
        }
        if self.expires_at <= now || self.expires_at > now.saturating_add(MAX_LIFE) {
            return Err(PutError::ExpiresAt);
        }
        let scopes = match &self.scopes {
            None => None,
            Some(names) => Some(
                Scope::from_tokens(names.iter().map(String::as_str))
                    .map_err(|_| PutError::Scopes)?,
            ),
        };
        let session = Session {
            subject: self.subject,
            name: self.name,
            tenant: self.tenant,
            expires_at: self.expires_at,
            scopes,
            read_only: self.read_only,
        };
        Ok((self.id, session))
    }
}

/// What pushing a session returned. By then the session survives a crash.
#[derive(Debug)]
#[non_exhaustive]
pub struct PutSession {
    /// The id, when it was made here. It cannot be asked for again.
    pub generated_id: Option<SessionCredential>,
    /// The public name of the session, the `sid` claim of its tokens.
    pub sid: String,
    /// When it ends.
    pub expires_at: NumericDate,
    /// The id was known before; the new session took its place, also that of a revoked one.
    pub replaced: bool,
}

/// A pushed session was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// A text is empty, too long or holds control characters.
    #[error("{field} must be 1 to {max} bytes without control characters")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its longest length.
        max: usize,
    },
    /// The end is past or more than 400 days away.
    #[error("expires_at must be in the future and at most 400 days ahead")]
    ExpiresAt,
    /// Not scopes (RFC 6749 §3.3).
    #[error("scopes must be up to 32 names of 1 to 64 visible ASCII characters")]
    Scopes,
    /// The session could not be kept; try again.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No randomness for an id.
    #[error("no randomness for a session id")]
    Random,
}

/// Which sessions to revoke.
#[derive(Debug)]
#[non_exhaustive]
pub enum Revoke {
    /// The one with this id.
    Id(SessionCredential),
    /// Every session of this subject.
    Subject(String),
}

/// The sessions of this issuer service: the in-process form of the admin listener.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) source: Arc<dyn SessionSource>,
    pub(crate) secrets: Arc<SessionSecrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Sessions {
    /// Pushes a session, or replaces the one with the same id.
    ///
    /// # Errors
    /// [`PutError`]: a field out of bounds, or the store failed.
    pub async fn put(&self, session: NewSession) -> Result<PutSession, PutError> {
        let now = self.clock.now();
        let (given, session) = session.check(now)?;
        let (generated, given) = match given {
            Some(id) => (None, Some(id)),
            None => (
                Some(
                    SessionCredential::generate(&*self.random)
                        .map_err(|RandomUnavailable| PutError::Random)?,
                ),
                None,
            ),
        };
        let Some(credential) = generated.as_ref().or(given.as_ref()) else {
            return Err(PutError::Random);
        };
        let (key, sid) = (self.secrets.key(credential), self.secrets.sid(credential));
        let replaced = self.source.put(&key, &session, now).await?;
        Ok(PutSession {
            generated_id: generated,
            sid,
            expires_at: session.expires_at,
            replaced,
        })
    }

    /// Revokes sessions; how many were live until now. A token already made lives on until its `exp`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn revoke(&self, which: Revoke) -> Result<usize, SourceError> {
        let now = self.clock.now();
        match which {
            Revoke::Id(credential) => {
                self.source
                    .revoke(&self.secrets.key(&credential), now)
                    .await
            }
            Revoke::Subject(subject) => self.source.revoke_subject(&subject, now).await,
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
