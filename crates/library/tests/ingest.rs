//! Sources to artefacts: the same again, damaged, interrupted, odd.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::artefact::{self, ArtefactError};
use docent_library::ingest::{IngestError, IngestOptions, Ingested, Silent, ingest};
use docent_library::source::{Source, SourceError};
use docent_library::trust::Policy;
use docent_library::{Shelf, answer, pages};
use docent_types::documentation::{LibraryEntry, Snippet, VersionEntry, View, Visibility};
use docent_types::ids::{LibraryRowId, VersionRowId};
use docent_types::time::Timestamp;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use uuid::Uuid;

struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn docs(&self) -> std::path::PathBuf {
        self.folder.path().join("docs")
    }
    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.docs().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fn options(&self) -> IngestOptions {
        IngestOptions { workdir: self.folder.path().join("work"), index_root: self.folder.path().join("index"), ..IngestOptions::default() }
    }
    fn ingest(&self, source: &str) -> Result<Ingested, IngestError> {
        ingest(&Source::parse(source).unwrap(), &self.options(), &Silent)
    }
    fn ingest_docs(&self) -> Ingested {
        self.ingest(self.docs().to_str().unwrap()).unwrap()
    }
}

fn example() -> World {
    let world = World::new();
    world.write("README.md", "# Widgets\n\nWidgets are small parts that are put together into larger parts.\n\n## Install\n\nRun this to install:\n\n```sh\ncargo add widgets\n```\n");
    world.write(
        "guide/frobnicate.md",
        "# Frobnicate\n\nCall `frobnicate()` to turn a widget around its longest axis, twice if `--again` is given.\n",
    );
    world
}

#[test]
fn a_folder_becomes_an_artefact_that_answers() {
    let world = example();
    let ingested = world.ingest_docs();
    assert_eq!((ingested.title.as_str(), ingested.id.to_string().as_str(), ingested.pages), ("Widgets", "/local/docs", 2));
    assert!(ingested.description.starts_with("Widgets are small parts"));
    let open = artefact::open(&world.options().index_root, &ingested.artefact).unwrap();
    for question in ["how do I turn a widget around?", "--again", "frobnicate()", "FROBNICATING"] {
        assert_eq!(open.search(question, None, 3).unwrap()[0].snippet.path, "guide/frobnicate.md", "{question}");
    }
    let hit = &open.search("install", None, 1).unwrap()[0];
    assert!(answer::render_snippet(&hit.snippet).contains("```sh\ncargo add widgets\n```"));
}

#[test]
fn odd_questions_do_no_harm() {
    let world = example();
    let open = artefact::open(&world.options().index_root, &world.ingest_docs().artefact).unwrap();
    for question in [
        "",
        "\0",
        "\"",
        "(a AND NOT b) OR c:*",
        "🦀",
        "+-!^~*?:\\/",
        &"widget ".repeat(100_000),
        &"x".repeat(1_000_000),
        &"é".repeat(9_000),
    ] {
        open.search(question, None, 5).unwrap();
    }
}

#[test]
fn the_same_input_gives_the_same_hash_and_other_input_another() {
    let (one, two) = (example(), example());
    let source = "docs";
    // The source's own path is part of what an artefact says: compare two builds of one folder and its change.
    let first = one.ingest_docs();
    let again = one.ingest_docs();
    assert!(again.unchanged);
    assert_eq!(first.artefact, again.artefact);
    fs::remove_dir_all(one.options().index_root).unwrap();
    assert_eq!(one.ingest_docs().artefact, first.artefact, "written anew");
    one.write("README.md", "# Widgets\n\nChanged text of the page.\n");
    assert_ne!(one.ingest_docs().artefact, first.artefact);
    assert_ne!(two.ingest_docs().artefact, first.artefact, "{source}: elsewhere");
}

fn shelf_of(world: &World, ingested: &Ingested) -> (Shelf, VersionRowId) {
    let id = VersionRowId(Uuid::from_u128(1));
    let shelf = Shelf::new(world.options().index_root, 2);
    let version = VersionEntry {
        id,
        version: None,
        artefact: ingested.artefact.clone(),
        commit: None,
        pages: 1,
        snippets: 1,
        tokens: 1,
        indexed_at: Timestamp(0),
    };
    shelf.publish(vec![LibraryEntry {
        row: LibraryRowId(Uuid::nil()),
        id: ingested.id.clone(),
        title: ingested.title.clone(),
        description: String::new(),
        source: String::new(),
        visibility: Visibility::Public,
        versions: vec![version],
        rules: Vec::new(),
    }]);
    (shelf, id)
}

fn flip_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_index_is_found_and_made_again_from_its_snippets() {
    let world = example();
    let ingested = world.ingest_docs();
    let root = world.options().index_root;
    let folder = artefact::folder(&root, &ingested.artefact);
    let store = fs::read_dir(folder.join("index"))
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "store"))
        .unwrap();
    flip_byte(&store);
    assert!(matches!(artefact::open(&root, &ingested.artefact), Err(ArtefactError::Damaged { file, .. }) if file.starts_with("index/")));
    let (shelf, version) = shelf_of(&world, &ingested);
    assert!(shelf.opened(version).is_none());
    let open = shelf.open(version).unwrap();
    assert_eq!(open.search("frobnicate", None, 1).unwrap().len(), 1);
    assert!(shelf.opened(version).is_some() && shelf.damaged().is_empty());
    artefact::verify(&folder).unwrap();
}

#[test]
fn damaged_snippets_are_reported_and_an_ingest_cures_them() {
    let world = example();
    let ingested = world.ingest_docs();
    let root = world.options().index_root;
    flip_byte(&artefact::folder(&root, &ingested.artefact).join("snippets.jsonl"));
    let (shelf, version) = shelf_of(&world, &ingested);
    assert!(shelf.open(version).is_err());
    assert_eq!(shelf.damaged().len(), 1);
    assert!(shelf.resolve(&View::public(), "", "widgets", 3).len() == 1);
    assert_eq!(world.ingest_docs().artefact, ingested.artefact);
    shelf.open(version).unwrap();
    assert!(shelf.damaged().is_empty());
}

#[test]
fn what_an_interrupted_build_left_is_swept_once_it_is_old_and_unlocked() {
    let world = example();
    let ingested = world.ingest_docs();
    let root = world.options().index_root;
    let young = root.join(".unfinished/build-young");
    fs::create_dir_all(young.join("artefact")).unwrap();
    let old = root.join(".unfinished/build-old");
    fs::create_dir_all(old.join("artefact/index")).unwrap();
    let long_ago = fs::File::open(&old).unwrap().metadata().unwrap().modified().unwrap() - std::time::Duration::from_secs(7200);
    fs::File::open(&old).unwrap().set_modified(long_ago).unwrap();
    let locked = root.join(".unfinished/build-locked");
    fs::create_dir_all(&locked).unwrap();
    let lock = fs::File::create(locked.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::File::open(&locked).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(artefact::sweep_unfinished(&root).unwrap(), 1);
    assert!(young.exists() && locked.exists() && !old.exists());
    artefact::verify(&artefact::folder(&root, &ingested.artefact)).unwrap();
}

#[test]
fn a_source_without_documentation_says_what_was_found() {
    let world = World::new();
    world.write("main.rs", "fn main() {}");
    world.write("lib.rs", "");
    match world.ingest(world.docs().to_str().unwrap()) {
        Err(error @ IngestError::NoPages { .. }) => assert!(error.to_string().contains("2 files, of them 2 × .rs"), "{error}"),
        other => panic!("{other:?}"),
    }
    fs::create_dir_all(world.folder.path().join("empty")).unwrap();
    assert!(matches!(world.ingest(world.folder.path().join("empty").to_str().unwrap()), Err(IngestError::Source(SourceError::Empty(_)))));
    assert!(!world.options().index_root.exists(), "nothing is left behind");
}

#[test]
fn odd_files_are_named_and_the_rest_is_read() {
    let world = example();
    world.write("latin.md", b"# Caf\xE9\n\nA caf\xE9 is a place where coffee is served all day.\n");
    world.write(
        "wide.md",
        [b"\xFF\xFE".as_slice(), &"# Wide\n\ntext".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat(),
    );
    world.write("binary.md", b"\x00\x01\x02");
    world.write("broken.ipynb", "{");
    fs::File::create(world.docs().join("huge.md")).unwrap().set_len(3 << 20).unwrap();
    let ingested = world.ingest_docs();
    assert_eq!(ingested.pages, 4);
    assert_eq!(ingested.skipped.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["binary.md", "broken.ipynb", "huge.md"]);
}

#[test]
fn the_owners_file_gives_title_folders_and_notes() {
    let world = example();
    world.write("context7.json", r#"{"projectTitle":"Our Widgets","description":"Parts.","folders":["guide"],"rules":["Always twice."],"previousVersions":[{"tag":"v1"}]}"#);
    world.write("internal/x.md", "# X\n\nNot for readers.\n");
    let ingested = world.ingest_docs();
    assert_eq!((ingested.title.as_str(), ingested.description.as_str(), ingested.pages), ("Our Widgets", "Parts.", 2));
    assert_eq!((ingested.rules, ingested.versions), (vec!["Always twice.".to_owned()], vec!["v1".to_owned()]));
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_git_repository_is_read_at_a_branch_or_tag() {
    let world = example();
    let docs = world.docs();
    git(&docs, &["init", "-q"]);
    git(&docs, &["add", "."]);
    git(&docs, &["commit", "-qm", "one"]);
    git(&docs, &["tag", "-a", "v1", "-m", "one"]);
    world.write("guide/new.md", "# New\n\nA page that the first release does not have, about gizmos.\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", docs.join("out.md")).unwrap();
    git(&docs, &["add", "."]);
    git(&docs, &["commit", "-qm", "two"]);
    let url = format!("file://{}", docs.display());
    let newest = world.ingest(&url).unwrap();
    assert_eq!((newest.pages, newest.branch.as_deref()), (3, Some("main")));
    #[cfg(unix)]
    assert_eq!(newest.skipped[0].path, "out.md");
    let tagged = world.ingest(&format!("{url}#v1")).unwrap();
    assert_eq!(tagged.pages, 2);
    assert_ne!(tagged.commit, newest.commit);
    assert_eq!(Source::parse(&url).unwrap().remote_commit().unwrap(), newest.commit);
    match world.ingest(&format!("{url}#v2")) {
        Err(IngestError::Source(SourceError::NoSuchReference { available, .. })) => assert_eq!(available, ["v1", "main"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(world.ingest("file:///nowhere/at/all"), Err(IngestError::Source(SourceError::Missing(_)))));
    assert!(matches!(
        world.ingest(&format!("file://{}", world.folder.path().join("index").display())),
        Err(IngestError::Source(SourceError::NotARepository(_)))
    ));
    let left: Vec<_> = fs::read_dir(world.options().workdir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["pages"], "fetched trees are removed");
}

#[test]
fn a_host_that_does_not_answer_is_named_without_its_credentials() {
    let world = World::new();
    // A port that was free a moment ago refuses.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    match world.ingest(&format!("https://user:s3cret@127.0.0.1:{port}/a/b.git")) {
        Err(error @ IngestError::Source(SourceError::Unreachable { .. })) => {
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_did_not_change_is_not_parsed_again_and_comes_out_the_same() {
    let world = example();
    let first = world.ingest_docs();
    assert_eq!((first.pages, first.known_pages), (2, 0));
    assert_eq!(world.ingest_docs().known_pages, 2);
    world.write("guide/new.md", "# New\n\nA page that was not there before, about gizmos.\n");
    let second = world.ingest_docs();
    assert_eq!((second.pages, second.known_pages), (3, 2));
    // Another installation, which has read nothing before, comes to the same bytes.
    let other = IngestOptions { workdir: world.folder.path().join("other"), ..world.options() };
    let whole = ingest(&Source::Folder(world.docs()), &other, &Silent).unwrap();
    assert_eq!((whole.artefact, whole.known_pages, whole.snippets), (second.artefact.clone(), 0, second.snippets));
    // What is read by another policy, or for another library, is read.
    let policy = IngestOptions { trust: Policy::Report, ..world.options() };
    assert_eq!(ingest(&Source::Folder(world.docs()), &policy, &Silent).unwrap().known_pages, 0);
    let library = IngestOptions { id: Some("/some/other".parse().unwrap()), ..world.options() };
    assert_eq!(ingest(&Source::Folder(world.docs()), &library, &Silent).unwrap().known_pages, 0);
}

#[test]
fn the_same_text_on_two_pages_is_one_snippet_that_names_both() {
    let world = example();
    let text =
        "A paragraph that stands on more than one page, long enough to say something by itself wherever it stands, in full sentences.";
    world.write("guide/a.md", format!("# Alpha\n\n{text}\n"));
    world.write("guide/b.md", format!("# Beta\n\n{text}\n"));
    let ingested = world.ingest_docs();
    let folder = artefact::folder(&world.options().index_root, &ingested.artefact);
    let snippets = artefact::snippets(&folder).unwrap();
    let said: Vec<&Snippet> = snippets.iter().filter(|snippet| answer::render_blocks(snippet).contains(text)).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((said[0].path.as_str(), said[0].also[0].path.as_str(), said[0].also.len()), ("guide/a.md", "guide/b.md", 1));
    assert!(answer::render_snippet(said[0]).contains(&format!("\nAlso: {}\n", said[0].also[0].url)));
    assert_eq!(ingested.snippets, snippets.len() as u64);
    // Each page has it.
    for page in ["guide/a.md", "guide/b.md"] {
        assert_eq!(pages::read(&folder, page).unwrap().unwrap().snippets, [said[0].clone()], "{page}");
    }
}
