//! Reading the pages of a site: few requests at once, in an order that does not depend on which of them is faster.

use super::base::Base;
use super::links::{self, Found};
use super::memory::{Body, Kind, Memory, Record};
use super::robots::Robots;
use crate::source::http::{Answer, Client, Failure, Validators, refused};
use crate::source::network::Network;
use crate::source::selection::MAX_FILE;
use crate::source::{Progress, SourceError, Stage, digest};
use docent_types::documentation::Skipped;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

const ACCEPT: &str = "text/html, application/xhtml+xml, text/markdown;q=0.9, text/plain;q=0.8, */*;q=0.1";
/// So many requests without an answer one after another, and the site is down.
const DOWN: usize = 5;
/// Addresses that wait, for each page that may be read: more are noise.
const WAITING: usize = 10;

/// Which pages to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// These and what they link to.
    Follow(Vec<Url>),
    /// These.
    List(Vec<Url>),
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What is remembered of it.
    pub record: Record,
    /// The address that the page says is its own, if that is another page of the base.
    pub canonical: Option<Url>,
    /// Whether it may be listed.
    pub index: bool,
}

/// What a crawl read.
#[derive(Debug, Default)]
pub struct Crawled {
    /// In the order of their addresses.
    pub pages: Vec<Page>,
    /// Every record, for the next crawl.
    pub records: Vec<Record>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
    /// Why the first address could not be read, if it could not.
    pub first: Option<SourceError>,
    /// Whether every page was answered, if only by saying that it is none.
    pub complete: bool,
}

/// One crawl.
pub struct Crawl<'a> {
    /// Asks.
    pub client: &'a Client<'a>,
    /// Stays in here.
    pub base: &'a Base,
    /// Keeps to this.
    pub robots: &'a Robots,
    /// Bounds, and how to wait.
    pub network: &'a Network,
    /// What is known.
    pub memory: &'a Memory,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

/// What the threads share.
struct Shared {
    started: Instant,
    next_start: Mutex<Option<Instant>>,
    failures: AtomicUsize,
    bytes: AtomicU64,
    done: AtomicUsize,
    known: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Crawl<'_> {
    /// Reads all of the plan.
    ///
    /// # Errors
    /// The site is down, it took too long, it was cancelled, or the disk is full. What was read is remembered.
    pub fn run(&self, plan: &Plan) -> Result<Crawled, SourceError> {
        let (seeds, follow) = match plan {
            Plan::Follow(seeds) => (seeds, true),
            Plan::List(seeds) => (seeds, false),
        };
        let shared = Shared {
            started: Instant::now(),
            next_start: Mutex::new(None),
            failures: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            known: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
        };
        let mut out = Crawled::default();
        let mut known: HashSet<String> = HashSet::new();
        let mut level: Vec<Url> = Vec::new();
        for seed in seeds {
            self.meet(seed.clone(), &mut known, &mut level, &mut out.skipped);
        }
        let limits = &self.network.limits;
        let mut read = 0;
        for depth in 0.. {
            level.sort_unstable();
            let room = limits.pages.saturating_sub(read);
            if level.len() > room {
                let over = level.split_off(room);
                out.skipped.push(Skipped {
                    path: over[0].path().to_owned(),
                    reason: format!("{} pages from here on were not read: the limit is {} pages", over.len(), limits.pages),
                });
            }
            if level.is_empty() {
                break;
            }
            if depth > limits.depth {
                out.skipped.push(Skipped {
                    path: level[0].path().to_owned(),
                    reason: format!("{} pages from here on were not read: they are more than {} links away", level.len(), limits.depth),
                });
                break;
            }
            read += level.len();
            shared.known.store(read, Ordering::SeqCst);
            let records = self.level(&level, &shared)?;
            let mut next = Vec::new();
            for (url, (record, error)) in level.iter().zip(records) {
                if seeds.first() == Some(url) {
                    out.first = error;
                }
                self.take(url, record, follow, &mut known, &mut next, &mut out);
            }
            level = next;
        }
        out.pages.sort_by(|a, b| a.record.url.cmp(&b.record.url));
        out.complete = shared.unanswered.load(Ordering::SeqCst) == 0;
        Ok(out)
    }

    /// An address that was met: is it new, and may it be read?
    fn meet(&self, url: Url, known: &mut HashSet<String>, next: &mut Vec<Url>, skipped: &mut Vec<Skipped>) {
        if known.len() >= self.network.limits.pages.saturating_mul(WAITING) || !known.insert(url.as_str().to_owned()) {
            return;
        }
        if self.robots.allows(url.path()) {
            next.push(url);
        } else {
            skipped.push(Skipped { path: url.path().to_owned(), reason: "the site asks programs not to read it (robots.txt)".to_owned() });
        }
    }

    fn take(&self, url: &Url, record: Record, follow: bool, known: &mut HashSet<String>, next: &mut Vec<Url>, out: &mut Crawled) {
        if let Some(reason) = &record.reason {
            out.skipped.push(Skipped { path: url.path().to_owned(), reason: reason.clone() });
        }
        if let Some(to) = &record.moved {
            match self.base.page(url, to) {
                Some(to) => self.meet(to, known, next, &mut out.skipped),
                None => out.skipped.push(Skipped {
                    path: url.path().to_owned(),
                    reason: format!("it redirects to {}, which is outside of what is read", crate::source::shown(to)),
                }),
            }
        }
        out.records.push(record.clone());
        let Some(body) = &record.body else { return };
        let (header_index, header_follow) = record.robots.as_deref().map_or((true, true), links::directives);
        let mut page = Page { record: record.clone(), canonical: None, index: header_index };
        if body.kind == Kind::Html
            && let Some(bytes) = self.memory.body(body)
        {
            let found: Found = links::read(&String::from_utf8_lossy(&bytes));
            let from = found.base.as_deref().and_then(|base| url.join(base).ok()).unwrap_or_else(|| url.clone());
            page.index &= found.index;
            page.canonical = found.canonical.as_deref().and_then(|own| self.base.page(&from, own)).filter(|own| own != url);
            if let Some(own) = &page.canonical {
                self.meet(own.clone(), known, next, &mut out.skipped);
            }
            if follow && found.follow && header_follow {
                for link in &found.links {
                    if let Some(link) = self.base.page(&from, link) {
                        self.meet(link, known, next, &mut out.skipped);
                    }
                }
            }
        }
        if !page.index {
            out.skipped.push(Skipped { path: url.path().to_owned(), reason: "the page asks not to be listed (noindex)".to_owned() });
        }
        out.pages.push(page);
    }

    /// Reads some addresses; the answers are in their order.
    fn level(&self, urls: &[Url], shared: &Shared) -> Result<Vec<(Record, Option<SourceError>)>, SourceError> {
        let next = AtomicUsize::new(0);
        let answers: Mutex<Vec<(usize, Record, Option<SourceError>)>> = Mutex::new(Vec::with_capacity(urls.len()));
        let ended: Mutex<Option<SourceError>> = Mutex::new(None);
        let work = || {
            loop {
                if ended.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    return;
                }
                let at = next.fetch_add(1, Ordering::SeqCst);
                let Some(url) = urls.get(at) else { return };
                match self.one(url, shared) {
                    Ok((record, error)) => {
                        answers.lock().unwrap_or_else(PoisonError::into_inner).push((at, record, error));
                        let done = shared.done.fetch_add(1, Ordering::SeqCst) + 1;
                        self.progress.stage(Stage::Fetch, done as u64, shared.known.load(Ordering::SeqCst) as u64);
                    }
                    Err(error) => {
                        ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return;
                    }
                }
            }
        };
        // A site that asks for a delay is read by one.
        let threads = if self.robots.delay.is_some() { 1 } else { self.network.limits.connections.clamp(1, urls.len().max(1)) };
        std::thread::scope(|scope| {
            for number in 1..threads {
                // Without another thread this one does it alone.
                let _ = std::thread::Builder::new().name(format!("crawl-{number}")).spawn_scoped(scope, work);
            }
            work();
        });
        if let Some(error) = ended.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        answers.sort_by_key(|(at, _, _)| *at);
        Ok(answers.into_iter().map(|(_, record, error)| (record, error)).collect())
    }

    /// Reads one address, unless this crawl has it. An error ends the crawl; what is wrong with one page is in its record, and
    /// beside it as an error in case it is the only one.
    fn one(&self, url: &Url, shared: &Shared) -> Result<(Record, Option<SourceError>), SourceError> {
        let display = self.client.display();
        // What could not be read is asked for again: by now it may be there.
        let is_known = |known: &Record| known.moved.is_some() || known.body.as_ref().is_some_and(|body| self.memory.body(body).is_some());
        if let Some(record) = self.memory.now(url.as_str()).filter(is_known) {
            shared.bytes.fetch_add(record.body.as_ref().map_or(0, |body| body.size), Ordering::SeqCst);
            let error = record.reason.as_ref().map(|reason| SourceError::NoPage { display: display.to_owned(), reason: reason.clone() });
            return Ok((record, error));
        }
        let limits = &self.network.limits;
        if shared.started.elapsed() >= limits.time {
            return Err(SourceError::Unfinished { display: display.to_owned(), pages: shared.done.load(Ordering::SeqCst) });
        }
        let empty = Record { url: url.as_str().to_owned(), ..Record::default() };
        if shared.bytes.load(Ordering::SeqCst) >= limits.bytes {
            let reason = format!("it was not read: the limit is {} MiB for all pages", limits.bytes >> 20);
            return Ok((Record { reason: Some(reason), ..empty }, None));
        }
        self.pace(shared).map_err(|failure| failure.of(display))?;
        let before = self.memory.before(url.as_str());
        let seen = before.map(|record| record.validators.clone()).unwrap_or_default();
        let read = self.client.once(url, &seen, ACCEPT).and_then(|answer| self.read(answer, &empty, before, !seen.is_empty()));
        let (record, text, error) = match read {
            Ok(Read::Lasting(record, text, error)) => (*record, text, error),
            Ok(Read::Passing(status)) => {
                let reason = format!("the server answered with status {status}");
                return self.no_answer(&empty, before, &reason, refused(display, status), shared);
            }
            Err(Failure::Cancelled) => return Err(SourceError::Cancelled(display.to_owned())),
            Err(failure @ Failure::TooLarge(_)) => (Record { reason: Some(failure.in_words()), ..empty }, None, Some(failure.of(display))),
            Err(failure) => return self.no_answer(&empty, before, &failure.in_words(), failure.of(display), shared),
        };
        shared.failures.store(0, Ordering::SeqCst);
        shared.bytes.fetch_add(record.body.as_ref().map_or(0, |body| body.size), Ordering::SeqCst);
        self.memory.keep(&record, text.as_deref())?;
        Ok((record, error))
    }

    /// A page that may be there again tomorrow: what is known of it stays, and it is not remembered as read.
    fn no_answer(
        &self,
        empty: &Record,
        before: Option<&Record>,
        reason: &str,
        error: SourceError,
        shared: &Shared,
    ) -> Result<(Record, Option<SourceError>), SourceError> {
        shared.unanswered.fetch_add(1, Ordering::SeqCst);
        if shared.failures.fetch_add(1, Ordering::SeqCst) + 1 >= DOWN {
            return Err(error);
        }
        let record = match before {
            Some(before) => Record { reason: Some(format!("{reason}; its text of an earlier reading is kept")), ..before.clone() },
            None => Record { reason: Some(reason.to_owned()), ..empty.clone() },
        };
        Ok((record, Some(error)))
    }

    /// Waits for a start of one's own.
    fn pace(&self, shared: &Shared) -> Result<(), Failure> {
        let delay = self.network.limits.delay.max(self.robots.delay.unwrap_or(Duration::ZERO));
        let now = Instant::now();
        let mut next = shared.next_start.lock().unwrap_or_else(PoisonError::into_inner);
        let start = next.map_or(now, |next| next.max(now));
        *next = Some(start + delay);
        drop(next);
        self.client.wait(start.saturating_duration_since(now))
    }

    fn read(&self, answer: Answer<'_>, empty: &Record, before: Option<&Record>, asked: bool) -> Result<Read, Failure> {
        let display = || self.client.display().to_owned();
        if let Some(to) = &answer.location {
            let error = SourceError::Elsewhere { display: display(), to: crate::source::shown(to.as_str()) };
            return Ok(Read::Lasting(Box::new(Record { moved: Some(to.as_str().to_owned()), ..empty.clone() }), None, Some(error)));
        }
        match (answer.status, before) {
            (304, Some(before)) if asked => Ok(Read::Lasting(Box::new(Record { reason: None, ..before.clone() }), None, None)),
            (200, _) => {
                let content_type = answer.content_type();
                let Some(kind) = kind(&content_type, answer.url.path()) else {
                    let reason = format!("it is {content_type}, which is no page");
                    let error = SourceError::NoPage { display: display(), reason: reason.clone() };
                    return Ok(Read::Lasting(Box::new(Record { reason: Some(reason), ..empty.clone() }), None, Some(error)));
                };
                let (validators, robots): (Validators, _) = (answer.validators(), answer.header("x-robots-tag"));
                let text = answer.read(MAX_FILE)?;
                let body = Body { digest: digest(&text), kind, size: text.len() as u64 };
                Ok(Read::Lasting(Box::new(Record { body: Some(body), validators, robots, ..empty.clone() }), Some(text), None))
            }
            (status @ (408 | 429 | 500..), _) => Ok(Read::Passing(status)),
            (status, _) => {
                let reason = format!("the server answered with status {status}");
                Ok(Read::Lasting(Box::new(Record { reason: Some(reason), ..empty.clone() }), None, Some(refused(&display(), status))))
            }
        }
    }
}

/// What came of a request.
enum Read {
    /// Something that holds until the next crawl; with its text if that is new, and as an error if it is none.
    Lasting(Box<Record>, Option<Vec<u8>>, Option<SourceError>),
    /// A status that may pass.
    Passing(u16),
}

/// What a text is, by what the server says and, where that says little, by the address.
fn kind(content_type: &str, path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or("").to_ascii_lowercase();
    let by_name = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("md" | "mdx" | "markdown") => Some(Kind::Markdown),
        Some("rst") => Some(Kind::Rst),
        _ => None,
    };
    match content_type {
        "text/html" | "application/xhtml+xml" => Some(Kind::Html),
        "text/markdown" | "text/x-markdown" => Some(Kind::Markdown),
        "text/x-rst" => Some(Kind::Rst),
        "text/plain" => Some(by_name.unwrap_or(Kind::Text)),
        "" | "application/octet-stream" | "binary/octet-stream" => by_name,
        _ => None,
    }
}
