//! Reading and searching documentation: every tree of `../shared/corpora`, and one library of 50,000 snippets.

use anyhow::Context as _;
use docent_library::artefact::{self, Meta};
use docent_library::ingest::{IngestOptions, ingest};
use docent_library::source::{Silent, Source};
use docent_types::documentation::Snippet;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What one library came to.
pub struct Row {
    /// Its name.
    pub name: String,
    /// Pages read.
    pub pages: u64,
    /// Snippets indexed.
    pub snippets: u64,
    /// Seconds from the source to the index.
    pub ingest: f64,
    /// Milliseconds from a closed index to the first answer: verified, opened, asked.
    pub cold: f64,
    /// Milliseconds at 50 percent of the questions.
    pub p50: f64,
    /// Milliseconds at 99 percent of the questions.
    pub p99: f64,
}

/// The trees in `corpora/`.
pub const LIBRARIES: [&str; 5] = ["fastapi", "react", "sqlalchemy", "tokio", "vite"];

/// The questions about each library.
///
/// # Errors
/// They are missing.
pub fn questions(shared: &Path) -> anyhow::Result<HashMap<String, Vec<String>>> {
    let text = std::fs::read_to_string(shared.join("eval/questions/dev.jsonl")).context("the questions are missing")?;
    let mut by_library: HashMap<String, Vec<String>> = HashMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        if let (Some(library), Some(question)) = (line["library"].as_str(), line["question"].as_str()) {
            by_library.entry(library.to_owned()).or_default().push(question.to_owned());
        }
    }
    Ok(by_library)
}

fn ask_all(root: &Path, hash: &str, questions: &[String]) -> anyhow::Result<[f64; 3]> {
    let started = Instant::now();
    let index = artefact::open(root, hash)?;
    index.search(questions.first().context("no questions")?, None, 20)?;
    let cold = started.elapsed().as_secs_f64() * 1000.0;
    for question in questions {
        index.search(question, None, 20)?;
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        for question in questions {
            let started = Instant::now();
            index.search(question, None, 20)?;
            times.push(started.elapsed());
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)].as_secs_f64() * 1000.0;
    Ok([cold, at(0.5), at(0.99)])
}

/// One library of 50,000 snippets: those that are given, again and again under other paths.
#[must_use]
pub fn fifty_thousand(all: &[Snippet]) -> Vec<Snippet> {
    let mut many = Vec::with_capacity(50_000);
    for copy in 0.. {
        for snippet in all {
            let id = format!("{copy:04}{}", &snippet.id[4..]);
            many.push(Snippet { id, path: format!("copy{copy}/{}", snippet.path), ..snippet.clone() });
        }
        if many.len() >= 50_000 || all.is_empty() {
            break;
        }
    }
    many.truncate(50_000);
    many
}

/// Measures all of them.
///
/// # Errors
/// The shared folder is missing, or a tree cannot be read.
pub fn measure(shared: &Path) -> anyhow::Result<Vec<Row>> {
    let root = tempfile::tempdir()?;
    let questions = questions(shared)?;
    let (mut rows, mut all) = (Vec::new(), Vec::<Snippet>::new());
    for name in LIBRARIES {
        let source = Source::parse(&shared.join("corpora").join(name).display().to_string())?;
        let options = IngestOptions { workdir: root.path().join("work"), index_root: root.path().to_owned(), ..IngestOptions::default() };
        let started = Instant::now();
        let ingested = ingest(&source, &options, &Silent)?;
        let took = started.elapsed().as_secs_f64();
        let [cold, p50, p99] = ask_all(root.path(), &ingested.artefact, questions.get(name).context("no questions")?)?;
        all.extend(artefact::snippets(&artefact::folder(root.path(), &ingested.artefact))?);
        rows.push(Row { name: name.to_owned(), pages: ingested.pages, snippets: ingested.snippets, ingest: took, cold, p50, p99 });
    }
    let many = fifty_thousand(&all);
    let started = Instant::now();
    let meta = Meta { source: "bench".to_owned(), ..Meta::default() };
    let built = artefact::build(root.path(), &many, &meta)?;
    let took = started.elapsed().as_secs_f64();
    let asked: Vec<String> = questions.into_values().flatten().collect();
    let [cold, p50, p99] = ask_all(root.path(), &built.hash, &asked)?;
    rows.push(Row { name: "50,000 snippets".to_owned(), pages: 0, snippets: 50_000, ingest: took, cold, p50, p99 });
    Ok(rows)
}
