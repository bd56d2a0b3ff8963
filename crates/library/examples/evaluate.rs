//! Writes what the scorers of an evaluation read: `evaluate dump|questions|names OUT.jsonl`; for names other entries and queries
//! than those of the evaluation may be given: `evaluate names OUT.jsonl ENTRIES.jsonl QUERIES.jsonl`.
//!
//! The evaluation and its documentation trees are in the folder that `DOCENT_SHARED` names, else `../shared`.

use docent_library::answer;
use docent_library::format::Page;
use docent_library::index::{self, OpenIndex};
use docent_library::ingest::{Silent, read_pages};
use docent_library::names::{NameEntry, NameIndex};
use docent_library::snippet::{self, Links, identity};
use docent_types::documentation::Snippet;
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn shared() -> PathBuf {
    std::env::var_os("DOCENT_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from)
}

fn json_lines(path: &Path) -> Outcome<Vec<Value>> {
    fs::read_to_string(path)?.lines().filter(|line| !line.trim().is_empty()).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The snippets of each library, from the pages that the manifest names.
fn libraries() -> Outcome<Vec<(String, Vec<Snippet>)>> {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(shared().join("eval/manifest.json"))?)?;
    let mut out = Vec::new();
    for (library, entry) in manifest.as_object().ok_or("the manifest is no object")? {
        let paths: Vec<String> =
            entry["pages"].as_array().ok_or("no pages")?.iter().filter_map(|page| page.as_str().map(str::to_owned)).collect();
        let root = shared().join("corpora").join(library);
        let (pages, skipped): (Vec<Page>, _) = read_pages(&root, &paths, &Silent)?;
        for skipped in skipped {
            writeln!(std::io::stderr(), "{library}: skipped {}: {}", skipped.path, skipped.reason)?;
        }
        let links = Links::new(library, None);
        let snippets = identity::without_copies(pages.iter().flat_map(|page| snippet::split(page, &links)).collect());
        out.push((library.clone(), snippets));
    }
    Ok(out)
}

fn dump(out: &mut impl Write) -> Outcome<()> {
    for (library, snippets) in libraries()? {
        for snippet in snippets {
            let line = json!({"library": library, "path": snippet.path, "heading": answer::title(&snippet), "text": answer::render_blocks(&snippet)});
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn questions(out: &mut impl Write) -> Outcome<()> {
    let questions = json_lines(&shared().join("eval/questions/dev.jsonl"))?;
    for (library, snippets) in libraries()? {
        let folder = tempfile::tempdir()?;
        let started = Instant::now();
        index::write(folder.path(), &snippets)?;
        writeln!(std::io::stderr(), "{library}: {} snippets indexed in {:?}", snippets.len(), started.elapsed())?;
        let open = OpenIndex::open(folder.path())?;
        for question in questions.iter().filter(|question| question["library"] == library.as_str()) {
            let started = Instant::now();
            let hits = open.search(question["question"].as_str().unwrap_or(""), 60)?;
            let elapsed = started.elapsed().as_secs_f64() * 1000.0;
            let results: Vec<Value> = hits
                .iter()
                .map(|hit| json!({"path": hit.snippet.path, "heading": answer::title(&hit.snippet), "tokens": answer::tokens(&answer::render_snippet(&hit.snippet))}))
                .collect();
            writeln!(out, "{}", json!({"id": question["id"], "ms": elapsed, "results": results}))?;
        }
    }
    Ok(())
}

fn names(out: &mut impl Write, entries: &Path, queries: &Path) -> Outcome<()> {
    let entries = json_lines(entries)?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    struct Named {
        id: String,
        title: String,
        description: String,
        aliases: Vec<String>,
        popularity: f32,
    }
    let names: Vec<Named> = entries
        .iter()
        .map(|entry| {
            let package = text(&entry["package"]);
            let stars = entry["stars"].as_f64().unwrap_or(0.0);
            let downloads = entry["npm_downloads_month"].as_f64().unwrap_or(0.0);
            let popularity = (1.0 + stars).log10() + (1.0 + downloads).log10() / 2.0 + if entry["pypi_rank"].is_null() { 0.0 } else { 2.0 };
            #[expect(clippy::cast_possible_truncation, reason = "a small number")]
            let popularity = popularity as f32;
            Named {
                id: text(&entry["id"]),
                title: text(&entry["name"]),
                description: text(&entry["description"]),
                aliases: vec![package],
                popularity,
            }
        })
        .collect();
    let index = NameIndex::build(names.iter().enumerate().map(|(at, one)| {
        let (owner, name) = one.id.trim_start_matches('/').split_once('/').unwrap_or(("", one.id.as_str()));
        let entry = NameEntry { owner, name, title: &one.title, description: &one.description, aliases: &one.aliases, popularity: one.popularity };
        (at as u128, entry)
    }));
    for query in json_lines(queries)? {
        let found: Vec<&str> = index
            .resolve(query["query"].as_str().unwrap_or(""), "", 10, &|_| true)
            .into_iter()
            .filter_map(|(at, _)| names.get(usize::try_from(at).ok()?).map(|one| one.id.as_str()))
            .collect();
        writeln!(out, "{}", json!({"id": query["id"], "results": found}))?;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path, rest @ ..] = arguments.as_slice() else { return Err("usage: evaluate dump|questions|names OUT.jsonl".into()) };
    let mut out = std::io::BufWriter::new(fs::File::create(path)?);
    match what.as_str() {
        "dump" => dump(&mut out),
        "questions" => questions(&mut out),
        "names" => {
            let given = |at: usize, usual: &str| rest.get(at).map_or_else(|| shared().join(usual), PathBuf::from);
            names(&mut out, &given(0, "eval/names/entries.jsonl"), &given(1, "eval/names/queries_dev.jsonl"))
        }
        other => Err(format!("{other}: dump, questions or names").into()),
    }
}
