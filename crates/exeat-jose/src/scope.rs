use std::fmt;

/// "scope" (RFC 6749 §3.3): scope-tokens, case-sensitive, each once, in the order they were given. May be empty.
///
/// ```
/// use exeat_jose::Scope;
///
/// let scope = Scope::parse("points:read points:write")?;
/// assert!(scope.contains("points:read"));
/// assert!(scope.is_covered_by("profile points:write points:read"));
/// assert!(!scope.is_covered_by("points:read"));
/// # Ok::<(), exeat_jose::InvalidScope>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope(Vec<Box<str>>);

/// Not a scope: empty, too long, too many, or a character outside RFC 6749 §3.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("up to 32 scopes of 1 to 64 visible ASCII characters, none of them \" or \\")]
pub struct InvalidScope;

impl Scope {
    /// Most scope-tokens.
    pub const MAX_TOKENS: usize = 32;

    /// Most bytes in one scope-token.
    pub const MAX_TOKEN_LEN: usize = 64;

    /// Takes scope-tokens one by one; one given twice is kept once.
    ///
    /// # Errors
    /// [`InvalidScope`]
    pub fn from_tokens<'a>(
        tokens: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidScope> {
        let mut scope: Vec<Box<str>> = Vec::new();
        for token in tokens {
            if !is_scope_token(token) {
                return Err(InvalidScope);
            }
            if !scope.iter().any(|known| **known == *token) {
                scope.push(token.into());
            }
            if scope.len() > Self::MAX_TOKENS {
                return Err(InvalidScope);
            }
        }
        Ok(Self(scope))
    }

    /// Parses the parameter or claim `scope`: scope-tokens with one space between them.
    ///
    /// # Errors
    /// [`InvalidScope`], for an empty text too.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::from_tokens(text.split(' '))
    }

    /// Is there no scope-token?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is this scope-token there?
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| **known == *token)
    }

    /// The scope-tokens.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|token| &**token)
    }

    /// The value of the claim or parameter; an empty scope has none.
    #[must_use]
    pub fn to_claim(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_string())
    }

    /// What stays when only `keep` may stay.
    #[must_use]
    pub fn retain(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|token| keep(token));
        self
    }

    /// Does a claim `scope` name all of this? The claim may hold what we would not: others made it, and it is only searched.
    #[must_use]
    pub fn is_covered_by(&self, claim: &str) -> bool {
        self.iter()
            .all(|token| claim.split(' ').any(|granted| granted == token))
    }
}

/// As a parameter or claim: the scope-tokens with one space between them.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, token) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            write!(f, "{separator}{token}")?;
        }
        Ok(())
    }
}

fn is_scope_token(token: &str) -> bool {
    (1..=Scope::MAX_TOKEN_LEN).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests;
