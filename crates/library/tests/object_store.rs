//! Against a real S3 server: `moto`, in a virtual environment that `scripts/install-test-tools` makes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what tests share")]

mod stores;

use docent_library::artefact::{self, ArtefactError};
use docent_library::artefact_store::S3;
use docent_library::{ArtefactStore, Shelf};
use docent_types::documentation::{LibraryEntry, VersionEntry, Visibility};
use docent_types::ids::{LibraryRowId, VersionRowId};
use docent_types::time::Timestamp;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use stores::build;
use uuid::Uuid;

struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts a server with an empty bucket `docs`.
    fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop/server-s3/bin/moto_server");
        let process = Command::new(&program).args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = process.unwrap_or_else(|error| panic!("{}: {error}; scripts/install-test-tools installs it", program.display()));
        let mut said = String::new();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the S3 server ended: {said}");
            if let Some((_, address)) = line.trim().split_once("Running on http://") {
                break address.to_owned();
            }
            said.push_str(&line);
        };
        // What it logs is read until it ends, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let server = Self { process, address };
        let answer = server.request("PUT", "/docs");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server
    }

    fn request(&self, method: &str, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(connection, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    fn store(&self, root: &Path) -> ArtefactStore {
        let place = S3 {
            url: "s3://docs/indexes/of docent".to_owned(),
            endpoint: format!("http://{}/", self.address),
            region: "eu-central-1".to_owned(),
            access_key_id: "tester".to_owned(),
            secret_access_key: "secret".to_owned(),
            path_style: true,
        };
        ArtefactStore::remote(root.to_owned(), place.connect().unwrap(), u64::MAX)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn shelf(store: ArtefactStore, hash: &str) -> (Shelf, VersionRowId) {
    let id = VersionRowId(Uuid::from_u128(1));
    let version = VersionEntry {
        id,
        version: None,
        artefact: hash.to_owned(),
        commit: None,
        pages: 20,
        snippets: 20,
        tokens: 100,
        indexed_at: Timestamp(0),
    };
    let shelf = Shelf::over(store, 4);
    shelf.publish(vec![LibraryEntry {
        row: LibraryRowId(Uuid::nil()),
        id: "/acme/trees".parse().unwrap(),
        title: "Trees".to_owned(),
        description: String::new(),
        source: String::new(),
        visibility: Visibility::Public,
        versions: vec![version],
        rules: Vec::new(),
    }]);
    (shelf, id)
}

#[test]
fn an_index_travels_from_a_worker_to_a_node_and_answers_there() {
    let server = Server::start();
    let (worker, node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hash = build(worker.path(), "oak");
    let (shelf, version) = shelf(server.store(node.path()), &hash);
    assert!(matches!(shelf.open(version), Err(ArtefactError::Missing(_))), "it was not uploaded yet");
    let store = server.store(worker.path());
    store.publish(&hash).unwrap();
    let open = shelf.open(version).unwrap();
    let hits = open.search("which passage tells of an oak?", None, 30).unwrap();
    assert!(hits.len() == 20 && hits[0].snippet.page_title == "About oak", "{hits:?}");
    artefact::verify(&artefact::folder(node.path(), &hash)).unwrap();

    // The worker lost its folder: what is in the object store is enough.
    std::fs::remove_dir_all(artefact::folder(worker.path(), &hash)).unwrap();
    store.publish(&hash).unwrap();

    // A copy that is damaged beyond repair is fetched again.
    drop(open);
    shelf.close(version);
    std::fs::write(artefact::folder(node.path(), &hash).join("snippets.jsonl"), "no").unwrap();
    let open = shelf.open(version).unwrap();
    assert!(!open.search("oak", None, 3).unwrap().is_empty() && shelf.damaged().is_empty());

    // Once it is here, the object store may be away.
    drop(open);
    shelf.close(version);
    drop(server);
    assert!(!shelf.open(version).unwrap().search("oak", None, 3).unwrap().is_empty());
}

#[test]
fn artefacts_that_nothing_names_are_removed_from_the_object_store() {
    let server = Server::start();
    let worker = tempfile::tempdir().unwrap();
    let store = server.store(worker.path());
    let (kept, old) = (build(worker.path(), "kept"), build(worker.path(), "old"));
    for hash in [&kept, &old] {
        store.publish(hash).unwrap();
    }
    let names = HashSet::from([kept.clone()]);
    assert!(store.mark_unnamed(&names, Duration::ZERO).unwrap().is_empty());
    assert!(store.mark_unnamed(&names, Duration::from_secs(3_600)).unwrap().is_empty());
    let due = store.mark_unnamed(&names, Duration::ZERO).unwrap();
    assert_eq!(store.remove_unnamed(&due, &names).unwrap(), 1);
    let left = server.request("GET", "/docs?list-type=2");
    assert!(left.contains(&kept) && !left.contains(&old), "{left}");
    let node = tempfile::tempdir().unwrap();
    let store = server.store(node.path());
    store.hold(&kept).unwrap();
    assert!(matches!(store.hold(&old), Err(ArtefactError::Missing(_))));
}

/// A file of two parts (of 8 MB).
#[test]
fn large_files_travel_in_parts() {
    let server = Server::start();
    let (worker, node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hash = build(worker.path(), &"x".repeat(250_000));
    let largest = std::fs::metadata(artefact::folder(worker.path(), &hash).join("snippets.jsonl")).unwrap().len();
    assert!(largest > 8 * 1024 * 1024, "{largest}");
    server.store(worker.path()).publish(&hash).unwrap();
    server.store(node.path()).hold(&hash).unwrap();
    artefact::verify(&artefact::folder(node.path(), &hash)).unwrap();
}
