use std::sync::Arc;

use crate::{BorrowedToken, Rejected};

/// The application's own checks. They run at every use of a token, also of one that was verified before.
#[derive(Clone, Default)]
#[expect(
    clippy::type_complexity,
    reason = "each is the closure that the builder takes, and is named nowhere else"
)]
pub(crate) struct Checks {
    is_revoked: Option<Arc<dyn Fn(&BorrowedToken<'_>) -> bool + Send + Sync>>,
    check: Option<Arc<dyn Fn(&BorrowedToken<'_>) -> Result<(), Rejected> + Send + Sync>>,
}

impl Checks {
    pub(crate) fn set_revocation(
        &mut self,
        is_revoked: impl Fn(&BorrowedToken<'_>) -> bool + Send + Sync + 'static,
    ) {
        self.is_revoked = Some(Arc::new(is_revoked));
    }

    pub(crate) fn set_check(
        &mut self,
        check: impl Fn(&BorrowedToken<'_>) -> Result<(), Rejected> + Send + Sync + 'static,
    ) {
        self.check = Some(Arc::new(check));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_revoked.is_none() && self.check.is_none()
    }

    pub(crate) fn run(&self, token: &BorrowedToken<'_>) -> Result<(), Rejected> {
        if let Some(is_revoked) = &self.is_revoked
            && is_revoked(token)
        {
            return Err(Rejected::Revoked);
        }
        self.check.as_ref().map_or(Ok(()), |check| check(token))
    }
}
