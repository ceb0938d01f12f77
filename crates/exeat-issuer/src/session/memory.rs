//! Sessions in memory: for the demo and for tests.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use exeat_jose::NumericDate;

use super::{Session, SessionKey, SessionLookup, SessionSource, SourceError};

/// Sessions that end with the process.
#[derive(Default)]
pub(crate) struct MemorySessions(Mutex<HashMap<SessionKey, Entry>>);

struct Entry {
    session: Session,
    revoked: bool,
}

impl MemorySessions {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SessionKey, Entry>) -> T) -> T {
        // Every change is one insertion or one flag: a panic elsewhere cannot leave the map half changed.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl SessionSource for MemorySessions {
    async fn lookup(
        &self,
        key: &SessionKey,
        now: NumericDate,
    ) -> Result<SessionLookup, SourceError> {
        Ok(self.with(|sessions| match sessions.get(key) {
            None => SessionLookup::Absent,
            Some(entry) if entry.revoked => SessionLookup::Revoked,
            Some(entry) if entry.session.expires_at <= now => SessionLookup::Expired,
            Some(entry) => SessionLookup::Live(entry.session.clone()),
        }))
    }

    async fn put(
        &self,
        key: &SessionKey,
        session: &Session,
        _now: NumericDate,
    ) -> Result<bool, SourceError> {
        let entry = Entry {
            session: session.clone(),
            revoked: false,
        };
        Ok(self.with(|sessions| sessions.insert(*key, entry).is_some()))
    }

    async fn revoke(&self, key: &SessionKey, now: NumericDate) -> Result<usize, SourceError> {
        Ok(self.with(|sessions| sessions.get_mut(key).map_or(0, |entry| entry.revoke(now))))
    }

    async fn revoke_subject(&self, subject: &str, now: NumericDate) -> Result<usize, SourceError> {
        Ok(self.with(|sessions| {
            sessions
                .values_mut()
                .filter(|entry| entry.session.subject == subject)
                .map(|entry| entry.revoke(now))
                .sum()
        }))
    }

    async fn health(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Entry {
    /// 1 when it was live.
    fn revoke(&mut self, now: NumericDate) -> usize {
        let was_live = !self.revoked && self.session.expires_at > now;
        self.revoked = true;
        usize::from(was_live)
    }
}
