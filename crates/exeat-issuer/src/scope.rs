//! Scopes (RFC 6749 §3.3): space-separated, case-sensitive names.

/// Most scopes in one set.
pub(crate) const MAX_SCOPES: usize = 32;
/// Most bytes in one scope name.
pub(crate) const MAX_SCOPE_LEN: usize = 64;

/// A set of scope names in the order they were given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ScopeSet(Vec<Box<str>>);

/// Not a scope: empty, too long, too many, or a character outside RFC 6749 §3.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("up to 32 scopes of 1 to 64 visible ASCII characters, none of them \" or \\")]
pub(crate) struct InvalidScope;

impl ScopeSet {
    /// Takes names one by one; a name given twice is kept once.
    pub(crate) fn from_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidScope> {
        let mut set: Vec<Box<str>> = Vec::new();
        for name in names {
            if !is_scope_token(name) {
                return Err(InvalidScope);
            }
            if !set.iter().any(|known| **known == *name) {
                set.push(name.into());
            }
            if set.len() > MAX_SCOPES {
                return Err(InvalidScope);
            }
        }
        Ok(Self(set))
    }

    /// Parses the `scope` parameter: names with one space between them.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::from_names(text.split(' '))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| **known == *name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// What stays of this set when only `keep` may stay.
    pub(crate) fn retain(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name| keep(name));
        self
    }

    /// The `scope` claim: names joined by one space.
    pub(crate) fn to_claim(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.0.join(" "))
    }
}

/// May a read-only token keep this scope? Only a name whose last part is `read` may stay: an unknown verb that stayed could write, an
/// unknown verb that goes is noticed and renamed.
pub(crate) fn is_read_only(name: &str) -> bool {
    name.rsplit([':', '.', '/']).next() == Some("read")
}

fn is_scope_token(name: &str) -> bool {
    (1..=MAX_SCOPE_LEN).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests;
