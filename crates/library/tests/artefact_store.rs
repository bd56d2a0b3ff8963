//! Artefacts in a store: uploaded whole or not at all, downloaded once, kept while open, removed when nobody can need them.

#![expect(clippy::unwrap_used, reason = "what tests share")]

mod stores;
#[path = "stores/trial.rs"]
mod trial;

use docent_library::ArtefactStore;
use docent_library::artefact::{self, ArtefactError};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::build;
use trial::Trial;

fn is_whole(root: &Path, hash: &str) -> bool {
    artefact::verify(&artefact::folder(root, hash)).is_ok()
}

fn size_of(root: &Path, hash: &str) -> u64 {
    let files = walk(&artefact::folder(root, hash));
    files.iter().filter(|path| !path.ends_with("manifest.json")).map(|path| fs::metadata(path).unwrap().len()).sum()
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Wherever an upload is killed, other nodes find a whole artefact or none, and doing it again makes it whole.
#[test]
fn an_upload_that_is_killed_at_any_step_leaves_a_whole_artefact_or_none() {
    let worker = tempfile::tempdir().unwrap();
    let hash = build(worker.path(), "oak");
    let mut killed = 0;
    for steps in 0.. {
        let trial = Trial::new();
        let upload = ArtefactStore::remote(worker.path().to_owned(), trial.remote(), u64::MAX);
        trial.left.store(steps, Ordering::SeqCst);
        let published = upload.publish(&hash);
        trial.left.store(i64::MAX, Ordering::SeqCst);
        let node = tempfile::tempdir().unwrap();
        let download = ArtefactStore::remote(node.path().to_owned(), trial.remote(), u64::MAX);
        let held = download.hold(&hash);
        if published.is_ok() {
            assert!(held.is_ok() && is_whole(node.path(), &hash));
            break;
        }
        killed += 1;
        assert!(matches!(held, Err(ArtefactError::Missing(_))), "{steps}: {held:?}");
        assert!(!artefact::folder(node.path(), &hash).exists());
        upload.publish(&hash).unwrap();
        assert!(download.hold(&hash).is_ok() && is_whole(node.path(), &hash));
    }
    assert!(killed > 5, "only {killed} steps were tried");
}

#[test]
fn a_download_that_is_killed_at_any_step_leaves_a_whole_artefact_or_none() {
    let worker = tempfile::tempdir().unwrap();
    let hash = build(worker.path(), "ash");
    let trial = Trial::new();
    ArtefactStore::remote(worker.path().to_owned(), trial.remote(), u64::MAX).publish(&hash).unwrap();
    let node = tempfile::tempdir().unwrap();
    let store = ArtefactStore::remote(node.path().to_owned(), trial.remote(), u64::MAX);
    let mut killed = 0;
    for steps in 0.. {
        trial.left.store(steps, Ordering::SeqCst);
        if store.hold(&hash).is_ok() {
            break;
        }
        killed += 1;
        assert!(!artefact::folder(node.path(), &hash).exists());
    }
    assert!(killed > 5 && is_whole(node.path(), &hash));
    // What a process that was killed leaves is below `.unfinished`, and swept when it is old: see `ingest.rs`.
    assert_eq!(fs::read_dir(node.path().join(".unfinished")).unwrap().count(), 0);
}

#[test]
fn threads_and_processes_that_ask_at_once_download_once() {
    let worker = tempfile::tempdir().unwrap();
    let hash = build(worker.path(), "elm");
    let trial = Trial::new();
    ArtefactStore::remote(worker.path().to_owned(), trial.remote(), u64::MAX).publish(&hash).unwrap();
    for _ in 0..5 {
        let node = tempfile::tempdir().unwrap();
        trial.downloads.store(0, Ordering::SeqCst);
        // Two stores over one folder share nothing but the folder, as two processes do.
        let nodes = [0, 1].map(|_| ArtefactStore::remote(node.path().to_owned(), trial.remote(), u64::MAX));
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (store, hash) = (&nodes[number % 2], &hash);
                scope.spawn(move || store.hold(hash).unwrap());
            }
        });
        assert_eq!(trial.downloads.load(Ordering::SeqCst), 1);
        assert!(is_whole(node.path(), &hash));
    }
}

#[test]
fn bytes_that_are_not_those_that_were_written_are_not_taken() {
    use object_store::{ObjectStore as _, ObjectStoreExt as _};
    let worker = tempfile::tempdir().unwrap();
    let hash = build(worker.path(), "fir");
    let trial = Trial::new();
    let store = ArtefactStore::remote(worker.path().to_owned(), trial.remote(), u64::MAX);
    store.publish(&hash).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let objects: Vec<_> = runtime.block_on(futures_util::TryStreamExt::try_collect(trial.list(None))).unwrap();
    assert!(objects.len() > 4);
    for object in objects {
        let before = runtime.block_on(async { trial.get(&object.location).await.unwrap().bytes().await.unwrap() });
        let mut changed = before.to_vec();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        let longer = [before.to_vec(), b"x".to_vec()].concat();
        for bytes in [changed, longer, before[..middle].to_vec()] {
            runtime.block_on(trial.put(&object.location, bytes.into())).unwrap();
            let node = tempfile::tempdir().unwrap();
            let result = ArtefactStore::remote(node.path().to_owned(), trial.remote(), u64::MAX).hold(&hash);
            // A manifest may be changed without harm: between its fields.
            assert!(
                matches!(result, Err(ArtefactError::Damaged { .. })) || is_whole(node.path(), &hash),
                "{}: {result:?}",
                object.location
            );
            assert!(result.is_ok() || !artefact::folder(node.path(), &hash).exists());
        }
        // Another size is seen by whoever publishes it again.
        store.publish(&hash).unwrap();
        runtime.block_on(trial.put(&object.location, before.into())).unwrap();
    }
}

#[test]
fn what_was_not_used_for_longest_leaves_the_cache_and_never_what_is_open() {
    let worker = tempfile::tempdir().unwrap();
    let words = ["one", "two", "three", "four"];
    let hashes = words.map(|word| build(worker.path(), word));
    let trial = Trial::new();
    let upload = ArtefactStore::remote(worker.path().to_owned(), trial.remote(), u64::MAX);
    for hash in &hashes {
        upload.publish(hash).unwrap();
    }
    let node = tempfile::tempdir().unwrap();
    let limit = size_of(worker.path(), &hashes[0]) * 5 / 2;
    let store = ArtefactStore::remote(node.path().to_owned(), trial.remote(), limit);
    let there = || hashes.clone().map(|hash| is_whole(node.path(), &hash));
    // Used this many seconds ago.
    let age = |number: usize, seconds: u64| {
        let lock = fs::File::options().write(true).open(node.path().join(".locks").join(&hashes[number])).unwrap();
        let at = lock.metadata().unwrap().modified().unwrap() - Duration::from_secs(seconds);
        lock.set_modified(at).unwrap();
    };
    let open = store.hold(&hashes[0]).unwrap();
    age(0, 900);
    drop(store.hold(&hashes[1]).unwrap());
    age(1, 300);
    assert_eq!(there(), [true, true, false, false]);
    drop(store.hold(&hashes[2]).unwrap());
    assert_eq!(there(), [true, false, true, false], "the first is open, so the second goes");
    age(2, 600);
    drop(open);
    age(0, 900);
    drop(store.hold(&hashes[3]).unwrap());
    assert_eq!(there(), [false, false, true, true], "the first was used longest ago");
    let all = hashes.iter().map(|hash| store.hold(hash).unwrap()).collect::<Vec<_>>();
    assert_eq!(there(), [true; 4], "what is open stays, however much it is");
    drop(all);
}

fn both_kinds(test: impl Fn(ArtefactStore, &dyn Fn(&str) -> bool)) {
    let root = tempfile::tempdir().unwrap();
    let folder = ArtefactStore::folder(root.path().to_owned());
    test(folder, &|hash| is_whole(root.path(), hash));
    let root = tempfile::tempdir().unwrap();
    let trial = Trial::new();
    let remote = ArtefactStore::remote(root.path().to_owned(), trial.remote(), u64::MAX);
    test(remote, &|hash| {
        let node = tempfile::tempdir().unwrap();
        ArtefactStore::remote(node.path().to_owned(), trial.remote(), u64::MAX).hold(hash).is_ok()
    });
}

fn named(hashes: &[&String]) -> HashSet<String> {
    hashes.iter().map(|hash| (*hash).clone()).collect()
}

#[test]
fn an_artefact_is_removed_after_it_has_been_without_a_name_for_the_grace() {
    const HOUR: Duration = Duration::from_secs(3_600);
    both_kinds(|store, is_there| {
        let (kept, old) = (build(store.root(), "kept"), build(store.root(), "old"));
        for hash in [&kept, &old] {
            store.publish(hash).unwrap();
        }
        let names = named(&[&kept]);
        assert!(store.mark_unnamed(&names, Duration::ZERO).unwrap().is_empty(), "it was seen without a name for the first time");
        assert!(store.mark_unnamed(&names, HOUR).unwrap().is_empty(), "it was seen just now");
        let due = store.mark_unnamed(&names, Duration::ZERO).unwrap();
        assert_eq!(due.as_slice(), std::slice::from_ref(&old));
        assert_eq!(store.remove_unnamed(&due, &named(&[&kept, &old])).unwrap(), 0, "it has a name again");
        assert!(is_there(&old));
        assert_eq!(store.remove_unnamed(&due, &names).unwrap(), 1);
        assert!(is_there(&kept) && !is_there(&old));
        assert!(store.mark_unnamed(&names, Duration::ZERO).unwrap().is_empty());
    });
}

/// A job finds the artefact that it made there already, unnamed, and is about to name it.
#[test]
fn an_artefact_that_is_about_to_be_named_again_is_not_removed() {
    both_kinds(|store, is_there| {
        let hash = build(store.root(), "again");
        store.publish(&hash).unwrap();
        let nothing = HashSet::new();
        store.mark_unnamed(&nothing, Duration::ZERO).unwrap();
        let due = store.mark_unnamed(&nothing, Duration::ZERO).unwrap();
        assert_eq!(due.as_slice(), std::slice::from_ref(&hash));
        // The job comes between the two halves of the sweep.
        store.publish(&hash).unwrap();
        assert_eq!(store.remove_unnamed(&due, &nothing).unwrap(), 0);
        assert!(is_there(&hash));
        assert!(store.mark_unnamed(&nothing, Duration::from_secs(3_600)).unwrap().is_empty(), "the time begins anew");
    });
}

#[test]
fn what_is_being_removed_is_not_published_until_it_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let store = ArtefactStore::folder(root.path().to_owned());
    let hash = build(root.path(), "late");
    fs::create_dir_all(root.path().join(".removing")).unwrap();
    fs::write(root.path().join(".removing").join(&hash), "").unwrap();
    assert!(matches!(store.publish(&hash), Err(ArtefactError::BeingRemoved(_))));
    // A sweep finds a removal that was never ended.
    let nothing = HashSet::new();
    store.mark_unnamed(&nothing, Duration::ZERO).unwrap();
    let due = store.mark_unnamed(&nothing, Duration::ZERO).unwrap();
    assert_eq!(store.remove_unnamed(&due, &nothing).unwrap(), 1);
    assert!(matches!(store.publish(&hash), Err(ArtefactError::Missing(_))));
    assert_eq!(build(root.path(), "late"), hash);
    store.publish(&hash).unwrap();
}
