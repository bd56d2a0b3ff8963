//! Name resolution: which library is meant by a name as people type it. Forgives case, punctuation, spacing, suffixes,
//! versions and typos; knows common aliases; understands phrases and hints of an ecosystem.
//!
//! - [`ecosystem`]: languages and registries.
//! - `query`: a name as it was typed, in the forms in which it may be written.
//! - `segment`: a part of the catalogue's names; `terms`: how they are packed.
//!
//! The index is made again whenever the catalogue changes. Most of it is a large segment that stays as it is; what changed since
//! stands in a small one, so that one more library costs no more than looking which ones are new.

pub mod ecosystem;
mod query;
mod segment;
mod terms;

use crate::aliases::Aliases;
use ecosystem::Ecosystems;
use query::Query;
use segment::{Copy, Facts, Segment};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A library as names see it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct NameEntry<'a> {
    /// The first part of its id.
    pub owner: &'a str,
    /// The second part of its id.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// One or two sentences.
    pub description: &'a str,
    /// Further names: packages (with their registry, `npm:react`, or without), import names.
    pub aliases: &'a [String],
    /// Breaks ties; on a logarithmic scale of about 0 to 10.
    pub popularity: f32,
}

/// Changes up to this many are kept beside the large segment.
const SMALL: usize = 2_000;
/// What is this much worse than the best is not offered beside it.
const BESIDE: f32 = 0.42;
/// What scores less is not what was meant.
const LEAST: f32 = 1.6;
/// Candidates among which copies are looked for.
const LOOKED_AT: usize = 60;

/// An immutable index of names.
#[derive(Default)]
pub struct NameIndex {
    aliases: Arc<Aliases>,
    large: Arc<Segment>,
    /// What each entry of the large segment was made of.
    made_of: Arc<HashMap<u128, u64>>,
    /// Entries of the large segment that changed or are gone.
    gone: HashSet<u128>,
    small: Segment,
}

impl std::fmt::Debug for NameIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameIndex").field("large", &self.large.len()).field("small", &self.small.len()).finish_non_exhaustive()
    }
}

/// Letters and digits in lower case.
fn squash(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Words in lower case, in the singular as far as an `s` makes the difference.
fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '+' || c == '#'))
        .map(|word| word.trim_matches('.').to_lowercase())
        .filter(|word| !word.is_empty())
        .map(|word| match word.strip_suffix('s') {
            Some(stem) if stem.len() > 3 && !stem.ends_with(['s', 'i', 'u', 'j', '.']) => stem.to_owned(),
            _ => word,
        })
        .collect()
}

fn fingerprint(entry: &NameEntry<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.owner, entry.name, entry.title, entry.description, entry.aliases, entry.popularity.to_bits()).hash(&mut hasher);
    hasher.finish()
}

impl NameIndex {
    /// Builds the index. Each entry has a key of the caller's, by which it is found.
    #[must_use]
    pub fn build<'a>(entries: impl Iterator<Item = (u128, NameEntry<'a>)>) -> Self {
        let mut made_of = HashMap::new();
        let large = Segment::new(entries.inspect(|(key, entry)| {
            made_of.insert(*key, fingerprint(entry));
        }));
        Self {
            aliases: Arc::new(Aliases::built_in()),
            large: Arc::new(large),
            made_of: Arc::new(made_of),
            gone: HashSet::new(),
            small: Segment::default(),
        }
    }

    /// The index of a catalogue that changed: what is as it was is not read again.
    #[must_use]
    pub fn renewed<'a>(&self, entries: impl Iterator<Item = (u128, NameEntry<'a>)> + Clone) -> Self {
        let mut kept = 0;
        let mut changed: Vec<(u128, NameEntry<'a>)> = Vec::new();
        let mut gone: HashSet<u128> = HashSet::new();
        for (key, entry) in entries.clone() {
            match self.made_of.get(&key) {
                Some(before) if *before == fingerprint(&entry) => kept += 1,
                Some(_) => {
                    gone.insert(key);
                    changed.push((key, entry));
                }
                None => changed.push((key, entry)),
            }
        }
        let many = SMALL.max(self.large.len() / 20);
        if changed.len() > many || kept + gone.len() + many < self.large.len() || self.large.len() < SMALL {
            return Self::build(entries);
        }
        if kept + gone.len() < self.large.len() {
            let there: HashSet<u128> = entries.map(|(key, _)| key).collect();
            gone.extend(self.large.keys().filter(|key| !there.contains(key)));
        }
        Self {
            aliases: Arc::clone(&self.aliases),
            large: Arc::clone(&self.large),
            made_of: Arc::clone(&self.made_of),
            gone,
            small: Segment::new(changed.into_iter()),
        }
    }

    /// The keys of the entries that a name may mean, best first, with a score (10 is an exact name). `context` is what somebody wants
    /// to do with it: what it says of an ecosystem helps. A name that is nothing like any gives nothing. What is not `seen` does not
    /// exist, and changes nothing.
    #[must_use]
    pub fn resolve(&self, name: &str, context: &str, limit: usize, seen: &dyn Fn(u128) -> bool) -> Vec<(u128, f32)> {
        let query = Query::read(name, &self.aliases);
        let hint = if query.wanted.is_empty() { hint_of(context) } else { Ecosystems::NONE };
        let mut found: Vec<(f32, Facts)> = Vec::new();
        for (segment, is_large) in [(&*self.large, true), (&self.small, false)] {
            for (entry, score) in segment.search(&query, &self.aliases, seen) {
                let Some(facts) = segment.facts(entry) else { continue };
                if score > 0.0 && !(is_large && self.gone.contains(&facts.key)) && seen(facts.key) {
                    found.push((ranked(score, facts, query.wanted, hint), *facts));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.key.cmp(&b.1.key)));
        let best = found.first().map_or(0.0, |(score, _)| *score);
        found.retain(|(score, _)| *score >= LEAST && *score >= best * BESIDE);
        copies_behind(&mut found);
        found.into_iter().take(limit).map(|(score, facts)| (facts.key, score)).collect()
    }
}

/// The ecosystem that a sentence names.
fn hint_of(context: &str) -> Ecosystems {
    let cut: String = context.chars().take(500).collect();
    let mut before = String::new();
    let mut hint = Ecosystems::NONE;
    for word in words_of(&cut) {
        // "go" is a verb; "in Go" is a language.
        let plain = !matches!(
            word.as_str(),
            "go" | "net" | "swift" | "gem" | "hex" | "pub" | "crate" | "browser" | "composer" | "py" | "rs" | "ts" | "js"
        );
        if plain || matches!(before.as_str(), "in" | "for" | "with" | "using") {
            hint = hint.and(Ecosystems::named(&word));
        }
        before = word;
    }
    hint
}

fn ranked(score: f32, facts: &Facts, wanted: Ecosystems, hint: Ecosystems) -> f32 {
    let told = |asked: Ecosystems, plus: f32, minus: f32| {
        if asked.is_empty() || facts.ecosystems.is_empty() {
            0.0
        } else if facts.ecosystems.meets(asked) {
            plus
        } else {
            -minus
        }
    };
    let copy = match facts.copy {
        Copy::No => 0.0,
        Copy::Demonstration => 1.0,
        Copy::Fork => 1.8,
    };
    score + 0.1 * facts.popularity + told(wanted, 1.0, 1.2) + told(hint, 0.35, 0.35) - copy
}

/// Puts libraries of the same title and description behind the best known of them.
fn copies_behind(found: &mut [(f32, Facts)]) {
    let looked_at = found.len().min(LOOKED_AT);
    let Some(top) = found.get_mut(..looked_at) else { return };
    let known = |facts: &Facts| (facts.copy == Copy::No, facts.popularity, facts.own_house);
    let mut moved = false;
    for at in 0..top.len() {
        let one = top[at].1;
        let copied = top.iter().any(|(_, other)| {
            other.key != one.key
                && other.title == one.title
                && other.description == one.description
                && known(other).partial_cmp(&known(&one)) == Some(std::cmp::Ordering::Greater)
        });
        if copied {
            top[at].0 -= 1.0;
            moved = true;
        }
    }
    if moved {
        top.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.key.cmp(&b.1.key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Library(&'static str, &'static str, &'static str, &'static [&'static str], f32);

    const LIBRARIES: [Library; 9] = [
        Library("vuejs/router", "Vue Router", "The official router for Vue.js", &["npm:vue-router"], 5.0),
        Library("vuejs/core", "Vue.js", "A progressive framework", &["npm:vue"], 6.0),
        Library("kubernetes/kubernetes", "Kubernetes", "Container orchestration", &[], 6.0),
        Library("pmndrs/zustand", "Zustand", "State management for React", &["npm:zustand"], 5.0),
        Library("somebody/vue", "vue", "A fork of vuejs/core", &[], 0.0),
        Library("getsentry/sentry-python", "Sentry Python", "The SDK of Sentry for Python", &["pypi:sentry-sdk"], 3.0),
        Library("getsentry/sentry-javascript", "Sentry JavaScript", "The SDKs of Sentry for JavaScript", &["npm:@sentry/browser"], 5.0),
        Library("acme/tqdm", "tqdm", "A fast progress bar", &[], 0.0),
        Library("tqdm/tqdm", "tqdm", "A fast progress bar", &[], 0.0),
    ];

    fn with_entries<T>(use_them: impl FnOnce(Vec<(u128, NameEntry<'_>)>) -> T) -> T {
        let aliases: Vec<Vec<String>> =
            LIBRARIES.iter().map(|library| library.3.iter().map(|alias| (*alias).to_owned()).collect()).collect();
        let entries = LIBRARIES.iter().zip(&aliases).enumerate().map(|(at, (library, aliases))| {
            let (owner, name) = library.0.split_once('/').unwrap();
            (at as u128, NameEntry { owner, name, title: library.1, description: library.2, aliases, popularity: library.4 })
        });
        use_them(entries.collect())
    }

    fn index() -> NameIndex {
        with_entries(|entries| NameIndex::build(entries.into_iter()))
    }

    fn first(query: &str) -> Option<u128> {
        index().resolve(query, "", 5, &|_| true).first().map(|(at, _)| *at)
    }

    #[test]
    fn spelling_punctuation_suffixes_typos_and_aliases_do_not_matter() {
        for name in
            ["vue router", "vue-router", "VueRouter", "Vue Router 4", "/vuejs/router", "vuejs/router", "https://github.com/vuejs/router"]
        {
            assert_eq!(first(name), Some(0), "{name}");
        }
        for name in ["vue", "Vue.js", "vuejs", "vue 3", "npm install vue", "vue@3.4"] {
            assert_eq!(first(name), Some(1), "{name}");
        }
        for name in ["k8s", "kube", "kubernets"] {
            assert_eq!(first(name), Some(2), "{name}");
        }
        for name in ["zustnad", "state management for react"] {
            assert_eq!(first(name), Some(3), "{name}");
        }
    }

    #[test]
    fn an_ecosystem_decides_between_libraries_of_one_name() {
        for (name, context, at) in [
            ("sentry python", "", 5),
            ("python sentry", "", 5),
            ("sentry for javascript", "", 6),
            ("sentry", "", 6),
            ("sentry", "report errors of a Django app in Python", 5),
        ] {
            assert_eq!(index().resolve(name, context, 5, &|_| true).first().map(|(at, _)| *at), Some(at), "{name} {context}");
        }
    }

    #[test]
    fn forks_and_copies_come_after_their_origin() {
        let keys: Vec<u128> = index().resolve("vue", "", 5, &|_| true).into_iter().map(|(key, _)| key).collect();
        assert!(keys.iter().position(|key| *key == 1) < keys.iter().position(|key| *key == 4));
        assert_eq!(first("tqdm"), Some(8), "the one whose owner has its name");
    }

    #[test]
    fn what_is_not_seen_changes_nothing() {
        // Without the exact name, the one that is nearly called so is found.
        let found = index().resolve("zustand", "", 5, &|key| key != 3);
        assert!(found.iter().all(|(key, _)| *key != 3));
        let typo = index().resolve("sentry pythn", "", 5, &|key| key != 5);
        assert!(typo.iter().any(|(key, _)| *key == 6), "{typo:?}");
    }

    #[test]
    fn nothing_is_found_for_nothing_and_odd_input_does_no_harm() {
        for odd in ["", " ", "/", "\0", "🦀🦀🦀", "//", "@", "a/b/c/d", "k9999999999s", &"x".repeat(100_000), "zxqwv blorp", "asdfghjkl"]
        {
            assert!(index().resolve(odd, odd, 5, &|_| true).is_empty(), "{odd:.20}");
        }
    }

    #[test]
    fn a_renewed_index_answers_as_one_that_is_built() {
        let filler: Vec<(String, String)> = (0..SMALL + 10).map(|number| (format!("owner{number}"), format!("thing{number}"))).collect();
        let filled = |owners: usize| {
            filler.iter().take(owners).enumerate().map(|(at, (owner, name))| {
                (1_000 + at as u128, NameEntry { owner, name, title: name, description: "One of many", ..NameEntry::default() })
            })
        };
        with_entries(|entries| {
            let mut before: Vec<(u128, NameEntry<'_>)> = entries.iter().copied().take(5).collect();
            let mut after: Vec<(u128, NameEntry<'_>)> = entries.clone();
            for (at, one) in filled(SMALL + 5).enumerate() {
                before.push(one);
                if at > 0 {
                    after.push(one);
                }
            }
            for (key, entry) in &mut after {
                if *key == 3 {
                    entry.title = "Bear";
                    entry.name = "bear";
                }
            }
            let renewed = NameIndex::build(before.into_iter()).renewed(after.iter().copied());
            assert!(renewed.small.len() == 5 && renewed.gone.len() == 2, "{renewed:?}");
            let built = NameIndex::build(after.into_iter());
            for name in ["vue", "bear", "zustand", "sentry python", "tqdm", "thing7", "owner3/thing3"] {
                let keys = |index: &NameIndex| index.resolve(name, "", 5, &|_| true).first().map(|(key, _)| *key);
                assert_eq!(keys(&renewed), keys(&built), "{name}");
            }
            assert_ne!(renewed.resolve("thing0", "", 1, &|_| true).first().map(|(key, _)| *key), Some(1_000), "what is gone is not found");
        });
    }
}
