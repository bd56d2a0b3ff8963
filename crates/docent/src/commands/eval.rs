//! `docent eval`: what the scorers of a retrieval evaluation read, made by the code that serves.

use crate::command_line::{Eval, Evaluated, Ingredient};
use anyhow::Context as _;
use docent_library::answer;
use docent_library::artefact::{self, Meta};
use docent_library::embedding::SharedEmbedder;
use docent_library::embedding::local::LocalModel;
use docent_library::embedding::{Vectors, making, vectors};
use docent_library::index::Ingredients;
use docent_library::ingest::{Silent, read_pages};
use docent_library::names::{NameEntry, NameIndex};
use docent_library::snippet::{self, Links, copies};
use docent_types::documentation::Snippet;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Results of a question that are written down.
const RESULTS: usize = 60;

/// Runs the command.
///
/// # Errors
/// In words: a file of the evaluation is missing or is not what it should be.
pub fn run(options: &Eval) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(&options.out).with_context(|| options.out.display().to_string())?);
    match options.what {
        Evaluated::Questions => questions(options, &mut out)?,
        Evaluated::Names => names(options, &mut out)?,
        Evaluated::Snippets => snippets(options, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

fn json_lines(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The snippets of each library, from the pages that the manifest names.
fn libraries(options: &Eval) -> anyhow::Result<Vec<(String, Vec<Snippet>)>> {
    let path = options.evaluation.join("manifest.json");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(&path).with_context(|| path.display().to_string())?)?;
    let corpora: PathBuf = match &options.corpora {
        Some(corpora) => corpora.clone(),
        None => options.evaluation.join("../corpora"),
    };
    let mut out = Vec::new();
    for (library, entry) in manifest.as_object().context("the manifest is no object")? {
        let pages = entry["pages"].as_array().context("a library of the manifest has no pages")?;
        let paths: Vec<String> = pages.iter().filter_map(|page| page.as_str().map(str::to_owned)).collect();
        let (pages, skipped) = read_pages(&corpora.join(library), &paths, &Silent)?;
        for skipped in skipped {
            eprintln!("{library}: left out {}: {}", skipped.path, skipped.reason);
        }
        let links = Links::new(library, None);
        let snippets = copies::without_copies(pages.iter().flat_map(|page| snippet::split(page, &links)).collect());
        out.push((library.clone(), snippets));
    }
    Ok(out)
}

fn snippets(options: &Eval, out: &mut impl Write) -> anyhow::Result<()> {
    for (library, snippets) in libraries(options)? {
        for snippet in snippets {
            let (heading, text) = (answer::title(&snippet), answer::render_blocks(&snippet));
            writeln!(out, "{}", json!({"library": library, "path": snippet.path, "heading": heading, "text": text}))?;
        }
    }
    Ok(())
}

fn questions(options: &Eval, out: &mut impl Write) -> anyhow::Result<()> {
    let questions = json_lines(&options.evaluation.join("questions/dev.jsonl"))?;
    let embedder: Option<SharedEmbedder> = match &options.model {
        Some(folder) => Some(Arc::new(LocalModel::open(folder, None)?)),
        None => None,
    };
    let with = |part: Ingredient| !options.without.contains(&part);
    let ingredients = Ingredients {
        fields: with(Ingredient::Fields),
        identifiers: with(Ingredient::Identifiers),
        roles: with(Ingredient::Roles),
        pages: with(Ingredient::Pages),
        spread: with(Ingredient::Spread),
        neighbours: with(Ingredient::Neighbours),
    };
    let work = tempfile::tempdir()?;
    let root = options.vectors.as_deref().unwrap_or(work.path());
    for (library, snippets) in libraries(options)? {
        let started = Instant::now();
        let built = artefact::build(root, &snippets, &Meta { source: library.clone(), ..Meta::default() })?;
        let index = artefact::open(root, &built.hash)?;
        eprintln!("{library}: {} snippets indexed in {:.2} s", snippets.len(), started.elapsed().as_secs_f64());
        if let Some(embedder) = &embedder {
            let started = Instant::now();
            making::make(root, embedder, &built.hash, &[], &|_| true)?;
            let seconds = started.elapsed().as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a count, for people")]
            let rate = snippets.len() as f64 / seconds;
            eprintln!("{library}: their vectors in {seconds:.1} s ({rate:.1} a second)");
            index.set_vectors(Vectors::open(&vectors::path(root, embedder.name(), &built.hash))?);
        }
        for question in questions.iter().filter(|question| question["library"] == library.as_str()) {
            let text = question["question"].as_str().unwrap_or("");
            let started = Instant::now();
            let vector = match &embedder {
                Some(embedder) => embedder.embed(&[text.to_owned()])?.into_iter().next(),
                None => None,
            };
            let words = if options.without.contains(&Ingredient::Words) { "" } else { text };
            let hits = index.search_with(words, vector.as_deref(), RESULTS, ingredients)?;
            let elapsed = started.elapsed().as_secs_f64() * 1000.0;
            let results: Vec<Value> = hits
                .iter()
                .map(|hit| {
                    let tokens = answer::tokens(&answer::render_snippet(&hit.snippet));
                    json!({"path": hit.snippet.path, "heading": answer::title(&hit.snippet), "tokens": tokens})
                })
                .collect();
            writeln!(out, "{}", json!({"id": question["id"], "ms": elapsed, "results": results}))?;
        }
    }
    Ok(())
}

fn names(options: &Eval, out: &mut impl Write) -> anyhow::Result<()> {
    let entries = json_lines(&options.evaluation.join("names/entries.jsonl"))?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let names: Vec<Named> = entries
        .iter()
        .map(|entry| {
            let stars = entry["stars"].as_f64().unwrap_or(0.0);
            let downloads = entry["npm_downloads_month"].as_f64().unwrap_or(0.0);
            let popularity = (1.0 + stars).log10() + (1.0 + downloads).log10() / 2.0 + if entry["pypi_rank"].is_null() { 0.0 } else { 2.0 };
            #[expect(clippy::cast_possible_truncation, reason = "a small number")]
            let popularity = popularity as f32;
            Named {
                id: text(&entry["id"]),
                title: text(&entry["name"]),
                description: text(&entry["description"]),
                aliases: vec![text(&entry["package"])],
                popularity,
            }
        })
        .collect();
    let index = NameIndex::build((0_u128..).zip(names.iter().map(Named::entry)));
    for query in json_lines(&options.evaluation.join("names/queries_dev.jsonl"))? {
        let found: Vec<&str> = index
            .resolve(query["query"].as_str().unwrap_or(""), "", 10, &|_| true)
            .into_iter()
            .filter_map(|(at, _)| names.get(usize::try_from(at).ok()?).map(|one| one.id.as_str()))
            .collect();
        writeln!(out, "{}", json!({"id": query["id"], "results": found}))?;
    }
    Ok(())
}

/// A library of the evaluation of names.
struct Named {
    id: String,
    title: String,
    description: String,
    aliases: Vec<String>,
    popularity: f32,
}

impl Named {
    fn entry(&self) -> NameEntry<'_> {
        let (owner, name) = self.id.trim_start_matches('/').split_once('/').unwrap_or(("", self.id.as_str()));
        NameEntry { owner, name, title: &self.title, description: &self.description, aliases: &self.aliases, popularity: self.popularity }
    }
}
