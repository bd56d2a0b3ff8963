//! Libraries, snippets and answers, as they travel between the crates.

use crate::ids::{LibraryRowId, ProjectId, VersionRowId};
use crate::library_id::LibraryId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Who may see a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Visibility {
    /// Every caller.
    Public,
    /// Only a grant or session of this project's members; to everybody else it does not exist.
    Private(ProjectId),
}

/// What a caller may see: the public libraries and those of some projects.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// The projects whose private libraries are seen: the grant's one, or all of a signed-in person's.
    pub projects: Vec<ProjectId>,
    /// Everything, for an operator at the command line.
    pub everything: bool,
}

impl View {
    /// The public libraries only.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// The public libraries and those of one project.
    #[must_use]
    pub fn of_project(project: ProjectId) -> Self {
        Self { projects: vec![project], everything: false }
    }

    /// Everything.
    #[must_use]
    pub const fn everything() -> Self {
        Self { projects: Vec::new(), everything: true }
    }

    /// Whether a library with this visibility exists for this view.
    #[must_use]
    pub fn sees(&self, visibility: Visibility) -> bool {
        match visibility {
            Visibility::Public => true,
            Visibility::Private(project) => self.everything || self.projects.contains(&project),
        }
    }
}

/// One indexed version of a library, as the catalogue lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionEntry {
    /// Its row.
    pub id: VersionRowId,
    /// `None` for the default version (the branch or folder as it is).
    pub version: Option<String>,
    /// The content hash under which the artefact is stored: 64 hexadecimal digits.
    pub artefact: String,
    /// The commit it was read at, if the source has commits.
    pub commit: Option<String>,
    /// Pages read.
    pub pages: u64,
    /// Snippets indexed.
    pub snippets: u64,
    /// Tokens of all snippets, estimated as characters / 4.
    pub tokens: u64,
    /// When it was indexed.
    pub indexed_at: Timestamp,
}

/// A library, as the catalogue lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LibraryEntry {
    /// Its row.
    pub row: LibraryRowId,
    /// Its id.
    pub id: LibraryId,
    /// Its title.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Where it comes from, without credentials: a URL or a folder.
    pub source: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// The indexed versions. The first is the one that is used when none is named.
    pub versions: Vec<VersionEntry>,
    /// The owner's notes from `context7.json`: shown labelled, never as instructions.
    pub rules: Vec<String>,
}

impl LibraryEntry {
    /// The version that is used when none is named. `None` while nothing is indexed.
    #[must_use]
    pub fn default_version(&self) -> Option<&VersionEntry> {
        self.versions.first()
    }
}

/// A block of code in a snippet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodeBlock {
    /// The fence's language in lower case, empty if it named none.
    pub language: String,
    /// The file that the block says it is, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file_name: Option<String>,
    /// The code, without fence and without a final line break.
    pub code: String,
}

/// A piece of a snippet, in the order of the page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Prose as Markdown.
    Prose(String),
    /// Code.
    Code(CodeBlock),
}

/// A passage of documentation that is delivered whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snippet {
    /// Derived from its path, headings and text: the same commit gives the same id. 32 hexadecimal digits.
    pub id: String,
    /// The page's path in the source, with `/`.
    pub path: String,
    /// The page's title.
    pub page_title: String,
    /// The headings above the passage, outermost first, without markup.
    pub headings: Vec<String>,
    /// The anchor of the nearest heading, if the format gives one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub anchor: Option<String>,
    /// First and last line in the source file, from 1.
    pub lines: (u32, u32),
    /// Where a person can read it.
    pub url: String,
    /// Prose and code in the page's order.
    pub blocks: Vec<Block>,
    /// Where else the source says exactly the same, in the order of the paths.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<Place>,
}

/// A place in a source at which a passage stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The page's path in the source, with `/`.
    pub path: String,
    /// First and last line in the source file, from 1.
    pub lines: (u32, u32),
    /// Where a person can read it.
    pub url: String,
}

impl Snippet {
    /// What stands above the passage: its nearest heading, else the page's title.
    #[must_use]
    pub fn title(&self) -> &str {
        self.headings.last().map_or(self.page_title.as_str(), String::as_str)
    }
}

/// A snippet that answers, with its score.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// The passage.
    pub snippet: Snippet,
    /// Higher is better; comparable within one answer only.
    pub score: f32,
}

/// What was found for a question.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The library that answered.
    pub library: LibraryId,
    /// The version that answered, as its owner names it.
    pub version: Option<String>,
    /// Best first.
    pub hits: Vec<Hit>,
    /// The owner's notes.
    pub rules: Vec<String>,
}

/// Why there is no answer. Each text says what to do next.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// No library of this id exists for this caller.
    #[error("There is no library {id}.{}", did_you_mean(.suggestions))]
    LibraryNotFound {
        /// What was asked for.
        id: String,
        /// Ids that are close.
        suggestions: Vec<LibraryId>,
    },
    /// The library has no such version.
    #[error("{id} has no version \"{version}\". It has: {}. Ask again with one of them, or without a version.", .available.join(", "))]
    VersionNotFound {
        /// The library.
        id: LibraryId,
        /// What was asked for.
        version: String,
        /// What there is; `default` stands for the version without a name.
        available: Vec<String>,
    },
    /// It was added and is not indexed yet.
    #[error("{id} is known but not indexed yet. Try again in a minute.")]
    NotReady {
        /// The library.
        id: LibraryId,
    },
    /// Its index cannot be read.
    #[error("The index of {id} cannot be read at the moment; the operator sees why at /readyz. Try again later.")]
    Damaged {
        /// The library.
        id: LibraryId,
    },
    /// Nothing in the question can be searched for.
    #[error("The question is empty. Ask in a sentence or with the names you look for.")]
    EmptyQuestion,
    /// Too much is waiting.
    #[error("The server is busy. Try again in a few seconds.")]
    Busy,
}

fn did_you_mean(suggestions: &[LibraryId]) -> String {
    if suggestions.is_empty() {
        return " Call resolve-library-id with the library's name to find its id.".to_owned();
    }
    let names: Vec<String> = suggestions.iter().map(ToString::to_string).collect();
    format!(" Did you mean {}? Call resolve-library-id to be sure.", names.join(" or "))
}

/// What was found in the text of a source that is not documentation. The order is that of gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Words that are aimed at an assistant.
    Instruction,
    /// Text that looks like the boundary between two results.
    Boundary,
    /// Characters that are not seen.
    Invisible,
    /// Marks that show a text in another order than it has.
    Direction,
    /// A credential in an example.
    Credential,
    /// Data in a URL.
    DataUrl,
}

impl FindingKind {
    /// In words for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Instruction => "aimed at assistants",
            Self::Boundary => "forged boundary",
            Self::Invisible => "invisible characters",
            Self::Direction => "direction marks",
            Self::Credential => "credential",
            Self::DataUrl => "data URL",
        }
    }
}

/// What was done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// It is in answers as it was found: the operator wants it told only.
    Kept,
    /// It was taken out or shortened.
    Removed,
    /// The passage, or the whole page, is in no answer.
    LeftOut,
    /// It stands where no answer comes from, in a comment for instance.
    NeverShown,
}

impl Handling {
    /// In words for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Removed => "removed",
            Self::LeftOut => "left out",
            Self::NeverShown => "never shown",
        }
    }
}

/// Something in the text of a source that is not documentation, and what was done with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Of what kind it is.
    pub kind: FindingKind,
    /// The file in the source.
    pub path: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// In words, what it is.
    pub what: String,
    /// A short piece of it: one line, without anything unseen, credentials cut.
    pub excerpt: String,
    /// What was done with it.
    pub handling: Handling,
}

/// What looking through a version's text came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// The policy, and the rules that it stood on.
    pub by: String,
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
}

/// A file that was left out or could not be read, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Its path in the source.
    pub path: String,
    /// In words.
    pub reason: String,
}
