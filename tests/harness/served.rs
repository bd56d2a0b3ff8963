//! A JSON document that a test serves over HTTP on this machine: another issuer's keys, for example.

use crate::Result;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Debug)]
struct Document {
    status: u16,
    body: String,
    after: Duration,
    asked: usize,
}

/// The document, at whatever path it is asked for. It is not served any more when this is dropped.
#[derive(Debug)]
pub struct Served {
    /// Where: `http://127.0.0.1:PORT`.
    pub origin: String,
    document: Arc<Mutex<Document>>,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, document: Arc<Mutex<Document>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut some = [0; 1024];
        let read = stream.read(&mut some).await?;
        if read == 0 || head.len() > 16 * 1024 {
            return Ok(());
        }
        head.extend_from_slice(&some[..read]);
    }
    let (status, body, after) = {
        let mut document = document.lock().unwrap_or_else(PoisonError::into_inner);
        document.asked += 1;
        (document.status, document.body.clone(), document.after)
    };
    tokio::time::sleep(after).await;
    let answer = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await
}

impl Served {
    /// Serves a document.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn new(document: &Value) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let document = Arc::new(Mutex::new(Document { status: 200, body: document.to_string(), after: Duration::ZERO, asked: 0 }));
        let served = Arc::clone(&document);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served)));
            }
        });
        Ok(Self { origin, document, task })
    }

    fn change(&self, change: impl FnOnce(&mut Document)) {
        change(&mut self.document.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Serves another document from now on.
    pub fn set(&self, document: &Value) {
        self.change(|served| (served.status, served.body, served.after) = (200, document.to_string(), Duration::ZERO));
    }

    /// Answers with this status and body from now on, after a while.
    pub fn set_raw(&self, status: u16, body: &str, after: Duration) {
        self.change(|served| (served.status, served.body, served.after) = (status, body.to_owned(), after));
    }

    /// How often it was asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.document.lock().unwrap_or_else(PoisonError::into_inner).asked
    }
}
