//! Documentation at size: how fast and in how much memory it is read, questions to 50,000 snippets by words and by meaning, and ten
//! thousand libraries on one node.

use crate::load::Connection;
use crate::server::{Server, binary};
use crate::{retrieval, row, tokens, tools};
use anyhow::Context as _;
use docent_library::artefact::{self, Meta};
use docent_library::embedding::local::LocalModel;
use docent_library::embedding::{SharedEmbedder, Vectors, making, vectors};
use docent_library::ingest::{IngestOptions, ingest};
use docent_library::source::{Silent, Source};
use docent_store::{Database, NewLibrary, PublishVersion, Store};
use docent_types::documentation::{Inspection, Visibility};
use docent_types::ids::{LibraryRowId, VersionRowId};
use docent_types::random::SystemRandomness;
use docent_types::sealing::Sealer;
use docent_types::time::{Clock as _, SystemClock};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Markdown that a library is made of.
struct Markdown {
    pages: Vec<(String, String)>,
}

impl Markdown {
    fn of(shared: &Path) -> anyhow::Result<Self> {
        let mut pages = Vec::new();
        let mut waiting = vec![shared.join("corpora")];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md" || extension == "mdx") {
                    let name = path.strip_prefix(shared)?.to_string_lossy().into_owned();
                    pages.push((name, fs::read_to_string(&path)?));
                }
            }
        }
        pages.sort();
        Ok(Self { pages })
    }

    /// Writes it again and again until there are so many bytes, each time in other words. Answers how many were written.
    fn write(&self, folder: &Path, bytes: u64) -> anyhow::Result<u64> {
        let mut written = 0;
        for copy in 0.. {
            for (name, text) in &self.pages {
                if written >= bytes {
                    return Ok(written);
                }
                let path = folder.join(format!("docs/part{copy}")).join(name);
                fs::create_dir_all(path.parent().context("no folder")?)?;
                // Each paragraph says which copy it is of: nothing is the same twice.
                let mut fenced = false;
                let lines = text.lines().map(|line| {
                    fenced ^= line.trim_start().starts_with("```");
                    let is_prose = !fenced && line.starts_with(|c: char| c.is_ascii_alphabetic());
                    if is_prose { format!("copy{copy} {line}\n") } else { format!("{line}\n") }
                });
                let text: String = lines.collect();
                fs::write(&path, &text)?;
                written += text.len() as u64;
            }
        }
        Ok(written)
    }
}

/// What a process took.
struct Took {
    seconds: f64,
    /// Memory of its own at its peak, in MB.
    own: f64,
    /// With the files that it had mapped, in MB.
    resident: f64,
}

/// Runs `docent` and looks at its memory forty times a second.
fn docent(data: &Path, arguments: &[&str]) -> anyhow::Result<Took> {
    let mut command = Command::new(binary()?);
    command.env("DOCENT__LOG__LEVEL", "error").arg("--data").arg(data).args(arguments);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn()?;
    let (mut own, mut resident) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
            };
            own = own.max(value("RssAnon:"));
            resident = resident.max(value("VmHWM:"));
        }
        std::thread::sleep(Duration::from_millis(25));
    };
    anyhow::ensure!(status.success(), "docent {arguments:?} failed");
    Ok(Took { seconds: started.elapsed().as_secs_f64(), own, resident })
}

/// Reading: megabytes a second, and memory.
///
/// # Errors
/// The shared folder is missing, or `docent` fails.
pub fn reading(shared: &Path, megabytes: u64) -> anyhow::Result<()> {
    let markdown = Markdown::of(shared)?;
    let work = tempfile::tempdir()?;
    let source = work.path().join("source");
    let written = markdown.write(&source, megabytes * 1_000_000)?;
    let megabytes = written as f64 / 1e6;
    println!("| what | budget | seen |\n|---|---|---|");
    let show = |took: &Took| {
        format!(
            "{:.1} s, {:.1} MB/s; memory of its own {:.0} MB, with mapped files {:.0} MB",
            took.seconds,
            megabytes / took.seconds,
            took.own,
            took.resident
        )
    };
    let data = work.path().join("data");
    let path = source.display().to_string();
    let first = docent(&data, &["library", "add", &path, "--id", "/bench/large"])?;
    row(&format!("{megabytes:.0} MB of Markdown read"), "20 MB/s", &show(&first));
    let again = docent(&data, &["library", "refresh", "/bench/large"])?;
    row("the same again, nothing changed", "-", &show(&again));
    fs::write(source.join("docs/one-more.md"), "# One more\n\nA page that came later.\n")?;
    let more = docent(&data, &["library", "refresh", "/bench/large"])?;
    row("the same with one page more", "-", &show(&more));
    Ok(())
}

/// A git repository of two gigabytes, of which a part is documentation.
///
/// # Errors
/// The shared folder is missing, `git` or `docent` fails.
pub fn repository(shared: &Path, megabytes: u64, documentation: u64) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let source = work.path().join("source");
    let written = Markdown::of(shared)?.write(&source, documentation * 1_000_000)?;
    // Code that does not compress to nothing, as files of 1 MB.
    let mut seed = 1_u64;
    for file in 0..megabytes.saturating_sub(written / 1_000_000) {
        let mut text = String::with_capacity(1_000_000);
        while text.len() < 1_000_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("let v{:x} = f{:x}(x);\n", seed >> 20, seed >> 40));
        }
        let path = source.join(format!("src/part{}/file{file}.rs", file / 100));
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(path, text)?;
    }
    let git = |arguments: &[&str]| -> anyhow::Result<()> {
        let identity =
            ["-c", "user.name=bench", "-c", "user.email=bench@bench.invalid", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"];
        let status = Command::new("git").args(identity).args(arguments).current_dir(&source).stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "git {arguments:?} failed");
        Ok(())
    };
    for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "all"], &["repack", "-qad", "--window=0"]] {
        git(arguments)?;
    }
    fs::remove_dir_all(source.join("src"))?;
    // As from a host: what is on this machine already would not be fetched.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let base = format!("--base-path={}", work.path().display());
    let arguments = ["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}"), &base];
    let mut host = Command::new("git").args(arguments).stdin(Stdio::null()).spawn()?;
    std::thread::sleep(Duration::from_secs(1));
    let address = format!("git://127.0.0.1:{port}/source/.git");
    let took = docent(&work.path().join("data"), &["library", "add", &address, "--id", "/bench/repository"]);
    host.kill()?;
    host.wait()?;
    let took = took?;
    row(
        &format!("git repository of {megabytes} MB, {} MB of it Markdown", written / 1_000_000),
        "500 MB of memory",
        &format!("{:.1} s; memory of its own {:.0} MB, with mapped files {:.0} MB", took.seconds, took.own, took.resident),
    );
    Ok(())
}

/// Questions to one library of 50,000 snippets, by words and by meaning.
///
/// # Errors
/// The shared folder or the model is missing.
pub fn meaning(shared: &Path, model: &Path) -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let embedder: SharedEmbedder = Arc::new(LocalModel::open(model, None)?);
    let (mut all, mut hashes) = (Vec::new(), Vec::new());
    for name in retrieval::LIBRARIES {
        let source = Source::parse(&shared.join("corpora").join(name).display().to_string())?;
        let options = IngestOptions { workdir: root.path().join("work"), index_root: root.path().to_owned(), ..IngestOptions::default() };
        let hash = ingest(&source, &options, &Silent)?.artefact;
        let snippets = artefact::snippets(&artefact::folder(root.path(), &hash))?;
        let started = Instant::now();
        making::make(root.path(), &embedder, &hash, &[], &|_| true)?;
        let seconds = started.elapsed().as_secs_f64();
        let characters: usize = snippets.iter().map(docent_library::snippet::characters).sum();
        row(
            &format!("vectors of {name}, {} snippets of {} characters", snippets.len(), characters / snippets.len().max(1)),
            "30/s",
            &format!("{seconds:.1} s, {:.1}/s, {:.1} kB/s", snippets.len() as f64 / seconds, characters as f64 / 1e3 / seconds),
        );
        all.extend(snippets);
        hashes.push(hash);
    }
    let many = retrieval::fifty_thousand(&all);
    let built = artefact::build(root.path(), &many, &Meta { source: "bench".to_owned(), ..Meta::default() })?;
    making::make(root.path(), &embedder, &built.hash, &hashes, &|_| true)?;
    let questions: Vec<String> = retrieval::questions(shared)?.into_values().flatten().collect();
    let index = artefact::open(root.path(), &built.hash)?;
    let ask = |by_meaning: bool| -> anyhow::Result<(f64, f64, f64)> {
        let (mut times, mut embedding) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            for question in &questions {
                let started = Instant::now();
                let vector = if by_meaning { embedder.embed(std::slice::from_ref(question))?.into_iter().next() } else { None };
                embedding.push(started.elapsed().as_secs_f64() * 1e3);
                index.search(question, vector.as_deref(), 30)?;
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        times.sort_unstable_by(f64::total_cmp);
        embedding.sort_unstable_by(f64::total_cmp);
        Ok((times[times.len() / 2], times[times.len() * 99 / 100], embedding[embedding.len() / 2]))
    };
    ask(false)?;
    let (p50, p99, _) = ask(false)?;
    row("50,000 snippets, by words", "p50 3 ms, p99 15 ms", &format!("p50 {p50:.2} ms, p99 {p99:.2} ms"));
    index.set_vectors(Vectors::open(&vectors::path(root.path(), embedder.name(), &built.hash))?);
    ask(true)?;
    let (p50, p99, embedding) = ask(true)?;
    row(
        "50,000 snippets, by words and meaning",
        "p50 15 ms",
        &format!("p50 {p50:.2} ms (of it the question's vector {embedding:.2} ms), p99 {p99:.2} ms"),
    );
    Ok(())
}

/// Seals nothing: these libraries are never read again.
struct Unsealed;

impl Sealer for Unsealed {
    fn seal(&self, _: &str, plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }
    fn open(&self, _: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }
}

/// Writes libraries of some pages each into a data folder.
async fn libraries(data: &Path, shared: &Path, count: usize) -> anyhow::Result<Vec<String>> {
    let markdown = Markdown::of(shared)?;
    let store = Store::connect(&Database::Sqlite(data.join("docent.sqlite")), 1).await?.with_sealer(Arc::new(Unsealed));
    let folder: PathBuf = data.join("source");
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        fs::create_dir_all(folder.join("docs"))?;
        for page in 0..3 {
            let (_, text) = &markdown.pages[(number * 3 + page) % markdown.pages.len()];
            let text: String = text.chars().take(12_000).collect();
            fs::write(
                folder.join(format!("docs/page{page}.md")),
                format!("# Library {number}, page {page}\n\nOf library{number}.\n\n{text}"),
            )?;
        }
        let id = format!("/owner{}/library{number}", number % 997);
        let options =
            IngestOptions { id: Some(id.parse()?), workdir: data.join("work"), index_root: data.join("index"), ..IngestOptions::default() };
        let ingested = ingest(&Source::Folder(folder.clone()), &options, &Silent)?;
        fs::remove_dir_all(&folder)?;
        let now = SystemClock.now();
        let row = LibraryRowId::generate(now, &SystemRandomness);
        let new = NewLibrary {
            row,
            id: id.parse()?,
            title: format!("Library {number}"),
            title_fixed: true,
            description: format!("The library with the number {number}, which does what it does."),
            source: folder.display().to_string(),
            source_display: folder.display().to_string(),
            visibility: Visibility::Public,
            wanted_version: None,
            now,
        };
        store.add_library(new).await?;
        let publish = PublishVersion {
            library: row,
            version_row: VersionRowId::generate(now, &SystemRandomness),
            version: None,
            artefact: ingested.artefact,
            commit: None,
            pages: ingested.pages,
            snippets: ingested.snippets,
            tokens: ingested.tokens,
            skipped: Vec::new(),
            inspection: Inspection { by: ingested.inspection.by, findings: Vec::new() },
            title: ingested.title,
            description: ingested.description,
            rules: Vec::new(),
            offered_versions: Vec::new(),
            format: artefact::FORMAT,
            now,
            job: None,
        };
        store.publish_version(publish).await?;
        ids.push(id);
    }
    Ok(ids)
}

/// One connection that asks one library after the other.
async fn ask(server: &Server, token: &str, ids: &[String], steps: usize, stride: usize) -> anyhow::Result<(f64, f64)> {
    let mut connection = Connection::open(server.address).await?;
    let mut times = Vec::with_capacity(steps);
    for step in 0..steps {
        let id = &ids[step * stride % ids.len()];
        let request = tools::call(&server.host(), token, "2026-07-28", id, "how is a page of this library configured for production?");
        let started = Instant::now();
        let answer = connection.ask(&request).await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        let text = String::from_utf8_lossy(&answer.body);
        anyhow::ensure!(answer.status == 200 && text.contains("Source:"), "{} {text}", answer.status);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}

/// Many libraries on one node: memory and latency, beside a node with few.
///
/// # Errors
/// The shared folder is missing, or the server fails.
pub async fn many(shared: &Path, count: usize) -> anyhow::Result<()> {
    println!(
        "| libraries | start | memory at the start | the same library again, p50 / p99 | another library each time, p50 / p99 | memory after that |\n|---|---|---|---|---|---|"
    );
    for count in [10, count] {
        let data = tempfile::tempdir()?;
        drop(Server::start(data.path(), None, false)?);
        let ids = libraries(data.path(), shared, count).await?;
        let server = Server::start(data.path(), None, false)?;
        let token = tokens::one(&server, &Database::Sqlite(data.path().join("docent.sqlite"))).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = server.memory()?;
        ask(&server, &token, &ids, 200, 0).await?;
        let same = ask(&server, &token, &ids, 3_000, 0).await?;
        // A stride that meets every library before it meets one again.
        let other = ask(&server, &token, &ids, 10_000, 7_919).await?;
        println!(
            "| {count} | {:.0} ms | {before:.0} MiB | {:.2} / {:.2} ms | {:.2} / {:.2} ms | {:.0} MiB |",
            server.start.as_secs_f64() * 1e3,
            same.0,
            same.1,
            other.0,
            other.1,
            server.memory()?
        );
    }
    Ok(())
}
