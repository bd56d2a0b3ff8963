//! Two small libraries, one of them private, behind a stand-in for the guard.

use crate::tools::Tools;
use crate::transport::service;
use actix::prelude::*;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header::HeaderMap};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, HttpMessage as _, web};
use docent_library::ingest::{IngestOptions, Silent, ingest};
use docent_library::source::Source;
use docent_library::{Reader, Shelf};
use docent_types::actors::Unavailable;
use docent_types::documentation::{LibraryEntry, VersionEntry, Visibility};
use docent_types::ids::{ClientId, GrantId, LibraryRowId, ProjectId, UserId, VersionRowId};
use docent_types::messages::{CatalogError, CountUse, OpenVersion};
use docent_types::principal::Principal;
use docent_types::scope::ScopeSet;
use docent_types::time::{ManualClock, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const KITE: &str = "# Kite\n\nKite is a small HTTP client for gliders.\n\n## Timeouts\n\nSet a timeout for a request with `with_timeout`:\n\n\
    ```rust\nlet client = Kite::new().with_timeout(Duration::from_secs(5));\n```\n\n## Retries\n\nKite retries a failed request three times. \
    Change that with `with_retries`:\n\n```rust\nlet client = Kite::new().with_retries(7);\n```\n";
const ANCHOR: &str = "# Anchor\n\nAnchor keeps the launch codes of the acme boats.\n\n## Launch codes\n\nRead them with `anchor codes`.\n";

fn id<T: FromStr<Err: std::fmt::Debug>>(number: u8) -> T {
    format!("00000000-0000-7000-8000-0000000000{number:02}").parse().unwrap()
}

pub fn own_project() -> ProjectId {
    id(1)
}

pub fn other_project() -> ProjectId {
    id(2)
}

pub fn principal(project: ProjectId, scope: &str) -> Arc<Principal> {
    Arc::new(Principal {
        user: id::<UserId>(3),
        project,
        client: ClientId("c_test".into()),
        grant: id::<GrantId>(4),
        scopes: ScopeSet::parse_known(scope),
        expires_at: Timestamp(i64::MAX),
    })
}

struct Opener(Arc<Shelf>);

impl Actor for Opener {
    type Context = Context<Self>;
}

impl Handler<OpenVersion> for Opener {
    type Result = Result<(), CatalogError>;

    fn handle(&mut self, message: OpenVersion, _: &mut Self::Context) -> Self::Result {
        self.0.open(message.0).map(drop).map_err(|error| CatalogError::Damaged(error.to_string()))
    }
}

struct Counter(Arc<Mutex<Vec<CountUse>>>);

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<CountUse> for Counter {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, message: CountUse, _: &mut Self::Context) -> Self::Result {
        self.0.lock().unwrap().push(message);
        Ok(())
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

pub struct World {
    _folder: TempDir,
    tools: Arc<Tools>,
    pub counted: Arc<Mutex<Vec<CountUse>>>,
}

fn library(folder: &Path, number: u8, name: &str, text: &str, visibility: Visibility) -> LibraryEntry {
    let source = folder.join(name.replace('/', "-"));
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("README.md"), text).unwrap();
    let options = IngestOptions {
        id: Some(name.parse().unwrap()),
        title: None,
        version: None,
        workdir: folder.join("work"),
        index_root: folder.join("index"),
        ..IngestOptions::default()
    };
    let done = ingest(&Source::parse(source.to_str().unwrap()).unwrap(), &options, &Silent).unwrap();
    let version = VersionEntry {
        id: id::<VersionRowId>(10 + number),
        version: None,
        artefact: done.artefact,
        commit: None,
        pages: done.pages,
        snippets: done.snippets,
        tokens: done.tokens,
        indexed_at: Timestamp(0),
    };
    LibraryEntry {
        row: id::<LibraryRowId>(20 + number),
        id: done.id,
        title: done.title,
        description: done.description,
        source: "https://example.com/source".into(),
        visibility,
        versions: vec![version],
        rules: Vec::new(),
    }
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entries = vec![
            library(folder.path(), 1, "/glide/kite", KITE, Visibility::Public),
            library(folder.path(), 2, "/acme/anchor", ANCHOR, Visibility::Private(own_project())),
        ];
        let shelf = Arc::new(Shelf::new(folder.path().join("index"), 8));
        shelf.publish(entries);
        let reader = Reader::new(Arc::clone(&shelf), Opener(shelf).start().recipient());
        let counted = Arc::default();
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let tools = Tools::new(reader, Counter(Arc::clone(&counted)).start().recipient(), clock, "Docent of Acme".into());
        Self { _folder: folder, tools: Arc::new(tools), counted }
    }

    /// Sends a request as this caller.
    pub async fn send(&self, caller: &Arc<Principal>, request: TestRequest) -> Answer {
        let caller = Arc::clone(caller);
        let tools = Arc::clone(&self.tools);
        let guard = from_fn(move |request: ServiceRequest, next: Next<_>| {
            request.extensions_mut().insert(Arc::clone(&caller));
            pass(request, next)
        });
        let mounted = service(tools, vec!["docs.example.com".into()], vec!["http://localhost:*".into()]);
        let app = init_service(App::new().service(web::scope("/mcp").service(mounted).wrap(guard))).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: read_body(response).await.to_vec() }
    }

    /// A request of the era of `initialize`.
    pub async fn legacy(&self, caller: &Arc<Principal>, version: Option<&str>, method: &str, params: Value) -> Answer {
        let mut request = post(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
        if let Some(version) = version {
            request = request.insert_header(("mcp-protocol-version", version));
        }
        self.send(caller, request).await
    }

    /// A request of the stateless era, with all that it has to carry.
    pub async fn modern(&self, caller: &Arc<Principal>, method: &str, params: Value) -> Answer {
        self.send(caller, modern(method, params)).await
    }

    /// Calls a tool and answers its text, and whether it is an error.
    pub async fn call(&self, caller: &Arc<Principal>, tool: &str, arguments: Value) -> (String, bool) {
        let answer = self.legacy(caller, Some("2025-11-25"), "tools/call", json!({ "name": tool, "arguments": arguments })).await;
        let result = &answer.json()["result"];
        assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{}", answer.json());
        (result["content"][0]["text"].as_str().unwrap().to_owned(), result["isError"].as_bool().unwrap())
    }
}

async fn pass<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    next.call(request).await
}

pub fn request(method: Method) -> TestRequest {
    TestRequest::default()
        .method(method)
        .uri("/mcp")
        .insert_header(("host", "docs.example.com"))
        .insert_header(("accept", "application/json, text/event-stream"))
        .insert_header(("content-type", "application/json"))
}

pub fn post(body: &Value) -> TestRequest {
    request(Method::POST).set_payload(body.to_string())
}

pub fn modern(method: &str, mut params: Value) -> TestRequest {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let name = params["name"].as_str().map(str::to_owned);
    let mut request = post(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
        .insert_header(("mcp-protocol-version", "2026-07-28"))
        .insert_header(("mcp-method", method));
    if let Some(name) = name {
        request = request.insert_header(("mcp-name", name));
    }
    request
}
