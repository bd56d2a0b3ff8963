//! Pages as they were read last: what did not change since is not parsed again.
//!
//! For each version of a library there is a file in the work folder, `pages/KEY.jsonl`: a first line that says how it was
//! read ([`mark`]), then a line for each page with its path, the digest of its bytes, what its reader asked of other files
//! ([`Asked`]), and what came of it. It is a cache: a worker that has none reads everything. It is written anew with each
//! reading and put in place when that is through; a `kill -9` leaves the one before.

use crate::artefact::FORMAT;
use crate::format::include::{Asked, Tree};
use crate::format::{self, FormatError, Page};
use crate::trust::{self, Policy};
use docent_types::documentation::Finding;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The folder in the work folder.
const FOLDER: &str = "pages";

/// What came of reading a page and looking it through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// The page, or why there is none.
    pub(crate) page: Result<Page, String>,
    /// What was found in it.
    pub(crate) findings: Vec<Finding>,
}

/// A line of the file: path, digest, what was asked, what came of it.
#[derive(Serialize, Deserialize)]
struct Record(String, String, Vec<Asked>, Reading);

/// A record of which only the beginning is of interest.
#[derive(Deserialize)]
struct Beginning(String, serde::de::IgnoredAny, serde::de::IgnoredAny, serde::de::IgnoredAny);

/// What a page's reading depends on besides its file: this program and the policy.
fn mark(policy: Policy) -> String {
    format!("docent {} format {FORMAT} trust {}", env!("CARGO_PKG_VERSION"), policy.mark())
}

/// The pages of a version as they were read last.
#[derive(Debug, Default)]
pub(crate) struct KnownPages {
    file: Option<Mutex<File>>,
    at: HashMap<String, (u64, u64)>,
}

/// Where the pages of a source are kept. `key` is what they belong to, in any words.
fn path(workdir: &Path, key: &str) -> PathBuf {
    workdir.join(FOLDER).join(format!("{}.jsonl", format::include::digest(key.as_bytes())))
}

impl KnownPages {
    /// What is known. Nothing if there is no file, or it was read another way.
    pub(crate) fn open(workdir: &Path, key: &str, policy: Policy) -> Self {
        Self::read(&path(workdir, key), policy).unwrap_or_default()
    }

    fn read(path: &Path, policy: Policy) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        if line != format!("{}\n", mark(policy)).as_bytes() {
            return Ok(Self::default());
        }
        let mut start = line.len() as u64;
        let mut at = HashMap::new();
        loop {
            line.clear();
            let length = file.read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                break;
            }
            // A line that is none is of no use, and no harm.
            if let Ok(Beginning(path, ..)) = serde_json::from_slice(&line) {
                at.insert(path, (start, length));
            }
            start += length;
        }
        Ok(Self { file: Some(Mutex::new(file.into_inner())), at })
    }

    /// The record of a page, if its file has these bytes and everything that its reader asked is answered as it was.
    fn of(&self, path: &str, digest: &str, tree: &Tree) -> Option<(Vec<u8>, Reading)> {
        let (start, length) = *self.at.get(path)?;
        let mut line = Vec::new();
        {
            let mut file = self.file.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start)).ok()?;
            Read::by_ref(&mut *file).take(length).read_to_end(&mut line).ok()?;
        }
        let Record(_, before, asked, reading) = serde_json::from_slice(&line).ok()?;
        (before == digest && tree.answers_as_before(&asked)).then_some((line, reading))
    }

    /// Reads a page and looks it through, or takes what came of that before. Answers its line for the next time, too.
    pub(crate) fn page(&self, path: &str, bytes: &[u8], tree: &Tree, policy: Policy) -> Known {
        let digest = format::include::digest(bytes);
        if let Some((line, reading)) = self.of(path, &digest, tree) {
            return Known { reading, line: Some(line), was_known: true };
        }
        let tree = tree.watched();
        let reading = match format::read_page(path, bytes, &tree) {
            Ok(page) => {
                let treated = trust::treat_page(page, policy);
                let page = treated.page.ok_or_else(|| "it has words that are aimed at assistants, and is left out as a whole".to_owned());
                Reading { page, findings: treated.findings }
            }
            // A defect of ours: the next program may do better.
            Err(error @ FormatError::Parser) => {
                return Known { reading: Reading { page: Err(error.to_string()), findings: Vec::new() }, line: None, was_known: false };
            }
            Err(error) => Reading { page: Err(error.to_string()), findings: Vec::new() },
        };
        let record = Record(path.to_owned(), digest, tree.asked(), reading);
        let line = serde_json::to_vec(&record).ok().map(|mut line| {
            line.push(b'\n');
            line
        });
        Known { reading: record.3, line, was_known: false }
    }
}

/// A page, and the line that tells of it.
pub(crate) struct Known {
    pub(crate) reading: Reading,
    pub(crate) line: Option<Vec<u8>>,
    /// Whether it was not parsed again.
    pub(crate) was_known: bool,
}

/// The pages of a version as they are read now.
pub(crate) struct FreshPages {
    target: PathBuf,
    /// `None` after an error: nothing is remembered then.
    file: Option<BufWriter<tempfile::NamedTempFile>>,
}

impl FreshPages {
    /// Begins. If the disk refuses, nothing is remembered, and that is all.
    pub(crate) fn new(workdir: &Path, key: &str, policy: Policy) -> Self {
        let begin = || -> io::Result<BufWriter<tempfile::NamedTempFile>> {
            let folder = workdir.join(FOLDER);
            fs::create_dir_all(&folder)?;
            let mut file = BufWriter::with_capacity(1 << 16, tempfile::Builder::new().prefix("fresh-").tempfile_in(folder)?);
            writeln!(file, "{}", mark(policy))?;
            Ok(file)
        };
        Self { target: path(workdir, key), file: told(begin()) }
    }

    /// The next page.
    pub(crate) fn add(&mut self, line: &[u8]) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(line)
        {
            told::<()>(Err(error));
            self.file = None;
        }
    }

    /// Puts them in place of what was known before.
    pub(crate) fn keep(self) {
        let Some(file) = self.file else { return };
        let keep = || -> io::Result<()> {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&self.target).map_err(|error| error.error)?;
            Ok(())
        };
        told(keep());
    }
}

fn told<T>(result: io::Result<T>) -> Option<T> {
    result.map_err(|error| tracing::warn!(%error, "what was read of a source cannot be remembered: it will be read whole next time")).ok()
}

/// Removes what nobody wrote since, and what was left behind. Answers how many files that were.
pub(crate) fn sweep(workdir: &Path, since: SystemTime, left_since: SystemTime) -> usize {
    let entries = fs::read_dir(workdir.join(FOLDER)).into_iter().flatten().flatten();
    let is_old = |entry: &fs::DirEntry| {
        let since = if entry.file_name().to_string_lossy().starts_with("fresh-") { left_since } else { since };
        entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified < since)
    };
    entries.filter(|entry| is_old(entry) && fs::remove_file(entry.path()).is_ok()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy::Neutralise;

    /// Reads `a.md`, which includes `part.md` and links to `b.md`; answers whether it was known, and its text.
    fn read(root: &Path, workdir: &Path, policy: Policy) -> (bool, String) {
        let known = KnownPages::open(workdir, "key", policy);
        let tree = Tree::new(root).unwrap();
        let page = known.page("a.md", &fs::read(root.join("a.md")).unwrap(), &tree, policy);
        let mut fresh = FreshPages::new(workdir, "key", policy);
        fresh.add(&page.line.unwrap());
        fresh.keep();
        (page.was_known, serde_json::to_string(&page.reading).unwrap())
    }

    #[test]
    fn a_page_is_parsed_again_when_it_or_what_it_includes_or_links_to_changed_and_only_then() {
        let (root, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("a.md", "# A\n\nSee [the other](notes.txt) and this.\n\n--8<-- \"part.md\"\n");
        write("part.md", "The part as it was.\n");
        let again = || read(root.path(), work.path(), POLICY);
        let (known, first) = again();
        assert!(!known && first.contains("The part as it was."), "{first}");
        assert_eq!(again(), (true, first.clone()));
        write("part.md", "The part as it is.\n");
        let (known, second) = again();
        assert!(!known && second.contains("The part as it is."), "{second}");
        assert!(again().0);
        // A file that a link may lead to has come.
        write("notes.txt", "Notes.\n");
        assert!(!again().0);
        assert!(again().0);
        write("a.md", "# A\n\nNothing else.\n");
        let (known, third) = again();
        assert!(!known && third.contains("Nothing else."), "{third}");
        assert!(again().0);
        assert!(!read(root.path(), work.path(), Policy::Report).0, "another policy reads it again");
    }

    #[test]
    fn what_is_damaged_is_read_again() {
        let (root, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(root.path().join("a.md"), "# A\n\nText.\n").unwrap();
        let (_, first) = read(root.path(), work.path(), POLICY);
        let file = path(work.path(), "key");
        let whole = fs::read(&file).unwrap();
        for end in 0..whole.len() {
            fs::write(&file, &whole[..end]).unwrap();
            assert_eq!(read(root.path(), work.path(), POLICY).1, first, "cut at {end}");
        }
    }

    #[test]
    fn what_nobody_wrote_for_long_is_swept() {
        let work = tempfile::tempdir().unwrap();
        FreshPages::new(work.path(), "key", POLICY).keep();
        let written = fs::metadata(path(work.path(), "key")).unwrap().modified().unwrap();
        let later = written + std::time::Duration::from_secs(60);
        assert_eq!(sweep(work.path(), SystemTime::UNIX_EPOCH, later), 0);
        assert_eq!(sweep(work.path(), later, later), 1);
    }
}
