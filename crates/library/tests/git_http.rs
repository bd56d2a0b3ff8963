//! A repository behind HTTP, served by git's own backend, open and closed.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::ingest::{IngestError, IngestOptions, Silent, ingest};
use docent_library::source::{Source, SourceError};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
    assert!(
        Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
}

fn repository(folder: &Path) {
    let work = folder.join("work");
    fs::create_dir_all(work.join("docs")).unwrap();
    fs::write(work.join("README.md"), "# Gizmos\n\nGizmos are things that are turned by hand.\n").unwrap();
    git(&work, &["init", "-q"]);
    for number in 0..3 {
        fs::write(work.join("docs/page.md"), format!("# Page\n\nThis is text number {number} of the page.\n")).unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "-qm", "next"]);
        git(&work, &["tag", &format!("v{number}")]);
    }
    git(folder, &["clone", "-q", "--bare", "work", "acme/gizmos.git"]);
}

fn answer(stream: TcpStream, root: &Path, secret: bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let (method, target) = {
            let mut parts = request.split_whitespace();
            (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let mut body = Vec::new();
        if header("transfer-encoding").is_some() {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).unwrap();
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).unwrap();
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else if let Some(length) = header("content-length") {
            body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
        }
        assert!(header("authorization").is_none(), "credentials were sent in the clear");
        if secret {
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n").unwrap();
            continue;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut backend = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("REQUEST_METHOD", &method)
            .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or_default())
            .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        backend.stdin.take().unwrap().write_all(&body).unwrap();
        let output = backend.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        let content = &output[end + 4..];
        write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n", content.len()).unwrap();
        stream.write_all(content).unwrap();
    }
}

/// Serves the folder until the test ends; answers the port.
fn serve(root: PathBuf, secret: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let root = root.clone();
            std::thread::spawn(move || answer(stream, &root, secret));
        }
    });
    port
}

#[test]
fn a_repository_is_fetched_without_history_at_a_branch_or_tag() {
    let folder = tempfile::tempdir().unwrap();
    repository(folder.path());
    let port = serve(folder.path().to_owned(), false);
    let options =
        IngestOptions { workdir: folder.path().join("fetch"), index_root: folder.path().join("index"), ..IngestOptions::default() };
    let url = format!("http://127.0.0.1:{port}/acme/gizmos.git");
    let source = Source::parse(&url).unwrap();
    let newest = ingest(&source, &options, &Silent).unwrap();
    assert_eq!(
        (newest.id.to_string().as_str(), newest.title.as_str(), newest.pages, newest.branch.as_deref()),
        ("/acme/gizmos", "Gizmos", 2, Some("main"))
    );
    assert_eq!(source.remote_commit().unwrap(), newest.commit);
    let first = ingest(&Source::parse(&format!("{url}#v0")).unwrap(), &options, &Silent).unwrap();
    assert_ne!(first.commit, newest.commit);
    match ingest(&Source::parse(&format!("{url}#v9")).unwrap(), &options, &Silent) {
        Err(IngestError::Source(SourceError::NoSuchReference { available, .. })) => assert_eq!(available.len(), 4),
        other => panic!("{other:?}"),
    }
    let missing = ingest(&Source::parse(&format!("http://127.0.0.1:{port}/acme/none.git")).unwrap(), &options, &Silent);
    assert!(matches!(missing, Err(IngestError::Source(SourceError::NotARepository(_)))), "{missing:?}");
}

#[test]
fn a_closed_repository_is_named_and_a_password_is_never_sent_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    repository(folder.path());
    let port = serve(folder.path().to_owned(), true);
    let options =
        IngestOptions { workdir: folder.path().join("fetch"), index_root: folder.path().join("index"), ..IngestOptions::default() };
    let with = |user: &str| ingest(&Source::parse(&format!("http://{user}127.0.0.1:{port}/acme/gizmos.git")).unwrap(), &options, &Silent);
    let closed = with("");
    assert!(matches!(closed, Err(IngestError::Source(SourceError::Authentication(_)))), "{closed:?}");
    match with("reader:s3cret@") {
        Err(error @ IngestError::Source(SourceError::Insecure(_))) => assert!(!format!("{error} {error:?}").contains("s3cret")),
        other => panic!("{other:?}"),
    }
}
