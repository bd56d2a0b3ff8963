//! Figures of the name index with many libraries of generated names: `names_scale [LIBRARIES]`, 300,000 if not said.
//!
//! Prints how long it takes to build, to add one library, and to resolve, and what it needs in memory.

use docent_library::names::{NameEntry, NameIndex};
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

const STEMS: [&str; 40] = [
    "react", "vue", "data", "cloud", "http", "json", "graph", "query", "form", "table", "chart", "socket", "cache", "queue", "task",
    "auth", "token", "log", "trace", "metric", "parse", "render", "style", "theme", "route", "state", "store", "sync", "stream", "file",
    "image", "video", "audio", "map", "geo", "mail", "test", "mock", "build", "deploy",
];
const ENDS: [&str; 20] = [
    "kit", "js", "py", "rs", "lib", "core", "flow", "hub", "lite", "plus", "forge", "wave", "box", "ify", "ly", "craft", "base", "stack",
    "mate", "smith",
];
const WORDS: [&str; 24] = [
    "fast",
    "small",
    "simple",
    "library",
    "framework",
    "client",
    "for",
    "python",
    "javascript",
    "rust",
    "go",
    "with",
    "typed",
    "async",
    "tools",
    "server",
    "the",
    "of",
    "applications",
    "components",
    "parsing",
    "testing",
    "modern",
    "database",
];

/// A sequence of numbers that is the same each time.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

struct Library {
    owner: String,
    name: String,
    title: String,
    description: String,
}

fn library(number: usize, sequence: &mut Sequence) -> Library {
    let letters = |sequence: &mut Sequence| {
        (0..1 + sequence.next(4)).map(|_| char::from(b'a' + u8::try_from(sequence.next(26)).unwrap_or(0))).collect::<String>()
    };
    let name = format!("{}-{}{}", STEMS[sequence.next(STEMS.len())], letters(sequence), ENDS[sequence.next(ENDS.len())]);
    let description: Vec<&str> = (0..12).map(|_| WORDS[sequence.next(WORDS.len())]).collect();
    Library {
        owner: format!("{}{}", letters(sequence), number % 60_000),
        title: name.replace('-', " "),
        description: format!("{} {}", description.join(" "), letters(sequence)),
        name,
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(300_000), |text| text.parse())?;
    let mut out = std::io::stdout();
    let mut sequence = Sequence(7);
    let mut libraries: Vec<Library> = (0..count).map(|number| library(number, &mut sequence)).collect();
    fn entries(libraries: &[Library]) -> impl Iterator<Item = (u128, NameEntry<'_>)> + Clone {
        libraries.iter().enumerate().map(|(at, one)| {
            let entry =
                NameEntry { owner: &one.owner, name: &one.name, title: &one.title, description: &one.description, ..NameEntry::default() };
            (at as u128, entry)
        })
    }
    let before = resident_kib();
    let started = Instant::now();
    let index = NameIndex::build(entries(&libraries));
    writeln!(out, "build of {count}: {:?}, {} MiB more in memory", started.elapsed(), (resident_kib().saturating_sub(before)) / 1024)?;

    libraries.push(library(count, &mut sequence));
    let started = Instant::now();
    let index = index.renewed(entries(&libraries));
    writeln!(out, "one more: {:?}", started.elapsed())?;

    let mut queries: Vec<(&str, Vec<String>)> =
        vec![("exact", Vec::new()), ("typo", Vec::new()), ("prefix", Vec::new()), ("phrase", Vec::new()), ("unknown", Vec::new())];
    for _ in 0..300 {
        let one = &libraries[sequence.next(libraries.len())];
        let at = 1 + sequence.next(one.name.len().saturating_sub(2));
        let typo: String = one.name.char_indices().filter(|(place, _)| *place != at).map(|(_, c)| c).collect();
        queries[0].1.push(one.title.clone());
        queries[1].1.push(typo);
        queries[2].1.push(one.name.chars().take(7).collect());
        queries[3].1.push(format!("{} {} in python", STEMS[sequence.next(STEMS.len())], WORDS[sequence.next(WORDS.len())]));
        queries[4].1.push((0..12).map(|_| char::from(b'a' + u8::try_from(sequence.next(26)).unwrap_or(0))).collect());
    }
    for (kind, queries) in queries {
        let mut times: Vec<Duration> = Vec::new();
        let mut found = 0;
        for query in &queries {
            let started = Instant::now();
            found += index.resolve(query, "", 10, &|_| true).len();
            times.push(started.elapsed());
        }
        times.sort_unstable();
        writeln!(
            out,
            "{kind}: p50 {:?}, p99 {:?}, {} found on average of 10",
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            found / queries.len()
        )?;
    }
    Ok(())
}
