//! Names as people type them, over a catalogue of real libraries: the right one is first.
//!
//! `names/entries.jsonl` has the libraries, `names/queries.jsonl` the queries with the libraries that are right. Written apart from
//! the names that `docent eval names` is scored with.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "what tests share")]

use docent_library::names::{NameEntry, NameIndex};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Library {
    id: String,
    name: String,
    description: String,
    #[serde(default)]
    stars: f32,
    package: Option<String>,
}

#[derive(Deserialize)]
struct Query {
    query: String,
    expected: Vec<String>,
}

fn lines<T: for<'a> Deserialize<'a>>(file: &str) -> Vec<T> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/names").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_library_that_is_meant_is_first() {
    let libraries: Vec<Library> = lines("entries.jsonl");
    let aliases: Vec<Vec<String>> = libraries.iter().map(|library| library.package.iter().cloned().collect()).collect();
    let entries = libraries.iter().zip(&aliases).map(|(library, aliases)| {
        let (owner, name) = library.id.trim_start_matches('/').split_once('/').unwrap();
        let popularity = (1.0 + library.stars).log10();
        NameEntry { owner, name, title: &library.name, description: &library.description, aliases, popularity }
    });
    let index = NameIndex::build((0_u128..).zip(entries));
    let queries: Vec<Query> = lines("queries.jsonl");
    let mut missed = Vec::new();
    for query in &queries {
        let found = index.resolve(&query.query, "", 10, &|_| true);
        let first = found.first().map(|(at, _)| libraries[usize::try_from(*at).unwrap()].id.as_str());
        if !first.is_some_and(|first| query.expected.iter().any(|expected| expected == first)) {
            missed.push(format!("{:?}: {first:?} instead of {:?}", query.query, query.expected));
        }
    }
    let right = 1.0 - missed.len() as f32 / queries.len() as f32;
    println!("{right:.3} of {}: {missed:#?}", queries.len());
    assert!(right >= 0.95, "{right:.3}: {missed:#?}");
}
