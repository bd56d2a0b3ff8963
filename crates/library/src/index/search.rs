//! Questions: BM25F over the fields (a word's weighted occurrences are added up before they saturate), then pages by
//! their best snippets, then snippets with at most three of a page before others.

use super::IndexError;
use super::schema::{self, Fields};
use super::tokenize;
use crate::artefact_store::Lease;
use docent_types::documentation::{Hit, Snippet};
use std::collections::HashMap;
use std::path::Path;
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
/// What a page's second and third best snippet add to its best.
const PAGE_WEIGHTS: [f32; 3] = [1.0, 0.5, 0.3];
/// A page's further snippets follow directly if they score this share of its best.
const FOLLOWS: f32 = 0.55;
/// So many pages are given with up to three snippets each before snippets compete for themselves.
const FIRST_PAGES: usize = 6;

/// A field as it is scored.
struct Weighted {
    postings: std::sync::Arc<InvertedIndexReader>,
    norms: FieldNormReader,
    field: Field,
    average: f32,
    weight: f32,
    /// How much length counts against a field.
    b: f32,
}

/// An index that can be asked. Cheap to share, never written to.
pub struct OpenIndex {
    words: Vec<Weighted>,
    identifiers: Vec<Weighted>,
    fields: Fields,
    pages: Column<u64>,
    store: StoreReader,
    documents: u32,
    rules: Vec<String>,
    _lease: Option<Lease>,
}

impl std::fmt::Debug for OpenIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIndex").field("documents", &self.documents).finish_non_exhaustive()
    }
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
        let segments = searcher.segment_readers();
        let segment = match segments {
            [segment] => segment,
            other => return Err(IndexError::Segments(other.len())),
        };
        let weighted = |field: Field, weight: f32, b: f32| -> Result<Weighted, IndexError> {
            let postings = segment.inverted_index(field)?;
            let norms = segment.get_fieldnorms_reader(field)?;
            #[expect(clippy::cast_precision_loss, reason = "an average")]
            let average = (postings.total_num_tokens() as f32 / segment.max_doc().max(1) as f32).max(1.0);
            Ok(Weighted { postings, norms, field, average, weight, b })
        };
        let words = vec![
            weighted(fields.title, 2.0, 0.4)?,
            weighted(fields.headings, 2.0, 0.4)?,
            weighted(fields.path, 1.5, 0.3)?,
            weighted(fields.prose, 1.0, 0.6)?,
            weighted(fields.code, 0.6, 0.75)?,
        ];
        let identifiers = vec![weighted(fields.identifiers, 1.0, 0.5)?];
        Ok(Self {
            words,
            identifiers,
            fields,
            pages: pages(segment)?,
            store: segment.get_store_reader(8)?,
            documents: segment.max_doc(),
            rules: Vec::new(),
            _lease: None,
        })
    }

    /// Keeps the files where they are for as long as the index is open.
    #[must_use]
    pub fn holding(mut self, lease: Option<Lease>) -> Self {
        self._lease = lease;
        self
    }

    /// The number of snippets.
    #[must_use]
    pub const fn snippets(&self) -> u32 {
        self.documents
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

    /// The best snippets for a question, best first.
    ///
    /// # Errors
    /// [`IndexError`] if the files cannot be read any more.
    pub fn search(&self, question: &str, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let scores = self.scores(question)?;
        let order = self.order(scores, limit);
        order
            .into_iter()
            .map(|(document, score)| {
                let stored: TantivyDocument = self.store.get(document)?;
                let json = stored.get_first(self.fields.snippet).and_then(|value| value.as_str()).unwrap_or("");
                Ok(Hit { snippet: serde_json::from_str::<Snippet>(json)?, score })
            })
            .collect()
    }

    fn scores(&self, question: &str) -> Result<Vec<(u32, f32)>, IndexError> {
        let mut end = question.len().min(MAX_QUESTION);
        while !question.is_char_boundary(end) {
            end -= 1;
        }
        let question = &question[..end];
        let words = question_words(question);
        let identifiers = counted(tokenize::identifiers(question));
        let mut total = vec![0.0_f32; self.documents as usize];
        let mut occurrences = vec![0.0_f32; self.documents as usize];
        for (terms, fields, boost) in [(&words, &self.words, 1.0_f32), (&identifiers, &self.identifiers, 0.8)] {
            for term in terms.iter().take(MAX_TERMS) {
                self.add(term, fields, boost, &mut occurrences, &mut total)?;
            }
        }
        let mut found: Vec<(u32, f32)> =
            total.into_iter().zip(0_u32..).filter(|(score, _)| *score > 0.0).map(|(score, document)| (document, score)).collect();
        let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if found.len() > CANDIDATES {
            found.select_nth_unstable_by(CANDIDATES, by_score);
            found.truncate(CANDIDATES);
        }
        found.sort_by(by_score);
        Ok(found)
    }

    /// Adds a word's score to every document that has it.
    #[expect(clippy::cast_precision_loss, reason = "counts of documents and words, as weights")]
    fn add(
        &self,
        term: &QuestionTerm,
        fields: &[Weighted],
        boost: f32,
        occurrences: &mut [f32],
        total: &mut [f32],
    ) -> Result<(), IndexError> {
        let mut touched: Vec<u32> = Vec::new();
        for field in fields {
            let key = Term::from_field_text(field.field, &term.text);
            let Some(mut postings) = field.postings.read_postings(&key, IndexRecordOption::WithFreqs)? else { continue };
            let mut document = postings.doc();
            while document != TERMINATED {
                let length = field.norms.fieldnorm(document) as f32;
                let normalised = field.weight * postings.term_freq() as f32 / (1.0 - field.b + field.b * length / field.average);
                if let Some(slot) = occurrences.get_mut(document as usize) {
                    if *slot == 0.0 {
                        touched.push(document);
                    }
                    *slot += normalised;
                }
                document = postings.advance();
            }
        }
        let having = touched.len() as f32;
        let idf = (1.0 + (self.documents as f32 - having + 0.5) / (having + 0.5)).ln();
        for document in touched {
            let at = document as usize;
            let occurrence = std::mem::take(&mut occurrences[at]);
            total[at] += boost * term.weight * idf * occurrence * (K1 + 1.0) / (occurrence + K1);
        }
        Ok(())
    }

    fn order(&self, scores: Vec<(u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
        struct PageScore {
            score: f32,
            snippets: Vec<(u32, f32)>,
        }
        let mut places: HashMap<u64, usize> = HashMap::new();
        let mut pages: Vec<PageScore> = Vec::new();
        for (document, score) in scores {
            let page = self.pages.first(document).unwrap_or(u64::from(document));
            let at = *places.entry(page).or_insert_with(|| {
                pages.push(PageScore { score: 0.0, snippets: Vec::new() });
                pages.len() - 1
            });
            let rank = pages[at].snippets.len();
            pages[at].score += PAGE_WEIGHTS.get(rank).copied().unwrap_or(0.0) * score;
            pages[at].snippets.push((document, score));
        }
        pages.sort_by(|a, b| b.score.total_cmp(&a.score));
        let best_page = pages.first().map_or(1.0, |page| page.score.max(f32::MIN_POSITIVE));
        let mut first = Vec::new();
        let mut later: Vec<(f32, u32, f32)> = Vec::new();
        for (place, page) in pages.into_iter().enumerate() {
            let best = page.snippets.first().map_or(0.0, |(_, score)| *score);
            let share = 0.5 + 0.5 * page.score / best_page;
            for (rank, (document, score)) in page.snippets.into_iter().enumerate() {
                if place < FIRST_PAGES && (rank == 0 || (rank < 3 && score >= FOLLOWS * best)) {
                    first.push((document, score));
                } else {
                    later.push((score * share, document, score));
                }
            }
        }
        later.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        first.into_iter().chain(later.into_iter().map(|(_, document, score)| (document, score))).take(limit).collect()
    }
}

fn pages(segment: &SegmentReader) -> Result<Column<u64>, IndexError> {
    Ok(segment.fast_fields().u64("page")?)
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
