//! Five real documentation trees, from source to answer.

use docent_library::artefact;
use docent_library::ingest::{IngestOptions, Silent, ingest};
use docent_library::snippet;
use docent_library::source::Source;
use std::io::Write;
use std::path::PathBuf;

fn corpora() -> Option<PathBuf> {
    let shared =
        std::env::var_os("DOCENT_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("corpora");
    if folder.is_dir() {
        return Some(folder);
    }
    let mut error = std::io::stderr();
    let _ = writeln!(error, "corpora not found: {} (set DOCENT_SHARED)", folder.display());
    assert!(std::env::var_os("CI").is_none(), "in CI the documentation trees must be there");
    None
}

#[test]
fn five_documentation_trees_are_read_and_answer() {
    let Some(corpora) = corpora() else { return };
    let root = tempfile::tempdir().unwrap();
    for (library, pages, question, path, word) in [
        ("vite", 40, "How do I use import.meta.env in vite.config.js?", "env", "import.meta.env"),
        ("fastapi", 120, "How do I test with TestClient?", "test", "TestClient"),
        ("sqlalchemy", 120, "what is SQLALCHEMY_WARN_20?", "20", "SQLALCHEMY_WARN_20"),
        ("tokio", 55, "spawn a task with tokio::spawn", "spawn", "tokio::spawn"),
        ("react", 200, "useState updater function", "useState", "useState"),
    ] {
        let source = Source::parse(corpora.join(library).to_str().unwrap()).unwrap();
        let options =
            IngestOptions { workdir: root.path().join("work"), index_root: root.path().join("index"), ..IngestOptions::default() };
        let ingested = ingest(&source, &options, &Silent).unwrap();
        assert!(ingested.pages >= pages, "{library}: {} pages", ingested.pages);
        assert!(ingested.snippets >= ingested.pages, "{library}: {} snippets", ingested.snippets);
        let folder = artefact::folder(&options.index_root, &ingested.artefact);
        for snippet in artefact::snippets(&folder).unwrap() {
            assert!(
                snippet::characters(&snippet) <= snippet::MAX_CODE_CHARACTERS + snippet::MAX_CHARACTERS,
                "{library}: {} is too large",
                snippet.url
            );
            assert_eq!(snippet.id.len(), 32);
        }
        let open = artefact::open(&options.index_root, &ingested.artefact).unwrap();
        let hits = open.search(question, None, 5).unwrap();
        let found = hits.iter().any(|hit| hit.snippet.path.contains(path) && serde_json::to_string(&hit.snippet).unwrap().contains(word));
        assert!(found, "{library}: {:?}", hits.iter().map(|hit| &hit.snippet.url).collect::<Vec<_>>());
        let again = ingest(&source, &options, &Silent).unwrap();
        assert!(again.unchanged && again.artefact == ingested.artefact, "{library}: the same tree gives the same artefact");
    }
}
