//! A question tried on the page: exactly what an assistant would get, and the same in parts.

use crate::figures::counted;
use crate::listing::web_link;
use docent_library::answer::render_text;
use docent_library::reader::{DEFAULT_TOKENS, Reader};
use docent_library::versions;
use docent_types::documentation::{Answer, Block, Hit, QueryError, View};
use docent_types::library_id::{LibraryId, LibraryReference};

/// What was asked and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// What came of it.
    pub outcome: Outcome,
}

/// An answer, or why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Passages were found.
    Found {
        /// How much it is, in words.
        size: String,
        /// The text that an assistant gets.
        text: String,
        /// The passages, best first.
        passages: Vec<Passage>,
    },
    /// Nothing fits the question.
    Nothing,
    /// There is no answer, in words.
    Refused(String),
}

/// A passage of the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passage {
    /// What stands above it.
    pub title: String,
    /// The headings above it.
    pub headings: String,
    /// The page's path.
    pub path: String,
    /// Its lines in the file.
    pub lines: String,
    /// Where a person can read it, if that is a web address.
    pub link: Option<String>,
    /// Its score within this answer.
    pub score: String,
    /// What it consists of.
    pub parts: String,
}

impl Passage {
    fn new(hit: &Hit) -> Self {
        let snippet = &hit.snippet;
        let mut parts: Vec<String> = Vec::new();
        for block in &snippet.blocks {
            let part = match block {
                Block::Prose(_) => "prose".to_owned(),
                Block::Code(code) if code.language.is_empty() => "code".to_owned(),
                Block::Code(code) => code.language.clone(),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let (first, last) = snippet.lines;
        Self {
            title: snippet.title().to_owned(),
            headings: snippet.headings.join(" › "),
            path: snippet.path.clone(),
            lines: if first == last { format!("line {first}") } else { format!("lines {first} to {last}") },
            link: web_link(&snippet.url).map(str::to_owned),
            score: format!("{:.2}", hit.score),
            parts: parts.join(", "),
        }
    }
}

impl Trial {
    /// Asks `question` of the library as an assistant would.
    pub async fn of(reader: &Reader, view: &View, id: &LibraryId, version: Option<&str>, question: &str) -> Self {
        let reference = LibraryReference { id: id.clone(), version: version.map(str::to_owned) };
        let answer = reader.query(view, &reference, question, DEFAULT_TOKENS).await;
        let answered = answer.as_ref().ok().and_then(|answer| answer.version.as_deref());
        let resolution = versions::resolution(version, answered);
        let mut trial = Self::from(answer);
        if let (Some(said), Outcome::Found { text, .. }) = (resolution, &mut trial.outcome) {
            *text = format!("({said})\n\n{text}");
        }
        trial
    }
}

impl From<Result<Answer, QueryError>> for Trial {
    fn from(result: Result<Answer, QueryError>) -> Self {
        let outcome = match result {
            Ok(answer) if answer.hits.is_empty() => Outcome::Nothing,
            Ok(answer) => {
                let text = render_text(&answer);
                let tokens = text.chars().count().div_ceil(4) as u64;
                let passages = counted(answer.hits.len() as u64, "passage", "passages");
                Outcome::Found {
                    size: format!("{passages}, about {}", counted(tokens, "token", "tokens")),
                    text,
                    passages: answer.hits.iter().map(Passage::new).collect(),
                }
            }
            Err(error) => Outcome::Refused(error.to_string()),
        };
        Self { outcome }
    }
}
