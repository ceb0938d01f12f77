//! Many patterns as two hash tables: a request costs at most one look-up for its bytes and one per label of its host.

use std::collections::{HashMap, HashSet};

use super::pattern::Shape;
use super::{
    MAX_ORIGIN_LENGTH, MAX_SUFFIX_LABELS, MOZ_EXTENSION, OriginPattern, Parts, SAFARI_EXTENSION,
};

/// Which kind of pattern let an origin in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MatchedBy {
    Any,
    Exact,
    Subdomains,
    AnyPort,
    ExtensionClass,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OriginSet {
    any: bool,
    exact: HashSet<Box<str>>,
    /// By the host behind the wildcard. Splitting at dots by construction rules out the bugs of prefix trees and substrings.
    suffixes: HashMap<Box<str>, Vec<Scope>>,
    /// Loopback hosts only, so there are six at most.
    any_port: Vec<(Box<str>, Box<str>)>,
    firefox: bool,
    safari: bool,
}

/// Where below a suffix a wildcard reaches.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Scope {
    scheme: Box<str>,
    port: Option<u16>,
}

impl OriginSet {
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a OriginPattern>) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            set.insert(pattern);
        }
        set
    }

    fn insert(&mut self, pattern: &OriginPattern) {
        match &pattern.0 {
            Shape::Any => self.any = true,
            Shape::Exact(origin) => {
                self.exact.insert(origin.as_str().into());
            }
            Shape::Subdomains {
                scheme,
                suffix,
                port,
            } => {
                let scope = Scope {
                    scheme: scheme.clone(),
                    port: *port,
                };
                let scopes = self.suffixes.entry(suffix.clone()).or_default();
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
            Shape::AnyPort { scheme, host } => {
                let entry = (scheme.clone(), host.clone());
                if !self.any_port.contains(&entry) {
                    self.any_port.push(entry);
                }
            }
            Shape::FirefoxAny => self.firefox = true,
            Shape::SafariAny => self.safari = true,
        }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.any
    }

    /// Finds the pattern for the bytes of an `Origin` header. Oversized input costs one comparison of a length.
    pub(crate) fn find(&self, origin: &[u8]) -> Option<MatchedBy> {
        if self.any {
            return Some(MatchedBy::Any);
        }
        if origin.len() > MAX_ORIGIN_LENGTH {
            return None;
        }
        let origin = str::from_utf8(origin).ok()?;
        if self.exact.contains(origin) {
            return Some(MatchedBy::Exact);
        }
        self.find_wildcard(Parts::parse(origin).ok()?)
    }

    fn find_wildcard(&self, parts: Parts<'_>) -> Option<MatchedBy> {
        match parts.scheme {
            MOZ_EXTENSION => return self.firefox.then_some(MatchedBy::ExtensionClass),
            SAFARI_EXTENSION => return self.safari.then_some(MatchedBy::ExtensionClass),
            _ => {}
        }
        if self.is_below_suffix(parts, parts.host) {
            return Some(MatchedBy::Subdomains);
        }
        let known = |(scheme, host): &(Box<str>, Box<str>)| {
            **scheme == *parts.scheme && **host == *parts.host
        };
        self.any_port
            .iter()
            .any(known)
            .then_some(MatchedBy::AnyPort)
    }

    fn is_below_suffix(&self, parts: Parts<'_>, host: &str) -> bool {
        if self.suffixes.is_empty() {
            return false;
        }
        let in_scope = |scope: &Scope| *scope.scheme == *parts.scheme && scope.port == parts.port;
        host.rmatch_indices('.')
            .take(MAX_SUFFIX_LABELS)
            .any(|(dot, _)| {
                let suffix = host.get(dot + 1..).unwrap_or_default();
                self.suffixes
                    .get(suffix)
                    .is_some_and(|scopes| scopes.iter().any(in_scope))
            })
    }

    /// Is everything this pattern matches matched already by *another, wider* pattern of this set, and treated the same way?
    pub(crate) fn makes_redundant(&self, pattern: &OriginPattern) -> bool {
        if self.any {
            return !pattern.is_any();
        }
        match &pattern.0 {
            // A port wildcard never shares with credentials, an exact origin may: neither replaces the other.
            Shape::Exact(origin) => Parts::parse(origin.as_str()).is_ok_and(|parts| {
                parts.scheme == "https" && self.is_below_suffix(parts, parts.host)
            }),
            Shape::Subdomains {
                scheme,
                suffix,
                port,
            } => self.is_below_suffix(
                Parts {
                    scheme,
                    host: suffix,
                    port: *port,
                },
                suffix,
            ),
            Shape::Any | Shape::AnyPort { .. } | Shape::FirefoxAny | Shape::SafariAny => false,
        }
    }
}
