//! Reads pages on as many threads as there are cores, so that one page cannot spoil the others.
//!
//! A page on which its parser panics is left out with its reason, and so is one that takes too long: its thread is left alone and
//! another takes its place. What a page may use of memory is bounded by what is read of it: a file has at most
//! [`MAX_FILE`](crate::source::selection::MAX_FILE) bytes, and includes have limits of their own.

use crate::format::include::Tree as Includes;
use crate::format::{self, Page};
use crate::ingest::IngestError;
use crate::source::{Progress, SourceError, Stage};
use docent_types::documentation::Skipped;
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Parsers get a stack for markup that nests deeply.
const STACK: usize = 16 * 1024 * 1024;
/// A page is given up after this: a thousand times what a large one takes.
const PAGE_LIMIT: Duration = Duration::from_secs(60);
/// So many threads may hang on pages that were given up.
const MOST_HANGING: usize = 8;
/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Files are read in batches of so many bytes and files at most: of all others only what became of them is in memory.
const BATCH_BYTES: u64 = 16 * 1024 * 1024;
const BATCH_FILES: usize = 1_000;

/// Reads one file, on any thread.
type ReadOne<R> = dyn Fn(&str) -> Result<R, Skipped> + Send + Sync;

/// Reads pages; the order is that of the paths.
///
/// # Errors
/// It was cancelled, the tree is gone, or too many of its pages take too long.
pub fn read_pages(root: &Path, paths: &[String], progress: &dyn Progress) -> Result<(Vec<Page>, Vec<Skipped>), IngestError> {
    let includes = Includes::new(root).map_err(|error| SourceError::Io { path: root.display().to_string(), reason: error.to_string() })?;
    let includes = includes.with_files(paths.iter().cloned());
    let folder = root.to_owned();
    let read = move |path: &str| read_one(&folder, path, &includes);
    let (mut pages, mut skipped) = (Vec::new(), Vec::new());
    in_batches(root, paths, Arc::new(read), progress, |result| {
        match result {
            Ok(page) => pages.push(page),
            Err(why) => skipped.push(why),
        }
        Ok(())
    })?;
    Ok((pages, skipped))
}

/// Reads files on all cores, and tells what came of each in the order of the paths.
///
/// # Errors
/// It was cancelled, too many files take too long, or what `told` answers.
pub(crate) fn in_batches<R: Send + 'static>(
    root: &Path,
    paths: &[String],
    read: Arc<ReadOne<R>>,
    progress: &dyn Progress,
    mut told: impl FnMut(Result<R, Skipped>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let mut far = Far { done: 0, total: paths.len(), hanging: 0 };
    let mut rest = paths;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(batch(root, rest));
        for result in read_each(batch, Arc::clone(&read), PAGE_LIMIT, &mut far, progress)? {
            told(result)?;
        }
        rest = after;
    }
    Ok(())
}

/// How many of the files are read next.
fn batch(root: &Path, paths: &[String]) -> usize {
    let mut bytes = 0;
    let sizes = paths.iter().take(BATCH_FILES).map(|path| root.join(path).metadata().map_or(0, |metadata| metadata.len()));
    let fits = sizes.take_while(|size| {
        bytes += size;
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

pub(crate) fn skip(path: &str, reason: impl Into<String>) -> Skipped {
    Skipped { path: path.to_owned(), reason: reason.into() }
}

fn read_one(root: &Path, path: &str, includes: &Includes) -> Result<Page, Skipped> {
    let bytes = std::fs::read(root.join(path)).map_err(|error| skip(path, error.to_string()))?;
    format::read_page(path, &bytes, includes).map_err(|error| skip(path, error.to_string()))
}

/// What a thread says.
enum Told<R> {
    /// It begins with the page of this number.
    Begun { thread: usize, at: usize },
    /// It is through with it.
    Read { thread: usize, at: usize, page: Result<R, Skipped> },
}

/// How far the reading is, over all batches.
struct Far {
    done: usize,
    total: usize,
    /// Threads that hang on pages that were given up.
    hanging: usize,
}

/// What all threads share.
struct Work<R> {
    paths: Vec<String>,
    read: Arc<ReadOne<R>>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl<R> Work<R> {
    fn run(&self, thread: usize, tell: &Sender<Told<R>>) {
        while !self.stop.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.paths.get(at) else { return };
            let page = if tell.send(Told::Begun { thread, at }).is_ok() {
                catch_unwind(AssertUnwindSafe(|| (self.read)(path)))
                    .unwrap_or_else(|panic| Err(skip(path, format!("its parser failed, which is a defect of Docent: {}", words(&*panic)))))
            } else {
                return;
            };
            if tell.send(Told::Read { thread, at, page }).is_err() {
                return;
            }
        }
    }
}

/// The words of a panic, shortened.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no reason given").chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Stops the threads, however the reading ends.
struct Stops<R>(Arc<Work<R>>);

impl<R> Drop for Stops<R> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

fn begin<R: Send + 'static>(work: &Arc<Work<R>>, thread: usize, tell: &Sender<Told<R>>) -> Result<(), IngestError> {
    let (work, tell) = (Arc::clone(work), tell.clone());
    let named = std::thread::Builder::new().name(format!("read-{thread}")).stack_size(STACK);
    named
        .spawn(move || work.run(thread, &tell))
        .map(drop)
        .map_err(|error| IngestError::Source(SourceError::Io { path: "a thread for reading".to_owned(), reason: error.to_string() }))
}

fn read_each<R: Send + 'static>(
    paths: &[String],
    read: Arc<ReadOne<R>>,
    limit: Duration,
    far: &mut Far,
    progress: &dyn Progress,
) -> Result<Vec<Result<R, Skipped>>, IngestError> {
    let work = Stops(Arc::new(Work { paths: paths.to_vec(), read, next: AtomicUsize::new(0), stop: AtomicBool::new(false) }));
    let (tell, told) = channel();
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    for thread in 0..threads {
        match begin(&work.0, thread, &tell) {
            Err(error) if thread == 0 => return Err(error),
            // Fewer do it as well.
            Err(_) => break,
            Ok(()) => {}
        }
    }
    let mut results: Vec<Option<Result<R, Skipped>>> = paths.iter().map(|_| None).collect();
    let mut at_work: HashMap<usize, (usize, Instant)> = HashMap::new();
    let mut done = 0;
    while done < paths.len() {
        if progress.cancelled() {
            return Err(IngestError::Cancelled);
        }
        match next(&told)? {
            Some(Told::Begun { thread, at }) => {
                at_work.insert(thread, (at, Instant::now()));
            }
            Some(Told::Read { thread, at, page }) => {
                at_work.remove(&thread);
                if let Some(slot @ None) = results.get_mut(at) {
                    *slot = Some(page);
                    done += 1;
                    progress.stage(Stage::Read, (far.done + done) as u64, far.total as u64);
                } else {
                    // It came to an end after all, when it had been given up.
                    far.hanging -= 1;
                }
            }
            None => {}
        }
        let late: Vec<(usize, usize)> =
            at_work.iter().filter(|(_, (_, since))| since.elapsed() >= limit).map(|(thread, (at, _))| (*thread, *at)).collect();
        for (thread, at) in late {
            at_work.remove(&thread);
            let path = paths.get(at).map_or("", String::as_str);
            tracing::warn!(path, "a page took too long and was left out");
            if let Some(slot @ None) = results.get_mut(at) {
                *slot = Some(Err(skip(path, format!("reading it took longer than {} seconds", limit.as_secs()))));
                done += 1;
            }
            far.hanging += 1;
            if far.hanging > MOST_HANGING {
                let what =
                    format!("more than {MOST_HANGING} of its files take longer than {} seconds each, {path} among them", limit.as_secs());
                return Err(SourceError::TooLarge { display: "the source".to_owned(), what }.into());
            }
            begin(&work.0, threads, &tell)?;
            threads += 1;
        }
    }
    far.done += done;
    Ok(results.into_iter().flatten().collect())
}

/// What a thread says next; `None` if none says anything for a while.
fn next<R>(told: &Receiver<Told<R>>) -> Result<Option<Told<R>>, IngestError> {
    match told.recv_timeout(LOOK) {
        Ok(told) => Ok(Some(told)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        // Not while this side holds a sender for further threads.
        Err(RecvTimeoutError::Disconnected) => Err(IngestError::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Silent;
    use std::sync::Mutex;

    fn paths(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number}.md")).collect()
    }

    fn each(
        paths: &[String],
        read: Arc<ReadOne<Page>>,
        limit: Duration,
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Page, Skipped>>, IngestError> {
        read_each(paths, read, limit, &mut Far { done: 0, total: paths.len(), hanging: 0 }, progress)
    }

    fn page(path: &str) -> Result<Page, Skipped> {
        let folder = tempfile::tempdir().unwrap();
        format::read_page(path, b"# A page\n\nWith some text.\n", &Includes::new(folder.path()).unwrap())
            .map_err(|error| skip(path, error.to_string()))
    }

    #[test]
    fn a_page_on_which_its_parser_panics_is_left_out_and_the_others_are_read() {
        let paths = paths(20);
        let read = |path: &str| if path == "7.md" { panic!("at byte {}", 3) } else { page(path) };
        let read = each(&paths, Arc::new(read), PAGE_LIMIT, &Silent).unwrap();
        assert_eq!(read.len(), 20);
        for (result, path) in read.into_iter().zip(&paths) {
            match result {
                Ok(page) => assert_eq!(&page.path, path),
                Err(skipped) => {
                    assert_eq!(skipped.path, "7.md");
                    assert!(skipped.reason.contains("at byte 3"), "{}", skipped.reason);
                }
            }
        }
    }

    #[test]
    fn a_page_that_takes_too_long_is_left_out_and_another_thread_goes_on() {
        // Held by this test until it is through.
        let (release, hold) = channel::<()>();
        let hold = Mutex::new(hold);
        let read = move |path: &str| {
            if path == "0.md" {
                let _ = hold.lock().unwrap().recv();
            }
            page(path)
        };
        let read = each(&paths(40), Arc::new(read), Duration::from_millis(1500), &Silent).unwrap();
        assert!(read[0].as_ref().unwrap_err().reason.contains("took longer"), "{:?}", read[0].as_ref().err());
        assert!(read[1..].iter().all(Result::is_ok));
        drop(release);
    }

    #[test]
    fn a_source_of_which_everything_takes_too_long_is_given_up() {
        let (release, hold) = channel::<()>();
        let hold = Mutex::new(hold);
        let read = move |path: &str| {
            let _ = hold.lock().map(|hold| hold.recv());
            page(path)
        };
        let given_up = each(&paths(40), Arc::new(read), Duration::from_millis(20), &Silent);
        assert!(matches!(given_up, Err(IngestError::Source(SourceError::TooLarge { .. }))));
        drop(release);
    }

    #[test]
    fn batches_are_of_so_many_bytes_and_keep_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(5);
        for path in &paths {
            std::fs::File::create(folder.path().join(path)).unwrap().set_len(BATCH_BYTES / 2).unwrap();
        }
        assert_eq!(batch(folder.path(), &paths), 2);
        std::fs::File::create(folder.path().join("0.md")).unwrap().set_len(BATCH_BYTES * 2).unwrap();
        assert_eq!(batch(folder.path(), &paths), 1);
        let mut told = Vec::new();
        let read = |path: &str| Ok(path.to_owned());
        in_batches(folder.path(), &paths, Arc::new(read), &Silent, |path| {
            told.push(path.unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(told, paths);
    }

    struct Stopped;
    impl Progress for Stopped {
        fn stage(&self, _: Stage, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let read = each(&paths(1000), Arc::new(page), PAGE_LIMIT, &Stopped);
        assert!(matches!(read, Err(IngestError::Cancelled)));
        assert_eq!(each(&[], Arc::new(page), PAGE_LIMIT, &Silent).unwrap().len(), 0);
    }
}
