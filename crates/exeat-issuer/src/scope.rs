//! Which scopes (RFC 6749 §3.3) a read-only session may get.

/// May a read-only token keep this scope? Only a name whose last part is `read` may stay: an unknown verb that stayed could write, an
/// unknown verb that goes is noticed and renamed.
pub(crate) fn is_read_only(name: &str) -> bool {
    name.rsplit([':', '.', '/']).next() == Some("read")
}

#[cfg(test)]
mod tests;
