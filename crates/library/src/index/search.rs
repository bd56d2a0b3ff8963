//! Questions: BM25F over the fields (a word's weighted occurrences are added up before they saturate), with vectors also
//! what the passage means, damped by what its page is for ([`Role`]); then pages by their best snippets, then snippets:
//! several of the first pages before one of each further page. `docs/retrieval.md` says what each of these brings.

use super::IndexError;
use super::ingredients::Ingredients;
use super::role::{Role, asks_for_changes};
use super::schema::{self, Fields};
use super::tokenize;
use crate::artefact_store::Lease;
use crate::embedding::Vectors;
use arc_swap::ArcSwapOption;
use docent_types::documentation::{Block, Hit, Snippet};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::Postings;
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::store::StoreReader;
use tantivy::{DocSet, Index, InvertedIndexReader, SegmentReader, TERMINATED, TantivyDocument, Term};

/// Saturation of repeated words.
const K1: f32 = 1.6;
/// Of a question this many distinct words are used.
const MAX_TERMS: usize = 120;
/// Of a question this many bytes are read.
const MAX_QUESTION: usize = 8_000;
/// Snippets that are looked at after scoring.
const CANDIDATES: usize = 400;
/// What a page's best snippets add to its score, best first.
const PAGE_WEIGHTS: [f32; 6] = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3];
/// A page's further snippets follow directly if they score this share of its best.
const FOLLOWS: f32 = 0.55;
/// So many snippets of each of the first pages are given before snippets compete for themselves.
const FIRST_PAGES: [usize; 12] = [3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1];
/// What meaning counts beside words, each between 0 and 1.
const MEANING: f32 = 1.2;
/// The cosine of the snippet at this rank means nothing.
const UNLIKE: usize = 400;
/// What a passage of a page that is news is worth where a question does not ask for what changed.
const NEWS: f32 = 0.7;
/// What a passage of a page about the project is worth.
const ABOUT: f32 = 0.85;

/// A field as it is scored.
struct Weighted {
    field: Field,
    /// Of each segment, in their order.
    segments: Vec<(Arc<InvertedIndexReader>, FieldNormReader)>,
    average: f32,
    weight: f32,
    /// How much length counts against a field.
    b: f32,
}

/// An index that can be asked. Cheap to share, never written to.
///
/// A snippet goes by its number within the library everywhere: which segment it came to lie in is chance, and no answer may depend on it.
pub struct OpenIndex {
    words: Vec<Weighted>,
    identifiers: Vec<Weighted>,
    fields: Fields,
    /// By their numbers.
    snippets: Vec<Known>,
    segments: Vec<Segment>,
    vectors: ArcSwapOption<Vectors>,
    rules: Vec<String>,
    _lease: Option<Lease>,
}

impl std::fmt::Debug for OpenIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIndex").field("snippets", &self.snippets.len()).finish_non_exhaustive()
    }
}

/// What is known of a snippet without reading it.
#[derive(Clone, Copy)]
struct Known {
    page: u32,
    role: Role,
    /// Where it is stored: a segment, and the document in it.
    segment: u16,
    document: u32,
}

/// What one thread wrote of the index.
struct Segment {
    /// The number within the library of each of its documents.
    numbers: Vec<u32>,
    store: StoreReader,
}

struct QuestionTerm {
    text: String,
    /// How often the question says it, damped.
    weight: f32,
}

impl OpenIndex {
    /// Opens an index folder without verifying it.
    ///
    /// # Errors
    /// [`IndexError`] if it is not an index of this version.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let index = Index::open_in_dir(folder)?;
        tokenize::register(&index);
        let fields = schema::fields(&index.schema()).ok_or(IndexError::Schema)?;
        let reader = index.reader_builder().reload_policy(tantivy::ReloadPolicy::Manual).num_warming_threads(0).try_into()?;
        let searcher = reader.searcher();
        let readers = searcher.segment_readers();
        let snippets = snippets(readers)?;
        let weighted = |field: Field, weight: f32, b: f32| -> Result<Weighted, IndexError> {
            let (mut segments, mut tokens) = (Vec::with_capacity(readers.len()), 0);
            for reader in readers {
                let postings = reader.inverted_index(field)?;
                tokens += postings.total_num_tokens();
                segments.push((postings, reader.get_fieldnorms_reader(field)?));
            }
            #[expect(clippy::cast_precision_loss, reason = "an average")]
            let average = (tokens as f32 / snippets.len().max(1) as f32).max(1.0);
            Ok(Weighted { field, segments, average, weight, b })
        };
        let words = vec![
            weighted(fields.title, 2.0, 0.4)?,
            weighted(fields.headings, 2.0, 0.4)?,
            weighted(fields.path, 1.5, 0.3)?,
            weighted(fields.prose, 1.0, 0.6)?,
            weighted(fields.code, 0.6, 0.75)?,
        ];
        let identifiers = vec![weighted(fields.identifiers, 1.0, 0.5)?];
        let segments = readers
            .iter()
            .map(|reader| Ok(Segment { numbers: numbers(reader)?, store: reader.get_store_reader(8)? }))
            .collect::<Result<_, IndexError>>()?;
        Ok(Self { words, identifiers, fields, snippets, segments, vectors: ArcSwapOption::empty(), rules: Vec::new(), _lease: None })
    }

    /// Keeps the files where they are for as long as the index is open.
    #[must_use]
    pub fn holding(mut self, lease: Option<Lease>) -> Self {
        self._lease = lease;
        self
    }

    /// The number of snippets.
    #[must_use]
    pub fn snippets(&self) -> u32 {
        u32::try_from(self.snippets.len()).unwrap_or(u32::MAX)
    }

    /// The owner's notes that were stored with the index.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    pub(crate) fn with_rules(mut self, rules: Vec<String>) -> Self {
        self.rules = rules;
        self
    }

    /// The vectors of its snippets, if there are some.
    #[must_use]
    pub fn vectors(&self) -> Option<Arc<Vectors>> {
        self.vectors.load_full()
    }

    /// Searches by these, too, from now on. Their rows are this index's snippets in their order.
    pub fn set_vectors(&self, vectors: Vectors) {
        self.vectors.store(Some(Arc::new(vectors)));
    }

    /// The best snippets for a question, best first. With the question's vector, also those that mean the same by other words.
    ///
    /// # Errors
    /// [`IndexError`] if the files cannot be read any more.
    pub fn search(&self, question: &str, vector: Option<&[f32]>, limit: usize) -> Result<Vec<Hit>, IndexError> {
        self.search_with(question, vector, limit, Ingredients::ALL)
    }

    /// As [`Self::search`], with some of the ranking's parts only.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub fn search_with(
        &self,
        question: &str,
        vector: Option<&[f32]>,
        limit: usize,
        ingredients: Ingredients,
    ) -> Result<Vec<Hit>, IndexError> {
        let mut scores = self.word_scores(question, ingredients)?;
        if let (Some(vector), Some(vectors)) = (vector, self.vectors()) {
            self.add_meaning(&mut scores, &vectors.cosines(vector));
        }
        let news = if asks_for_changes(question) { 1.0 } else { NEWS };
        for (score, snippet) in scores.iter_mut().zip(&self.snippets) {
            *score *= match snippet.role {
                _ if !ingredients.roles => 1.0,
                Role::Documentation => 1.0,
                Role::News => news,
                Role::About => ABOUT,
            };
        }
        let order = self.order(best(scores), limit, ingredients);
        let mut hits = Vec::with_capacity(order.len());
        let mut given: HashSet<u32> = HashSet::with_capacity(order.len());
        for (number, score) in order {
            if !given.insert(number) {
                continue;
            }
            let snippet = self.snippet(number)?;
            let next = if ingredients.neighbours && leads_on(&snippet) { self.next_on_page(number) } else { None };
            hits.push(Hit { snippet, score });
            if let Some(next) = next.filter(|next| given.insert(*next)) {
                hits.push(Hit { snippet: self.snippet(next)?, score });
            }
        }
        hits.truncate(limit);
        Ok(hits)
    }

    fn snippet(&self, number: u32) -> Result<Snippet, IndexError> {
        let known = self.snippets.get(number as usize).ok_or(IndexError::Incomplete)?;
        let segment = self.segments.get(usize::from(known.segment)).ok_or(IndexError::Incomplete)?;
        let stored: TantivyDocument = segment.store.get(known.document)?;
        let json = stored.get_first(self.fields.snippet).and_then(|value| value.as_str()).unwrap_or("");
        Ok(serde_json::from_str(json)?)
    }

    /// The snippet that follows on the same page.
    fn next_on_page(&self, number: u32) -> Option<u32> {
        let known = self.snippets.get(number as usize)?;
        let next = number.checked_add(1)?;
        (self.snippets.get(next as usize)?.page == known.page).then_some(next)
    }

    /// Each snippet's score by its words.
    fn word_scores(&self, question: &str, ingredients: Ingredients) -> Result<Vec<f32>, IndexError> {
        let mut end = question.len().min(MAX_QUESTION);
        while !question.is_char_boundary(end) {
            end -= 1;
        }
        let question = &question[..end];
        let words = question_words(question);
        let identifiers = if ingredients.identifiers { counted(tokenize::identifiers(question)) } else { Vec::new() };
        let mut total = vec![0.0_f32; self.snippets.len()];
        let mut occurrences = vec![0.0_f32; self.snippets.len()];
        for (terms, fields, boost) in [(&words, &self.words, 1.0_f32), (&identifiers, &self.identifiers, 0.8)] {
            for term in terms.iter().take(MAX_TERMS) {
                self.add(term, fields, boost, ingredients, &mut occurrences, &mut total)?;
            }
        }
        Ok(total)
    }

    /// Adds what passages mean to what they say. Both are measured against the best of this question, since neither a score nor a cosine
    /// says anything by itself.
    fn add_meaning(&self, scores: &mut [f32], cosines: &[f32]) {
        let most = scores.iter().copied().fold(0.0_f32, f32::max).max(f32::MIN_POSITIVE);
        let mut sorted = cosines.to_vec();
        let rank = UNLIKE.min(sorted.len().saturating_sub(1));
        if sorted.is_empty() {
            return;
        }
        let (_, floor, _) = sorted.select_nth_unstable_by(rank, |a, b| b.total_cmp(a));
        let floor = floor.max(0.0);
        let nearest = cosines.iter().copied().fold(floor, f32::max);
        let range = (nearest - floor).max(f32::MIN_POSITIVE);
        for (number, score) in scores.iter_mut().enumerate() {
            let cosine = cosines.get(number).copied().unwrap_or(0.0);
            *score = *score / most + MEANING * ((cosine - floor) / range).clamp(0.0, 1.0);
        }
    }

    /// Adds a word's score to every snippet that has it.
    #[expect(clippy::cast_precision_loss, reason = "counts of snippets and words, as weights")]
    fn add(
        &self,
        term: &QuestionTerm,
        fields: &[Weighted],
        boost: f32,
        ingredients: Ingredients,
        occurrences: &mut [f32],
        total: &mut [f32],
    ) -> Result<(), IndexError> {
        let mut touched: Vec<u32> = Vec::new();
        for field in fields {
            let key = Term::from_field_text(field.field, &term.text);
            let weight = if ingredients.fields { field.weight } else { 1.0 };
            for ((postings, norms), segment) in field.segments.iter().zip(&self.segments) {
                let Some(mut postings) = postings.read_postings(&key, IndexRecordOption::WithFreqs)? else { continue };
                let mut document = postings.doc();
                while document != TERMINATED {
                    let length = norms.fieldnorm(document) as f32;
                    let normalised = weight * postings.term_freq() as f32 / (1.0 - field.b + field.b * length / field.average);
                    let number = segment.numbers.get(document as usize).copied().unwrap_or(u32::MAX);
                    if let Some(slot) = occurrences.get_mut(number as usize) {
                        if *slot == 0.0 {
                            touched.push(number);
                        }
                        *slot += normalised;
                    }
                    document = postings.advance();
                }
            }
        }
        let having = touched.len() as f32;
        let idf = (1.0 + (self.snippets.len() as f32 - having + 0.5) / (having + 0.5)).ln();
        for number in touched {
            let at = number as usize;
            let occurrence = std::mem::take(&mut occurrences[at]);
            total[at] += boost * term.weight * idf * occurrence * (K1 + 1.0) / (occurrence + K1);
        }
        Ok(())
    }

    fn order(&self, scores: Vec<(u32, f32)>, limit: usize, ingredients: Ingredients) -> Vec<(u32, f32)> {
        struct PageScore {
            score: f32,
            snippets: Vec<(u32, f32)>,
        }
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut pages: Vec<PageScore> = Vec::new();
        for (number, score) in scores {
            let page = self.snippets.get(number as usize).map_or(0, |known| known.page);
            let at = *places.entry(page).or_insert_with(|| {
                pages.push(PageScore { score: 0.0, snippets: Vec::new() });
                pages.len() - 1
            });
            let rank = pages[at].snippets.len();
            let weight = if ingredients.pages || rank == 0 { PAGE_WEIGHTS.get(rank).copied().unwrap_or(0.0) } else { 0.0 };
            pages[at].score += weight * score;
            pages[at].snippets.push((number, score));
        }
        if !ingredients.spread {
            let mut all: Vec<(u32, f32)> = pages.into_iter().flat_map(|page| page.snippets).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(limit);
            return all;
        }
        pages.sort_by(|a, b| b.score.total_cmp(&a.score));
        let best_page = pages.first().map_or(1.0, |page| page.score.max(f32::MIN_POSITIVE));
        let mut first = Vec::new();
        let mut later: Vec<(f32, u32, f32)> = Vec::new();
        for (place, page) in pages.into_iter().enumerate() {
            let best = page.snippets.first().map_or(0.0, |(_, score)| *score);
            let share = 0.5 + 0.5 * page.score / best_page;
            let given = FIRST_PAGES.get(place).copied().unwrap_or(0);
            for (rank, (number, score)) in page.snippets.into_iter().enumerate() {
                if rank < given && (rank == 0 || score >= FOLLOWS * best) {
                    first.push((number, score));
                } else {
                    later.push((score * share, number, score));
                }
            }
        }
        later.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        first.into_iter().chain(later.into_iter().map(|(_, number, score)| (number, score))).take(limit).collect()
    }
}

/// Whether a passage ends where it says that something follows.
fn leads_on(snippet: &Snippet) -> bool {
    matches!(snippet.blocks.last(), Some(Block::Prose(text)) if text.trim_end().ends_with(':'))
}

/// The snippets that score best, best first.
fn best(scores: Vec<f32>) -> Vec<(u32, f32)> {
    let mut found: Vec<(u32, f32)> =
        scores.into_iter().zip(0_u32..).filter(|(score, _)| *score > 0.0).map(|(score, number)| (number, score)).collect();
    let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if found.len() > CANDIDATES {
        found.select_nth_unstable_by(CANDIDATES, by_score);
        found.truncate(CANDIDATES);
    }
    found.sort_by(by_score);
    found
}

/// The number within the library of each document of a segment.
fn numbers(segment: &SegmentReader) -> Result<Vec<u32>, IndexError> {
    let ordinals = segment.fast_fields().u64("ordinal")?;
    Ok((0..segment.max_doc()).map(|document| number(&ordinals, document)).collect())
}

fn number(column: &Column<u64>, document: u32) -> u32 {
    u32::try_from(column.first(document).unwrap_or(0)).unwrap_or(u32::MAX)
}

/// What is known of all snippets, by their numbers.
fn snippets(segments: &[SegmentReader]) -> Result<Vec<Known>, IndexError> {
    let count: usize = segments.iter().map(|segment| segment.max_doc() as usize).sum();
    let mut known: Vec<Option<Known>> = vec![None; count];
    for (at, segment) in (0..).zip(segments) {
        let column = |name: &str| segment.fast_fields().u64(name);
        let (pages, roles) = (column("page")?, column("role")?);
        for (document, place) in (0..).zip(numbers(segment)?) {
            let role = Role::from_number(roles.first(document).unwrap_or(0));
            let place = known.get_mut(place as usize).ok_or(IndexError::Incomplete)?;
            *place = Some(Known { page: number(&pages, document), role, segment: at, document });
        }
    }
    // As many as there are places, each in a place of its own.
    known.into_iter().collect::<Option<_>>().ok_or(IndexError::Incomplete)
}

fn counted(tokens: Vec<String>) -> Vec<QuestionTerm> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut out: Vec<QuestionTerm> = Vec::new();
    for text in tokens {
        match places.get(&text) {
            // Said twice weighs a little more, said ten times does not drown the rest.
            Some(at) => out[*at].weight = (out[*at].weight + 0.3).min(1.9),
            None => {
                places.insert(text.clone(), out.len());
                out.push(QuestionTerm { text, weight: 1.0 });
            }
        }
    }
    out
}

fn question_words(question: &str) -> Vec<QuestionTerm> {
    let kept: String = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 1 && !tokenize::is_stop_word(&word.to_lowercase()))
        .collect::<Vec<_>>()
        .join(" ");
    // A question of stop words only ("what is it?") is asked as it stands.
    let text = if kept.is_empty() { question } else { kept.as_str() };
    counted(tokenize::words(text))
}
