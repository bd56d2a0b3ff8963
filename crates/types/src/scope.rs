//! Scopes, and which of them imply which.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;

/// A scope that this issuer knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Search and read the documentation that the grant's project may see. The default.
    DocsRead,
    /// Add and refresh libraries. Implies [`Scope::DocsRead`].
    LibrariesWrite,
    /// OpenID Connect: tell who the person is.
    OpenId,
    /// The person's name.
    Profile,
    /// The person's e-mail address.
    Email,
    /// Stay connected: a refresh token. Docent gives one to every client that may refresh.
    OfflineAccess,
}

impl Scope {
    /// Every scope, in the order in which they are listed to people and clients.
    pub const ALL: [Self; 6] = [Self::DocsRead, Self::LibrariesWrite, Self::OpenId, Self::Profile, Self::Email, Self::OfflineAccess];

    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocsRead => "docs:read",
            Self::LibrariesWrite => "libraries:write",
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// From the wire. `None` if this issuer does not know it.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == value)
    }

    /// What the consent page says.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::DocsRead => "Search and read the documentation of this project",
            Self::LibrariesWrite => "Add documentation libraries and refresh them",
            Self::OpenId => "Know which account you use here",
            Self::Profile => "See your name",
            Self::Email => "See your e-mail address",
            Self::OfflineAccess => "Stay connected until you disconnect it",
        }
    }

    /// The narrower scopes that this one includes (RS4).
    #[must_use]
    pub const fn implies(self) -> &'static [Self] {
        match self {
            Self::LibrariesWrite => &[Self::DocsRead],
            _ => &[],
        }
    }
}

/// A set of scopes, as a space-separated list on the wire.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Reads a space-separated list (RFC 6749 3.3) and drops what this issuer does not know (AS7).
    #[must_use]
    pub fn parse_known(value: &str) -> Self {
        Self(value.split_ascii_whitespace().filter_map(Scope::parse).collect())
    }

    /// What a client gets that asks for nothing in particular, and what the first challenge names.
    #[must_use]
    pub fn resource_default() -> Self {
        Self::from_iter([Scope::DocsRead])
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `scope` is in it, itself or implied by a broader one.
    #[must_use]
    pub fn permits(&self, scope: Scope) -> bool {
        self.0.iter().any(|held| *held == scope || held.implies().contains(&scope))
    }

    /// Whether `scope` itself is in it.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether everything in `other` is permitted by this set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| self.permits(*scope))
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// What of this set `other` permits.
    #[must_use]
    pub fn narrowed_to(&self, other: &Self) -> Self {
        self.0.iter().copied().filter(|scope| other.permits(*scope)).collect()
    }

    /// The scopes in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|value| Self::parse_known(&value))
    }
}

/// A set of scopes as a type: what a handler needs stands in its signature.
pub trait RequiredScope: 'static {
    /// The scope that the operation needs.
    const SCOPE: Scope;
}

/// The operation needs `docs:read`.
#[derive(Debug, Clone, Copy)]
pub struct DocsRead;
impl RequiredScope for DocsRead {
    const SCOPE: Scope = Scope::DocsRead;
}

/// The operation needs `libraries:write`.
#[derive(Debug, Clone, Copy)]
pub struct LibrariesWrite;
impl RequiredScope for LibrariesWrite {
    const SCOPE: Scope = Scope::LibrariesWrite;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broader_scope_implies_the_narrower_one_and_not_the_other_way() {
        assert!(ScopeSet::from_iter([Scope::LibrariesWrite]).permits(Scope::DocsRead));
        assert!(!ScopeSet::from_iter([Scope::DocsRead]).permits(Scope::LibrariesWrite));
    }

    #[test]
    fn unknown_scopes_are_dropped_and_the_order_is_fixed() {
        assert_eq!(ScopeSet::parse_known("email  mcp:all docs:read openid docs:read").to_string(), "docs:read openid email");
        assert!(ScopeSet::parse_known("read write").is_empty());
    }
}
