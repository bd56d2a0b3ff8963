//! `docent model …`

use crate::command_line::Model;
use crate::installation::Installation;
use anyhow::Context as _;
use docent_library::embedding::install::install;
use docent_library::embedding::making::{self, Made, MakingError};
use docent_library::embedding::{SharedEmbedder, model};
use docent_types::documentation::LibraryEntry;
use std::path::Path;
use std::time::Instant;

/// Sentences that every model of sentences can tell apart: the first two are alike.
const ALIKE: [&str; 3] = ["How do I upload a file?", "Sending files to the server with a form", "The weather was cold in the mountains"];

/// `docent model install`, which needs no database.
///
/// # Errors
/// In words for the operator.
pub fn install_from(data: &Path, path: &Path, tokenizer: Option<&Path>) -> anyhow::Result<()> {
    let installed = install(path, tokenizer, &data.join("models"))?;
    let folder = std::path::absolute(&installed.folder)?;
    let opened = docent_library::embedding::local::LocalModel::open(&folder, None)?;
    let manifest = &installed.manifest;
    println!("{} {}", if installed.reused { "It is there already:" } else { "Installed:" }, manifest.name);
    println!("  folder      {}", folder.display());
    println!("  dimensions  {}", manifest.dimensions);
    println!("  tokens      {}", manifest.max_tokens);
    println!("  checksum    {}", manifest.checksum);
    tell_apart(&opened)?;
    println!("\nTo use it, put this into docent.toml and start the server again:\n");
    println!("[embedding]\nmodel = {:?}\nchecksum = \"{}\"", folder.display().to_string(), manifest.checksum);
    Ok(())
}

/// Warns of a model that takes unlike sentences for alike: usually its tokenizer is another model's.
fn tell_apart(embedder: &dyn docent_library::embedding::Embedder) -> anyhow::Result<()> {
    let vectors = embedder.embed(&ALIKE.map(str::to_owned))?;
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    if let [a, b, c] = vectors.as_slice()
        && cosine(a, b) <= cosine(a, c)
    {
        println!("\nWarning: it does not tell sentences apart that it should. Is the tokenizer that of this model?");
    }
    Ok(())
}

/// Runs the commands that need an installation.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Model) -> anyhow::Result<()> {
    match command {
        Model::Install { .. } => Ok(()),
        Model::Show => show(installation).await,
        Model::Embed => embed(installation).await,
    }
}

async fn show(installation: &Installation) -> anyhow::Result<()> {
    let configured = &installation.configuration.embedding;
    let Some(name) = crate::embedding::name(configured)? else {
        println!("No embedding model is configured: questions are answered by their words.");
        println!("docent model install FILE-OR-FOLDER prepares one.");
        return Ok(());
    };
    if configured.model.as_os_str().is_empty() {
        println!("{} at {}", configured.endpoint_model, configured.endpoint);
    } else {
        let manifest = model::manifest(&configured.model)?;
        println!("{} in {}", manifest.name, configured.model.display());
    }
    println!("  checksum  {name}");
    for entry in installation.store.catalogue().await? {
        for version in &entry.versions {
            let id = crate::commands::library::reference(&entry, version);
            println!("  {id}  {}", in_words(making::made(installation.artefacts.root(), &name, &version.artefact), version.snippets));
        }
    }
    Ok(())
}

/// How far the vectors of a version are.
pub fn in_words(made: Option<Made>, snippets: u64) -> String {
    match made {
        Some(made) if made.is_whole() => format!("vectors of all {} snippets", made.total),
        Some(made) => format!("vectors of {} of {} snippets ({} %)", made.done, made.total, made.done * 100 / made.total.max(1)),
        None => format!("vectors of none of {snippets} snippets"),
    }
}

/// The other versions of a library: what they say alike is not embedded again.
pub fn others(entry: &LibraryEntry, artefact: &str) -> Vec<String> {
    entry.versions.iter().map(|version| version.artefact.clone()).filter(|other| other != artefact).collect()
}

/// Makes what is missing, here and now. A running server does the same by itself.
async fn embed(installation: &Installation) -> anyhow::Result<()> {
    let configured = installation.configuration.embedding.clone();
    let embedder = tokio::task::spawn_blocking(move || crate::embedding::open(&configured)).await??;
    let embedder: SharedEmbedder =
        embedder.context("no embedding model is configured: docent model install FILE-OR-FOLDER prepares one")?;
    for entry in installation.store.catalogue().await? {
        for version in &entry.versions {
            let id = crate::commands::library::reference(&entry, version);
            let (artefacts, artefact, others) =
                (installation.artefacts.clone(), version.artefact.clone(), others(&entry, &version.artefact));
            let embedder = embedder.clone();
            let bar = indicatif::ProgressBar::new(version.snippets);
            bar.set_message(id.clone());
            let shown = bar.clone();
            let started = Instant::now();
            let made = tokio::task::spawn_blocking(move || {
                let _lease = artefacts.hold(&artefact)?;
                artefacts.fetch_vectors(embedder.name(), &artefact)?;
                let made = making::make(artefacts.root(), &embedder, &artefact, &others, &|made| {
                    shown.set_position(made.done as u64);
                    true
                })?;
                artefacts.publish_vectors(embedder.name(), &artefact)?;
                Ok::<_, MakingError>(made)
            })
            .await??;
            bar.finish_and_clear();
            match made {
                Some(made) => println!("{id}: {} in {:.1} s", in_words(Some(made), version.snippets), started.elapsed().as_secs_f64()),
                None => println!("{id}: another process makes its vectors at this moment"),
            }
        }
    }
    Ok(())
}
