//! What is known of a site between two crawls, on disk: pages and their validators, so that an unchanged page costs an answer
//! without content; and the pages of a crawl that was interrupted, so that the next one goes on there.
//!
//! `crawl.jsonl` is written a line a page while a crawl runs, and becomes `earlier.jsonl` when it ends. Texts are in `bodies/`
//! under their SHA-256 and are believed only if it fits.

use super::super::http::Validators;
use super::super::{SourceError, digest};
use docent_types::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The folder in the work folder.
const FOLDER: &str = "sites";
const RUNNING: &str = "crawl.jsonl";
const EARLIER: &str = "earlier.jsonl";
/// Pages of a crawl that stopped longer ago are asked for again.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// What kind of text a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// HTML.
    Html,
    /// Markdown.
    Markdown,
    /// reStructuredText.
    Rst,
    /// Anything else that is text.
    Text,
}

/// The text of a page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Body {
    /// SHA-256 of its bytes.
    pub digest: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
}

/// What came of one address.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The address.
    pub url: String,
    /// Where it redirects to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Body>,
    /// Why there is no text, or an old one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What to ask with next time.
    #[serde(default)]
    pub validators: Validators,
    /// `X-Robots-Tag`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub robots: Option<String>,
}

/// A sitemap by which a change of the site can be seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listing {
    /// Its address.
    pub url: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// What to ask with.
    pub validators: Validators,
}

/// How a crawl ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// Digest of all pages.
    pub revision: String,
    /// A sitemap that says of every page when it changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub listing: Option<Listing>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begun(i64),
    Page(Record),
    Finished(Finished),
}

/// The memory of one site, held by one crawl.
pub struct Memory {
    folder: PathBuf,
    before: HashMap<String, Record>,
    now: Mutex<Now>,
    _lock: File,
}

struct Now {
    records: HashMap<String, Record>,
    log: File,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> SourceError + '_ {
    move |error| SourceError::Io { path: path.display().to_string(), reason: error.to_string() }
}

/// The lines of a log up to the first that was not written whole, and the length of those.
fn lines(path: &Path) -> (Vec<Line>, u64) {
    let bytes = fs::read(path).unwrap_or_default();
    let (mut out, mut length) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok().map(|read| (read, line.len() + 1)))
        else {
            break;
        };
        length += line.1 as u64;
        out.push(line.0);
    }
    (out, length)
}

fn records(lines: Vec<Line>) -> HashMap<String, Record> {
    let pages = lines.into_iter().filter_map(|line| match line {
        Line::Page(record) => Some((record.url.clone(), record)),
        _ => None,
    });
    pages.collect()
}

fn append(log: &mut File, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // One write: what is killed leaves a line or a part of one, and that is not read.
    log.write_all(&text)
}

impl Memory {
    /// Opens the memory of the site called `key`.
    ///
    /// # Errors
    /// Another process crawls it at this moment, or the folder cannot be written.
    pub fn open(workdir: &Path, key: &str, display: &str, clock: &dyn Clock) -> Result<Self, SourceError> {
        let folder = workdir.join(FOLDER).join(key);
        fs::create_dir_all(folder.join("bodies")).map_err(io(&folder))?;
        let lock = File::create(folder.join("lock")).map_err(io(&folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SourceError::InUse(display.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io(&folder)(error)),
        }
        let mut before = records(lines(&folder.join(EARLIER)).0);
        let running = folder.join(RUNNING);
        let (found, length) = lines(&running);
        let now = clock.now();
        let is_fresh = matches!(found.first(), Some(Line::Begun(at)) if Timestamp(*at).after(FRESH) > now && Timestamp(*at) <= now);
        let mut log = OpenOptions::new().create(true).append(true).open(&running).map_err(io(&running))?;
        let records = if is_fresh {
            log.set_len(length).map_err(io(&running))?;
            records(found)
        } else {
            before.extend(records(found));
            log.set_len(0).map_err(io(&running))?;
            append(&mut log, &Line::Begun(now.0)).map_err(io(&running))?;
            HashMap::new()
        };
        Ok(Self { folder, before, now: Mutex::new(Now { records, log }), _lock: lock })
    }

    /// How the last crawl of the site ended, if one did.
    #[must_use]
    pub fn finished(workdir: &Path, key: &str) -> Option<Finished> {
        let (found, _) = lines(&workdir.join(FOLDER).join(key).join(EARLIER));
        found.into_iter().find_map(|line| match line {
            Line::Finished(finished) => Some(finished),
            _ => None,
        })
    }

    /// What this crawl, or the part of it before an interruption, has read already.
    #[must_use]
    pub fn now(&self, url: &str) -> Option<Record> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).records.get(url).cloned()
    }

    /// What an earlier crawl read, if its text is still there.
    #[must_use]
    pub fn before(&self, url: &str) -> Option<&Record> {
        self.before.get(url).filter(|record| record.body.as_ref().is_some_and(|body| self.body(body).is_some()))
    }

    /// Keeps what was read.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&self, record: &Record, text: Option<&[u8]>) -> Result<(), SourceError> {
        if let (Some(body), Some(text)) = (&record.body, text) {
            let path = self.path(body);
            fs::write(&path, text).map_err(io(&path))?;
        }
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        append(&mut now.log, &Line::Page(record.clone())).map_err(io(&self.folder))?;
        now.records.insert(record.url.clone(), record.clone());
        Ok(())
    }

    /// A text, if it is there and whole.
    #[must_use]
    pub fn body(&self, body: &Body) -> Option<Vec<u8>> {
        fs::read(self.path(body)).ok().filter(|bytes| digest(bytes) == body.digest)
    }

    /// Where a text is.
    #[must_use]
    pub fn path(&self, body: &Body) -> PathBuf {
        // From our own file, but a name all the same.
        let name: String = body.digest.chars().filter(char::is_ascii_hexdigit).collect();
        self.folder.join("bodies").join(name)
    }

    /// Ends a crawl: `pages` is what the next one starts from, other texts are removed.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(&self, pages: &[Record], finished: &Finished) -> Result<(), SourceError> {
        let fresh = self.folder.join("earlier.new");
        let mut file = File::create(&fresh).map_err(io(&fresh))?;
        append(&mut file, &Line::Finished(finished.clone())).map_err(io(&fresh))?;
        for record in pages {
            append(&mut file, &Line::Page(record.clone())).map_err(io(&fresh))?;
        }
        file.sync_all().map_err(io(&fresh))?;
        fs::rename(&fresh, self.folder.join(EARLIER)).map_err(io(&fresh))?;
        let running = self.folder.join(RUNNING);
        fs::remove_file(&running).map_err(io(&running))?;
        let used: HashSet<PathBuf> = pages.iter().filter_map(|record| record.body.as_ref()).map(|body| self.path(body)).collect();
        for entry in fs::read_dir(self.folder.join("bodies")).map_err(io(&self.folder))?.flatten() {
            if !used.contains(&entry.path()) {
                // A file that stays does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// Removes the memory of sites that nobody crawled since `since`: what is read again then is read whole. Answers how many.
#[must_use]
pub fn sweep(workdir: &Path, since: std::time::SystemTime) -> usize {
    let sites = fs::read_dir(workdir.join(FOLDER)).into_iter().flatten().flatten();
    let old = sites.filter(|site| {
        let touched = site.path().join("lock").metadata().and_then(|metadata| metadata.modified());
        touched.is_ok_and(|touched| touched < since)
    });
    old.filter(|site| {
        let free = File::open(site.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        free && fs::remove_dir_all(site.path()).is_ok()
    })
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::SystemClock;

    fn record(url: &str, text: &str) -> Record {
        let body = Body { digest: digest(text.as_bytes()), kind: Kind::Text, size: text.len() as u64 };
        Record { url: url.to_owned(), body: Some(body), ..Record::default() }
    }

    #[test]
    fn a_line_that_was_cut_and_a_text_that_was_damaged_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Memory::open(folder.path(), "key", "site", &SystemClock);
        let memory = open().unwrap();
        for (url, text) in [("a", "one"), ("b", "two")] {
            memory.keep(&record(url, text), Some(text.as_bytes())).unwrap();
        }
        assert!(matches!(open(), Err(SourceError::InUse(_))));
        drop(memory);
        let log = folder.path().join("sites/key/crawl.jsonl");
        let mut bytes = fs::read(&log).unwrap();
        bytes.extend_from_slice(b"{\"page\":{\"url\":\"c\"");
        fs::write(&log, bytes).unwrap();
        let memory = open().unwrap();
        assert!(memory.now("a").is_some() && memory.now("b").is_some() && memory.now("c").is_none());
        let (a, b) = (record("a", "one"), record("b", "two"));
        memory.keep(&record("c", "three"), Some(b"three")).unwrap();
        memory.finish(&[a.clone(), b.clone()], &Finished { revision: "r".to_owned(), listing: None }).unwrap();
        drop(memory);
        assert_eq!(Memory::finished(folder.path(), "key").unwrap().revision, "r");
        let memory = open().unwrap();
        assert!(memory.now("a").is_none() && memory.before("a").is_some());
        assert!(memory.body(record("c", "three").body.as_ref().unwrap()).is_none(), "nobody uses it");
        fs::write(memory.path(a.body.as_ref().unwrap()), "other").unwrap();
        assert!(memory.before("a").is_none() && memory.before("b").is_some());
    }

    #[test]
    fn sites_that_nobody_reads_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path(), "key", "site", &SystemClock).unwrap();
        let touched = folder.path().join("sites/key/lock").metadata().unwrap().modified().unwrap();
        let later = touched + Duration::from_secs(1);
        assert_eq!((sweep(folder.path(), touched), sweep(folder.path(), later)), (0, 0), "it is in use");
        drop(memory);
        assert_eq!((sweep(folder.path(), touched), sweep(folder.path(), later)), (0, 1));
    }
}
