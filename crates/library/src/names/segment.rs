//! A part of the catalogue's names, immutable: what each library is called, how strongly, and the words of its description.

use super::ecosystem::Ecosystems;
use super::query::{Form, Query};
use super::terms::{Interned, Terms, Trigrams, trigrams};
use super::{NameEntry, squash, words_of};
use crate::aliases::{Aliases, is_filler, is_stop_word};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Strengths of a key in hundredths.
const TITLE: u32 = 100;
const NAME: u32 = 98;
const PACKAGE: u32 = 95;
const GENERIC: u32 = 60;
const INITIALS: u32 = 58;
const OWNER: u32 = 55;
/// A number of an entry with its strength behind it.
const STRENGTH_BITS: u32 = 7;
/// A word of the name, and not only of the description.
const IN_NAME: u32 = 1;

/// Names that a prefix may stand for.
const PREFIXED: usize = 400;
/// Names that are compared letter by letter.
const COMPARED: usize = 400;
/// A word that more libraries than this have says nothing of one.
const COMMON: usize = 30_000;

/// What ranking asks of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) key: u128,
    pub(super) popularity: f32,
    pub(super) ecosystems: Ecosystems,
    /// What it says of itself: that it is a fork, a mirror, a demonstration.
    pub(super) copy: Copy,
    /// Owner and name are one word, as those of many originals are.
    pub(super) own_house: bool,
    pub(super) title: u64,
    pub(super) description: u64,
}

/// Whether a library is somebody else's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Copy {
    No,
    Demonstration,
    Fork,
}

/// A part of the names.
#[derive(Debug, Default)]
pub(super) struct Segment {
    facts: Vec<Facts>,
    ids: HashMap<String, u32>,
    keys: Terms,
    words: Terms,
    grams: Trigrams,
    by_length: Vec<u8>,
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// "core" or "router" alone says little about whose it is.
fn is_generic(name: &str) -> bool {
    is_filler(name)
        || matches!(
            name,
            "core"
                | "website"
                | "kit"
                | "node"
                | "query"
                | "table"
                | "js"
                | "python"
                | "ai"
                | "form"
                | "web"
                | "main"
                | "platform"
                | "components"
                | "json"
                | "framework"
                | "sdk"
                | "ui"
                | "app"
                | "rust"
                | "go"
                | "javascript"
                | "java"
                | "docs"
                | "examples"
                | "monorepo"
        )
}

fn keys_of(entry: &NameEntry<'_>) -> Vec<(String, u32)> {
    let mut keys: Vec<(String, u32)> = Vec::new();
    let mut add = |text: &str, strength: u32| {
        let key = squash(text);
        if !key.is_empty() {
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = strength.max(*known),
                None => keys.push((key, strength)),
            }
        }
    };
    add(entry.title, TITLE);
    // "Scikit-learn (sklearn)": both are names.
    if let Some((before, inside)) = entry.title.split_once('(') {
        add(before, TITLE);
        add(inside.trim_end_matches(')'), PACKAGE);
    }
    let words: Vec<&str> = entry.title.split_whitespace().collect();
    let joined: Vec<&str> = words.iter().copied().filter(|word| !is_stop_word(&word.to_lowercase())).collect();
    if joined.len() < words.len() {
        add(&joined.join(" "), NAME);
    }
    if joined.len() >= 3 {
        let initials: String = joined.iter().filter_map(|word| word.chars().next()).filter(|c| c.is_alphabetic()).collect();
        if initials.chars().count() == joined.len() {
            add(&initials, INITIALS);
        }
    }
    // "Apache Kafka", "The Rust Book": the rest is the name.
    if let [first, rest @ ..] = words.as_slice()
        && !rest.is_empty()
        && matches!(first.to_lowercase().as_str(), "apache" | "the" | "google" | "microsoft" | "project" | "aws" | "amazon" | "facebook")
    {
        add(&rest.join(" "), PACKAGE);
    }
    add(entry.name, if is_generic(&entry.name.to_ascii_lowercase()) { GENERIC } else { NAME });
    add(&format!("{}{}", entry.owner, entry.name), PACKAGE);
    for alias in entry.aliases {
        let alias = alias.split_once(':').map_or(alias.as_str(), |(_, package)| package);
        add(alias, PACKAGE);
        if let Some((scope, last)) = alias.rsplit_once('/') {
            add(last, if is_generic(last) { GENERIC } else { PACKAGE - 10 });
            if matches!(last, "core" | "client" | "react" | "cli" | "web" | "store" | "sdk") {
                add(scope, PACKAGE - 10);
            }
        }
    }
    if !matches!(entry.owner, "local" | "websites" | "packages" | "llmstxt") {
        add(entry.owner, OWNER);
    }
    keys
}

fn copy_of(entry: &NameEntry<'_>) -> Copy {
    let said = entry.description.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let name = entry.name.to_ascii_lowercase();
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    if has(&["fork of", "forked from", "mirror of", "clone of", "copy of", "unofficial"]) || ends(&["-fork", "-clone", "-mirror", "-copy"])
    {
        Copy::Fork
    } else if has(&["demo of", "example of", "examples of", "my notes", "boilerplate", "starter template", "learning project"])
        || ends(&["-demo", "-example", "-examples", "-starter", "-template", "-boilerplate", "-tutorial", "-playground"])
    {
        Copy::Demonstration
    } else {
        Copy::No
    }
}

fn facts_of(key: u128, entry: &NameEntry<'_>) -> Facts {
    let mut ecosystems = Ecosystems::of_name(entry.name).and(Ecosystems::of_name(entry.title)).and(Ecosystems::of_name(entry.owner));
    for alias in entry.aliases {
        if let Some((registry, _)) = alias.split_once(':') {
            ecosystems = ecosystems.and(Ecosystems::of_registry(registry));
        }
    }
    for word in words_of(entry.description) {
        ecosystems = ecosystems.and(Ecosystems::told(&word));
    }
    Facts {
        key,
        popularity: entry.popularity.clamp(0.0, 12.0),
        ecosystems,
        copy: copy_of(entry),
        own_house: squash(entry.owner).starts_with(&squash(entry.name)) || squash(entry.name).starts_with(&squash(entry.owner)),
        title: hash(&squash(entry.title)),
        description: hash(&squash(entry.description)),
    }
}

/// Scores of entries; what is raised is kept at its highest.
pub(super) struct Scores(HashMap<u32, f32>);

impl Scores {
    fn raise(&mut self, entry: u32, score: f32) {
        let slot = self.0.entry(entry).or_insert(0.0);
        *slot = slot.max(score);
    }

    fn raise_all(&mut self, packed: &[u32], score: impl Fn(f32) -> f32) {
        for one in packed {
            #[expect(clippy::cast_precision_loss, reason = "hundredths")]
            let strength = (one & ((1 << STRENGTH_BITS) - 1)) as f32 / 100.0;
            self.raise(one >> STRENGTH_BITS, score(strength));
        }
    }
}

impl Segment {
    pub(super) fn new<'a>(entries: impl Iterator<Item = (u128, NameEntry<'a>)>) -> Self {
        let mut segment = Self::default();
        let mut keys: Vec<(String, u32)> = Vec::new();
        let mut words = Interned::default();
        for (number, (key, entry)) in (0_u32..).zip(entries) {
            segment.facts.push(facts_of(key, &entry));
            segment.ids.insert(format!("{}/{}", entry.owner, entry.name).to_ascii_lowercase(), number);
            keys.extend(keys_of(&entry).into_iter().map(|(text, strength)| (text, number << STRENGTH_BITS | strength)));
            let mut own: Vec<(String, u32)> = Vec::new();
            let packages = entry.aliases.iter().map(|alias| alias.split_once(':').map_or(alias.as_str(), |(_, package)| package));
            for text in [entry.title, entry.owner, entry.name].into_iter().chain(packages) {
                own.extend(words_of(text).into_iter().map(|word| (word, IN_NAME)));
            }
            own.extend(words_of(entry.description).into_iter().map(|word| (word, 0)));
            // The stronger of the two comes first and stays.
            own.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
            own.dedup_by(|later, first| later.0 == first.0);
            for (word, place) in own.into_iter().filter(|(word, _)| !is_stop_word(word)) {
                words.push(word, number << 1 | place);
            }
        }
        segment.keys = Terms::new(keys);
        segment.words = words.into_terms();
        let strong = |at: &u32| segment.keys.numbers(*at as usize).iter().any(|packed| packed & ((1 << STRENGTH_BITS) - 1) >= PACKAGE - 10);
        let count = u32::try_from(segment.keys.len()).unwrap_or(u32::MAX);
        segment.grams = Trigrams::new((0..count).filter(strong).map(|at| (at, segment.keys.text(at as usize))));
        segment.by_length =
            (0..segment.keys.len()).map(|at| u8::try_from(segment.keys.text(at).chars().count()).unwrap_or(u8::MAX)).collect();
        segment
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn facts(&self, entry: u32) -> Option<&Facts> {
        self.facts.get(entry as usize)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = u128> {
        self.facts.iter().map(|facts| facts.key)
    }

    /// Entries that a query may mean, with a score: 10 is an exact name. What is not seen must not be told by what is found instead.
    pub(super) fn search(&self, query: &Query, aliases: &Aliases, seen: &dyn Fn(u128) -> bool) -> HashMap<u32, f32> {
        let mut scores = Scores(HashMap::new());
        if let Some(entry) = query.id.as_ref().and_then(|id| self.ids.get(id)) {
            scores.raise(*entry, 20.0);
        }
        for form in &query.forms {
            self.by_form(form, &mut scores);
        }
        if let Some(numeronym) = query.numeronym {
            self.by_numeronym(numeronym, &mut scores);
        }
        self.by_words(query, aliases, &mut scores);
        // A name that is there is no typo of another one.
        let exact = scores.0.iter().any(|(entry, score)| *score >= 9.0 && self.facts(*entry).is_some_and(|facts| seen(facts.key)));
        if !exact {
            self.by_likeness(&query.squashed, 0.0, &mut scores);
            if let Some(core) = query.forms.iter().rev().find(|form| form.text != query.squashed && form.text.len() > 4) {
                self.by_likeness(&core.text, core.penalty, &mut scores);
            }
        }
        scores.0
    }

    fn by_form(&self, form: &Form, scores: &mut Scores) {
        let start = self.keys.from(&form.text);
        let mut at = start;
        if at < self.keys.len() && self.keys.text(at) == form.text {
            scores.raise_all(self.keys.numbers(at), |strength| 10.0 * strength - form.penalty);
            at += 1;
        }
        if !form.prefix || form.text.chars().count() < 3 {
            return;
        }
        let end = (at + PREFIXED).min(self.keys.len());
        while at < end {
            let Some(rest) = self.keys.text(at).strip_prefix(form.text.as_str()) else { break };
            let base = match rest {
                "js" | "py" | "rs" | "css" | "lang" | "io" | "db" => 7.5,
                _ => 5.0 + 0.8 * likeness_of_lengths(&form.text, self.keys.text(at)),
            };
            scores.raise_all(self.keys.numbers(at), |strength| base * strength - form.penalty);
            at += 1;
        }
    }

    fn by_numeronym(&self, (first, between, last): (char, usize, char), scores: &mut Scores) {
        let start = self.keys.from(&first.to_string());
        for at in start..self.keys.len() {
            let key = self.keys.text(at);
            if !key.starts_with(first) {
                break;
            }
            if usize::from(self.by_length[at]) == between + 2 && key.ends_with(last) {
                scores.raise_all(self.keys.numbers(at), |strength| 6.0 * strength);
            }
        }
    }

    fn by_words(&self, query: &Query, aliases: &Aliases, scores: &mut Scores) {
        let mut found: HashMap<u32, f32> = HashMap::new();
        let mut whole = 0.0;
        #[expect(clippy::cast_precision_loss, reason = "counts of libraries")]
        let all = (self.len().max(1) as f32).ln().max(1.0);
        for word in &query.words {
            let list = self.words.find(&word.text).map_or(&[][..], |at| self.words.numbers(at));
            #[expect(clippy::cast_precision_loss, reason = "counts of libraries")]
            let rare = if list.is_empty() { 1.0 } else { 1.0 - (list.len() as f32).ln() / all };
            let weight = word.weight * (0.6 + 0.4 * rare.clamp(0.0, 1.0));
            whole += weight;
            let mut named: HashMap<u32, f32> = HashMap::new();
            if query.words.len() > 1 && word.names {
                let squashed = squash(&word.text);
                for target in std::iter::once(squashed.as_str()).chain(aliases.of(&squashed).iter().copied()) {
                    if let Some(at) = self.keys.find(target) {
                        for packed in self.keys.numbers(at) {
                            #[expect(clippy::cast_precision_loss, reason = "hundredths")]
                            let strength = (packed & ((1 << STRENGTH_BITS) - 1)) as f32 / 100.0;
                            let slot = named.entry(packed >> STRENGTH_BITS).or_insert(0.0);
                            *slot = slot.max(weight * strength);
                        }
                    }
                }
            }
            if list.len() <= COMMON {
                for packed in list {
                    let share = if packed & 1 == IN_NAME { 0.62 } else { 0.45 };
                    let slot = named.entry(packed >> 1).or_insert(0.0);
                    *slot = slot.max(weight * share);
                }
            }
            for (entry, score) in named {
                *found.entry(entry).or_insert(0.0) += score;
            }
        }
        if whole <= 0.0 {
            return;
        }
        if query.words.len() < 2 {
            for (entry, sum) in found {
                scores.raise(entry, 3.2 * sum / whole);
            }
            return;
        }
        for (entry, sum) in found {
            // Of a phrase more than a little has to be there.
            let share = sum / whole;
            if share > 0.22 {
                scores.raise(entry, 7.0 * share);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of trigrams")]
    fn by_likeness(&self, squashed: &str, penalty: f32, scores: &mut Scores) {
        let length = squashed.chars().count();
        if length < 4 {
            return;
        }
        let own = trigrams(squashed);
        let mut shared = vec![0_u8; self.keys.len()];
        let mut touched: Vec<u32> = Vec::new();
        for gram in &own {
            for key in self.grams.texts(*gram) {
                if let Some(count) = shared.get_mut(*key as usize) {
                    if *count == 0 {
                        touched.push(*key);
                    }
                    *count = count.saturating_add(1);
                }
            }
        }
        let likeness = |key: u32| {
            let common = usize::from(shared[key as usize]);
            let count = usize::from(self.by_length[key as usize]) + 1;
            common as f32 / (own.len() + count).saturating_sub(common).max(1) as f32
        };
        let mut close: Vec<(f32, u32)> = touched.into_iter().map(|key| (likeness(key), key)).filter(|(alike, _)| *alike >= 0.18).collect();
        if close.len() > COMPARED {
            close.select_nth_unstable_by(COMPARED, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            close.truncate(COMPARED);
        }
        for (alike, number) in close {
            let key = self.keys.text(number as usize);
            let distance = strsim::osa_distance(squashed, key);
            let longest = length.max(key.chars().count());
            let allowed = if longest < 5 {
                1
            } else if longest < 9 {
                2
            } else {
                3
            };
            let same = 1.0 - distance as f32 / longest as f32;
            let score = if distance <= allowed && same > 0.65 {
                // One slip is a typo; more of them are another word, the shorter it is.
                let first = if key.chars().next() == squashed.chars().next() { 0.0 } else { 0.6 };
                8.4 * same - 0.5 * (distance as f32 - 1.0) - first
            } else if alike >= 0.5 {
                4.4 * alike
            } else {
                continue;
            };
            scores.raise_all(self.keys.numbers(number as usize), |strength| score * strength - penalty);
        }
    }
}

/// How much of a longer name is written: between 0 and 1.
#[expect(clippy::cast_precision_loss, reason = "lengths of names")]
fn likeness_of_lengths(written: &str, whole: &str) -> f32 {
    written.len() as f32 / whole.len().max(1) as f32
}
