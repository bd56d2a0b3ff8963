//! The state of a library, as both pages show it.

use crate::figures::{Moment, counted};
use docent_store::{Job, JobState, StoredLibrary};
use docent_types::documentation::LibraryEntry;

/// Whether a library answers, and what happens to it at the moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It answers and nothing is being done to it.
    Ready,
    /// It stands in the queue.
    Waiting,
    /// It is being read or indexed.
    Indexing {
        /// What is being done, in a word.
        stage: String,
        /// How much of it is done.
        done: u64,
        /// Of how much; 0 while that is not known.
        total: u64,
        /// How much of the whole is done.
        percent: u64,
    },
    /// It answers, and a refresh that found far less waits for a decision.
    Held,
    /// The last attempt failed.
    Failed {
        /// Why. `None` for who is not signed in: the text may name hosts and folders of the operator.
        reason: Option<String>,
    },
    /// It was added and never indexed.
    Empty,
}

impl State {
    /// The state of a library.
    #[must_use]
    pub fn of_library(library: &StoredLibrary, may_see_reasons: bool) -> Self {
        Self::of(&library.entry, library.last_job.as_ref(), library.last_error.as_deref(), !library.held.is_empty(), may_see_reasons)
    }

    /// From what the catalogue has, the job that says most, the last error, and whether something is held.
    #[must_use]
    pub fn of(entry: &LibraryEntry, last_job: Option<&Job>, last_error: Option<&str>, is_held: bool, may_see_reasons: bool) -> Self {
        let failed = |reason: Option<&str>| Self::Failed { reason: reason.filter(|_| may_see_reasons).map(str::to_owned) };
        match last_job {
            Some(job) if job.state == JobState::Waiting => Self::Waiting,
            Some(job) if job.state == JobState::Running => {
                Self::Indexing { stage: job.stage.clone(), done: job.done, total: job.total, percent: job.percent().unwrap_or(0) }
            }
            Some(job) if job.state == JobState::Failed => failed(job.error.as_deref().or(last_error)),
            _ if is_held => Self::Held,
            _ if last_error.is_some() => failed(last_error),
            _ if entry.versions.is_empty() => Self::Empty,
            _ => Self::Ready,
        }
    }

    /// The word on the badge.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Waiting => "Waiting",
            Self::Indexing { .. } => "Indexing",
            Self::Held => "Held",
            Self::Failed { .. } => "Failed",
            Self::Empty => "Not indexed",
        }
    }

    /// The badge's class in the style sheet.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Ready => "good",
            Self::Waiting | Self::Indexing { .. } => "busy",
            Self::Held | Self::Failed { .. } => "bad",
            Self::Empty => "",
        }
    }

    /// How far it is, while it is being indexed: the words, and how many percent of the whole are done.
    #[must_use]
    pub fn progress(&self) -> Option<(String, u64)> {
        let Self::Indexing { stage, done, total, percent } = self else { return None };
        let stage = if stage.is_empty() { "working" } else { stage };
        let words = if *total > 0 { format!("{stage}: {done} of {total}") } else { stage.to_owned() };
        Some((words, *percent))
    }

    /// Why the last attempt failed, if it did and may be told.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => reason.as_deref(),
            _ => None,
        }
    }
}

/// A library in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its id: `/owner/name`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// One or two sentences; may be empty.
    pub description: String,
    /// The project to which it is private.
    pub project: Option<String>,
    /// Its state.
    pub state: State,
    /// The versions that can be asked for.
    pub versions: String,
    /// Of the version that is used when none is named.
    pub snippets: String,
    /// When that version was indexed.
    pub updated: Option<Moment>,
    /// Where it comes from.
    pub source: Source,
}

impl Row {
    /// A row for `entry`.
    #[must_use]
    pub fn new(entry: &LibraryEntry, state: State, project: Option<String>) -> Self {
        let used = entry.default_version();
        Self {
            id: entry.id.to_string(),
            title: entry.title.clone(),
            description: entry.description.clone(),
            project,
            state,
            versions: version_names(entry).join(", "),
            snippets: used.map(|version| counted(version.snippets, "snippet", "snippets")).unwrap_or_default(),
            updated: used.map(|version| Moment::from(version.indexed_at)),
            source: Source::new(&entry.source),
        }
    }
}

/// The versions as an owner names them; the one without a name is the default.
#[must_use]
pub fn version_names(entry: &LibraryEntry) -> Vec<String> {
    entry.versions.iter().map(|version| version.version.clone().unwrap_or_else(|| "default".to_owned())).collect()
}

/// Where a library comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// As it is shown.
    pub shown: String,
    /// A link, if it is a web address: nothing else becomes one.
    pub link: Option<String>,
}

impl Source {
    /// From the catalogue's text, which has no credentials.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self { shown: source.to_owned(), link: web_link(source).map(str::to_owned) }
    }
}

/// `address` if a browser may be sent there from a page.
#[must_use]
pub fn web_link(address: &str) -> Option<&str> {
    (address.starts_with("https://") || address.starts_with("http://")).then_some(address)
}

/// Whether a library fits what was typed into the filter box: each word occurs in its id, title or description.
#[must_use]
pub fn matches(entry: &LibraryEntry, filter: &str) -> bool {
    let text = format!("{} {} {}", entry.id, entry.title, entry.description).to_lowercase();
    filter.split_whitespace().all(|word| text.contains(&word.to_lowercase()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use docent_types::documentation::{VersionEntry, Visibility};
    use docent_types::ids::{JobId, LibraryRowId, VersionRowId};
    use docent_types::random::SystemRandomness;
    use docent_types::time::Timestamp;

    const NOW: Timestamp = Timestamp(1_795_305_600_000);

    pub(crate) fn entry(id: &str, versions: usize) -> LibraryEntry {
        LibraryEntry {
            row: LibraryRowId::generate(NOW, &SystemRandomness),
            id: id.parse().unwrap(),
            title: "Example".to_owned(),
            description: "A library for examples".to_owned(),
            source: "https://github.com/example/library.git".to_owned(),
            visibility: Visibility::Public,
            versions: (0..versions)
                .map(|number| VersionEntry {
                    id: VersionRowId::generate(NOW, &SystemRandomness),
                    version: (number > 0).then(|| format!("v{number}.0")),
                    artefact: "0".repeat(64),
                    commit: Some("8d5f0a3c2b1e4f6789abcdef0123456789abcdef".to_owned()),
                    pages: 120,
                    snippets: 3456,
                    tokens: 987_654,
                    indexed_at: NOW,
                })
                .collect(),
            rules: Vec::new(),
        }
    }

    fn job(library: LibraryRowId, state: JobState, created_at: i64) -> Job {
        Job {
            id: JobId::generate(NOW, &SystemRandomness),
            library,
            library_id: "/example/library".parse().unwrap(),
            version: None,
            state,
            stage: "reading".to_owned(),
            done: 40,
            total: 120,
            attempts: 1,
            error: (state == JobState::Failed).then(|| "git.internal does not answer".to_owned()),
            created_at: Timestamp(created_at),
            started_at: None,
            finished_at: None,
            lease_until: None,
            not_before: None,
        }
    }

    #[test]
    fn the_job_that_was_queued_last_decides_the_state() {
        let entry = entry("/example/library", 1);
        let state = |job_state| State::of(&entry, Some(&job(entry.row, job_state, 1)), None, false, true);
        assert_eq!(state(JobState::Running).progress(), Some(("reading: 40 of 120".to_owned(), 28)));
        assert_eq!(state(JobState::Waiting), State::Waiting);
        assert_eq!(state(JobState::Done), State::Ready);
        assert_eq!(State::of(&self::entry("/example/library", 0), None, None, false, true), State::Empty);
        assert_eq!(state(JobState::Held), State::Ready, "it was decided");
        assert_eq!(state(JobState::Cancelled), State::Ready);
        let held = |job_state| State::of(&entry, Some(&job(entry.row, job_state, 1)), None, true, true);
        assert_eq!(held(JobState::Held), State::Held);
        assert_eq!(held(JobState::Waiting), State::Waiting, "what happens now is told first");
    }

    #[test]
    fn the_reason_of_a_failure_is_told_to_who_is_signed_in_only() {
        let entry = entry("/example/library", 1);
        let failed = job(entry.row, JobState::Failed, 1);
        assert_eq!(State::of(&entry, Some(&failed), None, false, true).reason(), Some("git.internal does not answer"));
        assert_eq!(State::of(&entry, Some(&failed), None, false, false), State::Failed { reason: None });
    }

    #[test]
    fn only_web_addresses_become_links() {
        for source in ["javascript:alert(1)", "/srv/docs", "ssh://git@host/x.git", "git@host:x", "file:///x", "data:text/html,x"] {
            assert_eq!(Source::new(source).link, None, "{source}");
        }
        assert!(Source::new("https://github.com/example/library.git").link.is_some());
    }

    #[test]
    fn the_filter_wants_every_word_somewhere() {
        let entry = entry("/example/library", 1);
        assert!(matches(&entry, ""));
        assert!(matches(&entry, "EXAMPLES  library"));
        assert!(!matches(&entry, "example react"));
    }
}
