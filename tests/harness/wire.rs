//! What goes over the wire between clients and a process: bytes are passed on as they come, and read afterwards.

use crate::{Result, port};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its place among all that was heard.
    pub at: u64,
    /// The request's method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The request's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: String,
    /// The answer's status; 0 if none came.
    pub status: u16,
    /// The answer's headers, names in lower case.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer: String,
}

impl Exchange {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header of the request.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// A header of the answer.
    #[must_use]
    pub fn answer_header(&self, name: &str) -> Option<&str> {
        value(&self.answer_headers, name)
    }

    /// A parameter of the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        parameter(self.target.split_once('?')?.1, name)
    }

    /// A parameter of a form.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<String> {
        parameter(&self.body, name)
    }
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
}

fn parameter(encoded: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(encoded.as_bytes()).find(|(one, _)| one == name).map(|(_, value)| value.into_owned())
}

#[derive(Debug, Default)]
struct Side {
    bytes: Vec<u8>,
    /// Where each piece begins, and its place among all pieces.
    pieces: Vec<(usize, u64)>,
}

#[derive(Debug, Default)]
struct Connection {
    up: Mutex<Side>,
    down: Mutex<Side>,
}

/// How many pieces were heard, on all wires: what came first on one of them has a lower number than what came later on another.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// How much was heard until now: exchanges that come later have a higher `at`.
#[must_use]
pub fn now() -> u64 {
    HEARD.load(Ordering::SeqCst)
}

#[derive(Debug, Default)]
struct Shared {
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Words that a request waits with until as many requests with them have come.
    gate: Mutex<Option<Gate>>,
}

#[derive(Clone, Debug)]
struct Gate {
    words: &'static [u8],
    wanted: usize,
    came: Arc<AtomicUsize>,
    limit: Duration,
}

/// Stands before a process on a port of its own.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Its port.
    pub port: u16,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Listens, and passes everything on to `target`, a port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is free.
    pub async fn before(target: u16) -> Result<Self> {
        let port = port::free()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let this = Self { port, shared: Arc::default() };
        let shared = Arc::clone(&this.shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { continue };
                // As if nothing stood between.
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let connection = Arc::new(Connection::default());
                lock(&shared.connections).push(Arc::clone(&connection));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(Arc::clone(&shared), Arc::clone(&connection), true, from_client, to_server));
                tokio::spawn(pass(Arc::clone(&shared), connection, false, from_server, to_client));
            }
        });
        Ok(this)
    }

    /// Holds requests that contain `words` until `count` of them have come, or the first has waited for `limit`: they arrive at once.
    pub fn gather(&self, words: &'static str, count: usize, limit: Duration) {
        let gate = Gate { words: words.as_bytes(), wanted: count, came: Arc::default(), limit };
        *lock(&self.shared.gate) = Some(gate);
    }

    /// All that was heard, in the order in which the requests came.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let connections = lock(&self.shared.connections).clone();
        let mut all: Vec<Exchange> = connections.iter().flat_map(|connection| exchanges(connection)).collect();
        all.sort_by_key(|exchange| exchange.at);
        all
    }
}

async fn pass(shared: Arc<Shared>, connection: Arc<Connection>, up: bool, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = &buffer[..count];
        let at = HEARD.fetch_add(1, Ordering::SeqCst) + 1;
        {
            let mut side = lock(if up { &connection.up } else { &connection.down });
            let begin = side.bytes.len();
            side.pieces.push((begin, at));
            side.bytes.extend_from_slice(piece);
        }
        if up {
            wait_at_gate(&shared, piece).await;
        }
        if to.write_all(piece).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn wait_at_gate(shared: &Shared, piece: &[u8]) {
    let Some(gate) = lock(&shared.gate).clone() else { return };
    if !piece.windows(gate.words.len()).any(|window| window == gate.words) {
        return;
    }
    gate.came.fetch_add(1, Ordering::SeqCst);
    let until = Instant::now() + gate.limit;
    while gate.came.load(Ordering::SeqCst) < gate.wanted && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Message {
    at: u64,
    first: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The message at the beginning of `bytes`, and its length; `None` if it is not complete.
fn message(side: &Side, begin: usize, has_body: impl Fn(&str) -> bool) -> Option<(Message, usize)> {
    let bytes = &side.bytes[begin..];
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..head_end]);
    let mut lines = head.split("\r\n");
    let first = lines.next()?.to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let at = side.pieces.iter().rev().find(|(start, _)| *start <= begin).map(|(_, at)| *at)?;
    let rest = &bytes[head_end + 4..];
    let (body, length) = if !has_body(&first) {
        (Vec::new(), 0)
    } else if value(&headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        chunked(rest)?
    } else {
        let length: usize = value(&headers, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        (rest.get(..length)?.to_vec(), length)
    };
    Some((Message { at, first, headers, body: String::from_utf8_lossy(&body).into_owned() }, head_end + 4 + length))
}

/// A chunked body and the length that it takes.
fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return (at <= bytes.len()).then_some((body, at));
        }
    }
}

fn exchanges(connection: &Connection) -> Vec<Exchange> {
    let (up, down) = (lock(&connection.up), lock(&connection.down));
    let (mut asked, mut answered, mut found) = (0, 0, Vec::new());
    while let Some((request, length)) = message(&up, asked, |_| true) {
        asked += length;
        let mut words = request.first.split(' ');
        let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let is_head = method == "HEAD";
        let has_body = |first: &str| !is_head && !matches!(status_of(first), 100..200 | 204 | 304);
        let mut answer = None;
        while let Some((one, length)) = message(&down, answered, has_body) {
            answered += length;
            if status_of(&one.first) >= 200 {
                answer = Some(one);
                break;
            }
        }
        let (status, answer_headers, answer) =
            answer.map_or((0, Vec::new(), String::new()), |one| (status_of(&one.first), one.headers, one.body));
        found.push(Exchange {
            at: request.at,
            method,
            target,
            headers: request.headers,
            body: request.body,
            status,
            answer_headers,
            answer,
        });
    }
    found
}

fn status_of(first: &str) -> u16 {
    first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
