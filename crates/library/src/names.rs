//! Name resolution: which library is meant by a name as people type it. Forgives case, punctuation, spacing, suffixes,
//! versions and typos; knows common aliases.

use crate::aliases::{aliases, is_filler};
use std::collections::HashMap;

/// A library as names see it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NameEntry {
    /// `/owner/name`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Further names: packages, import names.
    pub aliases: Vec<String>,
    /// Breaks ties; on a logarithmic scale of about 0 to 10.
    pub popularity: f32,
}

/// How much a key is the library's own name.
const TITLE: f32 = 1.0;
const PACKAGE: f32 = 0.95;
const OWNER: f32 = 0.55;

struct Key {
    text: String,
    /// Entry and strength.
    of: Vec<(u32, f32)>,
}

/// An immutable index of names.
#[derive(Default)]
pub struct NameIndex {
    /// Sorted by text.
    keys: Vec<Key>,
    trigrams: HashMap<[char; 3], Vec<u32>>,
    words: HashMap<String, Vec<u32>>,
    popularity: Vec<f32>,
    ids: HashMap<String, u32>,
}

impl std::fmt::Debug for NameIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameIndex").field("entries", &self.popularity.len()).field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Letters and digits in lower case.
fn squash(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn split_words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '+' || c == '#'))
        .map(|word| word.trim_matches('.').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

fn trigrams(text: &str) -> Vec<[char; 3]> {
    let padded: Vec<char> = [' ', ' '].into_iter().chain(text.chars()).chain([' ']).collect();
    let mut out: Vec<[char; 3]> = padded.windows(3).map(|w| [w[0], w[1], w[2]]).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn keys_of(entry: &NameEntry) -> Vec<(String, f32)> {
    let mut keys: Vec<(String, f32)> = Vec::new();
    let mut add = |text: &str, strength: f32| {
        let key = squash(text);
        if !key.is_empty() {
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = known.max(strength),
                None => keys.push((key, strength)),
            }
        }
    };
    let (owner, name) = entry.id.trim_start_matches('/').split_once('/').unwrap_or(("", entry.id.as_str()));
    add(&entry.title, TITLE);
    // "Scikit-learn (sklearn)": both are names.
    if let Some((before, inside)) = entry.title.split_once('(') {
        add(before, TITLE);
        add(inside.trim_end_matches(')'), PACKAGE);
    }
    // "core" or "router" alone says little about whose it is.
    let generic = matches!(
        name.to_ascii_lowercase().as_str(),
        "core"
            | "docs"
            | "website"
            | "kit"
            | "node"
            | "server"
            | "client"
            | "router"
            | "query"
            | "table"
            | "sdk"
            | "api"
            | "ui"
            | "app"
            | "js"
            | "python"
            | "ai"
            | "form"
            | "web"
            | "cli"
            | "main"
    );
    add(name, if generic { 0.6 } else { TITLE });
    add(&format!("{owner}{name}"), PACKAGE);
    for alias in &entry.aliases {
        add(alias, PACKAGE);
        if let Some((scope, last)) = alias.rsplit_once('/') {
            add(last, PACKAGE - 0.1);
            if matches!(last, "core" | "client" | "react" | "cli") {
                add(scope, PACKAGE - 0.1);
            }
        }
    }
    add(owner, OWNER);
    keys
}

impl NameIndex {
    /// Builds the index.
    #[must_use]
    pub fn build(entries: &[NameEntry]) -> Self {
        let mut by_key: HashMap<String, Vec<(u32, f32)>> = HashMap::new();
        let mut words: HashMap<String, Vec<u32>> = HashMap::new();
        let mut ids = HashMap::new();
        for (number, entry) in (0_u32..).zip(entries) {
            ids.insert(entry.id.trim_start_matches('/').to_ascii_lowercase(), number);
            for (key, strength) in keys_of(entry) {
                by_key.entry(key).or_default().push((number, strength));
            }
            let mut own: Vec<String> =
                split_words(&format!("{} {} {} {}", entry.title, entry.id.replace('/', " "), entry.description, entry.aliases.join(" ")));
            own.sort_unstable();
            own.dedup();
            for word in own {
                words.entry(word).or_default().push(number);
            }
        }
        let mut keys: Vec<Key> = by_key.into_iter().map(|(text, of)| Key { text, of }).collect();
        keys.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        let mut grams: HashMap<[char; 3], Vec<u32>> = HashMap::new();
        for (number, key) in (0_u32..).zip(&keys) {
            for gram in trigrams(&key.text) {
                grams.entry(gram).or_default().push(number);
            }
        }
        Self { keys, trigrams: grams, words, popularity: entries.iter().map(|e| e.popularity).collect(), ids }
    }

    /// The entries that a name may mean, by their place in what was built from, best first, with a score (10 is an exact name).
    #[must_use]
    pub fn resolve(&self, query: &str, limit: usize) -> Vec<(usize, f32)> {
        let query: String = query.chars().take(200).collect();
        let query = query.trim();
        let mut scores: HashMap<u32, f32> = HashMap::new();
        if let Some(entry) = self.ids.get(&query.trim_start_matches('/').to_ascii_lowercase()).filter(|_| query.contains('/')) {
            scores.insert(*entry, 20.0);
        }
        for (rank, variant) in variants(query).iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "at most a dozen variants")]
            let penalty = 0.45 * rank as f32;
            self.by_key(variant, penalty, &mut scores);
        }
        let words = split_words(query);
        self.by_words(&words, &mut scores);
        self.by_likeness(&squash(query), &mut scores);
        let mut out: Vec<(usize, f32)> = scores
            .into_iter()
            .map(|(entry, score)| {
                let at = entry as usize;
                (at, score + 0.1 * self.popularity.get(at).copied().unwrap_or(0.0))
            })
            .collect();
        out.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        out.truncate(limit);
        out
    }

    fn raise(scores: &mut HashMap<u32, f32>, entry: u32, score: f32) {
        let slot = scores.entry(entry).or_insert(0.0);
        *slot = slot.max(score);
    }

    fn key(&self, text: &str) -> Option<&Key> {
        self.keys.binary_search_by(|key| key.text.as_str().cmp(text)).ok().and_then(|at| self.keys.get(at))
    }

    fn by_key(&self, variant: &str, penalty: f32, scores: &mut HashMap<u32, f32>) {
        if let Some(key) = self.key(variant) {
            for (entry, strength) in &key.of {
                Self::raise(scores, *entry, 10.0 * strength - penalty);
            }
        }
        if variant.chars().count() > 2 {
            let start = self.keys.partition_point(|key| key.text.as_str() < variant);
            for key in self.keys[start..].iter().take_while(|key| key.text.starts_with(variant)).take(400) {
                let rest = &key.text[variant.len()..];
                let base = match rest {
                    "" => continue,
                    "js" | "py" | "rs" | "css" | "lang" | "io" | "db" => 7.5,
                    _ => 5.0,
                };
                for (entry, strength) in &key.of {
                    Self::raise(scores, *entry, base * strength - penalty);
                }
            }
        }
    }

    fn by_words(&self, words: &[String], scores: &mut HashMap<u32, f32>) {
        if words.len() < 2 {
            if let Some(word) = words.first() {
                for entry in self.words.get(word).into_iter().flatten().take(2000) {
                    Self::raise(scores, *entry, 1.5);
                }
            }
            return;
        }
        let mut found: HashMap<u32, f32> = HashMap::new();
        let mut whole = 0.0;
        for word in words {
            let squashed = squash(word);
            let weight = if is_filler(word) { 0.4 } else { 1.0 };
            whole += weight;
            let mut named: HashMap<u32, f32> = HashMap::new();
            for target in std::iter::once(squashed.as_str()).chain(aliases(&squashed).iter().copied()) {
                if let Some(key) = self.key(target) {
                    for (entry, strength) in &key.of {
                        Self::raise(&mut named, *entry, weight * strength);
                    }
                }
            }
            for entry in self.words.get(word).into_iter().flatten() {
                Self::raise(&mut named, *entry, weight * 0.45);
            }
            for (entry, score) in named {
                *found.entry(entry).or_insert(0.0) += score;
            }
        }
        for (entry, sum) in found {
            Self::raise(scores, entry, 7.0 * sum / whole);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of trigrams")]
    fn by_likeness(&self, squashed: &str, scores: &mut HashMap<u32, f32>) {
        let own = trigrams(squashed);
        let mut shared: HashMap<u32, u32> = HashMap::new();
        for gram in &own {
            for key in self.trigrams.get(gram).into_iter().flatten() {
                *shared.entry(*key).or_insert(0) += 1;
            }
        }
        for (number, common) in shared {
            let Some(key) = self.keys.get(number as usize) else { continue };
            let count = key.text.chars().count() + 1;
            let jaccard = common as f32 / (own.len() + count - common as usize).max(1) as f32;
            if jaccard < 0.2 {
                continue;
            }
            let distance = strsim::osa_distance(squashed, &key.text);
            let longest = squashed.chars().count().max(key.text.chars().count()).max(1);
            let likeness = 1.0 - distance as f32 / longest as f32;
            let typo = if distance <= 2 && longest >= 5 && likeness > 0.7 { 4.0 * likeness } else { 0.0 };
            for (entry, strength) in &key.of {
                Self::raise(scores, *entry, (4.0 * jaccard + typo) * strength);
            }
        }
    }
}

/// A name and what it becomes without version, suffix or words that only say of what kind it is; and its aliases.
fn variants(query: &str) -> Vec<String> {
    let lower = query.to_lowercase();
    let mut texts = vec![lower.clone()];
    let words: Vec<&str> = lower.split_whitespace().collect();
    let is_version = |word: &str| {
        word.trim_start_matches('v').chars().all(|c| c.is_ascii_digit() || c == '.' || c == 'x') && word.chars().any(|c| c.is_ascii_digit())
    };
    if words.len() > 1 && words.last().is_some_and(|last| is_version(last)) {
        texts.push(words[..words.len() - 1].join(" "));
    }
    let core: Vec<&str> = words.iter().copied().filter(|word| !is_version(word) && !is_filler(word)).collect();
    if !core.is_empty() && core.len() < words.len() {
        texts.push(core.join(" "));
    }
    if let Some((before, _)) = lower.rsplit_once('@').filter(|(before, _)| !before.is_empty()) {
        texts.push(before.to_owned());
    }
    let mut out: Vec<String> = Vec::new();
    let push = |text: String, out: &mut Vec<String>| {
        if !text.is_empty() && !out.contains(&text) {
            out.push(text);
        }
    };
    for text in &texts {
        let squashed = squash(text);
        // An alias that is itself a name comes after the name.
        push(squashed.clone(), &mut out);
        for alias in aliases(&squashed) {
            push((*alias).to_owned(), &mut out);
        }
    }
    for text in &texts {
        let squashed = squash(text);
        for suffix in ["js", "py", "rs", "python", "go", "css"] {
            if let Some(stem) = squashed.strip_suffix(suffix).filter(|stem| stem.len() > 1) {
                push(stem.to_owned(), &mut out);
                for alias in aliases(stem) {
                    push((*alias).to_owned(), &mut out);
                }
            }
        }
        let undated = squashed.trim_end_matches(|c: char| c.is_ascii_digit());
        if undated.len() > 2 && undated.len() < squashed.len() {
            push(undated.to_owned(), &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> NameIndex {
        let entry = |id: &str, title: &str, alias: &str, popularity: f32| NameEntry {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            aliases: vec![alias.into()],
            popularity,
        };
        NameIndex::build(&[
            entry("/vuejs/router", "Vue Router", "vue-router", 5.0),
            entry("/vuejs/core", "Vue.js", "vue", 6.0),
            entry("/kubernetes/kubernetes", "Kubernetes", "", 6.0),
            entry("/pmndrs/zustand", "Zustand", "zustand", 5.0),
            entry("/somebody/vue", "vue", "", 0.0),
        ])
    }

    fn first(query: &str) -> Option<usize> {
        index().resolve(query, 5).first().map(|(at, _)| *at)
    }

    #[test]
    fn spelling_punctuation_suffixes_typos_and_aliases_do_not_matter() {
        for name in ["vue router", "vue-router", "VueRouter", "Vue Router 4", "/vuejs/router", "vuejs/router"] {
            assert_eq!(first(name), Some(0), "{name}");
        }
        for name in ["vue", "Vue.js", "vuejs", "vue 3"] {
            assert_eq!(first(name), Some(1), "{name}");
        }
        assert_eq!(first("k8s"), Some(2));
        assert_eq!(first("zustnad"), Some(3));
    }

    #[test]
    fn nothing_is_found_for_nothing_and_odd_input_does_no_harm() {
        for odd in ["", " ", "/", "\0", "🦀🦀🦀", &"x".repeat(100_000)] {
            assert!(index().resolve(odd, 5).len() <= 5);
        }
        assert!(index().resolve("", 5).is_empty());
    }
}
