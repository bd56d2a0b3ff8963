//! Whole pages, put together again from the snippets of an artefact.
//!
//! `pages.jsonl` in an artefact has a line for each page, in the order of their paths: path, title, and where its snippets
//! stand in `snippets.jsonl`. Like the index it is made from the snippets and is not part of the hash. A page is found by
//! its path without reading the others.

mod reader;
mod render;

pub use reader::{Completion, FoundPage, PageAddress, PageError};
pub use render::render;

use crate::artefact::ArtefactError;
use docent_types::documentation::Snippet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The table's file in an artefact.
pub const TABLE: &str = "pages.jsonl";
/// Characters of a page as it is delivered; what goes beyond is left out and said to be.
pub const LARGEST_PAGE: usize = 200_000;
/// Of a page this many bytes are read: JSON of what is delivered at most.
const LARGEST_READ: u64 = 4 * 1024 * 1024;
/// Paths that are named when there is no page.
const NEAR: usize = 5;
/// Of so many paths the near ones are looked for.
const MOST_COMPARED: usize = 100_000;

/// A page in the table: path, title, and first byte and length of each run of its snippets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry(String, String, Vec<(u64, u64)>);

/// A page of a library.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Its path in the source.
    pub path: String,
    /// Its title.
    pub title: String,
    /// Its passages, in their order.
    pub snippets: Vec<Snippet>,
    /// Whether these are all.
    pub whole: bool,
}

/// Makes the table of an artefact's snippets, which are told one after the other.
#[derive(Debug, Default)]
pub(crate) struct TableMaker {
    pages: BTreeMap<String, (String, Vec<Stands>)>,
    at: u64,
}

/// Where a snippet of a page stands: its first line in the page, its first byte in the artefact, its bytes.
type Stands = (u32, u64, u64);

impl TableMaker {
    /// The next snippet, whose line in the artefact has so many bytes.
    pub(crate) fn add(&mut self, snippet: &Snippet, length: u64) {
        let at = self.at;
        self.at += length;
        let mut add = |path: &str, line: u32| {
            let runs = match self.pages.get_mut(path) {
                Some((_, runs)) => runs,
                None => &mut self.pages.entry(path.to_owned()).or_insert_with(|| (snippet.page_title.clone(), Vec::new())).1,
            };
            runs.push((line, at, length));
        };
        add(&snippet.path, snippet.lines.0);
        // A passage that a page shares with another belongs to both.
        for place in &snippet.also {
            add(&place.path, place.lines.0);
        }
    }

    /// The table, a line a page.
    ///
    /// # Errors
    /// None that happens: strings and numbers become JSON.
    pub(crate) fn finish(self) -> Result<Vec<u8>, serde_json::Error> {
        let mut out = Vec::new();
        for (path, (title, mut runs)) in self.pages {
            // A passage that was told with another page stands where this page has it.
            runs.sort_by_key(|(line, ..)| *line);
            let mut joined: Vec<(u64, u64)> = Vec::new();
            for (_, start, length) in runs {
                match joined.last_mut() {
                    Some((first, before)) if *first + *before == start => *before += length,
                    _ => joined.push((start, length)),
                }
            }
            serde_json::to_writer(&mut out, &Entry(path, title, joined))?;
            out.push(b'\n');
        }
        Ok(out)
    }
}

fn damaged(file: &str, what: impl ToString) -> ArtefactError {
    ArtefactError::Damaged { file: file.to_owned(), what: what.to_string() }
}

/// The table of an artefact; made from its snippets if it was written before there were tables.
fn table_of(folder: &Path) -> Result<Vec<u8>, ArtefactError> {
    match fs::read(folder.join(TABLE)) {
        Ok(table) => Ok(table),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut table = TableMaker::default();
            crate::artefact::each_snippet(folder, |snippet, line| {
                table.add(&snippet, line.len() as u64);
                Ok(())
            })?;
            Ok(table.finish()?)
        }
        Err(error) => Err(damaged(TABLE, error)),
    }
}

fn entries(table: &[u8]) -> impl Iterator<Item = Result<Entry, ArtefactError>> {
    let lines = table.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| damaged(TABLE, error)))
}

/// The line that begins like this, without reading what the others say.
fn line_of<'a>(table: &'a [u8], path: &str) -> Result<Option<&'a [u8]>, ArtefactError> {
    let mut beginning = b"[".to_vec();
    serde_json::to_writer(&mut beginning, path)?;
    beginning.push(b',');
    Ok(table.split(|byte| *byte == b'\n').find(|line| line.starts_with(&beginning)))
}

/// A page of an artefact by its path, or else the paths that are near. Blocks while the disk is read.
///
/// # Errors
/// [`ArtefactError::Damaged`] if the files are not what they should be.
pub fn read(folder: &Path, path: &str) -> Result<Result<Page, Vec<String>>, ArtefactError> {
    let table = table_of(folder)?;
    let Some(line) = line_of(&table, path)? else { return Ok(Err(near(&table, path)?)) };
    let Entry(path, title, runs) = serde_json::from_slice(line).map_err(|error| damaged(TABLE, error))?;
    let mut file = File::open(folder.join("snippets.jsonl")).map_err(|error| damaged("snippets.jsonl", error))?;
    let mut snippets = Vec::new();
    let mut left = LARGEST_READ;
    let mut whole = true;
    for (start, length) in runs {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start)).map_err(|error| damaged("snippets.jsonl", error))?;
        let wanted = length.min(left);
        let read = Read::by_ref(&mut file).take(wanted).read_to_end(&mut bytes).map_err(|error| damaged("snippets.jsonl", error))?;
        if (read as u64) < wanted {
            return Err(damaged("snippets.jsonl", "it is shorter than the pages in it"));
        }
        left -= wanted;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                // The limit stands in the middle of a snippet.
                break;
            }
            snippets.push(serde_json::from_slice(line).map_err(|error| damaged("snippets.jsonl", error))?);
        }
        if wanted < length {
            whole = false;
            break;
        }
    }
    Ok(Ok(Page { path, title, snippets, whole }))
}

/// The last part of a path without its ending, in lower case.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase()
}

fn near(table: &[u8], path: &str) -> Result<Vec<String>, ArtefactError> {
    let (wanted, wanted_stem) = (path.to_lowercase(), stem(path));
    let mut found: Vec<(u32, String)> = Vec::new();
    for entry in entries(table).take(MOST_COMPARED) {
        let Entry(path, ..) = entry?;
        let lower = path.to_lowercase();
        let own = stem(&path);
        let whole = crate::names_alike(&lower, &wanted);
        let name = crate::names_alike(&own, &wanted_stem);
        // The same name in another folder, or without its ending, is nearest; then names and paths that are alike.
        let same = if own == wanted_stem || lower.starts_with(&wanted) { 1_000 } else { 0 };
        if same > 0 || name >= 850 || whole >= 850 {
            found.push((same + name + whole, path));
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(found.into_iter().take(NEAR).map(|(_, path)| path).collect())
}

/// The paths that have this text in them, those that begin with it first; and how many there are.
///
/// # Errors
/// [`ArtefactError::Damaged`] if the table is not one.
pub fn complete(folder: &Path, typed: &str, limit: usize) -> Result<(Vec<String>, usize), ArtefactError> {
    let table = table_of(folder)?;
    let typed = typed.trim_start_matches('/').to_lowercase();
    let mut ranked: [Vec<String>; 3] = Default::default();
    for entry in entries(&table) {
        let Entry(path, ..) = entry?;
        let lower = path.to_lowercase();
        let rank = if lower.starts_with(&typed) {
            0
        } else if lower.rsplit('/').next().is_some_and(|name| name.starts_with(&typed)) {
            1
        } else if lower.contains(&typed) {
            2
        } else {
            continue;
        };
        ranked[rank].push(path);
    }
    let total = ranked.iter().map(Vec::len).sum();
    Ok((ranked.into_iter().flatten().take(limit).collect(), total))
}

#[cfg(test)]
mod tests;
