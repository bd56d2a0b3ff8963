//! From a source to an artefact, in one call.

use crate::answer;
use crate::artefact::{self, ArtefactError, Meta};
use crate::format::{self, BlockContent, Page};
pub use crate::reading::read_pages;
use crate::snippet::{self, Links, identity};
use crate::source::context7::Context7;
use crate::source::network::Network;
use crate::source::selection::{self, Selection};
pub use crate::source::{Progress, Silent, Stage};
use crate::source::{Source, SourceError, Tree};
use crate::trust;
use docent_types::documentation::{Finding, Inspection, Skipped, Snippet};
use docent_types::library_id::LibraryId;
use std::path::{Path, PathBuf};

/// Of files that were skipped, this many are told.
const MAX_SKIPPED: usize = 2_000;

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
    let tree = source.fetch(&options.network, &options.workdir, progress).map_err(|error| match error {
        SourceError::Cancelled(_) => IngestError::Cancelled,
        other => IngestError::Source(other),
    })?;
    let mut notes = Vec::new();
    let mut rules = context7(&tree.root, &mut notes);
    let mut findings = owner_words(&tree.root, &mut rules, options.trust);
    progress.stage(Stage::Select, 0, 0);
    let selection = selection::select(&tree, &rules, &display)?;
    progress.stage(Stage::Select, selection.pages.len() as u64, selection.pages.len() as u64);
    if selection.pages.is_empty() {
        return Err(IngestError::NoPages { display, found: found(&selection) });
    }
    let (pages, mut skipped) = read_pages(&tree.root, &selection.pages, progress)?;
    if pages.is_empty() {
        return Err(IngestError::NoPages { display, found: found(&selection) });
    }
    let (pages, found_in_pages, left_out) = trust::treat_pages(pages, options.trust);
    if pages.is_empty() {
        return Err(IngestError::NothingTrusted { display, pages: left_out.len() });
    }
    findings.extend(found_in_pages);
    trust::sort(&mut findings);
    skipped.extend(left_out);
    skipped.extend(selection.skipped);
    skipped.extend(notes);
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    skipped.truncate(MAX_SKIPPED);

    let id = match &options.id {
        Some(id) => id.clone(),
        None => suggested_id(source)?,
    };
    let (title, description) = about(&pages, &rules, &tree, &id);
    // The digest of an archive or a site is no commit that a host could show.
    let commit = matches!(source, Source::Git { .. }).then_some(tree.commit.as_deref()).flatten();
    let links = Links::new(&display, commit).with_pages(tree.urls.clone());
    let page_count = pages.len() as u64;
    // Each page goes as soon as its snippets are there: a large library is not in memory twice.
    let snippets: Vec<Snippet> = identity::without_copies(pages.into_iter().flat_map(|page| snippet::split(&page, &links)).collect());
    progress.stage(Stage::Index, 0, snippets.len() as u64);
    if progress.cancelled() {
        return Err(IngestError::Cancelled);
    }
    let meta = Meta { source: display.clone(), commit: tree.commit.clone(), rules: rules.rules.clone() };
    let artefact = artefact::build(&options.index_root, &snippets, &meta)?;
    progress.stage(Stage::Index, snippets.len() as u64, snippets.len() as u64);

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
        snippets: snippets.len() as u64,
        tokens: snippets.iter().map(|snippet| answer::tokens(&answer::render_snippet(snippet)) as u64).sum(),
        skipped,
        inspection: Inspection { by: options.trust.mark(), findings },
        rules: rules.rules.clone(),
        versions: rules.versions(),
        id,
    })
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

fn id_part(text: &str) -> String {
    let part: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+') { c } else { '-' }).take(100).collect();
    let part = part.trim_matches(['-', '.']).to_owned();
    if part.is_empty() { "library".to_owned() } else { part }
}

/// `example_org_docs` of `https://example.org/docs/`.
fn id_of_address(url: &url::Url, path: &str) -> String {
    let host = url.host_str().unwrap_or("site").trim_start_matches("www.");
    let port = url.port().map(|port| format!("_{port}")).unwrap_or_default();
    let path: String = path.split('/').filter(|part| !part.is_empty()).map(|part| format!("_{part}")).collect();
    format!("{host}{port}{path}").replace('.', "_")
}

/// A file's name without the ending of an archive.
fn archive_name(location: &str) -> String {
    let path = location.split(['?', '#']).next().unwrap_or(location).trim_end_matches('/');
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let ending = [".tar.gz", ".tgz", ".tar", ".zip"].iter().find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
    name[..name.len() - ending].to_owned()
}

/// `/owner/repo` of a hosted repository, `/websites/host_path` of a web site, `/llmstxt/host` of a file for language models,
/// `/packages/name` of a package, `/local/<name>` of what is on this machine.
///
/// # Errors
/// The path cannot be resolved.
pub fn suggested_id(source: &Source) -> Result<LibraryId, IngestError> {
    let (owner, name) = match source {
        Source::Folder(path) => {
            let full = path.canonicalize().unwrap_or_else(|_| path.clone());
            ("local".to_owned(), full.file_name().map_or_else(|| "library".to_owned(), |name| name.to_string_lossy().into_owned()))
        }
        Source::Archive(location) => {
            let owner = url::Url::parse(location).ok().filter(url::Url::has_host).map(|url| id_of_address(&url, ""));
            (owner.unwrap_or_else(|| "local".to_owned()), archive_name(location))
        }
        Source::Site(url) => {
            let path = url.path().trim_end_matches('/');
            let is_page = [".html", ".htm", ".md"].iter().any(|ending| path.ends_with(ending));
            let path = if is_page { path.rsplit_once('/').map_or("", |(folder, _)| folder) } else { path };
            ("websites".to_owned(), id_of_address(url, path))
        }
        Source::Llms(url) => {
            let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            ("llmstxt".to_owned(), id_of_address(url, folder))
        }
        Source::Package { name, .. } => ("packages".to_owned(), name.trim_start_matches('@').to_owned()),
        Source::Git { url, .. } => {
            let shown = crate::source::shown(url);
            let local = shown.starts_with("file://");
            let path = shown.split_once("://").map_or_else(
                || shown.split_once(':').map_or(shown.as_str(), |(_, path)| path),
                |(_, rest)| rest.split_once('/').map_or(rest, |(_, path)| path),
            );
            let path = path.trim_matches('/');
            let path = path.strip_suffix(".git").unwrap_or(path);
            let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
            let name = parts.next().unwrap_or("library").to_owned();
            let owner = if local { "local" } else { parts.next().unwrap_or("git") };
            (owner.to_owned(), name)
        }
    };
    let name = name.strip_suffix(".git").unwrap_or(&name);
    LibraryId::new(&id_part(&owner), &id_part(name)).map_err(|error| IngestError::Source(SourceError::Form(error.to_string())))
}

/// Title and description: from `context7.json`, else the page that introduces the library.
fn about(pages: &[Page], rules: &Context7, tree: &Tree, id: &LibraryId) -> (String, String) {
    let rank = |page: &Page| {
        let depth = page.path.matches('/').count();
        let name = page.path.rsplit('/').next().unwrap_or("").to_ascii_lowercase();
        let kind = if name.starts_with("readme.") {
            0
        } else if name.starts_with("index.") || name.starts_with("_index.") {
            1
        } else if name.starts_with("intro") || name.starts_with("overview") || name.starts_with("getting-started") {
            2
        } else {
            3
        };
        (if kind == 3 { 1 } else { 0 }, depth, kind)
    };
    let main = pages.iter().min_by_key(|page| rank(page));
    let introduced = main.filter(|page| rank(page).0 == 0 && introduces_most(page, pages));
    let title = rules
        .project_title
        .clone()
        .or_else(|| tree.title.clone().filter(|title| usable_title(title)))
        .or_else(|| introduced.map(|page| page.title.clone()).filter(|title| usable_title(title)))
        .unwrap_or_else(|| id.name().to_owned());
    let description = rules
        .description
        .clone()
        .or_else(|| tree.description.clone())
        .or_else(|| introduced.and_then(|page| page.description.clone()))
        .or_else(|| introduced.and_then(first_sentence))
        .unwrap_or_default();
    (title.chars().take(120).collect(), description)
}

/// Whether at least half of the pages lie in the page's folder or below: the index of a side folder introduces only that.
fn introduces_most(page: &Page, pages: &[Page]) -> bool {
    let folder = page.path.rfind('/').map_or("", |slash| &page.path[..=slash]);
    pages.iter().filter(|other| other.path.starts_with(folder)).count() * 2 >= pages.len()
}

fn usable_title(title: &str) -> bool {
    let lower = title.to_lowercase();
    !title.trim().is_empty()
        && title.chars().count() <= 80
        && !matches!(
            lower.as_str(),
            "introduction" | "overview" | "getting started" | "home" | "index" | "readme" | "documentation" | "docs" | "welcome"
        )
}

fn first_sentence(page: &Page) -> Option<String> {
    let prose = page.sections.iter().flat_map(|section| &section.blocks).find_map(|block| match &block.content {
        BlockContent::Prose(text) => {
            let text = snippet::without_targets(text);
            let words = text.split_whitespace().count();
            (words >= 5 && !text.starts_with(['-', '|', '!', '[']) && !text.contains("http")).then_some(text)
        }
        BlockContent::Code { .. } => None,
    })?;
    let flat = format::collapse(&prose.replace("**", ""));
    let mut end = 0;
    for (at, _) in flat.match_indices(". ") {
        if at > 240 {
            break;
        }
        end = at + 1;
        if at > 60 {
            break;
        }
    }
    let cut: String = if end > 0 { flat[..end].to_owned() } else { flat.chars().take(240).collect() };
    Some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_suggested_from_where_the_source_is() {
        for (source, id) in [
            ("https://user:pass@github.com/Vercel/next.js.git#canary", "/vercel/next.js"),
            ("git@example.org:group/sub/repo.git", "/sub/repo"),
            ("file:///srv/git/My Lib.git", "/local/my-lib"),
            ("/", "/local/library"),
            ("/srv/docs-1.2.tar.gz", "/local/docs-1.2"),
            ("https://user:pass@files.example.org/a/handbook.zip?x=1", "/files_example_org/handbook"),
            ("site:https://www.example.org/docs/v2/", "/websites/example_org_docs_v2"),
            ("site:https://example.org/docs/index.html", "/websites/example_org_docs"),
            ("site:http://wiki.intranet:8080", "/websites/wiki_intranet_8080"),
            ("https://docs.example.org/llms-full.txt", "/llmstxt/docs_example_org"),
            ("npm:@scope/name@1.0.0", "/packages/scope-name"),
            ("pypi:ruamel.yaml", "/packages/ruamel.yaml"),
        ] {
            assert_eq!(suggested_id(&Source::parse(source).unwrap()).unwrap().to_string(), id, "{source}");
        }
    }
}
