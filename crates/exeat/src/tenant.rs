use std::collections::HashSet;

use crate::Rejected;

/// Which values of the claim `tenant` are served.
#[derive(Debug, Default)]
pub(crate) enum Tenants {
    /// Not looked at.
    #[default]
    Any,
    /// These; a token without the claim is refused.
    Listed(HashSet<String>),
}

impl Tenants {
    /// `*` stands for any tenant.
    pub(crate) fn from_names(names: impl IntoIterator<Item = String>) -> Self {
        let names: HashSet<_> = names.into_iter().collect();
        if names.contains(ANY) {
            Self::Any
        } else {
            Self::Listed(names)
        }
    }

    pub(crate) fn check(&self, tenant: Option<&str>) -> Result<(), Rejected> {
        let served = match self {
            Self::Any => true,
            Self::Listed(names) => tenant.is_some_and(|tenant| names.contains(tenant)),
        };
        if served {
            Ok(())
        } else {
            Err(Rejected::TenantNotAllowed)
        }
    }
}

/// The name that means every tenant.
pub(crate) const ANY: &str = "*";

#[cfg(test)]
mod tests;
