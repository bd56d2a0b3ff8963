//! Words for prose and code: whole, split at case and punctuation, stemmed; and compound names as they are written.

use tantivy::Index;
use tantivy::tokenizer::{Language, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};

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
    TextAnalyzer::builder(Words).filter(Stemmer::new(Language::English)).build()
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

/// Tokens that were all made at once.
pub struct Tokens {
    tokens: Vec<String>,
    next: usize,
    token: Token,
}

impl Tokens {
    fn new(tokens: Vec<String>) -> Self {
        Self { tokens, next: 0, token: Token::default() }
    }
}

impl TokenStream for Tokens {
    fn advance(&mut self) -> bool {
        match self.tokens.get_mut(self.next) {
            Some(text) => {
                self.token.text = std::mem::take(text);
                self.token.position = self.next;
                self.next += 1;
                true
            }
            None => false,
        }
    }
    fn token(&self) -> &Token {
        &self.token
    }
    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Words in lower case; the parts of `camelCase` beside the whole.
#[derive(Clone, Copy)]
struct Words;

impl Tokenizer for Words {
    type TokenStream<'a> = Tokens;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens {
        let mut out = Vec::new();
        for run in text.split(|c: char| !c.is_alphanumeric()) {
            if run.is_empty() {
                continue;
            }
            if run.chars().any(is_unspaced) {
                unspaced(run, &mut out);
                continue;
            }
            let parts = case_parts(run);
            if parts.len() > 1 && parts.len() <= 8 {
                out.extend(parts.iter().filter(|part| part.len() > 1).map(|part| part.to_lowercase()));
            }
            push(run, &mut out);
        }
        Tokens::new(out)
    }
}

fn push(token: &str, out: &mut Vec<String>) {
    if token.len() <= MAX_TOKEN {
        out.push(token.to_lowercase());
    }
}

/// Scripts written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0x0E00..=0x0E7F)
}

/// Pairs of characters, since words cannot be told apart.
fn unspaced(run: &str, out: &mut Vec<String>) {
    let characters: Vec<char> = run.to_lowercase().chars().collect();
    if characters.len() == 1 {
        out.push(run.to_lowercase());
    }
    out.extend(characters.windows(2).map(|pair| pair.iter().collect::<String>()));
}

/// `createServer` as `create`, `Server`; `HTTPServer` as `HTTP`, `Server`.
fn case_parts(run: &str) -> Vec<&str> {
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
        let mut out = Vec::new();
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '@' | '/' | '#' | '$' | '+');
        for run in text.split(|c: char| !inside(c)) {
            compound(run, &mut out);
        }
        Tokens::new(out)
    }
}

fn compound(run: &str, out: &mut Vec<String>) {
    let run = run.trim_end_matches(['.', ':', '-', '/', '#', '@', '_']).trim_start_matches([':', '/', '+']);
    if run.len() < 3 || run.len() > 120 {
        return;
    }
    let lower = run.to_lowercase();
    // Paths are many parts; their ends say what they are.
    let separators: &[&str] = &["::", ".", "/", ":"];
    let mut parts: Vec<&str> = vec![&lower];
    for separator in separators {
        parts = parts.iter().flat_map(|part| part.split(separator)).filter(|part| !part.is_empty()).collect();
    }
    let simple = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b >= 0x80);
    if parts.len() == 1 {
        if !simple(&lower) {
            push(&lower, out);
            let bare = lower.trim_start_matches(['-', '@', '.', '#', '$', '_']);
            if bare != lower && !simple(bare) {
                push(bare, out);
            }
        }
        return;
    }
    let parts = if parts.len() > 6 { &parts[parts.len() - 6..] } else { &parts[..] };
    for length in 2..=parts.len().min(4) {
        for window in parts.windows(length) {
            push(&window.join("."), out);
        }
    }
    for part in parts {
        if !simple(part) && part.len() > 2 {
            push(part, out);
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
