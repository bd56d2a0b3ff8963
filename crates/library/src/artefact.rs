//! Artefacts: an index and the snippets it was made from, immutable, under their content hash.
//!
//! `<root>/<first two digits>/<hash>/` holds `meta.json` and `snippets.jsonl` (what the hash is of), `pages.jsonl`
//! and `index/` (made from them, can be made again) and `manifest.json` (size and SHA-256 of every file).

use crate::index::{IndexError, IndexWriter, OpenIndex};
use crate::pages::{self, TableMaker};
use crate::snippet::identity::hex;
use docent_types::documentation::Snippet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Part of the hash: another way of writing snippets is another artefact.
pub const FORMAT: u32 = 2;
/// What is smaller is verified on one thread.
const WORTH_A_THREAD: u64 = 2 * 1024 * 1024;
/// What the index is made like. One of another format is made again from its snippets when it is opened.
pub const INDEX_FORMAT: u32 = 2;
const UNFINISHED: &str = ".unfinished";
const UNFINISHED_AGE: Duration = Duration::from_secs(3600);

/// What an artefact is about, part of its hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
pub struct Meta {
    /// The source without credentials.
    pub source: String,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The owner's notes.
    pub rules: Vec<String>,
}

/// An artefact on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artefact {
    /// 64 hexadecimal digits.
    pub hash: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it was there already.
    pub reused: bool,
}

/// Why an artefact could not be written, opened or repaired.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// There is none.
    #[error("there is no artefact {0}")]
    Missing(String),
    /// A file is not what was written. The rest may be whole.
    #[error("{file} is damaged: {what}")]
    Damaged {
        /// The file within the artefact.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// It is being removed, and was about to be used again.
    #[error("the artefact {0} is being removed at this moment: try again in some minutes")]
    BeingRemoved(String),
    /// The object store.
    #[error("the object store: {0}")]
    Store(#[from] object_store::Error),
    /// The disk.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// The index.
    #[error("the index could not be made or opened: {0}")]
    Index(#[from] IndexError),
    /// It was told to stop.
    #[error("it was stopped before it was whole")]
    Stopped,
    /// A snippet or the manifest could not be written.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> ArtefactError + '_ {
    move |error| ArtefactError::Io { path: path.to_owned(), error }
}

pub(crate) fn damaged(file: &str, what: impl Into<String>) -> ArtefactError {
    ArtefactError::Damaged { file: file.to_owned(), what: what.into() }
}

/// A file of an artefact.
#[derive(Serialize, Deserialize)]
pub(crate) struct ManifestFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// What an artefact consists of.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    hash: String,
    pub(crate) files: Vec<ManifestFile>,
}

/// Reads the manifest of an artefact.
pub(crate) fn manifest(bytes: &[u8], hash: &str) -> Result<Manifest, ArtefactError> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| damaged("manifest.json", error.to_string()))?;
    if manifest.format != INDEX_FORMAT {
        return Err(damaged("manifest.json", format!("its index is of format {}, this program reads {INDEX_FORMAT}", manifest.format)));
    }
    if hash != manifest.hash || !manifest.files.iter().any(|file| file.path == "snippets.jsonl") {
        return Err(damaged("manifest.json", "it is another artefact's"));
    }
    let inside = |path: &str| !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let named = |file: &ManifestFile| file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    match manifest.files.iter().find(|file| !inside(&file.path) || !named(file)) {
        Some(_) => Err(damaged("manifest.json", "it names a file that an artefact cannot have")),
        None => Ok(manifest),
    }
}

/// The manifest in a folder.
pub(crate) fn manifest_of(folder: &Path) -> Result<Manifest, ArtefactError> {
    let bytes = fs::read(folder.join("manifest.json")).map_err(|error| damaged("manifest.json", error.to_string()))?;
    let hash = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    manifest(&bytes, &hash)
}

/// The folder of an artefact.
#[must_use]
pub fn folder(root: &Path, hash: &str) -> PathBuf {
    root.join(hash.get(..2).unwrap_or("00")).join(hash)
}

/// A folder that is being written; locked so that a sweep of another process spares it.
pub(crate) struct Unfinished {
    pub(crate) folder: PathBuf,
    _lock: File,
}

impl Unfinished {
    pub(crate) fn new(root: &Path) -> Result<Self, ArtefactError> {
        let parent = root.join(UNFINISHED);
        fs::create_dir_all(&parent).map_err(io(&parent))?;
        let folder = tempfile::Builder::new().prefix("build-").tempdir_in(&parent).map_err(io(&parent))?.keep();
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(io(&path))?;
        lock.lock().map_err(io(&path))?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What stays is swept later.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what unfinished builds left, except those that are locked or younger than an hour. Answers how many.
///
/// # Errors
/// The folder cannot be listed.
pub fn sweep_unfinished(root: &Path) -> Result<usize, ArtefactError> {
    let parent = root.join(UNFINISHED);
    if !parent.exists() {
        return Ok(0);
    }
    // The file system's own clock: the one that dated the folders.
    let now = tempfile::tempfile_in(&parent).and_then(|file| file.metadata()).and_then(|m| m.modified()).map_err(io(&parent))?;
    let mut removed = 0;
    for entry in fs::read_dir(&parent).map_err(io(&parent))?.flatten() {
        let path = entry.path();
        let Ok(modified) = entry.metadata().and_then(|m| m.modified()) else { continue };
        if now.duration_since(modified).unwrap_or_default() < UNFINISHED_AGE {
            continue;
        }
        let locked = File::open(path.join("lock")).is_ok_and(|file| file.try_lock().is_err());
        if !locked && fs::remove_dir_all(&path).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The digest that names an artefact, of what is told after the meta.
fn begin_hash(meta: &[u8]) -> Sha256 {
    let mut digest = Sha256::new();
    digest.update(FORMAT.to_le_bytes());
    digest.update((meta.len() as u64).to_le_bytes());
    digest.update(meta);
    digest
}

/// Is asked while an artefact is made, with the number of snippets that are indexed; `false` stops it.
pub type Goes<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Writes an artefact, one snippet after the other, so that no more than one of them is in memory.
pub struct ArtefactWriter {
    root: PathBuf,
    unfinished: Unfinished,
    digest: Sha256,
    lines: BufWriter<File>,
}

impl std::fmt::Debug for ArtefactWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArtefactWriter").field("root", &self.root).finish_non_exhaustive()
    }
}

impl ArtefactWriter {
    /// Begins.
    ///
    /// # Errors
    /// [`ArtefactError`] when the disk refuses.
    pub fn new(root: &Path, meta: &Meta) -> Result<Self, ArtefactError> {
        let meta = serde_json::to_vec(meta)?;
        let unfinished = Unfinished::new(root)?;
        let work = unfinished.folder.join("artefact");
        fs::create_dir_all(&work).map_err(io(&work))?;
        write_file(&work.join("meta.json"), &meta)?;
        let path = work.join("snippets.jsonl");
        let lines = BufWriter::with_capacity(1 << 16, File::create(&path).map_err(io(&path))?);
        Ok(Self { root: root.to_owned(), digest: begin_hash(&meta), lines, unfinished })
    }

    /// The next snippet as JSON, without a line break.
    ///
    /// # Errors
    /// [`ArtefactError`] when the disk refuses.
    pub fn push(&mut self, json: &str) -> Result<(), ArtefactError> {
        self.digest.update(json.as_bytes());
        self.digest.update(b"\n");
        let written = self.lines.write_all(json.as_bytes()).and_then(|()| self.lines.write_all(b"\n"));
        written.map_err(io(&self.unfinished.folder))
    }

    /// Makes the index, and puts the artefact in its place, or finds that it is there. A `kill -9` leaves a whole one or none.
    ///
    /// # Errors
    /// [`ArtefactError`] when the disk refuses, or it was stopped.
    pub fn finish(mut self, goes: Goes<'_>) -> Result<Artefact, ArtefactError> {
        let work = self.unfinished.folder.join("artefact");
        self.lines.flush().and_then(|()| self.lines.get_ref().sync_all()).map_err(io(&work))?;
        let hash = hex(&self.digest.finalize());
        let target = folder(&self.root, &hash);
        if target.exists() {
            match verify(&target).or_else(|_| repair(&self.root, &hash)) {
                Ok(()) => return Ok(Artefact { hash, folder: target, reused: true }),
                // Beyond repair: moved away and written again.
                Err(_) => retire(&self.root, &target)?,
            }
        }
        derive(&work, &hash, goes)?;
        let reused = !put_in_place(&self.root, &hash, &work)?;
        Ok(Artefact { hash, folder: target, reused })
    }
}

/// Makes table, index and manifest in a folder that has `meta.json` and `snippets.jsonl`.
fn derive(work: &Path, hash: &str, goes: Goes<'_>) -> Result<(), ArtefactError> {
    let index_folder = work.join("index");
    fs::create_dir_all(&index_folder).map_err(io(&index_folder))?;
    let (mut table, mut index) = (TableMaker::default(), IndexWriter::new(&index_folder)?);
    let mut done = 0_u64;
    each_snippet(work, |snippet, line| {
        table.add(&snippet, line.len() as u64);
        index.add(&snippet, line.trim_end_matches('\n'))?;
        done += 1;
        if done.is_multiple_of(500) && !goes(done) { Err(ArtefactError::Stopped) } else { Ok(()) }
    })?;
    index.finish()?;
    write_file(&work.join(pages::TABLE), &table.finish()?)?;
    write_manifest(work, hash)
}

/// Writes an artefact of snippets that are in memory.
///
/// # Errors
/// [`ArtefactError`] when the disk refuses.
pub fn build(root: &Path, snippets: &[Snippet], meta: &Meta) -> Result<Artefact, ArtefactError> {
    let mut writer = ArtefactWriter::new(root, meta)?;
    for snippet in snippets {
        writer.push(&serde_json::to_string(snippet)?)?;
    }
    writer.finish(&mut |_| true)
}

/// Moves a finished folder to where its artefact belongs. Answers whether it was needed: somebody else may have been quicker
/// with the same content.
pub(crate) fn put_in_place(root: &Path, hash: &str, work: &Path) -> Result<bool, ArtefactError> {
    let target = folder(root, hash);
    let parent = target.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(io(parent))?;
    match fs::rename(work, &target) {
        Ok(()) => {}
        Err(_) if target.join("manifest.json").exists() => return Ok(false),
        Err(error) => return Err(ArtefactError::Io { path: target, error }),
    }
    sync_folder(parent)?;
    sync_folder(root)?;
    Ok(true)
}

fn retire(root: &Path, target: &Path) -> Result<(), ArtefactError> {
    let unfinished = Unfinished::new(root)?;
    fs::rename(target, unfinished.folder.join("damaged")).map_err(io(target))
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ArtefactError> {
    let mut file = File::create(path).map_err(io(path))?;
    file.write_all(bytes).map_err(io(path))?;
    file.sync_all().map_err(io(path))
}

fn sync_folder(path: &Path) -> Result<(), ArtefactError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io(path))
}

fn sha256_of(path: &Path) -> std::io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let size = feed(path, &mut digest)?;
    Ok((size, hex(&digest.finalize())))
}

/// Tells a digest what a file says. Answers how many bytes that are.
fn feed(path: &Path, digest: &mut Sha256) -> std::io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0_u8; 1 << 16];
    let mut size = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(size);
        }
        size += read as u64;
        digest.update(&buffer[..read]);
    }
}

/// Lists and syncs every file of a finished folder.
fn write_manifest(work: &Path, hash: &str) -> Result<(), ArtefactError> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(work).sort_by_file_name().into_iter().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(work).unwrap_or(path).to_string_lossy().replace('\\', "/");
        if entry.file_type().is_dir() {
            sync_folder(path)?;
            continue;
        }
        // Lock files of the writer are empty and not part of the index.
        if relative == "manifest.json" || relative.ends_with(".lock") {
            continue;
        }
        File::open(path).and_then(|file| file.sync_all()).map_err(io(path))?;
        let (size, sha256) = sha256_of(path).map_err(io(path))?;
        files.push(ManifestFile { path: relative, size, sha256 });
    }
    let manifest = Manifest { format: INDEX_FORMAT, hash: hash.to_owned(), files };
    let temporary = work.join("manifest.json.new");
    write_file(&temporary, &serde_json::to_vec_pretty(&manifest)?)?;
    fs::rename(&temporary, work.join("manifest.json")).map_err(io(work))?;
    sync_folder(work)
}

/// Compares every file with the manifest.
///
/// # Errors
/// [`ArtefactError::Missing`], or [`ArtefactError::Damaged`] with a file that differs.
pub fn verify(folder: &Path) -> Result<(), ArtefactError> {
    if !folder.is_dir() {
        return Err(ArtefactError::Missing(folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())));
    }
    let manifest = manifest_of(folder)?;
    // The first question to an index waits for this: the files are read side by side, the largest first.
    let mut files: Vec<&ManifestFile> = manifest.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.size));
    let size: u64 = files.iter().map(|file| file.size).sum();
    let threads = if size < WORTH_A_THREAD { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(4) };
    let next = AtomicUsize::new(0);
    let check = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            verify_file(folder, file)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, check).ok()).collect();
        let own = check();
        let all = others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(damaged("manifest.json", "it cannot be verified"))));
        all.fold(own, |first, other| first.and(other))
    })
}

fn verify_file(folder: &Path, file: &ManifestFile) -> Result<(), ArtefactError> {
    let (size, sha256) = sha256_of(&folder.join(&file.path)).map_err(|error| damaged(&file.path, error.to_string()))?;
    if size != file.size {
        return Err(damaged(&file.path, format!("it has {size} bytes, {} were written", file.size)));
    }
    if sha256 != file.sha256 {
        return Err(damaged(&file.path, "its bytes are not those that were written"));
    }
    Ok(())
}

fn meta_of(folder: &Path) -> Result<Meta, ArtefactError> {
    let bytes = fs::read(folder.join("meta.json")).map_err(|error| damaged("meta.json", error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged("meta.json", error.to_string()))
}

/// Reads the snippets of an artefact in their order, each with its line as it stands in the file.
///
/// # Errors
/// [`ArtefactError::Damaged`] if a line is not a snippet, and what `told` answers.
pub fn each_snippet(folder: &Path, mut told: impl FnMut(Snippet, &str) -> Result<(), ArtefactError>) -> Result<(), ArtefactError> {
    const FILE: &str = "snippets.jsonl";
    let mut file = BufReader::with_capacity(1 << 16, File::open(folder.join(FILE)).map_err(|error| damaged(FILE, error.to_string()))?);
    let mut line = String::new();
    loop {
        line.clear();
        if file.read_line(&mut line).map_err(|error| damaged(FILE, error.to_string()))? == 0 {
            return Ok(());
        }
        told(serde_json::from_str(&line).map_err(|error| damaged(FILE, error.to_string()))?, &line)?;
    }
}

/// The snippets of an artefact, in their order.
///
/// # Errors
/// [`ArtefactError::Damaged`] if a line is not a snippet.
pub fn snippets(folder: &Path) -> Result<Vec<Snippet>, ArtefactError> {
    let mut out = Vec::new();
    each_snippet(folder, |snippet, _| {
        out.push(snippet);
        Ok(())
    })?;
    Ok(out)
}

/// Makes index and manifest again from `meta.json` and `snippets.jsonl`, if these are whole.
///
/// # Errors
/// [`ArtefactError::Damaged`] if they are not.
pub fn repair(root: &Path, hash: &str) -> Result<(), ArtefactError> {
    let target = folder(root, hash);
    let meta = fs::read(target.join("meta.json")).map_err(|error| damaged("meta.json", error.to_string()))?;
    let unfinished = Unfinished::new(root)?;
    let work = unfinished.folder.join("artefact");
    fs::create_dir_all(&work).map_err(io(&work))?;
    write_file(&work.join("meta.json"), &meta)?;
    let lines = work.join("snippets.jsonl");
    fs::copy(target.join("snippets.jsonl"), &lines).map_err(|error| damaged("snippets.jsonl", error.to_string()))?;
    let mut digest = begin_hash(&meta);
    feed(&lines, &mut digest).map_err(io(&lines))?;
    if hex(&digest.finalize()) != hash {
        return Err(damaged("snippets.jsonl", "its bytes are not those that were written: refresh the library"));
    }
    derive(&work, hash, &mut |_| true)?;
    fs::rename(&target, unfinished.folder.join("damaged")).map_err(io(&target))?;
    fs::rename(&work, &target).map_err(io(&target))?;
    sync_folder(target.parent().unwrap_or(root))
}

/// Opens an artefact after verifying every byte of it.
///
/// # Errors
/// [`ArtefactError`]; a damaged index may be [`repair`]ed.
pub fn open(root: &Path, hash: &str) -> Result<OpenIndex, ArtefactError> {
    let target = folder(root, hash);
    verify(&target)?;
    open_verified(root, hash)
}

/// Opens an artefact that was verified before.
///
/// # Errors
/// [`ArtefactError`] if a file is missing.
pub fn open_verified(root: &Path, hash: &str) -> Result<OpenIndex, ArtefactError> {
    let target = folder(root, hash);
    let meta = meta_of(&target)?;
    Ok(OpenIndex::open(&target.join("index"))?.with_rules(meta.rules))
}

/// Removes an artefact. Readers that have it open go on.
///
/// # Errors
/// The disk refuses.
pub fn remove(root: &Path, hash: &str) -> Result<(), ArtefactError> {
    let target = folder(root, hash);
    if target.exists() { retire(root, &target) } else { Ok(()) }
}
