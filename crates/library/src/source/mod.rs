//! Sources: a folder, or a git repository at a branch or tag.

pub mod content;
pub mod context7;
pub mod folder;
pub mod git;
pub mod selection;

use docent_types::documentation::Skipped;
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where documentation comes from. `Display` and `Debug` show no credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A git repository.
    Git {
        /// With credentials, if it has any.
        url: String,
        /// The branch or tag; else the repository's default branch.
        reference: Option<String>,
    },
}

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is neither a path nor a git URL.
    #[error(
        "\"{0}\" is not a source: give a folder or a git URL (https://, ssh://, git@host:path, file://), with #branch-or-tag if you like"
    )]
    Form(String),
    /// There is nothing.
    #[error("{0} does not exist")]
    Missing(String),
    /// Nothing is in it.
    #[error("{0} is empty")]
    Empty(String),
    /// It is a file.
    #[error("{0} is not a folder")]
    NotADirectory(String),
    /// It has no repository.
    #[error("{0} is not a git repository")]
    NotARepository(String),
    /// The repository has no such branch or tag.
    #[error("{display} has no branch or tag \"{reference}\". It has: {}", .available.join(", "))]
    NoSuchReference {
        /// The source.
        display: String,
        /// What was asked for.
        reference: String,
        /// Up to 20 names.
        available: Vec<String>,
    },
    /// It wants credentials, or others.
    #[error("{0} refused access: check that it exists and that the credentials in the URL (https://user:token@host/…) may read it")]
    Authentication(String),
    /// Credentials are not sent unencrypted.
    #[error("credentials are not sent to {0} without encryption: use https:// or ssh://")]
    Insecure(String),
    /// No connection, or it broke.
    #[error("{display} cannot be reached: {reason}")]
    Unreachable {
        /// The source.
        display: String,
        /// In words.
        reason: String,
    },
    /// It took too long.
    #[error("{0} took too long and was given up")]
    TimedOut(String),
    /// More than an ingest takes.
    #[error("{display} is too large: {what}")]
    TooLarge {
        /// The source.
        display: String,
        /// What there is too much of.
        what: String,
    },
    /// A file of this machine.
    #[error("{path}: {reason}")]
    Io {
        /// Which.
        path: String,
        /// In words.
        reason: String,
    },
}

/// The steps of reading a source, for a progress bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// Getting it.
    Fetch,
    /// Finding its pages.
    Select,
    /// Reading pages.
    Read,
    /// Writing the index.
    Index,
}

/// Is told how far a job is. Called from several threads.
pub trait Progress: Sync {
    /// `done` of `total` of a stage; a `total` of 0 is not known.
    fn stage(&self, stage: Stage, done: u64, total: u64);

    /// Whether to stop; asked often.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: Stage, _: u64, _: u64) {}
}

/// A source's files on this machine.
#[derive(Debug)]
pub struct Tree {
    /// Where they are.
    pub root: PathBuf,
    /// The commit, if it has one.
    pub commit: Option<String>,
    /// The branch or tag that was read.
    pub branch: Option<String>,
    /// What was not fetched, and why.
    pub skipped: Vec<Skipped>,
    /// Removed with the tree.
    _temporary: Option<TempDir>,
}

impl Source {
    /// Reads a source as people write it.
    ///
    /// # Errors
    /// [`SourceError::Form`] if it is empty or has control characters.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        let form = || SourceError::Form(shown(text).chars().take(200).collect());
        if text.is_empty() || text.chars().any(char::is_control) || text.starts_with('-') {
            return Err(form());
        }
        if is_git(text) {
            let (url, reference) = match text.split_once('#') {
                Some((url, reference)) if !reference.is_empty() => (url, Some(reference.to_owned())),
                Some((url, _)) => (url, None),
                None => (text, None),
            };
            if reference
                .as_deref()
                .is_some_and(|r| r.starts_with('-') || r.contains("..") || r.contains([' ', '~', '^', ':', '?', '*', '[', '\\']))
            {
                return Err(form());
            }
            return Ok(Self::Git { url: url.to_owned(), reference });
        }
        if text.contains("://") {
            return Err(form());
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// The source without credentials.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Git { url, reference } => {
                reference.as_ref().map_or_else(|| shown(url), |reference| format!("{}#{reference}", shown(url)))
            }
        }
    }

    /// Gets it: a folder where it is, a repository into a fresh folder under `workdir`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn fetch(&self, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
        progress.stage(Stage::Fetch, 0, 0);
        let tree = match self {
            Self::Folder(path) => folder::open(path)?,
            Self::Git { .. } => git::fetch(self, workdir, progress)?,
        };
        progress.stage(Stage::Fetch, 1, 1);
        Ok(tree)
    }

    /// The commit that the source is at now, by one request; `None` for a folder.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn remote_commit(&self) -> Result<Option<String>, SourceError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Git { .. } => git::remote_commit(self).map(Some),
        }
    }
}

fn is_git(text: &str) -> bool {
    ["https://", "http://", "ssh://", "git://", "file://", "git+ssh://"].iter().any(|scheme| text.starts_with(scheme))
        || text.split_once(':').is_some_and(|(host, path)| {
            host.contains('@')
                && !host.contains('/')
                && !path.is_empty()
                && host.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        })
}

/// A URL without user and password.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find(['/', '#', '?']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        // The user of ssh is part of the address and no secret.
        Some(at) if scheme.ends_with("ssh") => format!("{scheme}://{}{}", rest[..at].split(':').next().unwrap_or(""), &rest[at..]),
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_repositories_are_told_apart() {
        assert_eq!(Source::parse("docs"), Ok(Source::Folder("docs".into())));
        assert_eq!(Source::parse("/srv/a#b"), Ok(Source::Folder("/srv/a#b".into())));
        let git = |url: &str, reference: Option<&str>| Ok(Source::Git { url: url.into(), reference: reference.map(str::to_owned) });
        assert_eq!(Source::parse("https://example.org/a/b.git#v1.0"), git("https://example.org/a/b.git", Some("v1.0")));
        assert_eq!(Source::parse("git@example.org:a/b"), git("git@example.org:a/b", None));
        assert_eq!(Source::parse("file:///srv/r#feature/x"), git("file:///srv/r", Some("feature/x")));
        for bad in ["", " ", "ftp://example.org/a", "a\nb", "--upload-pack=x", "https://example.org/a#-x", "https://example.org/a#a..b"] {
            assert!(matches!(Source::parse(bad), Err(SourceError::Form(_))), "{bad}");
        }
    }

    #[test]
    fn credentials_are_never_shown() {
        for text in [
            "https://user:s3cret@example.org/a/b#main",
            "https://s3cret@example.org/a",
            "ssh://git:s3cret@example.org/a/b",
            "https://u:s3@cret@example.org/x",
        ] {
            let source = Source::parse(text).unwrap();
            for shown in [source.display(), source.to_string(), format!("{source:?}")] {
                assert!(!shown.contains("s3cret") && !shown.contains("cret@"), "{shown}");
            }
        }
        assert_eq!(Source::parse("https://u:p@example.org/a#v1").unwrap().display(), "https://example.org/a#v1");
    }
}
