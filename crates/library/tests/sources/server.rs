//! A web server on this machine that answers what it is told and remembers what it was asked. It ends with the test.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    pub fn html(body: &str) -> Self {
        Self::new(200, "text/html; charset=utf-8", format!("<!doctype html><html><head></head><body><main>{body}</main></body></html>"))
    }

    pub fn text(body: &str) -> Self {
        Self::new(200, "text/plain", body)
    }

    pub fn redirect(to: &str) -> Self {
        Self::new(301, "text/html", "").with("Location", to)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub status: u16,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    requests: Vec<Request>,
    /// After so many requests nobody is answered.
    stalls_after: Option<usize>,
}

pub struct Server {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (shared, end) = (state.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, state, ended, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn put(&self, path: &str, reply: Reply) {
        self.state.0.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    pub fn remove(&self, path: &str) {
        self.state.0.lock().unwrap().replies.remove(path);
    }

    /// What was asked since the last call.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.0.lock().unwrap().requests)
    }

    /// The paths that were asked for since the last call, in order of their names, with the status of the answer.
    pub fn asked(&self) -> Vec<(String, u16)> {
        let mut asked: Vec<(String, u16)> = self.requests().into_iter().map(|request| (request.path, request.status)).collect();
        asked.sort();
        asked
    }

    pub fn stall_after(&self, requests: Option<usize>) {
        self.state.0.lock().unwrap().stalls_after = requests;
    }

    /// Waits until so many requests have come.
    pub fn wait_for(&self, requests: usize) {
        let state = self.state.0.lock().unwrap();
        drop(self.state.1.wait_while(state, |state| state.requests.len() < requests).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut state = shared.0.lock().unwrap();
        let missing = Reply::new(404, "text/html", "nothing here");
        let mut reply = state.replies.get(&path).cloned().unwrap_or(missing);
        let etag = reply.headers.iter().find(|(name, _)| name == "ETag").map(|(_, value)| value.clone());
        if etag.is_some() && headers.get("if-none-match") == etag.as_ref() {
            reply = Reply { status: 304, body: Vec::new(), ..reply };
        }
        let stalls = state.stalls_after.is_some_and(|limit| state.requests.len() >= limit);
        let status = if stalls { 0 } else { reply.status };
        state.requests.push(Request { path, headers, status });
        drop(state);
        shared.1.notify_all();
        if stalls {
            // Until the other side is gone.
            let mut rest = String::new();
            let _ = reader.read_line(&mut rest);
            return;
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if reply.status != 304 {
            head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        head.push_str("\r\n");
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body)).is_err() {
            return;
        }
    }
}
