//! What a page is for, by its path: most questions are answered by guides and references, not by what was new in some release.

/// What a page is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Guides, tutorials, references: what documentation is.
    Documentation,
    /// Blog posts, changelogs, release notes, migration guides.
    News,
    /// About the project and its words: glossaries, alternatives, community.
    About,
}

/// Parts of a path that say that a page is news.
const NEWS: &[&str] = &[
    "announcements",
    "blog",
    "blogs",
    "changelog",
    "changelogs",
    "changes",
    "migrating",
    "migration",
    "news",
    "recap",
    "release",
    "releasenotes",
    "releases",
    "roadmap",
    "upgrade",
    "upgrades",
    "upgrading",
    "whatsnew",
];

/// Parts of a path that say that a page is about the project.
const ABOUT: &[&str] =
    &["about", "alternatives", "benchmarks", "community", "contributing", "contributors", "glossary", "people", "sponsors", "team"];

/// Words of a question that ask for what changed.
const ASKED: &[&str] = &[
    "announced",
    "backward",
    "backwards",
    "breaking",
    "changelog",
    "changelogs",
    "deprecated",
    "deprecation",
    "migrate",
    "migrated",
    "migrating",
    "migration",
    "release",
    "released",
    "releases",
    "upgrade",
    "upgraded",
    "upgrading",
    "whatsnew",
];

impl Role {
    /// The role of the page at a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let mut about = false;
        for part in lower.split('/') {
            let name = part.rsplit_once('.').map_or(part, |(stem, _)| stem);
            if dated(name) || name.starts_with("announcing") {
                return Self::News;
            }
            // A whole part, or its first word: `migration_14`, `release-notes`, `whatsnew_20`.
            let first = name.split(['-', '_', '.', ' ']).next().unwrap_or(name);
            let first = first.trim_end_matches(|c: char| c.is_ascii_digit());
            if contains(NEWS, name) || contains(NEWS, first) || name.starts_with("what-s-new") || name.starts_with("whats-new") {
                return Self::News;
            }
            about |= contains(ABOUT, name);
        }
        if about { Self::About } else { Self::Documentation }
    }

    /// As it was stored.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::News,
            2 => Self::About,
            _ => Self::Documentation,
        }
    }

    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Documentation => 0,
            Self::News => 1,
            Self::About => 2,
        }
    }
}

fn contains(sorted: &[&str], word: &str) -> bool {
    sorted.binary_search(&word).is_ok()
}

/// `2021-05-14-inventing-the-service-trait`.
fn dated(name: &str) -> bool {
    let digits = |from: usize, to: usize| name.get(from..to).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    digits(0, 4) && name.get(4..5) == Some("-") && digits(5, 7) && matches!(name.get(7..8), Some("-") | None)
}

/// Whether a question asks for what changed: in which version, how to get to it, what is new.
#[must_use]
pub fn asks_for_changes(question: &str) -> bool {
    let lower = question.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '.').map(|word| word.trim_matches('.'));
    lower.contains("what's new") || lower.contains("whats new") || words.any(|word| contains(ASKED, word) || is_version(word))
}

/// `1.4`, `v2.0.3`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    digits.contains('.') && digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_since_they_are_searched_by_halving() {
        for list in [NEWS, ABOUT, ASKED] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn the_path_says_what_a_page_is_for() {
        for path in [
            "content/blog/2021-05-14-inventing-the-service-trait.md",
            "doc/build/changelog/migration_14.rst",
            "doc/build/changelog/whatsnew_20.rst",
            "docs/guide/migration.md",
            "docs/en/docs/release-notes.md",
            "docs/changes/hotupdate-hook.md",
            "docs/blog/announcing-vite5.md",
            "UPGRADING.md",
            "archive/2024-01.md",
        ] {
            assert_eq!(Role::of(path), Role::News, "{path}");
        }
        for path in ["content/tokio/glossary.md", "docs/about/people.md"] {
            assert_eq!(Role::of(path), Role::About, "{path}");
        }
        for path in ["docs/guide/hmr.md", "src/content/reference/react/useState.md", "docs/database.md", "a"] {
            assert_ne!(Role::of(path), Role::About, "{path}");
        }
        for path in ["docs/tutorial/database.md", "topics/migrations.txt", "api/history.md", "docs/faq.md"] {
            assert_eq!(Role::of(path), Role::Documentation, "{path}");
        }
    }

    #[test]
    fn some_questions_ask_for_what_changed() {
        for question in ["How do I migrate from v4?", "what's new", "is it deprecated", "changed in 2.0", "upgrade to v5.1"] {
            assert!(asks_for_changes(question), "{question}");
        }
        for question in ["How do I use the changes event?", "version 3", "e.g. a file", "send 1. and 2."] {
            assert!(!asks_for_changes(question), "{question}");
        }
    }
}
