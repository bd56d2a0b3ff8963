//! What clients publish: a web of the test's own, behind one address that is public.

use actix::prelude::*;
use docent_authorization_server::client_metadata_document::fetch::{Connect, Resolve, Stream};
use docent_authorization_server::client_metadata_document::{Allowed, Fetcher};
use docent_authorization_server::{DocumentSource, MetadataDocuments};
use docent_types::documents::SharedDocuments;
use docent_types::time::ManualClock;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Host;

/// Host and path to answer.
type Pages = HashMap<(String, String), Vec<u8>>;

/// A path without an answer is 404; a host without a path has no name.
#[derive(Clone, Default)]
pub struct Web {
    pages: Arc<Mutex<Pages>>,
    fetched: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// A web with one client, published at `id`.
    pub fn with_client(id: &str, more: &Value) -> Self {
        let web = Self::default();
        web.publish_client(id, more);
        web
    }

    pub fn publish_client(&self, id: &str, more: &Value) {
        let mut document = json!({"client_id": id, "client_name": "Published", "redirect_uris": ["http://127.0.0.1/callback"]});
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        self.publish(id, &document);
    }

    pub fn publish(&self, url: &str, document: &Value) {
        self.answer(
            url,
            &format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\n{document}"
            ),
        );
    }

    /// What is answered, byte for byte.
    pub fn answer(&self, url: &str, bytes: &str) {
        self.pages.lock().unwrap().insert(place(url), bytes.as_bytes().to_vec());
    }

    pub fn remove(&self, url: &str) {
        self.pages.lock().unwrap().remove(&place(url));
    }

    /// How often something was fetched so far.
    pub fn fetches(&self) -> usize {
        self.fetched.lock().unwrap().len()
    }

    pub fn source(&self, clock: Arc<ManualClock>) -> DocumentSource {
        let published = SharedDocuments::default();
        let fetcher = Fetcher {
            resolve: Arc::new(self.clone()),
            connect: Arc::new(self.clone()),
            allowed: Allowed::default(),
            timeout: Duration::from_secs(5),
        };
        let actor = MetadataDocuments::new(fetcher, Arc::clone(&published), clock).start();
        DocumentSource { published, client: actor.clone().recipient(), keys: actor.recipient() }
    }
}

fn place(url: &str) -> (String, String) {
    let (host, path) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
    (host.to_owned(), format!("/{path}"))
}

impl Resolve for Web {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let known = self.pages.lock().unwrap().keys().any(|(one, _)| *one == host);
        let address = if host.starts_with("inside.") { Ipv4Addr::new(169, 254, 169, 254) } else { Ipv4Addr::new(8, 8, 8, 8) };
        Box::pin(async move { if known { Ok(vec![address.into()]) } else { Err(io::Error::other("no such name")) } })
    }
}

impl Connect for Web {
    fn connect(&self, host: Host<String>, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let web = self.clone();
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(theirs.read_u8().await.ok()?);
                }
                let path = String::from_utf8(head).ok()?.split(' ').nth(1)?.to_owned();
                web.fetched.lock().unwrap().push(format!("https://{host}{path}"));
                let bytes = web.pages.lock().unwrap().get(&(host.to_string(), path)).cloned();
                let gone = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n".to_vec();
                theirs.write_all(&bytes.unwrap_or(gone)).await.ok()
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}
