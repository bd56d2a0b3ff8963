//! An archive as a source: a zip or tar file on this machine or at an address.

pub mod tar;
pub mod unpack;
pub mod zip;

use super::http::{Client, Validators};
use super::network::Network;
use super::seen::Seen;
use super::site::key;
use super::{Progress, SourceError, Tree, fresh_folder};
use docent_types::documentation::Skipped;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use unpack::Unpacking;
use url::Url;

/// Whether a path or address ends like an archive's.
#[must_use]
pub fn is_named_so(location: &str) -> bool {
    let path = location.split(['?', '#']).next().unwrap_or(location).to_ascii_lowercase();
    [".zip", ".tar.gz", ".tgz", ".tar"].iter().any(|ending| path.ends_with(ending))
}

/// An address, or the path of a file.
pub(super) fn address(location: &str) -> Result<Url, PathBuf> {
    if location.starts_with("file://") {
        let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
        return Err(path.unwrap_or_else(|| PathBuf::from(location.trim_start_matches("file://"))));
    }
    Url::parse(location).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| PathBuf::from(location))
}

/// Unpacks an archive into a fresh folder under `workdir`, after downloading it if it is elsewhere.
///
/// # Errors
/// [`SourceError`].
pub fn fetch(location: &str, display: &str, network: &Network, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
    match address(location) {
        // Somebody called a folder so.
        Err(path) if path.is_dir() => super::folder::open(&path),
        Err(path) => {
            let mut file = open(&path)?;
            let revision = file_digest(&mut file, &path)?;
            unpacked(file, &revision, display, network, workdir, progress)
        }
        Ok(url) => {
            let client = Client::new(&url, display, network, progress)?;
            let answer = client.file(&url, &Validators::default(), "*/*")?;
            let validators = answer.validators();
            let (file, revision) = download(answer, display, network.limits.download, workdir)?;
            let tree = unpacked(file, &revision, display, network, workdir, progress)?;
            Seen { validators, revision }.write(workdir, &key(&url));
            Ok(tree)
        }
    }
}

/// The digest of the archive as it is now: of a file by reading it, of an address if one request says that it did not change.
///
/// # Errors
/// [`SourceError`].
pub fn revision(
    location: &str,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Option<String>, SourceError> {
    match address(location) {
        Err(path) if path.is_dir() => Ok(None),
        Err(path) => file_digest(&mut open(&path)?, &path).map(Some),
        Ok(url) => unchanged(&url, display, network, workdir, progress),
    }
}

/// The revision of a file at an address, if the server says that it is the one that was seen.
pub(super) fn unchanged(
    url: &Url,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Option<String>, SourceError> {
    let Some(seen) = Seen::read(workdir, &key(url)).filter(|seen| !seen.validators.is_empty()) else { return Ok(None) };
    let answer = Client::new(url, display, network, progress)?.file(url, &seen.validators, "*/*")?;
    Ok((answer.status == 304).then_some(seen.revision))
}

/// Saves an answer to a file without a name. Answers it, at its beginning, with its SHA-256.
pub(super) fn download(answer: super::http::Answer<'_>, display: &str, limit: u64, workdir: &Path) -> Result<(File, String), SourceError> {
    let io = |error: std::io::Error| SourceError::Io { path: workdir.display().to_string(), reason: error.to_string() };
    fs::create_dir_all(workdir).map_err(io)?;
    let mut file = tempfile::tempfile_in(workdir).map_err(io)?;
    let digest = answer.save(&mut file, limit).map_err(|failure| failure.of(display))?;
    file.rewind().map_err(io)?;
    Ok((file, digest))
}

fn open(path: &Path) -> Result<File, SourceError> {
    let shown = path.display().to_string();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SourceError::Missing(shown)),
        Err(error) => return Err(SourceError::Io { path: shown, reason: error.to_string() }),
    };
    if !metadata.is_file() {
        return Err(SourceError::NotAnArchive { display: shown, reason: "it is not a file".to_owned() });
    }
    File::open(path).map_err(|error| SourceError::Io { path: shown, reason: error.to_string() })
}

fn file_digest(file: &mut File, path: &Path) -> Result<String, SourceError> {
    let io = |error: std::io::Error| SourceError::Io { path: path.display().to_string(), reason: error.to_string() };
    let mut all = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(io)?;
        if count == 0 {
            break;
        }
        all.update(&buffer[..count]);
    }
    file.rewind().map_err(io)?;
    Ok(crate::snippet::identity::hex(&all.finalize()))
}

fn unpacked(
    mut file: File,
    revision: &str,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Tree, SourceError> {
    let (temporary, root) = fresh_folder(workdir)?;
    let mut unpacking = Unpacking::new(&root, display, &network.limits, progress, &file)?;
    unpacking.read(&mut file)?;
    let skipped = std::mem::take(&mut unpacking.skipped);
    let (root, skipped) = strip(root, skipped);
    Ok(Tree { commit: Some(revision.to_owned()), skipped, ..Tree::new(root, Some(temporary)) })
}

/// An archive of one folder stands for that folder.
fn strip(root: PathBuf, mut skipped: Vec<Skipped>) -> (PathBuf, Vec<Skipped>) {
    let mut entries = fs::read_dir(&root).into_iter().flatten().flatten();
    let (Some(only), None) = (entries.next(), entries.next()) else { return (root, skipped) };
    let name = only.file_name().to_string_lossy().into_owned();
    // A lone folder called docs is the tree's own.
    if !only.path().is_dir() || skipped.iter().any(|one| !one.path.starts_with(&format!("{name}/"))) {
        return (root, skipped);
    }
    for one in &mut skipped {
        one.path = one.path[name.len() + 1..].to_owned();
    }
    (only.path(), skipped)
}
