//! Sources: a folder, a git repository at a branch or tag, an archive, a web site, a file for language models, a package.

pub mod archive;
pub mod content;
pub mod context7;
pub mod folder;
pub mod git;
pub mod http;
pub mod llms;
pub mod network;
pub mod package;
mod seen;
pub mod selection;
pub mod site;

use docent_types::documentation::Skipped;
use network::Network;
use package::Ecosystem;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use url::Url;

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
    /// A zip or tar file.
    Archive(
        /// Its path or address, with credentials if it has any.
        String,
    ),
    /// A web site.
    Site(
        /// Where reading starts, with credentials if it has any.
        Url,
    ),
    /// `llms.txt` or `llms-full.txt`.
    Llms(
        /// Its address, with credentials if it has any.
        Url,
    ),
    /// The description of a package in its registry.
    Package {
        /// Which kind of package.
        ecosystem: Ecosystem,
        /// Its name there.
        name: String,
        /// The version; else the newest.
        version: Option<String>,
    },
}

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is neither a path nor a git URL.
    #[error(
        "\"{0}\" is not a source: give a folder, an archive (….zip, ….tar.gz), a git URL (https://, ssh://, git@host:path, file://) with #branch-or-tag if you like, a web site (site:https://…), a URL of llms.txt or llms-full.txt, or a package (npm:NAME, pypi:NAME, cargo:NAME, with @VERSION if you like)"
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
    /// It is no archive, or a damaged one.
    #[error("{display} cannot be unpacked: {reason}")]
    NotAnArchive {
        /// The source.
        display: String,
        /// In words.
        reason: String,
    },
    /// It redirects to another host, or out of what is to be read.
    #[error(
        "{display} leads to {to}, which is elsewhere and is not followed. If that is where the documentation is, add it by that address"
    )]
    Elsewhere {
        /// The source.
        display: String,
        /// Where it leads.
        to: String,
    },
    /// `robots.txt` forbids it.
    #[error("{0} asks programs not to read it (robots.txt). If it is yours, allow it there for the user agent \"docent\"")]
    Forbidden(String),
    /// Its first page is none.
    #[error("{display} has no page to begin with: {reason}")]
    NoPage {
        /// The source.
        display: String,
        /// In words.
        reason: String,
    },
    /// A file or answer is not what it should be.
    #[error("{display} is not understood: {reason}")]
    NotUnderstood {
        /// The source.
        display: String,
        /// In words.
        reason: String,
    },
    /// The registry has no such package, or not that version.
    #[error("{display}: {reason}")]
    NoSuchPackage {
        /// The source.
        display: String,
        /// In words.
        reason: String,
    },
    /// Nobody said where its registry is.
    #[error("{display} cannot be looked up: set {key} to the address of the registry, the one that your own package client asks")]
    NoRegistry {
        /// The source.
        display: String,
        /// The configuration key.
        key: &'static str,
    },
    /// Another process reads it at this moment.
    #[error("{0} is being read by another process at this moment; try again when that has ended")]
    InUse(String),
    /// The time for one go is over.
    #[error("{display} was not read to its end in the time for one go ({pages} pages were); start it again, and it goes on from there")]
    Unfinished {
        /// The source.
        display: String,
        /// Pages that were read.
        pages: usize,
    },
    /// It was told to stop.
    #[error("reading {0} was cancelled")]
    Cancelled(String),
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
    /// The commit of a repository, the digest of a site or archive, the version of a package.
    pub commit: Option<String>,
    /// The branch or tag that was read.
    pub branch: Option<String>,
    /// What was not fetched, and why.
    pub skipped: Vec<Skipped>,
    /// The address of each file, if they came from a web site: then every file is a page.
    pub urls: BTreeMap<String, String>,
    /// What the source is called by itself.
    pub title: Option<String>,
    /// What the source says of itself.
    pub description: Option<String>,
    /// Removed with the tree.
    _temporary: Option<TempDir>,
}

impl Tree {
    /// A tree of which nothing is known but its place.
    fn new(root: PathBuf, temporary: Option<TempDir>) -> Self {
        Self {
            root,
            commit: None,
            branch: None,
            skipped: Vec::new(),
            urls: BTreeMap::new(),
            title: None,
            description: None,
            _temporary: temporary,
        }
    }
}

/// A fresh folder under `workdir` that is removed with what is returned first.
fn fresh_folder(workdir: &Path) -> Result<(TempDir, PathBuf), SourceError> {
    let io = |error: std::io::Error| SourceError::Io { path: workdir.display().to_string(), reason: error.to_string() };
    std::fs::create_dir_all(workdir).map_err(io)?;
    let temporary = tempfile::Builder::new().prefix("fetch-").tempdir_in(workdir).map_err(io)?;
    let root = temporary.path().join("tree");
    std::fs::create_dir_all(&root).map_err(io)?;
    Ok((temporary, root))
}

/// What is known of a site or file is forgotten when nobody read it for this long.
const FORGOTTEN: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A fetched tree of a process that was killed is removed after this.
const LEFT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Removes what nobody needs any more in a work folder. Answers how many things that were.
#[must_use]
pub fn sweep(workdir: &Path, now: SystemTime) -> usize {
    let touched = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let before = |path: &Path, age: Duration| now.checked_sub(age).zip(touched(path)).is_some_and(|(since, touched)| touched < since);
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let is_left = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fetch-")) && before(path, LEFT);
    let left = entries(workdir).into_iter().filter(|path| is_left(path) && std::fs::remove_dir_all(path).is_ok()).count();
    let seen = entries(&workdir.join(seen::FOLDER));
    let seen = seen.into_iter().filter(|path| before(path, FORGOTTEN) && std::fs::remove_file(path).is_ok()).count();
    let forgotten = now.checked_sub(FORGOTTEN).map_or(0, |since| {
        site::memory::sweep(workdir, since) + crate::known_pages::sweep(workdir, since, now.checked_sub(LEFT).unwrap_or(since))
    });
    left + seen + forgotten
}

/// SHA-256 in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    crate::snippet::identity::hex(&Sha256::digest(bytes))
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
        if let Some((kind, rest)) = text.split_once(':')
            && let Some(parsed) = Self::of_kind(kind, rest)
        {
            return parsed.ok_or_else(form);
        }
        if let Some(url) = llms::address(text) {
            return Ok(Self::Llms(url));
        }
        if archive::is_named_so(text) && !is_ssh(text) {
            return Ok(Self::Archive(text.to_owned()));
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

    /// What a prefix stands for; `None` within if the rest does not fit.
    fn of_kind(kind: &str, rest: &str) -> Option<Option<Self>> {
        if let Some(ecosystem) = Ecosystem::named(kind) {
            return Some(package::parse(ecosystem, rest).map(|(name, version)| Self::Package { ecosystem, name, version }));
        }
        let url = || Url::parse(rest).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match kind {
            "site" => Some(url().map(Self::Site)),
            "archive" => Some((!rest.is_empty() && !rest.starts_with('-')).then(|| Self::Archive(rest.to_owned()))),
            _ => None,
        }
    }

    /// The source without credentials.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Archive(location) if archive::is_named_so(location) => shown(location),
            Self::Archive(location) => format!("archive:{}", shown(location)),
            Self::Site(url) => format!("site:{}", shown(url.as_str())),
            Self::Llms(url) => shown(url.as_str()),
            Self::Package { ecosystem, name, version } => {
                let version = version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
                format!("{}:{name}{version}", ecosystem.prefix())
            }
            Self::Folder(path) => path.display().to_string(),
            Self::Git { url, reference } => {
                reference.as_ref().map_or_else(|| shown(url), |reference| format!("{}#{reference}", shown(url)))
            }
        }
    }

    /// The path of a file or folder on this machine that the source is, as it was written.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(path) => Some(path.clone()),
            Self::Archive(location) if !location.starts_with("file://") => archive::address(location).err(),
            _ => None,
        }
    }

    /// Gets it: a folder where it is, everything else into a fresh folder under `workdir`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn fetch(&self, network: &Network, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
        progress.stage(Stage::Fetch, 0, 0);
        let display = self.display();
        let tree = match self {
            Self::Folder(path) => folder::open(path)?,
            Self::Git { .. } => git::fetch(self, workdir, progress)?,
            Self::Archive(location) => archive::fetch(location, &display, network, workdir, progress)?,
            Self::Site(url) => site::fetch(url, &display, network, workdir, progress)?,
            Self::Llms(url) => llms::fetch(url, &display, network, workdir, progress)?,
            Self::Package { ecosystem, name, version } => {
                package::fetch(*ecosystem, name, version.as_deref(), &display, network, workdir, progress)?
            }
        };
        progress.stage(Stage::Fetch, 1, 1);
        Ok(tree)
    }

    /// What [`Tree::commit`] would be now, if that can be said by one request: `None` means that it takes a fetch to know.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn revision(&self, network: &Network, workdir: &Path) -> Result<Option<String>, SourceError> {
        let (display, silent) = (self.display(), &Silent);
        match self {
            Self::Folder(_) | Self::Git { .. } => self.remote_commit(),
            Self::Archive(location) => archive::revision(location, &display, network, workdir, silent),
            Self::Site(url) => site::revision(url, &display, network, workdir, silent),
            Self::Llms(url) => llms::revision(url, &display, network, workdir, silent),
            Self::Package { ecosystem, name, version } => {
                package::revision(*ecosystem, name, version.as_deref(), &display, network, silent).map(Some)
            }
        }
    }

    /// The commit that a repository is at now, by one request; `None` for everything else.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn remote_commit(&self) -> Result<Option<String>, SourceError> {
        match self {
            Self::Git { .. } => git::remote_commit(self).map(Some),
            _ => Ok(None),
        }
    }
}

/// Of git over ssh, a name may end like an archive's.
fn is_ssh(text: &str) -> bool {
    text.starts_with("ssh://") || text.starts_with("git+ssh://") || text.starts_with("git://") || (is_git(text) && !text.contains("://"))
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
        let url = |text: &str| Url::parse(text).unwrap();
        assert_eq!(Source::parse("site:https://e.example/docs/"), Ok(Source::Site(url("https://e.example/docs/"))));
        assert_eq!(Source::parse("https://e.example/docs/llms-full.txt"), Ok(Source::Llms(url("https://e.example/docs/llms-full.txt"))));
        for archive in ["docs.zip", "/srv/docs.tar.gz", "https://e.example/docs.TGZ?x=1", "file:///srv/docs.tar"] {
            assert_eq!(Source::parse(archive), Ok(Source::Archive(archive.into())));
        }
        assert_eq!(Source::parse("archive:https://e.example/latest"), Ok(Source::Archive("https://e.example/latest".into())));
        assert_eq!(Source::parse("git@example.org:a/b.zip"), git("git@example.org:a/b.zip", None));
        for text in
            ["npm:@scope/name@1.2.3", "npm:react", "pypi:ruamel.yaml@0.18", "cargo:serde", "site:https://e.example/docs/", "archive:/srv/x"]
        {
            assert_eq!(Source::parse(text).unwrap().display(), text, "what is shown can be typed");
        }
        for bad in
            ["site:", "site:docs", "site:ftp://e.example/", "archive:", "npm:", "npm:a b", "npm:../x", "pypi:-x", "cargo:a/b", "npm:react@"]
        {
            assert!(matches!(Source::parse(bad), Err(SourceError::Form(_))), "{bad}");
        }
        for bad in ["", " ", "ftp://example.org/a", "a\nb", "--upload-pack=x", "https://example.org/a#-x", "https://example.org/a#a..b"] {
            assert!(matches!(Source::parse(bad), Err(SourceError::Form(_))), "{bad}");
        }
    }

    #[test]
    fn trees_of_killed_processes_are_removed_when_they_are_old() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["fetch-abc/tree", "seen", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("seen/key.json"), "{}").unwrap();
        let now = folder.path().join("fetch-abc").metadata().unwrap().modified().unwrap();
        assert_eq!(sweep(folder.path(), now + Duration::from_secs(3600)), 0);
        assert_eq!(sweep(folder.path(), now + Duration::from_secs(3 * 24 * 3600)), 1);
        assert_eq!(sweep(folder.path(), now + Duration::from_secs(91 * 24 * 3600)), 1);
        assert!(folder.path().join("other").exists() && !folder.path().join("fetch-abc").exists());
    }

    #[test]
    fn credentials_are_never_shown() {
        for text in [
            "https://user:s3cret@example.org/a/b#main",
            "https://s3cret@example.org/a",
            "ssh://git:s3cret@example.org/a/b",
            "https://u:s3@cret@example.org/x",
            "site:https://user:s3cret@example.org/docs/",
            "https://user:s3cret@example.org/llms.txt",
            "https://user:s3cret@example.org/a.zip",
            "archive:https://user:s3cret@example.org/a",
        ] {
            let source = Source::parse(text).unwrap();
            for shown in [source.display(), source.to_string(), format!("{source:?}")] {
                assert!(!shown.contains("s3cret") && !shown.contains("cret@"), "{shown}");
            }
        }
        assert_eq!(Source::parse("https://u:p@example.org/a#v1").unwrap().display(), "https://example.org/a#v1");
    }
}
