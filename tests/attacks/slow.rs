//! Connections that are held without asking for anything, or that ask so slowly that they never end.

use crate::parties::{call, signed_in};
use crate::raw::{address, host};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result};
use futures_util::future::{join, join_all};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a head may take (`client_request_timeout`), and a body, with what a busy machine adds.
const HEAD: Duration = Duration::from_secs(15 + 15);
const BODY: Duration = Duration::from_secs(30 + 15);
/// How long ten thousand may take to end, on a machine that is busy with more than them.
const IDLE: Duration = Duration::from_secs(90);
/// What an honest caller waits at most meanwhile. Far more than it takes: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many files a process may have open.
fn open_files_limit(process: u32) -> Result<usize> {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits"))?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("no limit of open files")?;
    let soft = line.split_whitespace().nth(3).context("no soft limit")?;
    Ok(if soft == "unlimited" { usize::MAX } else { soft.parse()? })
}

/// Asks for a higher limit. Who may not have it keeps what there is.
fn raise_open_files_limit(process: u32, wanted: usize) {
    for limit in [format!("--nofile={wanted}:{wanted}"), format!("--nofile={wanted}:")] {
        let _ = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn open_files(process: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

/// An honest caller's requests, one after the other, until `rounds` were made; the longest that one took.
async fn honest_caller(installation: &Installation, client: &OAuthClient, rounds: usize) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        // A new connection each time: one that was open before would not show whether new callers get in.
        let http = docent_tests::http::client()?;
        for (request, status) in [
            (http.get(format!("{}/healthz", installation.issuer)), 200),
            (http.post(&installation.resource).body("{}"), 401),
            (
                http.post(client.endpoint("token_endpoint")?).form(&[
                    ("grant_type", "refresh_token"),
                    ("client_id", &client.client_id),
                    ("refresh_token", "x"),
                ]),
                400,
            ),
        ] {
            let begun = Instant::now();
            let answer = tokio::time::timeout(PATIENCE, Answer::of(request)).await.context("an honest caller is not answered")??;
            ensure!(answer.status == status, "{} {}", answer.status, answer.body);
            longest = longest.max(begun.elapsed());
        }
    }
    Ok(longest)
}

/// Ten thousand connections that never say anything: the others are answered as before, and the idle ones are closed.
async fn ten_thousand_idle_connections(installation: &mut Installation) -> Result {
    let address = address(installation)?;
    let client = OAuthClient::register(installation, "Honest").await?;
    let (own, server) = (std::process::id(), installation.auth()?.id()?);
    raise_open_files_limit(own, 25_000);
    raise_open_files_limit(server, 25_000);
    let before = open_files(server)?;
    let room = open_files_limit(own)?.saturating_sub(300).min(open_files_limit(server)?.saturating_sub(before + 300));
    let wanted = room.min(10_000);
    eprintln!("{wanted} idle connections");
    ensure!(wanted >= 500, "the limits of open files leave room for {wanted} connections only: raise ulimit -n");

    let begun = Instant::now();
    let mut idle = Vec::with_capacity(wanted);
    while idle.len() < wanted {
        let batch = join_all((0..(wanted - idle.len()).min(250)).map(|_| TcpStream::connect(&address))).await;
        for connection in batch {
            idle.push(connection.context("a connection is not taken")?);
        }
    }
    let longest = honest_caller(installation, &client, 5).await.with_context(|| format!("beside {wanted} idle connections"))?;
    eprintln!("opened in {:?}; an honest caller waited {longest:?} at most", begun.elapsed());

    let closing = idle.into_iter().map(|mut connection| async move {
        let mut rest = Vec::new();
        // The server may say that it waited for too long (408), and then closes; or it just closes.
        let end = tokio::time::timeout(IDLE, connection.read_to_end(&mut rest)).await;
        matches!(end, Ok(Ok(_))) && (rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"))
    });
    let open = join_all(closing).await.into_iter().filter(|closed| !closed).count();
    ensure!(open == 0, "{open} of {wanted} idle connections were not closed, or not in order");
    honest_caller(installation, &client, 2).await.context("after the idle connections")?;
    let after = open_files(server)?;
    ensure!(after < before + 100, "{after} files are open, {before} were before");
    Ok(())
}

/// Sends `head` and then a drop twice a second, until the server has closed. How long that took.
async fn drip(address: String, head: String, drop: &'static str) -> Result<Duration> {
    let begun = Instant::now();
    let (mut reader, mut writer) = TcpStream::connect(&address).await?.into_split();
    writer.write_all(head.as_bytes()).await?;
    let reading = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
    };
    let writing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if !drop.is_empty() && writer.write_all(drop.as_bytes()).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = reading => {}, () = writing => {} }
    Ok(begun.elapsed())
}

/// Slowloris: heads and bodies that come byte by byte end after a time, however steadily they come, and nobody else waits for them.
async fn slowloris(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Honest").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let address = address(installation)?;
    let own = host(&address);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let post = |path: &str, headers: &str| format!("POST {path} HTTP/1.1\r\nHost: {own}\r\n{headers}\r\n");
    let json = "Content-Type: application/json\r\nContent-Length: 60000\r\n";
    let bearer = format!("Authorization: Bearer {}\r\nAccept: application/json, text/event-stream\r\n{json}", tokens.access_token);
    let cases = [
        ("a head line by line", format!("GET / HTTP/1.1\r\nHost: {own}\r\n"), "X: y\r\n", HEAD),
        ("a head byte by byte", "GET /".to_owned(), "a", HEAD),
        ("half a head", format!("GET / HTTP/1.1\r\nHost: {own}\r\nX"), "", HEAD),
        ("empty lines", String::new(), "\r\n", HEAD),
        ("a used connection", format!("GET /healthz HTTP/1.1\r\nHost: {own}\r\n\r\n"), "", HEAD),
        ("a form", post("/oauth/token", &format!("{form}Content-Length: 60000\r\n")), "a", BODY),
        ("a form in chunks", post("/oauth/token", &format!("{form}Transfer-Encoding: chunked\r\n")), "1\r\na\r\n", BODY),
        ("a chunk extension", format!("{}5;", post("/oauth/token", &format!("{form}Transfer-Encoding: chunked\r\n"))), "x", BODY),
        ("trailers", format!("{}0\r\n", post("/oauth/token", &format!("{form}Transfer-Encoding: chunked\r\n"))), "X: y\r\n", BODY),
        ("a registration", post("/oauth/register", json), " ", BODY),
        ("a sign-in", post("/sign-in", &format!("{form}Content-Length: 60000\r\n")), "a", BODY),
        ("a consent", post("/oauth/authorize", &format!("{form}Content-Length: 60000\r\n")), "a", BODY),
        ("a call without a token", post("/mcp", json), " ", BODY),
        ("a call", post("/mcp", &bearer), " ", BODY),
        ("a body to no such path", post("/no/such", json), " ", BODY),
        ("chunks to no such path", post("/no/such", "Transfer-Encoding: chunked\r\n"), "1\r\na\r\n", BODY),
        ("a promise of a body", post("/oauth/token", &format!("{form}Content-Length: 60000\r\nExpect: 100-continue\r\n")), "", BODY),
    ];
    let slow = cases.iter().flat_map(|(label, head, drop, limit)| (0..8).map(move |_| (label, head, drop, limit)));
    let slow = join_all(slow.map(|(label, head, drop, limit)| {
        let dripping = tokio::time::timeout(*limit, drip(address.clone(), head.clone(), drop));
        async move { (*label, dripping.await) }
    }));
    let (ends, honest) = join(slow, honest_caller(installation, &client, 20)).await;
    honest?;
    let mut verdicts = Verdicts::new();
    for (label, end) in ends {
        verdicts.add(label, end.with_context(|| "it is still open").and_then(|took| took.map(drop)));
    }
    ensure!(call(&client, &tokens.access_token).await?.status == 200, "the token was spent");
    verdicts.end()
}

docent_tests::in_shape!(together, Together, ten_thousand_idle_connections, slowloris);
