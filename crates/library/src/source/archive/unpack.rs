//! Writing the files of an archive: only regular files, only below the folder, and only as much as was agreed.

use crate::source::git::is_binary_name;
use crate::source::network::Limits;
use crate::source::selection::{MAX_FILES, is_documentation, largest, too_large};
use crate::source::{Progress, SourceError, Stage};
use docent_types::documentation::Skipped;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;

/// Until an archive unpacks to this much, its ratio does not matter.
const SMALL: u64 = 64 << 20;
/// Of files that were left out, this many are told.
const MAX_SKIPPED: usize = 2_000;

/// An archive that is being unpacked.
pub struct Unpacking<'a> {
    root: &'a Path,
    display: &'a str,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    /// Bytes of the archive itself.
    packed: u64,
    unpacked: u64,
    entries: usize,
    files: usize,
    takes: Option<&'a dyn Fn(&str) -> bool>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
}

impl<'a> Unpacking<'a> {
    /// Prepares to unpack `file` into `root`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(root: &'a Path, display: &'a str, limits: &'a Limits, progress: &'a dyn Progress, file: &File) -> Result<Self, SourceError> {
        let packed = file.metadata().map_err(|error| SourceError::Io { path: display.to_owned(), reason: error.to_string() })?.len();
        if packed > limits.download {
            return Err(SourceError::TooLarge {
                display: display.to_owned(),
                what: format!("it has more than {} MiB", limits.download >> 20),
            });
        }
        Ok(Self { root, display, limits, progress, packed, unpacked: 0, entries: 0, files: 0, takes: None, skipped: Vec::new() })
    }

    /// Takes only the files whose path `takes` accepts, and says nothing of the others.
    #[must_use]
    pub fn only(mut self, takes: &'a dyn Fn(&str) -> bool) -> Self {
        self.takes = Some(takes);
        self
    }

    /// Unpacks a zip, a tar, or a compressed tar: the file's beginning says which it is.
    ///
    /// # Errors
    /// It is none, it is damaged, or it is more than was agreed.
    pub fn read(&mut self, file: &mut File) -> Result<(), SourceError> {
        let mut head = Vec::with_capacity(512);
        let io = |error: std::io::Error| SourceError::Io { path: self.display.to_owned(), reason: error.to_string() };
        Read::by_ref(file).take(512).read_to_end(&mut head).map_err(io)?;
        file.rewind().map_err(io)?;
        match head.as_slice() {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => super::zip::read(self, file),
            [0x1F, 0x8B, ..] => super::tar::read(self, flate2::read::MultiGzDecoder::new(std::io::BufReader::new(&*file))),
            head if head.get(257..262) == Some(b"ustar") => super::tar::read(self, std::io::BufReader::new(&*file)),
            _ => Err(self.broken("it begins like none of .zip, .tar.gz, .tar")),
        }
    }

    /// The archive is not what it should be.
    pub(super) fn broken(&self, reason: &str) -> SourceError {
        SourceError::NotAnArchive { display: self.display.to_owned(), reason: reason.to_owned() }
    }

    fn too_large(&self, what: String) -> SourceError {
        SourceError::TooLarge { display: self.display.to_owned(), what }
    }

    /// Counts bytes that came out of the archive, also those that nobody wants.
    ///
    /// # Errors
    /// They are too many, or it is to stop.
    pub(super) fn count(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        if self.unpacked > self.limits.unpacked {
            return Err(self.too_large(format!("it unpacks to more than {} MiB", self.limits.unpacked >> 20)));
        }
        if self.unpacked > SMALL && self.unpacked / self.limits.ratio > self.packed {
            return Err(self.too_large(format!("it unpacks to more than {} times its size, as no documentation does", self.limits.ratio)));
        }
        if self.progress.cancelled() {
            return Err(SourceError::Cancelled(self.display.to_owned()));
        }
        Ok(())
    }

    /// Counts an entry, whatever it is.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn entry(&mut self) -> Result<(), SourceError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.too_large(format!("it has more than {} entries", self.limits.entries)));
        }
        if self.entries.is_multiple_of(500) {
            self.progress.stage(Stage::Fetch, self.entries as u64, 0);
        }
        Ok(())
    }

    /// Leaves something out and says why.
    pub(super) fn skip(&mut self, path: &str, reason: impl Into<String>) {
        if self.skipped.len() < MAX_SKIPPED && self.takes.is_none() {
            self.skipped.push(Skipped { path: path.chars().take(500).collect(), reason: reason.into() });
        }
    }

    /// Whether a regular file of this path and size is wanted; if not, the reason is told.
    pub(super) fn wants(&mut self, path: &str, size: u64) -> bool {
        let Some(clean) = clean(path) else {
            self.skip(path, "its path leads out of the archive");
            return false;
        };
        let name = clean.rsplit('/').next().unwrap_or("");
        let never = clean.split('/').any(|part| part == "node_modules" || part.eq_ignore_ascii_case(".git")) || clean.len() > 1_000;
        if never || is_binary_name(name) || self.takes.is_some_and(|takes| !takes(&clean)) {
            return false;
        }
        if size > largest(&clean) {
            if is_documentation(&clean) {
                self.skip(&clean, too_large(&clean));
            }
            return false;
        }
        true
    }

    /// As many bytes as may come out of the archive.
    pub(super) const fn most(&self) -> u64 {
        self.limits.unpacked
    }

    /// Writes a file that is wanted. Answers how many bytes were read of it.
    ///
    /// # Errors
    /// There are too many, or the disk is full.
    pub(super) fn file(&mut self, path: &str, mut from: impl Read) -> Result<u64, SourceError> {
        let Some(clean) = clean(path) else { return Ok(0) };
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(self.too_large(format!("it has more than {MAX_FILES} files")));
        }
        let mut bytes = Vec::new();
        // What an entry says of its size is not believed.
        if let Err(error) = Read::by_ref(&mut from).take(largest(&clean) + 1).read_to_end(&mut bytes) {
            self.skip(&clean, format!("it is damaged: {error}"));
            return Ok(bytes.len() as u64);
        }
        let read = bytes.len() as u64;
        if read > largest(&clean) {
            self.skip(&clean, too_large(&clean));
            return Ok(read);
        }
        let target = self.root.join(&clean);
        let written = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&target, &bytes));
        match written {
            Ok(()) => Ok(read),
            // A file where another entry wants a folder, or a name that this disk does not take.
            Err(error) if error.kind() != std::io::ErrorKind::StorageFull => {
                self.skip(&clean, error.to_string());
                Ok(read)
            }
            Err(error) => Err(SourceError::Io { path: clean, reason: error.to_string() }),
        }
    }
}

/// The path below the root that an entry names, if it is one.
fn clean(path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') || path.contains(['\\', '\0']) || path.chars().any(char::is_control) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            // A drive, or a stream of a file.
            part if part.contains(':') => return None,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_clean() {
        for (path, result) in [
            ("a/b.md", Some("a/b.md")),
            ("./a//b.md", Some("a/b.md")),
            ("../a", None),
            ("a/../../b", None),
            ("a/..", None),
            ("/etc/passwd", None),
            ("\\\\host\\x", None),
            ("a\\..\\b", None),
            ("C:/x", None),
            ("a\0b", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(clean(path).as_deref(), result, "{path:?}");
        }
    }
}
