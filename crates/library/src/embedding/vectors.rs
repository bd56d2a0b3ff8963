//! The vectors of an artefact's snippets, in a file for each artefact and model beside the artefacts:
//! `<root>/vectors/<model>/<first two digits>/<artefact>`.
//!
//! They are made after the artefact is served and are replaced as a whole while more of them are there, so that a reader
//! always finds a file that is right. Each row remembers the digest of its text: what did not change is taken over.
//!
//! The file, all numbers little-endian: 8 bytes that name the format; `u32` rows, `u32` dimensions; the SHA-256 of what
//! follows; for each row 16 bytes of its text's digest; for each row an `f32` scale, 0 where there is no vector yet; for each
//! row its vector as `i8`, to be multiplied by the scale.

use rten_simd::{Isa, SimdOp};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tantivy::Directory;
use tantivy::directory::{MmapDirectory, OwnedBytes};

pub(super) const FORMAT: &[u8; 8] = b"docvec01";
const FOLDER: &str = "vectors";
pub(super) const HASH: usize = 16;
/// Format, rows, dimensions, checksum.
const HEAD: usize = 8 + 4 + 4 + 32;

/// The file of an artefact's vectors.
#[must_use]
pub fn path(root: &Path, model: &str, artefact: &str) -> PathBuf {
    root.join(FOLDER).join(model.get(..16).unwrap_or(model)).join(artefact.get(..2).unwrap_or("00")).join(artefact)
}

/// The vectors of an artefact, memory-mapped.
pub struct Vectors {
    bytes: OwnedBytes,
    rows: usize,
    dimensions: usize,
    /// How many rows have a vector.
    done: usize,
    /// When the file was written.
    modified: Option<SystemTime>,
}

impl std::fmt::Debug for Vectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vectors").field("rows", &self.rows).field("done", &self.done).finish_non_exhaustive()
    }
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}

impl Vectors {
    /// Opens a file after verifying it.
    ///
    /// # Errors
    /// `NotFound` if there is none, `InvalidData` if it is not what was written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(invalid("it is no file")) };
        // Looked at first: a file that is replaced meanwhile is read once more.
        let modified = fs::metadata(path)?.modified().ok();
        let directory = MmapDirectory::open(folder).map_err(|error| io::Error::other(error.to_string()))?;
        let slice = directory.open_read(Path::new(name)).map_err(|error| io::Error::other(error.to_string()))?;
        let bytes = slice.read_bytes()?;
        let (rows, dimensions) = match (number(&bytes, 8), number(&bytes, 12)) {
            (Some(rows), Some(dimensions)) if bytes.starts_with(FORMAT) => (rows, dimensions),
            _ => return Err(invalid("it is not a file of vectors")),
        };
        if bytes.len() != HEAD + rows * (HASH + 4 + dimensions) {
            return Err(invalid("it has another length than it says"));
        }
        if Sha256::digest(&bytes[HEAD..]).as_slice() != &bytes[16..HEAD] {
            return Err(invalid("its bytes are not those that were written"));
        }
        let mut vectors = Self { bytes, rows, dimensions, done: 0, modified };
        vectors.done = (0..rows).filter(|row| vectors.scale(*row) > 0.0).count();
        Ok(vectors)
    }

    /// Opens a file unless it is the one that is open already.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_if_changed(path: &Path, open: Option<&Self>) -> io::Result<Option<Self>> {
        let modified = fs::metadata(path)?.modified().ok();
        if open.is_some_and(|open| open.modified.is_some() && open.modified == modified) {
            return Ok(None);
        }
        Self::open(path).map(Some)
    }

    /// Rows, one for each snippet.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that have a vector.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.done
    }

    /// The length of a vector.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(super) fn hash(&self, row: usize) -> &[u8] {
        &self.bytes[HEAD + row * HASH..HEAD + (row + 1) * HASH]
    }

    pub(super) fn scale(&self, row: usize) -> f32 {
        let start = HEAD + self.rows * HASH + row * 4;
        self.bytes.get(start..start + 4).and_then(|four| four.try_into().ok()).map_or(0.0, f32::from_le_bytes)
    }

    pub(super) fn vector(&self, row: usize) -> &[u8] {
        let start = HEAD + self.rows * (HASH + 4) + row * self.dimensions;
        &self.bytes[start..start + self.dimensions]
    }

    /// The cosine of the question's vector with that of each row, in their order; 0 where there is none, or if the question's vector
    /// has another length.
    #[must_use]
    pub fn cosines(&self, question: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.rows];
        if question.len() == self.dimensions && self.dimensions > 0 {
            let (scale, quantised) = quantise(question);
            Cosines { vectors: self, question: &quantised, scale, out: &mut out }.dispatch();
        }
        out
    }
}

/// The products of a quantised question with every row.
struct Cosines<'a> {
    vectors: &'a Vectors,
    question: &'a [i8],
    scale: f32,
    out: &'a mut [f32],
}

impl SimdOp for Cosines<'_> {
    type Output = ();

    // Plain loops: compiled for the instruction set that they are dispatched to.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "bytes are signed; a sum of some hundred products")]
    fn eval<I: Isa>(self, _: I) {
        let dimensions = self.question.len();
        let start = HEAD + self.vectors.rows * (HASH + 4);
        let rows = self.vectors.bytes[start..].chunks_exact(dimensions);
        for (row, (bytes, out)) in rows.zip(self.out.iter_mut()).enumerate() {
            let products = bytes.iter().zip(self.question).map(|(a, b)| i32::from(*a as i8) * i32::from(*b));
            *out = products.sum::<i32>() as f32 * self.scale * self.vectors.scale(row);
        }
    }
}

/// A vector as `i8` and the scale that takes it back.
pub(super) fn quantise(vector: &[f32]) -> (f32, Vec<i8>) {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if largest <= 0.0 || !largest.is_finite() {
        return (0.0, vec![0; vector.len()]);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 127")]
    let quantised = vector.iter().map(|value| (value * (127.0 / largest)).round_ties_even() as i8).collect();
    (largest / 127.0, quantised)
}

/// Removes the vectors of artefacts that `keep` does not want. Answers how many files.
///
/// # Errors
/// The folder cannot be listed.
pub fn sweep(root: &Path, keep: &dyn Fn(&str) -> bool) -> io::Result<usize> {
    let folder = root.join(FOLDER);
    if !folder.exists() {
        return Ok(0);
    }
    let mut removed = 0;
    for entry in walkdir::WalkDir::new(&folder).min_depth(3).max_depth(3).into_iter().flatten() {
        let name = entry.file_name().to_string_lossy();
        if name.len() == 64 && !keep(&name) && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}
