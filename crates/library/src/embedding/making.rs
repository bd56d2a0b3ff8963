//! Makes the vectors of an artefact's snippets, in the background, and keeps what is made as it goes.

use super::vectors::{self, FORMAT, HASH, Vectors, invalid, quantise};
use super::{EmbeddingError, SharedEmbedder, text_of};
use crate::artefact::{self, ArtefactError};
use docent_types::documentation::Snippet;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Texts that are embedded between two looks at whether to go on.
pub const BATCH: usize = 64;
/// Batches after which what is made is kept and served.
const SAVE_AFTER: usize = 16;

/// How far the vectors of an artefact are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// Snippets that have a vector.
    pub done: usize,
    /// Snippets.
    pub total: usize,
}

impl Made {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.done == self.total
    }
}

/// Why vectors could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakingError {
    /// The model.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
    /// The snippets cannot be read.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// The disk.
    #[error("the vectors cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// How far the vectors of an artefact are, by its file.
#[must_use]
pub fn made(root: &Path, model: &str, artefact: &str) -> Option<Made> {
    let vectors = Vectors::open(&vectors::path(root, model, artefact)).ok()?;
    Some(Made { done: vectors.done(), total: vectors.rows() })
}

/// Takes over from other artefacts the vectors of texts that are the same, without a model. `None` if there was nothing.
///
/// # Errors
/// [`MakingError`]
pub fn take_over(root: &Path, model: &str, artefact: &str, others: &[String]) -> Result<Option<Made>, MakingError> {
    let others: Vec<PathBuf> = others.iter().map(|other| vectors::path(root, model, other)).filter(|other| other.is_file()).collect();
    if others.is_empty() {
        return Ok(None);
    }
    let snippets = artefact::snippets(&artefact::folder(root, artefact))?;
    let mut making = Making::begin(&vectors::path(root, model, artefact), &snippets, &others);
    making.save()?;
    Ok(Some(Made { done: snippets.len() - making.missing(), total: snippets.len() }))
}

/// Makes what is missing of an artefact's vectors, as long as `go_on` says so. `None` if another process makes them at this moment.
/// Blocks for as long as the model computes.
///
/// # Errors
/// [`MakingError`]; what was made before is kept.
pub fn make(
    root: &Path,
    embedder: &SharedEmbedder,
    artefact: &str,
    others: &[String],
    go_on: &dyn Fn(Made) -> bool,
) -> Result<Option<Made>, MakingError> {
    let target = vectors::path(root, embedder.name(), artefact);
    let folder = target.parent().ok_or_else(|| invalid("it has no folder"))?;
    fs::create_dir_all(folder)?;
    let claim = folder.join(format!(".{artefact}.making"));
    let lock = File::create(&claim)?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    let snippets = artefact::snippets(&artefact::folder(root, artefact))?;
    let others: Vec<PathBuf> = others.iter().map(|other| vectors::path(root, embedder.name(), other)).collect();
    let mut making = Making::begin(&target, &snippets, &others);
    let outcome = fill(&mut making, &snippets, embedder, go_on);
    making.save()?;
    // Whoever waits for the lock finds the file whole.
    let _ = fs::remove_file(&claim);
    outcome?;
    Ok(Some(Made { done: snippets.len() - making.missing(), total: snippets.len() }))
}

fn fill(making: &mut Making, snippets: &[Snippet], embedder: &SharedEmbedder, go_on: &dyn Fn(Made) -> bool) -> Result<(), MakingError> {
    let mut batches = 0;
    while making.missing() > 0 && go_on(Made { done: snippets.len() - making.missing(), total: snippets.len() }) {
        making.next(snippets, embedder)?;
        batches += 1;
        if batches % SAVE_AFTER == 0 {
            making.save()?;
        }
    }
    go_on(Made { done: snippets.len() - making.missing(), total: snippets.len() });
    Ok(())
}

fn digest_of(text: &str) -> [u8; HASH] {
    let digest = Sha256::digest(text.as_bytes());
    let mut out = [0; HASH];
    out.copy_from_slice(&digest[..HASH]);
    out
}

/// The vectors of an artefact while they are made.
pub struct Making {
    target: PathBuf,
    hashes: Vec<[u8; HASH]>,
    scales: Vec<f32>,
    vectors: Vec<i8>,
    dimensions: usize,
    missing: Vec<usize>,
    unsaved: bool,
}

impl std::fmt::Debug for Making {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Making").field("target", &self.target).field("missing", &self.missing.len()).finish_non_exhaustive()
    }
}

impl Making {
    /// Begins with what is there already: in the artefact's own file, and for the same texts in files of other artefacts.
    #[must_use]
    pub fn begin(target: &Path, snippets: &[Snippet], others: &[PathBuf]) -> Self {
        let hashes: Vec<[u8; HASH]> = snippets.iter().map(|snippet| digest_of(&text_of(snippet))).collect();
        let mut making = Self {
            target: target.to_owned(),
            scales: vec![0.0; hashes.len()],
            vectors: Vec::new(),
            dimensions: 0,
            missing: (0..hashes.len()).collect(),
            hashes,
            unsaved: false,
        };
        let own = Vectors::open(target).ok();
        let whole = own.as_ref().is_some_and(|own| own.done() == own.rows() && own.rows() == making.hashes.len());
        if let Some(own) = own {
            making.take_over(&own);
        }
        making.unsaved = !whole;
        for other in others {
            if making.missing.is_empty() {
                break;
            }
            if let Ok(other) = Vectors::open(other) {
                making.take_over(&other);
            }
        }
        making
    }

    fn take_over(&mut self, from: &Vectors) {
        if from.dimensions() == 0 || (self.dimensions != 0 && self.dimensions != from.dimensions()) {
            return;
        }
        let known: HashMap<&[u8], usize> = (0..from.rows()).filter(|row| from.scale(*row) > 0.0).map(|row| (from.hash(row), row)).collect();
        self.widen(from.dimensions());
        let missing = std::mem::take(&mut self.missing);
        for row in missing {
            let Some(there) = known.get(self.hashes[row].as_slice()) else {
                self.missing.push(row);
                continue;
            };
            self.scales[row] = from.scale(*there);
            let place = &mut self.vectors[row * self.dimensions..(row + 1) * self.dimensions];
            place.iter_mut().zip(from.vector(*there)).for_each(|(to, byte)| *to = i8::from_le_bytes([*byte]));
            self.unsaved = true;
        }
    }

    fn widen(&mut self, dimensions: usize) {
        if self.dimensions == 0 {
            self.dimensions = dimensions;
            self.vectors = vec![0; self.hashes.len() * dimensions];
        }
    }

    /// Rows that have no vector yet.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Embeds the next [`BATCH`] rows. Answers how many are missing then.
    ///
    /// # Errors
    /// [`EmbeddingError`]; what was made before stays.
    pub fn next(&mut self, snippets: &[Snippet], embedder: &SharedEmbedder) -> Result<usize, EmbeddingError> {
        let rows: Vec<usize> = self.missing.iter().take(BATCH).copied().collect();
        let texts: Vec<String> = rows.iter().filter_map(|row| snippets.get(*row)).map(text_of).collect();
        let made = embedder.embed(&texts)?;
        if made.len() != rows.len() {
            return Err(EmbeddingError::Model("it did not give a vector for each text".to_owned()));
        }
        for (row, vector) in rows.into_iter().zip(made) {
            self.widen(vector.len());
            if vector.len() != self.dimensions {
                return Err(EmbeddingError::Model(format!(
                    "its vectors have {} values, before they had {}",
                    vector.len(),
                    self.dimensions
                )));
            }
            let (scale, quantised) = quantise(&vector);
            // A vector of zeros is like nothing, and is not asked for again.
            self.scales[row] = scale.max(f32::MIN_POSITIVE);
            self.vectors[row * self.dimensions..(row + 1) * self.dimensions].copy_from_slice(&quantised);
        }
        self.missing.drain(..texts.len());
        self.unsaved = true;
        Ok(self.missing.len())
    }

    /// Replaces the artefact's file if there is something new. A `kill -9` leaves the old one or the new one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&mut self) -> io::Result<()> {
        if !self.unsaved {
            return Ok(());
        }
        let folder = self.target.parent().ok_or_else(|| invalid("it has no folder"))?;
        fs::create_dir_all(folder)?;
        let mut body = Vec::with_capacity(self.hashes.len() * (HASH + 4 + self.dimensions));
        self.hashes.iter().for_each(|hash| body.extend_from_slice(hash));
        self.scales.iter().for_each(|scale| body.extend_from_slice(&scale.to_le_bytes()));
        body.extend(self.vectors.iter().map(|value| value.to_le_bytes()[0]));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let count = |number: usize| u32::try_from(number).map(u32::to_le_bytes).map_err(|_| invalid("it is too large"));
        file.write_all(FORMAT)?;
        file.write_all(&count(self.hashes.len())?)?;
        file.write_all(&count(self.dimensions)?)?;
        file.write_all(&Sha256::digest(&body))?;
        file.write_all(&body)?;
        file.as_file().sync_all()?;
        file.persist(&self.target).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        self.unsaved = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Embedder;
    use super::super::vectors::{path, sweep};
    use super::*;
    use docent_types::documentation::Block;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts letters.
    #[derive(Debug, Default)]
    struct Letters(AtomicUsize);

    impl Embedder for Letters {
        fn name(&self) -> &'static str {
            "letters"
        }

        fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
            self.0.fetch_add(texts.len(), Ordering::SeqCst);
            let vector = |text: &String| {
                let mut vector = vec![0.0_f32; 26];
                text.bytes().filter(u8::is_ascii_lowercase).for_each(|letter| vector[usize::from(letter - b'a')] += 1.0);
                super::super::to_unit_length(&mut vector);
                vector
            };
            Ok(texts.iter().map(vector).collect())
        }
    }

    fn snippet(text: &str) -> Snippet {
        Snippet {
            id: String::new(),
            path: "a.md".to_owned(),
            page_title: String::new(),
            headings: Vec::new(),
            anchor: None,
            lines: (1, 1),
            url: String::new(),
            also: Vec::new(),
            blocks: vec![Block::Prose(text.to_owned())],
        }
    }

    fn finish(making: &mut Making, snippets: &[Snippet], embedder: &SharedEmbedder) {
        while making.missing() > 0 {
            making.next(snippets, embedder).unwrap();
        }
        making.save().unwrap();
    }

    #[test]
    fn a_changed_snippet_alone_is_embedded_again_and_the_nearest_row_is_the_likest_text() {
        let root = tempfile::tempdir().unwrap();
        let counter = Arc::new(Letters::default());
        let embedder: SharedEmbedder = counter.clone();
        let mut snippets: Vec<Snippet> = ["aaaa bbbb", "cccc dddd", "eeee ffff"].map(snippet).to_vec();
        let first = path(root.path(), "letters", &"1".repeat(64));
        let mut making = Making::begin(&first, &snippets, &[]);
        finish(&mut making, &snippets, &embedder);
        assert_eq!(counter.0.load(Ordering::SeqCst), 3);

        snippets[1] = snippet("xxxx yyyy");
        snippets.insert(0, snippet("new words"));
        let second = path(root.path(), "letters", &"2".repeat(64));
        let mut making = Making::begin(&second, &snippets, std::slice::from_ref(&first));
        assert_eq!(making.missing(), 2);
        finish(&mut making, &snippets, &embedder);
        assert_eq!(counter.0.load(Ordering::SeqCst), 5);

        let vectors = Vectors::open(&second).unwrap();
        assert_eq!((vectors.rows(), vectors.done(), vectors.dimensions()), (4, 4, 26));
        let question = embedder.embed(&["yyyy".to_owned()]).unwrap().remove(0);
        let cosines = vectors.cosines(&question);
        let best = (0..4).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b])).unwrap();
        assert_eq!(best, 2, "{cosines:?}");
        assert!((cosines[2] - 0.5_f32.sqrt()).abs() < 0.02, "{cosines:?}");
        assert_eq!(vectors.cosines(&[1.0]), [0.0; 4], "a vector of another model is like nothing");
    }

    #[test]
    fn a_file_that_is_not_what_was_written_is_not_opened_and_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let embedder: SharedEmbedder = Arc::new(Letters::default());
        let snippets: Vec<Snippet> = (0..BATCH + 3).map(|at| snippet(&format!("{} {at}", "abc".repeat(at + 1)))).collect();
        let file = path(root.path(), "letters", &"3".repeat(64));
        let mut making = Making::begin(&file, &snippets, &[]);
        assert_eq!(making.next(&snippets, &embedder).unwrap(), 3);
        making.save().unwrap();
        assert_eq!(Vectors::open(&file).unwrap().done(), BATCH, "what is made already is served");
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 30;
        bytes[last] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(Vectors::open(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        for length in [0, 7, 20, 48, bytes.len() - 1] {
            fs::write(&file, &bytes[..length]).unwrap();
            assert!(Vectors::open(&file).is_err(), "cut at {length}");
        }
        let mut making = Making::begin(&file, &snippets, &[]);
        assert_eq!(making.missing(), snippets.len());
        finish(&mut making, &snippets, &embedder);
        assert_eq!(Vectors::open(&file).unwrap().done(), snippets.len());
    }

    #[test]
    fn what_is_stopped_goes_on_where_it_was_and_a_new_artefact_takes_over_what_is_the_same() {
        let root = tempfile::tempdir().unwrap();
        let counter = Arc::new(Letters::default());
        let embedder: SharedEmbedder = counter.clone();
        let mut snippets: Vec<Snippet> = (0..3 * BATCH).map(|at| snippet(&format!("number {at} of many"))).collect();
        let meta = crate::artefact::Meta::default();
        let first = artefact::build(root.path(), &snippets, &meta).unwrap().hash;
        let stopped = make(root.path(), &embedder, &first, &[], &|made| made.done < BATCH).unwrap().unwrap();
        assert_eq!(stopped, Made { done: BATCH, total: 3 * BATCH });
        assert_eq!(made(root.path(), "letters", &first), Some(stopped));
        assert!(make(root.path(), &embedder, &first, &[], &|_| true).unwrap().unwrap().is_whole());
        assert_eq!(counter.0.load(Ordering::SeqCst), 3 * BATCH, "nothing is embedded twice");

        snippets[7] = snippet("another text");
        let second = artefact::build(root.path(), &snippets, &meta).unwrap().hash;
        let taken = take_over(root.path(), "letters", &second, std::slice::from_ref(&first)).unwrap();
        assert_eq!(taken, Some(Made { done: 3 * BATCH - 1, total: 3 * BATCH }));
        assert!(make(root.path(), &embedder, &second, &[], &|_| true).unwrap().unwrap().is_whole());
        assert_eq!(counter.0.load(Ordering::SeqCst), 3 * BATCH + 1);
        assert_eq!(take_over(root.path(), "another model", &second, &[first]).unwrap(), None);
    }

    #[test]
    fn vectors_of_artefacts_that_nobody_wants_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let embedder: SharedEmbedder = Arc::new(Letters::default());
        for digit in ["4", "5"] {
            let mut making = Making::begin(&path(root.path(), "letters", &digit.repeat(64)), &[snippet("a")], &[]);
            finish(&mut making, &[snippet("a")], &embedder);
        }
        assert_eq!(sweep(root.path(), &|artefact| artefact.starts_with('4')).unwrap(), 1);
        assert!(path(root.path(), "letters", &"4".repeat(64)).exists());
        assert!(!path(root.path(), "letters", &"5".repeat(64)).exists());
    }
}
