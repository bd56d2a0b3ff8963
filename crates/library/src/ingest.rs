//! From a source to an artefact, in one call. Files are read in batches and passages wait on disk, so that memory does not grow
//! with the source.

mod introduction;
mod suggested_id;

pub use crate::reading::read_pages;
pub use crate::source::{Progress, Silent, Stage};
pub use suggested_id::suggested_id;

use crate::answer;
use crate::artefact::{Artefact, ArtefactError, ArtefactWriter, Meta};
use crate::format::include::Tree as Includes;
use crate::known_pages::{FreshPages, KnownPages};
use crate::reading::{self, skip};
use crate::snippet::copies::{self, Copies};
use crate::snippet::{self, Links};
use crate::source::context7::Context7;
use crate::source::network::Network;
use crate::source::selection::{self, Selection};
use crate::source::{Source, SourceError};
use crate::trust;
use docent_types::documentation::{Finding, FindingKind, Inspection, Place, Skipped, Snippet};
use docent_types::library_id::LibraryId;
use introduction::{Introduction, Introductions};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of files that were skipped, this many are told.
const MAX_SKIPPED: usize = 2_000;
/// Stands for a file where a registry or a site says something of its source.
const ABOUT: &str = "(about the source)";

/// What an ingest needs besides the source.
#[derive(Clone, Debug, Default)]
pub struct IngestOptions {
    /// Instead of the id that the source suggests.
    pub id: Option<LibraryId>,
    /// Instead of the title that the source gives.
    pub title: Option<String>,
    /// What the version is called; kept for the caller.
    pub version: Option<String>,
    /// Repositories are fetched into a fresh folder in here, removed afterwards.
    pub workdir: PathBuf,
    /// Where artefacts are.
    pub index_root: PathBuf,
    /// What reading from the network may cost, and where registries are.
    pub network: Network,
    /// What is done with text that is no documentation.
    pub trust: trust::Policy,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// The id that was asked for, else the one that the source suggests.
    pub id: LibraryId,
    /// Its title.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The source without credentials.
    pub source: String,
    /// The version as it was asked for.
    pub version: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The branch or tag that was read.
    pub branch: Option<String>,
    /// The artefact's content hash.
    pub artefact: String,
    /// Whether the artefact was there already: nothing changed.
    pub unchanged: bool,
    /// Pages read.
    pub pages: u64,
    /// Of them, those that had not changed since they were read last and were not parsed again.
    pub known_pages: u64,
    /// Snippets indexed.
    pub snippets: u64,
    /// Tokens of all snippets, estimated as characters / 4.
    pub tokens: u64,
    /// What was left out or could not be read.
    pub skipped: Vec<Skipped>,
    /// What was found in the text that is no documentation, and what was done with it.
    pub inspection: Inspection,
    /// The owner's notes.
    pub rules: Vec<String>,
    /// Versions that the owner names.
    pub versions: Vec<String>,
}

/// Why there is no artefact.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no documentation in it.
    #[error(
        "{display} has no documentation that can be read (Markdown, MDX, reStructuredText, AsciiDoc, notebooks, HTML, OpenAPI, manual pages, text). Found: {found}"
    )]
    NoPages {
        /// The source.
        display: String,
        /// What was found instead.
        found: String,
    },
    /// All of its pages were left out by the policy.
    #[error("all {pages} pages of {display} have words that are aimed at assistants, and trust.policy leaves such pages out")]
    NothingTrusted {
        /// The source.
        display: String,
        /// How many pages.
        pages: usize,
    },
    /// The artefact could not be written.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// It was told to stop.
    #[error("it was cancelled")]
    Cancelled,
}

/// Reads a source and writes its artefact. Blocks for as long as that takes.
///
/// # Errors
/// [`IngestError`]; nothing is left behind.
pub fn ingest(source: &Source, options: &IngestOptions, progress: &dyn Progress) -> Result<Ingested, IngestError> {
    let display = source.display();
    let mut tree = source.fetch(&options.network, &options.workdir, progress).map_err(|error| match error {
        SourceError::Cancelled(_) => IngestError::Cancelled,
        other => IngestError::Source(other),
    })?;
    let mut notes = Vec::new();
    let mut rules = context7(&tree.root, &mut notes);
    let mut findings = owner_words(&tree.root, &mut rules, options.trust);
    for said in [&mut tree.title, &mut tree.description] {
        if let Some(treated) = said.as_deref().and_then(|text| trust::treat_line(text, ABOUT, 1, options.trust, &mut findings)) {
            *said = Some(treated).filter(|text| text.trim() != trust::OMISSION);
        }
    }
    progress.stage(Stage::Select, 0, 0);
    let selection = selection::select(&tree, &rules, &display)?;
    progress.stage(Stage::Select, selection.pages.len() as u64, selection.pages.len() as u64);
    if selection.pages.is_empty() {
        return Err(IngestError::NoPages { display, found: found(&selection) });
    }
    let id = match &options.id {
        Some(id) => id.clone(),
        None => suggested_id(source)?,
    };
    // The digest of an archive or a site is no commit that a host could show.
    let commit = matches!(source, Source::Git { .. }).then_some(tree.commit.as_deref()).flatten();
    let links = Links::new(&display, commit).with_pages(tree.urls.clone());
    let key = format!("{id} {} {display}", options.version.as_deref().unwrap_or(""));
    let mut read = read(&tree.root, &selection.pages, links, &key, options, progress)?;
    if read.pages == 0 {
        return Err(if read.left_out > 0 {
            IngestError::NothingTrusted { display, pages: read.left_out }
        } else {
            IngestError::NoPages { display, found: found(&selection) }
        });
    }
    let mut all_findings = std::mem::take(&mut read.findings);
    all_findings.extend(findings);
    let mut skipped = std::mem::take(&mut read.skipped);
    skipped.extend(selection.skipped);
    skipped.extend(notes);
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    skipped.truncate(MAX_SKIPPED);

    let (title, description) = read.introduction.about(&rules, &tree, &id);
    let meta = Meta { source: display.clone(), commit: tree.commit.clone(), rules: rules.rules.clone() };
    let (snippets, tokens) = (u64::from(read.passages.kept), read.passages.tokens);
    let (page_count, known_pages) = (read.pages, read.known);
    let artefact = write(read.passages, &options.index_root, &meta, progress)?;
    read.fresh.keep();

    Ok(Ingested {
        title: options.title.clone().unwrap_or(title),
        description,
        source: display,
        version: options.version.clone(),
        commit: tree.commit.clone(),
        branch: tree.branch.clone(),
        artefact: artefact.hash,
        unchanged: artefact.reused,
        pages: page_count,
        known_pages,
        snippets,
        tokens,
        skipped,
        inspection: Inspection { by: options.trust.mark(), findings: all_findings.finish() },
        rules: rules.rules.clone(),
        versions: rules.versions(),
        id,
    })
}

/// A passage, ready to be written.
struct Passage {
    json: String,
    sense: [u8; 16],
    place: Place,
    tokens: u64,
}

impl Passage {
    fn of(snippet: &Snippet) -> Self {
        Self {
            // Strings and numbers become JSON.
            json: serde_json::to_string(snippet).unwrap_or_default(),
            sense: copies::sense(snippet),
            place: copies::place(snippet),
            tokens: answer::tokens(&answer::render_snippet(snippet)) as u64,
        }
    }
}

/// What came of one file.
struct FileRead {
    path: String,
    page: Result<PageRead, String>,
    findings: Vec<Finding>,
    line: Option<Vec<u8>>,
    was_known: bool,
}

/// What is needed of a page when its passages are cut.
struct PageRead {
    introduction: Option<Introduction>,
    passages: Vec<Passage>,
}

/// What is needed of all files, while their passages wait on disk.
struct Read {
    pages: u64,
    known: u64,
    left_out: usize,
    skipped: Vec<Skipped>,
    findings: trust::Findings,
    introduction: Introductions,
    passages: Passages,
    fresh: FreshPages,
}

/// Reads, looks through and cuts the pages; what did not change since the last time is not parsed again.
fn read(
    root: &Path,
    paths: &[String],
    links: Links,
    key: &str,
    options: &IngestOptions,
    progress: &dyn Progress,
) -> Result<Read, IngestError> {
    let io = |error: std::io::Error| SourceError::Io { path: root.display().to_string(), reason: error.to_string() };
    let includes = Includes::new(root).map_err(io)?.with_files(paths.iter().cloned());
    let known = KnownPages::open(&options.workdir, key, options.trust);
    let (folder, policy) = (root.to_owned(), options.trust);
    let one = move |path: &str| -> Result<FileRead, Skipped> {
        let bytes = std::fs::read(folder.join(path)).map_err(|error| skip(path, error.to_string()))?;
        let known = known.page(path, &bytes, &includes, policy);
        let page = known.reading.page.map(|page| PageRead {
            introduction: Introduction::of(&page),
            passages: snippet::split(&page, &links).iter().map(Passage::of).collect(),
        });
        Ok(FileRead { path: path.to_owned(), page, findings: known.reading.findings, line: known.line, was_known: known.was_known })
    };
    let mut read = Read {
        pages: 0,
        known: 0,
        left_out: 0,
        skipped: Vec::new(),
        findings: trust::Findings::default(),
        introduction: Introductions::default(),
        passages: Passages::new(&options.workdir)?,
        fresh: FreshPages::new(&options.workdir, key, policy),
    };
    reading::in_batches(root, paths, Arc::new(one), progress, |file| {
        let skipped = match file {
            Ok(file) => {
                let trusted = file.findings.iter().all(|one| one.kind != FindingKind::Instruction);
                read.findings.extend(file.findings);
                read.known += u64::from(file.was_known);
                if let Some(line) = file.line {
                    read.fresh.add(&line);
                }
                match file.page {
                    Ok(page) => {
                        read.pages += 1;
                        read.introduction.add(&file.path, page.introduction);
                        for passage in page.passages {
                            read.passages.push(passage)?;
                        }
                        return Ok(());
                    }
                    Err(reason) => {
                        read.left_out += usize::from(!trusted);
                        Skipped { path: file.path, reason }
                    }
                }
            }
            Err(skipped) => skipped,
        };
        if read.skipped.len() < MAX_SKIPPED {
            read.skipped.push(skipped);
        }
        Ok(())
    })?;
    Ok(read)
}

/// Passages that wait on disk until all are known: only then it is known where else each of them stands.
struct Passages {
    file: BufWriter<File>,
    copies: Copies,
    kept: u32,
    tokens: u64,
}

impl Passages {
    fn new(workdir: &Path) -> Result<Self, IngestError> {
        let file = std::fs::create_dir_all(workdir).and_then(|()| tempfile::tempfile_in(workdir));
        let file = file.map_err(|error| SourceError::Io { path: workdir.display().to_string(), reason: error.to_string() })?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), copies: Copies::default(), kept: 0, tokens: 0 })
    }

    fn push(&mut self, passage: Passage) -> Result<(), IngestError> {
        let Passage { json, sense, place, tokens } = passage;
        if self.copies.is_new(sense, || place) {
            self.file.write_all(json.as_bytes()).and_then(|()| self.file.write_all(b"\n")).map_err(on_disk)?;
            self.kept += 1;
            self.tokens += tokens;
        }
        Ok(())
    }
}

fn on_disk(error: std::io::Error) -> IngestError {
    IngestError::Source(SourceError::Io { path: "the work folder".to_owned(), reason: error.to_string() })
}

/// Writes the artefact.
fn write(passages: Passages, index_root: &Path, meta: &Meta, progress: &dyn Progress) -> Result<Artefact, IngestError> {
    let Passages { file, mut copies, kept, .. } = passages;
    let total = u64::from(kept);
    progress.stage(Stage::Index, 0, total);
    let mut file = file.into_inner().map_err(|error| on_disk(error.into_error()))?;
    file.rewind().map_err(on_disk)?;
    let mut writer = ArtefactWriter::new(index_root, meta)?;
    for (number, line) in (0..).zip(BufReader::with_capacity(1 << 16, file).lines()) {
        if number % 1_000 == 0 && progress.cancelled() {
            return Err(IngestError::Cancelled);
        }
        let line = line.map_err(on_disk)?;
        match copies.also(number) {
            also if also.is_empty() => writer.push(&line)?,
            also => {
                let mut snippet: Snippet = serde_json::from_str(&line).map_err(ArtefactError::from)?;
                snippet.also = also;
                writer.push(&serde_json::to_string(&snippet).map_err(ArtefactError::from)?)?;
            }
        }
    }
    drop(copies);
    let artefact = writer.finish(&mut |done| {
        progress.stage(Stage::Index, done, total);
        !progress.cancelled()
    });
    progress.stage(Stage::Index, total, total);
    artefact.map_err(|error| if matches!(error, ArtefactError::Stopped) { IngestError::Cancelled } else { error.into() })
}

fn context7(root: &Path, notes: &mut Vec<Skipped>) -> Context7 {
    let path = root.join("context7.json");
    let Ok(metadata) = path.symlink_metadata() else { return Context7::default() };
    let mut note = |reason: String| notes.push(Skipped { path: "context7.json".to_owned(), reason });
    if !metadata.is_file() || metadata.len() > 256 * 1024 {
        note("it is not a small file".to_owned());
        return Context7::default();
    }
    let parsed =
        std::fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| Context7::parse(&String::from_utf8_lossy(&bytes)));
    parsed.unwrap_or_else(|reason| {
        note(reason);
        Context7::default()
    })
}

/// Looks through what the owner says in `context7.json`.
fn owner_words(root: &Path, rules: &mut Context7, policy: trust::Policy) -> Vec<Finding> {
    const FILE: &str = "context7.json";
    let mut findings = Vec::new();
    // A file that is not there or too large was not read for its words either.
    let source = if *rules == Context7::default() { String::new() } else { std::fs::read_to_string(root.join(FILE)).unwrap_or_default() };
    rules.rules = trust::treat_notes(std::mem::take(&mut rules.rules), FILE, &source, policy, &mut findings);
    for text in [&mut rules.project_title, &mut rules.description].into_iter().flatten() {
        if let Some(treated) = trust::treat_line(text, FILE, 1, policy, &mut findings) {
            *text = treated;
        }
    }
    findings
}

fn found(selection: &Selection) -> String {
    let mut parts: Vec<String> = selection.others.iter().take(5).map(|(ending, count)| format!("{count} × {ending}")).collect();
    if !selection.skipped.is_empty() {
        parts.push(format!("{} skipped ({}: {})", selection.skipped.len(), selection.skipped[0].path, selection.skipped[0].reason));
    }
    if parts.is_empty() { format!("{} files", selection.seen) } else { format!("{} files, of them {}", selection.seen, parts.join(", ")) }
}
