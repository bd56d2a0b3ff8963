//! Files of every format, and the snippets that they become.
//!
//! Inputs are in `golden/input`, and pages of the documentation trees where they are there (in CI they must be). What comes
//! out is in `golden/expected`: read it as a person would. `UPDATE_GOLDEN=1` writes it anew.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::answer;
use docent_library::format::include::Tree;
use docent_library::format::read_page;
use docent_library::snippet::{self, Links, MAX_CODE_CHARACTERS, copies};
use docent_types::documentation::Snippet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every file below a folder, as paths with `/` from it.
fn files(root: &Path, folder: &str, out: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().unwrap().is_dir() { files(root, &path, out) } else { out.push(path) }
    }
}

fn snippets(root: &Path, tree: &Tree, path: &str) -> Vec<Snippet> {
    let page = read_page(path, &fs::read(root.join(path)).unwrap(), tree).unwrap_or_else(|error| panic!("{path}: {error}"));
    // Links of a hosted repository, shortened so that the files stay readable.
    snippet::split(&page, &Links::new("https://git.example/o/r", Some("c0")))
}

fn readable(snippets: &[Snippet]) -> String {
    let mut out = String::new();
    for snippet in snippets {
        let anchor = snippet.anchor.as_ref().map_or(String::new(), |anchor| format!(" #{anchor}"));
        let (first, last) = snippet.lines;
        writeln!(out, "=== {}{anchor} (lines {first}-{last})\n\n{}\n", answer::title(snippet), answer::render_blocks(snippet)).unwrap();
    }
    out
}

/// What differs, if anything.
fn compare(name: &str, found: &str) -> Option<String> {
    let path = golden().join("expected").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == found {
        return None;
    }
    let line = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
    let show = |text: &str| text.lines().skip(line).take(4).collect::<Vec<_>>().join("\n    ");
    Some(format!("{name}, line {}:\n  expected\n    {}\n  found\n    {}", line + 1, show(&expected), show(found)))
}

#[test]
fn every_format_becomes_the_snippets_that_are_written_down() {
    let root = golden().join("input");
    let mut all = Vec::new();
    files(&root, "", &mut all);
    let tree = Tree::new(&root).unwrap().with_files(all.iter().cloned());
    let pages: Vec<&String> = all.iter().filter(|path| !path.starts_with("part/")).collect();
    assert!(pages.len() >= 17, "{pages:?}");
    let mut differences = Vec::new();
    for path in pages {
        let snippets = snippets(&root, &tree, path);
        for snippet in &snippets {
            assert!(answer::tokens(&answer::render_snippet(snippet)) <= 1_500, "{path}: {} is too large", snippet.url);
        }
        differences.extend(compare(path, &readable(&snippets)));
    }
    assert!(differences.is_empty(), "set UPDATE_GOLDEN=1 to accept\n{}", differences.join("\n"));
}

#[test]
fn pages_of_real_trees_become_the_snippets_that_are_written_down() {
    let shared =
        std::env::var_os("DOCENT_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let corpora = shared.join("corpora");
    if !corpora.is_dir() {
        let _ = writeln!(std::io::stderr(), "corpora not found: {} (set DOCENT_SHARED)", corpora.display());
        assert!(std::env::var_os("CI").is_none(), "in CI the documentation trees must be there");
        return;
    }
    let mut differences = Vec::new();
    for (library, pages) in [
        ("vite", vec!["docs/guide/troubleshooting.md", "docs/guide/using-plugins.md", "docs/config/worker-options.md"]),
        (
            "fastapi",
            vec!["docs/en/docs/tutorial/query-params.md", "docs/en/docs/tutorial/static-files.md", "docs/en/docs/advanced/websockets.md"],
        ),
        ("react", vec!["src/content/reference/react/Fragment.md", "src/content/learn/setup.md", "src/content/reference/react/useId.md"]),
        ("sqlalchemy", vec!["doc/build/core/inspection.rst", "doc/build/orm/extensions/mutable.rst", "doc/build/core/operators.rst"]),
        ("tokio", vec!["content/tokio/topics/shutdown.md", "content/tokio/tutorial/setup.md", "content/tokio/tutorial/async.md"]),
    ] {
        let root = corpora.join(library);
        let mut all = Vec::new();
        files(&root, "", &mut all);
        let tree = Tree::new(&root).unwrap().with_files(all);
        for page in pages {
            differences.extend(compare(&format!("{library}/{page}"), &readable(&snippets(&root, &tree, page))));
        }
    }
    assert!(differences.is_empty(), "set UPDATE_GOLDEN=1 to accept\n{}", differences.join("\n"));
}

#[test]
fn no_page_of_real_trees_becomes_a_snippet_of_more_than_1500_tokens_or_a_relative_link() {
    let shared =
        std::env::var_os("DOCENT_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let corpora = shared.join("corpora");
    if !corpora.is_dir() {
        let _ = writeln!(std::io::stderr(), "corpora not found: {} (set DOCENT_SHARED)", corpora.display());
        assert!(std::env::var_os("CI").is_none(), "in CI the documentation trees must be there");
        return;
    }
    let mut links = 0;
    for library in ["vite", "fastapi", "react", "sqlalchemy", "tokio"] {
        let root = corpora.join(library);
        let mut all = Vec::new();
        files(&root, "", &mut all);
        let tree = Tree::new(&root).unwrap().with_files(all.iter().cloned());
        for path in all.iter().filter(|path| [".md", ".rst", ".txt"].iter().any(|ending| path.ends_with(ending))) {
            let Ok(page) = read_page(path, &fs::read(root.join(path)).unwrap(), &tree) else { continue };
            let snippets = copies::without_copies(snippet::split(&page, &Links::new("https://git.example/o/r", Some("c0"))));
            for snippet in snippets {
                let text = answer::render_snippet(&snippet);
                assert!(answer::tokens(&text) <= 1_500, "{library}: {} has {} tokens", snippet.url, answer::tokens(&text));
                links += text.matches("](https://git.example/o/r/blob/c0/").count();
                assert!(!text.contains("](/") || library == "react" || library == "vite", "{library}: {}", snippet.url);
            }
        }
    }
    assert!(links > 1_000, "{links} links within the trees");
    const { assert!(MAX_CODE_CHARACTERS < 6_000) };
}
