//! Words for prose and code: whole, split at case and punctuation, stemmed; and compound names as they are written.

use std::collections::HashMap;
use tantivy::Index;
use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};

/// The tokenizer of words, stemmed.
pub const WORDS: &str = "docent_words";
/// The tokenizer of compound names.
pub const IDENTIFIERS: &str = "docent_identifiers";
/// Longer tokens are hashes and pictures.
const MAX_TOKEN: usize = 64;

/// Tells an index the tokenizers that its schema names.
pub fn register(index: &Index) {
    index.tokenizers().register(WORDS, words_analyzer());
    index.tokenizers().register(IDENTIFIERS, TextAnalyzer::from(Identifiers));
}

fn words_analyzer() -> TextAnalyzer {
    TextAnalyzer::from(Words::default())
}

/// The distinct words of a text as they are indexed, in order.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    words_analyzer().token_stream(text).process(&mut |token| out.push(token.text.clone()));
    out
}

/// The compound names of a text as they are indexed, in order.
#[must_use]
pub fn identifiers(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    Identifiers.token_stream(text).process(&mut |token| out.push(token.text.clone()));
    out
}

/// Tokens that were all made at once, one behind the other in one text: most of an index's time is spent on them.
#[derive(Default)]
pub struct Tokens {
    text: String,
    ends: Vec<usize>,
    next: usize,
    token: Token,
}

impl Tokens {
    fn push(&mut self, token: &str) {
        self.text.push_str(token);
        self.ends.push(self.text.len());
    }

    /// The token in lower case, unless it is too long.
    fn push_lower(&mut self, token: &str) {
        if token.len() > MAX_TOKEN {
            return;
        }
        if token.is_ascii() {
            let start = self.text.len();
            self.text.push_str(token);
            if let Some(pushed) = self.text.get_mut(start..) {
                pushed.make_ascii_lowercase();
            }
        } else {
            self.text.push_str(&token.to_lowercase());
        }
        self.ends.push(self.text.len());
    }
}

impl TokenStream for Tokens {
    fn advance(&mut self) -> bool {
        let Some(end) = self.ends.get(self.next) else { return false };
        let start = self.next.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.token.text.clear();
        self.token.text.push_str(self.text.get(start..*end).unwrap_or_default());
        self.token.position = self.next;
        self.next += 1;
        true
    }
    fn token(&self) -> &Token {
        &self.token
    }
    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Words whose stems are remembered.
const REMEMBERED: usize = 50_000;

/// Words in lower case, stemmed; the parts of `camelCase` beside the whole.
#[derive(Clone)]
struct Words {
    stemmer: TextAnalyzer,
    // Strangers choose the keys: the hash is seeded.
    stems: HashMap<String, String, foldhash::fast::RandomState>,
    lower: String,
}

impl Default for Words {
    fn default() -> Self {
        let stemmer = TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(Language::English)).build();
        Self { stemmer, stems: HashMap::default(), lower: String::new() }
    }
}

impl Words {
    /// The stem of a word that is in lower case.
    fn stem(&mut self, word: &str, out: &mut Tokens) {
        if let Some(stem) = self.stems.get(word) {
            return out.push(stem);
        }
        let mut stem = String::new();
        self.stemmer.token_stream(word).process(&mut |token| stem.push_str(&token.text));
        out.push(&stem);
        if self.stems.len() >= REMEMBERED {
            self.stems.clear();
        }
        self.stems.insert(word.to_owned(), stem);
    }

    /// The stem of a word as it is written, unless it is too long.
    fn push(&mut self, word: &str, out: &mut Tokens) {
        if word.len() > MAX_TOKEN {
            return;
        }
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            lower.push_str(&word.to_lowercase());
        }
        self.stem(&lower, out);
        self.lower = lower;
    }

    /// A run of letters and digits.
    fn run(&mut self, run: &str, out: &mut Tokens) {
        let parts = case_parts(run);
        if parts.len() > 1 && parts.len() <= 8 {
            parts.iter().filter(|part| part.len() > 1).for_each(|part| self.push(part, out));
        }
        self.push(run, out);
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Tokens;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        let mut out = Tokens::default();
        // Most texts are of these letters alone, and most of an index's time is spent here.
        if text.is_ascii() {
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty()).for_each(|run| self.run(run, &mut out));
            return out;
        }
        for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
            if run.chars().any(is_unspaced) {
                let mut pairs = Tokens::default();
                unspaced(run, &mut pairs);
                while pairs.advance() {
                    self.stem(&pairs.token.text, &mut out);
                }
            } else {
                self.run(run, &mut out);
            }
        }
        out
    }
}

/// Scripts written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0x0E00..=0x0E7F)
}

/// Pairs of characters, since words cannot be told apart.
fn unspaced(run: &str, out: &mut Tokens) {
    let characters: Vec<char> = run.to_lowercase().chars().collect();
    if characters.len() == 1 {
        out.push(&run.to_lowercase());
    }
    characters.windows(2).for_each(|pair| out.push(&pair.iter().collect::<String>()));
}

/// `createServer` as `create`, `Server`; `HTTPServer` as `HTTP`, `Server`.
fn case_parts(run: &str) -> Vec<&str> {
    let has_more_than_one = match run.is_ascii() {
        true => run.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()),
        false => run.chars().skip(1).any(char::is_uppercase),
    };
    if !has_more_than_one {
        return Vec::new();
    }
    let characters: Vec<(usize, char)> = run.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for window in 1..characters.len() {
        let (at, c) = characters[window];
        let before = characters[window - 1].1;
        let after = characters.get(window + 1).map(|(_, c)| *c);
        let boundary = (before.is_lowercase() && c.is_uppercase())
            || (before.is_uppercase() && c.is_uppercase() && after.is_some_and(char::is_lowercase));
        if boundary {
            parts.push(&run[start..at]);
            start = at;
        }
    }
    parts.push(&run[start..]);
    parts
}

/// Names that have more than one part (`import.meta.env`, `--host`, `tokio::spawn`, `SQLALCHEMY_WARN_20`), whole and by
/// neighbouring parts.
#[derive(Clone, Copy)]
struct Identifiers;

impl Tokenizer for Identifiers {
    type TokenStream<'a> = Tokens;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        let mut out = Tokens::default();
        let joins = |c: char| matches!(c, '_' | '.' | ':' | '-' | '@' | '/' | '#' | '$' | '+');
        if text.is_ascii() {
            text.split(|c: char| !(c.is_ascii_alphanumeric() || joins(c))).for_each(|run| compound(run, &mut out));
        } else {
            text.split(|c: char| !(c.is_alphanumeric() || joins(c))).for_each(|run| compound(run, &mut out));
        }
        out
    }
}

fn compound(run: &str, out: &mut Tokens) {
    let run = run.trim_end_matches(['.', ':', '-', '/', '#', '@', '_']).trim_start_matches([':', '/', '+']);
    let simple = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b >= 0x80);
    if run.len() < 3 || run.len() > 120 || simple(run) {
        return;
    }
    let lower = run.to_lowercase();
    // Paths are many parts; their ends say what they are.
    let separators: &[&str] = &["::", ".", "/", ":"];
    let mut parts: Vec<&str> = vec![&lower];
    for separator in separators {
        parts = parts.iter().flat_map(|part| part.split(separator)).filter(|part| !part.is_empty()).collect();
    }
    if parts.len() == 1 {
        if !simple(&lower) {
            out.push_lower(&lower);
            let bare = lower.trim_start_matches(['-', '@', '.', '#', '$', '_']);
            if bare != lower && !simple(bare) {
                out.push_lower(bare);
            }
        }
        return;
    }
    let parts = if parts.len() > 6 { &parts[parts.len() - 6..] } else { &parts[..] };
    for length in 2..=parts.len().min(4) {
        for window in parts.windows(length) {
            out.push_lower(&window.join("."));
        }
    }
    for part in parts {
        if !simple(part) && part.len() > 2 {
            out.push_lower(part);
        }
    }
}

/// Words that questions have and answers do not depend on.
#[must_use]
pub fn is_stop_word(word: &str) -> bool {
    const STOP: &[&str] = &[
        "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "aren", "as", "at", "be", "because", "been", "but", "by",
        "can", "cannot", "could", "couldn", "d", "did", "didn", "do", "does", "doesn", "doing", "don", "for", "from", "get", "getting",
        "had", "has", "have", "having", "he", "help", "here", "hi", "how", "i", "if", "in", "into", "is", "isn", "it", "its", "just",
        "know", "like", "ll", "m", "me", "my", "need", "no", "not", "of", "on", "or", "other", "our", "please", "re", "s", "should",
        "shouldn", "so", "some", "t", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to",
        "trying", "up", "us", "ve", "want", "was", "wasn", "way", "we", "were", "what", "when", "where", "which", "while", "who", "why",
        "will", "with", "won", "would", "you", "your",
    ];
    STOP.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_case_and_punctuation_and_stemmed() {
        assert_eq!(words("createServer's connections"), ["creat", "server", "createserv", "s", "connect"]);
        assert_eq!(words("SQLALCHEMY_WARN_20"), ["sqlalchemi", "warn", "20"]);
        assert_eq!(words("HTTPServer"), ["http", "server", "httpserver"]);
        assert_eq!(words("数据库"), ["数据", "据库"]);
    }

    #[test]
    fn compound_names_are_kept_as_they_are_written() {
        assert_eq!(identifiers("Use `import.meta.env`."), ["import.meta", "meta.env", "import.meta.env"]);
        assert_eq!(identifiers("--host"), ["--host"]);
        assert!(identifiers("set SQLALCHEMY_WARN_20=1").contains(&"sqlalchemy_warn_20".to_owned()));
        assert_eq!(identifiers("tokio::spawn"), ["tokio.spawn"]);
        assert!(identifiers("plain words, end. Next").is_empty());
    }

    #[test]
    fn stop_words_are_sorted_since_they_are_searched_by_halving() {
        for word in ["a", "i", "your", "the", "why", "help"] {
            assert!(is_stop_word(word), "{word}");
        }
        assert!(!is_stop_word("async"));
    }
}
