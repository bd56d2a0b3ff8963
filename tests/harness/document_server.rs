//! A web server over TLS for what clients publish: metadata documents (their `client_id`) and key sets.
//!
//! # From a story
//! List it in [`crate::with_documents!`] instead of `together_and_split!`. The Docent under test then trusts this server's certificate
//! authority and asks this server for [`HOSTS`] and for `localhost`:
//! ```ignore
//! let documents = installation.documents()?;
//! let client_id = documents.publish_client("app.example", "/client.json", &json!({"client_name": "App"}));
//! // client_id == "https://app.example/client.json"; its redirect URI is http://127.0.0.1/callback unless the JSON says otherwise.
//! ```
//! [`crate::OAuthClient::published`] makes a client of it that goes through discovery and then uses that id. To serve what a client
//! that cannot be told its `client_id` calls itself by, publish at that very URL (its host must be in [`HOSTS`]):
//! Codex is `https://chatgpt.com/oauth/codex/client.json`.
//!
//! # From outside
//! [`DocumentServer::start`] alone gives a server, and [`DocumentServer::variables`] the environment for any `docent serve`:
//! `DOCENT__CLIENTS__METADATA_DOCUMENT_CA` (the authority, a PEM file) and `DOCENT__CLIENTS__METADATA_DOCUMENT_HOSTS_ALLOWED`
//! (`host=127.0.0.1:PORT` for each host, and `localhost`). Programs that are to fetch from it themselves, too, trust the same file:
//! `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`, `curl --cacert`; at `https://localhost:PORT/…` they need no name service.

use crate::Result;
use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// The hosts that this server stands for, besides `localhost`.
pub const HOSTS: [&str; 5] = ["app.example", "other.example", "chatgpt.com", "claude.ai", "vscode.dev"];

/// What is done at a URL.
#[derive(Clone, Debug)]
pub enum Page {
    /// Send this, byte for byte, and close.
    Bytes(Vec<u8>),
    /// Send this, and then these bytes again and again until nobody listens.
    Flood(Vec<u8>, Vec<u8>),
    /// Send this, and then a space each 100 ms.
    Drip(Vec<u8>),
    /// Say nothing.
    Hang,
}

type Pages = Arc<Mutex<HashMap<String, Page>>>;

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct DocumentServer {
    /// Where it listens.
    pub address: SocketAddr,
    authority: PathBuf,
    pages: Pages,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<u64>>,
    task: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A document over HTTP.
#[must_use]
pub fn json_answer(document: &Value, headers: &str) -> Vec<u8> {
    let body = document.to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// A certificate authority and a certificate for all our names.
fn tls() -> Result<(String, TlsAcceptor)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let names = HOSTS.into_iter().chain(["localhost", "127.0.0.1"]).map(str::to_owned).collect::<Vec<_>>();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    Ok((pem, TlsAcceptor::from(Arc::new(config))))
}

impl DocumentServer {
    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port, no certificate, no file.
    pub async fn start() -> Result<Self> {
        let (pem, tls) = tls()?;
        let folder = tempfile::Builder::new().prefix("docent-documents-").tempdir()?;
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, pem)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (pages, requests, connections) = (Pages::default(), Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<u64>>::default());
        let (served, seen, counted) = (Arc::clone(&pages), Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *locked(&counted) += 1;
                let (tls, served, seen) = (tls.clone(), Arc::clone(&served), Arc::clone(&seen));
                // Whoever breaks off is no concern of ours.
                tokio::spawn(async move { serve(stream, &tls, &served, &seen).await.ok() });
            }
        });
        Ok(Self { address, authority, pages, requests, connections, task, _folder: folder })
    }

    /// The environment in which a Docent accepts what stands here.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let hosts: Vec<String> = HOSTS.iter().map(|host| format!("{host}={}", self.address)).chain([String::from("localhost")]).collect();
        vec![
            ("DOCENT__CLIENTS__METADATA_DOCUMENT_CA".to_owned(), self.authority.display().to_string()),
            ("DOCENT__CLIENTS__METADATA_DOCUMENT_HOSTS_ALLOWED".to_owned(), hosts.join(",")),
        ]
    }

    /// The file with the certificate authority, for programs that fetch from here themselves.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.authority.clone()
    }

    fn url(&self, host: &str, path: &str) -> String {
        if host == "localhost" { format!("https://localhost:{}{path}", self.address.port()) } else { format!("https://{host}{path}") }
    }

    /// Publishes a page; returns its URL.
    pub fn publish(&self, host: &str, path: &str, page: Page) -> String {
        let url = self.url(host, path);
        locked(&self.pages).insert(url.clone(), page);
        url
    }

    /// Publishes JSON.
    pub fn publish_json(&self, host: &str, path: &str, document: &Value) -> String {
        self.publish(host, path, Page::Bytes(json_answer(document, "Cache-Control: max-age=3600\r\n")))
    }

    /// Publishes the metadata document of a client; returns its `client_id`. `more` adds fields or replaces them.
    pub fn publish_client(&self, host: &str, path: &str, more: &Value) -> String {
        let id = self.url(host, path);
        let mut document = json!({
            "client_id": id, "client_name": "Published", "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            document[name] = value.clone();
        }
        self.publish_json(host, path, &document)
    }

    /// Takes a page away: 404 from now on.
    pub fn remove(&self, url: &str) {
        locked(&self.pages).remove(url);
    }

    /// The URLs that were asked for so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        locked(&self.requests).clone()
    }

    /// How many connections came so far, whatever came of them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        *locked(&self.connections)
    }
}

impl Drop for DocumentServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, tls: &TlsAcceptor, pages: &Pages, seen: &Mutex<Vec<String>>) -> Result {
    let mut stream = tls.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).context("no path")?;
    let is_host = |line: &&str| line.to_ascii_lowercase().starts_with("host:");
    let host = head.lines().find(is_host).and_then(|line| line.split_once(':')).context("no Host")?.1.trim();
    let url = format!("https://{host}{path}");
    locked(seen).push(url.clone());
    let page = locked(pages).get(&url).cloned();
    let gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    answer(&mut stream, page.unwrap_or(Page::Bytes(gone))).await
}

async fn answer(stream: &mut TlsStream<TcpStream>, page: Page) -> Result {
    match page {
        Page::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
        }
        Page::Flood(bytes, again) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&again).await?;
            }
        }
        Page::Drip(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.write_all(b" ").await?;
                stream.flush().await?;
            }
        }
        // Until the other side gives up.
        Page::Hang => while stream.read_u8().await.is_ok() {},
    }
    Ok(())
}
