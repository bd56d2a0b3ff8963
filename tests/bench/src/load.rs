//! A load over loopback: HTTP/1.1 connections that are kept open, each with one request under way.

use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects without Nagle's delay.
    ///
    /// # Errors
    /// The server is not there.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer, which must have a Content-Length or be chunked.
    ///
    /// # Errors
    /// The connection broke, or the answer is not HTTP/1.1.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..head_end])?.to_ascii_lowercase();
        let status = head.get(9..12).context("no status")?.parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).map(|value| value.trim().parse::<usize>());
        let body = match length {
            Some(length) => {
                let length = length?;
                while self.buffer.len() < head_end + length {
                    self.more().await?;
                }
                self.buffer[head_end..head_end + length].to_vec()
            }
            None if head.contains("transfer-encoding: chunked") => {
                while !self.buffer.ends_with(b"0\r\n\r\n") {
                    self.more().await?;
                }
                self.buffer[head_end..].to_vec()
            }
            None => Vec::new(),
        };
        Ok(Answer { status, body })
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A POST with a body.
#[must_use]
pub fn post(path: &str, host: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

/// What a load came to.
pub struct Figures {
    /// Requests answered a second.
    pub rate: f64,
    /// Milliseconds at 50 and 99 percent.
    pub p50: f64,
    /// Milliseconds at 99 percent.
    pub p99: f64,
    /// Answers with another status than was wanted.
    pub failed: usize,
}

impl Figures {
    /// From the times of all requests that ran between `started` and now.
    #[must_use]
    pub fn new(mut times: Vec<Duration>, started: Instant, failed: usize) -> Self {
        let rate = times.len() as f64 / started.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| {
            times
                .get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)))
                .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self { rate, p50: at(0.50), p99: at(0.99), failed }
    }
}

/// Runs `callers` loops at once on this thread for `time`, until nothing is left to ask; `next` makes a request of the answer before it.
///
/// # Errors
/// A connection broke.
pub async fn run<S: 'static>(
    address: SocketAddr,
    states: Vec<S>,
    time: Duration,
    next: impl Fn(&mut S) -> Option<Vec<u8>> + Copy + 'static,
    learn: impl Fn(&mut S, &Answer) -> bool + Copy + 'static,
) -> anyhow::Result<Figures> {
    Ok(run_and_keep(address, states, time, next, learn).await?.0)
}

/// As [`run`]; answers the states as well.
///
/// # Errors
/// A connection broke.
pub async fn run_and_keep<S: 'static>(
    address: SocketAddr,
    states: Vec<S>,
    time: Duration,
    next: impl Fn(&mut S) -> Option<Vec<u8>> + Copy + 'static,
    learn: impl Fn(&mut S, &Answer) -> bool + Copy + 'static,
) -> anyhow::Result<(Figures, Vec<S>)> {
    let started = Instant::now();
    let tasks: Vec<_> = states
        .into_iter()
        .map(|mut state| {
            tokio::task::spawn_local(async move {
                let mut connection = Connection::open(address).await?;
                let (mut times, mut failed) = (Vec::new(), 0);
                while started.elapsed() < time {
                    let Some(request) = next(&mut state) else { break };
                    let sent = Instant::now();
                    let answer = connection.ask(&request).await?;
                    times.push(sent.elapsed());
                    if !learn(&mut state, &answer) {
                        failed += 1;
                    }
                }
                anyhow::Ok((times, failed, state))
            })
        })
        .collect();
    let (mut times, mut failed, mut states) = (Vec::new(), 0, Vec::new());
    for task in tasks {
        let (more, bad, state) = task.await??;
        times.extend(more);
        failed += bad;
        states.push(state);
    }
    Ok((Figures::new(times, started, failed), states))
}
