use super::*;
use crate::artefact::{self, Meta};
use docent_types::documentation::{Block, CodeBlock, Place};
use proptest::prelude::*;

fn snippet(path: &str, headings: &[&str], text: &str) -> Snippet {
    Snippet {
        id: "0".repeat(32),
        path: path.to_owned(),
        page_title: format!("Title of {path}"),
        headings: headings.iter().map(|heading| (*heading).to_owned()).collect(),
        anchor: None,
        lines: (1, 2),
        url: format!("https://example.org/blob/main/{path}#L1-L2"),
        also: Vec::new(),
        blocks: vec![
            Block::Prose(text.to_owned()),
            Block::Code(CodeBlock { language: "sh".to_owned(), file_name: None, code: format!("run {text}") }),
        ],
    }
}

fn library() -> Vec<Snippet> {
    vec![
        snippet("docs/guide/routing.md", &[], "one"),
        snippet("docs/guide/routing.md", &["Dynamic"], "two"),
        snippet("docs/guide/routing.md", &["Dynamic"], "three"),
        snippet("docs/guide/routing.md", &["Dynamic", "Slugs"], "four"),
        snippet("docs/guide/routing.md.bak", &[], "five"),
        snippet("docs/ü \"quoted\"\tname.md", &[], "six"),
        snippet("index.md", &[], "seven"),
    ]
}

fn built(root: &Path, snippets: &[Snippet]) -> std::path::PathBuf {
    let built = artefact::build(root, snippets, &Meta::default()).unwrap();
    artefact::verify(&built.folder).unwrap();
    built.folder
}

#[test]
fn a_page_is_put_together_in_its_order_with_headings_prose_and_code() {
    let root = tempfile::tempdir().unwrap();
    let folder = built(root.path(), &library());
    let page = read(&folder, "docs/guide/routing.md").unwrap().unwrap();
    assert_eq!(page.snippets, library()[..4]);
    let text = render(&"/acme/kit".parse().unwrap(), Some("v1"), &page);
    let expected = "# Title of docs/guide/routing.md\n\nSource: https://example.org/blob/main/docs/guide/routing.md\nLibrary: /acme/kit, version v1\n\n\
        one\n\n```sh\nrun one\n```\n\n## Dynamic\n\ntwo\n\n```sh\nrun two\n```\n\nthree\n\n```sh\nrun three\n```\n\n### Slugs\n\nfour\n\n```sh\nrun four\n```\n";
    assert_eq!(text, expected);
    for (path, number) in [("docs/guide/routing.md.bak", 4), ("docs/ü \"quoted\"\tname.md", 5), ("index.md", 6)] {
        assert_eq!(read(&folder, path).unwrap().unwrap().snippets, library()[number..=number], "{path}");
    }
}

#[test]
fn an_artefact_without_a_table_is_read_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let folder = built(root.path(), &library());
    fs::remove_file(folder.join(TABLE)).unwrap();
    assert_eq!(read(&folder, "docs/guide/routing.md").unwrap().unwrap().snippets.len(), 4);
}

#[test]
fn a_path_that_is_not_there_names_those_that_are_near() {
    let root = tempfile::tempdir().unwrap();
    let folder = built(root.path(), &library());
    let near = |path: &str| read(&folder, path).unwrap().unwrap_err();
    for path in ["guide/routing.md", "docs/guide/routing", "routing", "DOCS/GUIDE/ROUTING.MD", "docs/guide/ruoting.md"] {
        assert!(near(path).contains(&"docs/guide/routing.md".to_owned()), "{path}: {:?}", near(path));
    }
    assert!(near("zzzz/qqqq.txt").is_empty());
    assert!(near(&"x".repeat(5_000)).is_empty());
}

#[test]
fn paths_are_completed_with_those_that_begin_so_first() {
    let root = tempfile::tempdir().unwrap();
    let folder = built(root.path(), &library());
    let (paths, total) = complete(&folder, "/docs/guide", 1).unwrap();
    assert_eq!((paths, total), (vec!["docs/guide/routing.md".to_owned()], 2));
    assert_eq!(complete(&folder, "ROUT", 10).unwrap().1, 2);
    assert_eq!(complete(&folder, "", 10).unwrap().1, 4);
}

#[test]
fn a_page_that_is_too_large_is_cut_at_a_passage_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let text = "word ".repeat(700);
    let many: Vec<Snippet> = (0..3_000).map(|number| snippet("long.md", &[], &format!("{number} {text}"))).collect();
    let folder = built(root.path(), &many);
    let page = read(&folder, "long.md").unwrap().unwrap();
    assert!(!page.whole && page.snippets.len() < 1_000);
    let text = render(&"/acme/kit".parse().unwrap(), None, &page);
    assert!(text.chars().count() <= LARGEST_PAGE + 200, "{}", text.len());
    assert!(text.ends_with("query-docs finds passages in it.)\n") && text.contains("```\n\n(The page is longer"));
}

#[test]
fn a_passage_that_two_pages_share_is_on_both_in_its_place() {
    let root = tempfile::tempdir().unwrap();
    let mut shared = snippet("a.md", &[], "said on both pages");
    shared.also.push(Place { path: "b.md".to_owned(), lines: (5, 6), url: String::new() });
    let at = |line: u32, text: &str| Snippet { lines: (line, line), ..snippet("b.md", &[], text) };
    let folder = built(root.path(), &[shared.clone(), at(1, "first"), at(9, "last")]);
    let page = read(&folder, "b.md").unwrap().unwrap();
    assert_eq!(page.snippets, [at(1, "first"), shared.clone(), at(9, "last")]);
    assert_eq!(read(&folder, "a.md").unwrap().unwrap().snippets, [shared]);
}

#[test]
fn a_table_that_is_none_is_damage_and_no_panic() {
    let root = tempfile::tempdir().unwrap();
    let folder = built(root.path(), &library());
    fs::write(folder.join(TABLE), "[\"index.md\",7]\n").unwrap();
    assert!(matches!(read(&folder, "index.md"), Err(ArtefactError::Damaged { .. })));
    assert!(matches!(complete(&folder, "", 3), Err(ArtefactError::Damaged { .. })));
    fs::write(folder.join(TABLE), "[\"index.md\",\"T\",[[999999,10]]]\n").unwrap();
    assert!(matches!(read(&folder, "index.md"), Err(ArtefactError::Damaged { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_page_of_a_table_is_found_with_all_its_snippets(paths in prop::collection::vec("[a-c\"\\\\ü/,\\[]{1,6}", 1..12)) {
        let snippets: Vec<Snippet> = paths.iter().enumerate().map(|(number, path)| snippet(path, &[], &number.to_string())).collect();
        let root = tempfile::tempdir().unwrap();
        let (mut lines, mut table) = (String::new(), TableMaker::default());
        for snippet in &snippets {
            let line = serde_json::to_string(snippet).unwrap() + "\n";
            table.add(snippet, line.len() as u64);
            lines.push_str(&line);
        }
        fs::write(root.path().join("snippets.jsonl"), &lines).unwrap();
        fs::write(root.path().join(TABLE), table.finish().unwrap()).unwrap();
        for path in &paths {
            let expected: Vec<Snippet> = snippets.iter().filter(|snippet| snippet.path == *path).cloned().collect();
            prop_assert_eq!(read(root.path(), path).unwrap().unwrap().snippets, expected);
        }
    }
}
