//! A server with people, a public library and a private one.

use actix::prelude::*;
use actix_web::App;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Data};
use docent_console::{Console, Setting, Settings};
use docent_library::ingest::{IngestOptions, Ingested, ingest};
use docent_library::source::{Silent, Source};
use docent_library::{Reader, Shelf};
use docent_store::actors::Ledger;
use docent_store::testing::TestDatabase;
use docent_store::{NewLibrary, NewUser, PublishVersion, Role, Store};
use docent_types::actors::Unavailable;
use docent_types::client_address::TrustedProxies;
use docent_types::documentation::Visibility;
use docent_types::ids::{GrantId, LibraryRowId, ProjectId, SessionId, UserId, VersionRowId};
use docent_types::messages::{CatalogError, ExchangeCode, IssueCode, OpenVersion, RegisterClient};
use docent_types::messages::{CheckLimit, HashPassword, VerifyPassword};
use docent_types::metadata::PublicUrls;
use docent_types::random::SystemRandomness;
use docent_types::registration::Client;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::{ManualClock, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp(1_795_305_600_000);

/// Hashes so that a test can read it, and lets ten passwords be tried.
struct Hasher;

impl Actor for Hasher {
    type Context = Context<Self>;
}

impl Handler<HashPassword> for Hasher {
    type Result = Result<String, Unavailable>;
    fn handle(&mut self, HashPassword(password): HashPassword, _: &mut Self::Context) -> Self::Result {
        Ok(format!("hash of {}", password.expose()))
    }
}

impl Handler<VerifyPassword> for Hasher {
    type Result = Result<bool, Unavailable>;
    fn handle(&mut self, message: VerifyPassword, _: &mut Self::Context) -> Self::Result {
        Ok(message.stored == Some(format!("hash of {}", message.password.expose())))
    }
}

impl Handler<CheckLimit> for Hasher {
    type Result = Result<Option<u32>, Unavailable>;
    fn handle(&mut self, message: CheckLimit, _: &mut Self::Context) -> Self::Result {
        Ok((message.key == "limited@example.com").then_some(90))
    }
}

/// Opens indexes on the spot.
struct Opener(Arc<Shelf>);

impl Actor for Opener {
    type Context = Context<Self>;
}

impl Handler<OpenVersion> for Opener {
    type Result = Result<(), CatalogError>;
    fn handle(&mut self, OpenVersion(version): OpenVersion, _: &mut Self::Context) -> Self::Result {
        self.0.open(version).map(|_| ()).map_err(|error| CatalogError::Damaged(error.to_string()))
    }
}

macro_rules! app {
    ($world:expr) => {
        init_service(
            App::new()
                .configure(docent_console::configure(Data::new($world.console.clone())))
                .configure(docent_console::assets)
                .default_service(web::to(docent_console::not_found)),
        )
        .await
    };
}

/// A server with a public library and a private one of ada's project; bob is no member of it.
pub(crate) struct World {
    _database: TestDatabase,
    pub(crate) folder: TempDir,
    pub(crate) console: Console,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) project: ProjectId,
}

pub(crate) async fn person(store: &Store, name: &str) -> UserId {
    person_with(store, name, false).await
}

pub(crate) async fn person_with(store: &Store, name: &str, is_admin: bool) -> UserId {
    let id = UserId::generate(NOW, &SystemRandomness);
    let new = NewUser {
        id,
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        password_hash: None,
        is_admin,
        now: NOW,
        project: ProjectId::generate(NOW, &SystemRandomness),
    };
    store.create_user(new).await.unwrap();
    let session = SessionId::generate(NOW, &SystemRandomness);
    // The cookie of a person is their name: only its hash is looked up.
    store.create_session(session, SecretHash::of(name), id, NOW, NOW.after(Duration::from_secs(3600)), None, None).await.unwrap();
    id
}

impl World {
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let store = database.store.clone();
        let folder = tempfile::tempdir().unwrap();
        let ada = person(&store, "ada").await;
        person(&store, "bob").await;
        let project = ProjectId::generate(NOW, &SystemRandomness);
        store.create_project(project, "Analytical Engines", NOW).await.unwrap();
        store.add_member(project, ada, Role::Member, NOW).await.unwrap();
        let shelf = Arc::new(Shelf::new(folder.path().join("index"), 4));
        let reader = Reader::new(Arc::clone(&shelf), Opener(Arc::clone(&shelf)).start().recipient());
        let settings = Settings {
            site_name: "Docent".to_owned(),
            urls: PublicUrls { issuer: "http://localhost:8080".to_owned(), resource: "http://localhost:8080/mcp".to_owned() },
            serves_mcp_here: true,
            trusted_proxies: TrustedProxies::default(),
            configuration: vec![Setting {
                key: "site.name".to_owned(),
                value: "Docent".to_owned(),
                origin: "default".to_owned(),
                meaning: "A name.".to_owned(),
            }],
        };
        let clock = Arc::new(ManualClock::new(NOW));
        let ledger = Ledger::new(store.clone(), None, clock.clone()).start();
        let hasher = Hasher.start();
        let (verify_password, hash_password, check_limit) = (hasher.clone().recipient(), hasher.clone().recipient(), hasher.recipient());
        let (revoke, change_client) = (ledger.clone().recipient(), ledger.recipient());
        let console = Console {
            settings,
            store,
            reader,
            clock,
            randomness: Arc::new(SystemRandomness),
            revoke,
            change_client,
            verify_password,
            hash_password,
            check_limit,
        };
        let world = Self { _database: database, folder, console, shelf, project };
        world.library("/open/handbook", "Handbook", Visibility::Public).await;
        world.library("/engines/plans", "Secret plans", Visibility::Private(project)).await;
        world.shelf.publish(world.console.store.catalogue().await.unwrap());
        world
    }

    pub(crate) async fn library(&self, id: &str, title: &str, visibility: Visibility) {
        let row = LibraryRowId::generate(NOW, &SystemRandomness);
        let new = NewLibrary {
            row,
            id: id.parse().unwrap(),
            title: title.to_owned(),
            title_fixed: true,
            description: String::new(),
            source: "/srv/docs".to_owned(),
            source_display: "/srv/docs".to_owned(),
            visibility,
            wanted_version: None,
            now: NOW,
        };
        self.console.store.add_library(new).await.unwrap();
        let ingested = self.ingest(title);
        let publish = PublishVersion {
            library: row,
            version_row: VersionRowId::generate(NOW, &SystemRandomness),
            version: None,
            artefact: ingested.artefact,
            commit: ingested.commit,
            pages: ingested.pages,
            snippets: ingested.snippets,
            tokens: ingested.tokens,
            skipped: ingested.skipped,
            inspection: ingested.inspection,
            title: ingested.title,
            description: ingested.description,
            rules: ingested.rules,
            offered_versions: ingested.versions,
            format: 1,
            now: NOW,
            job: None,
        };
        self.console.store.publish_version(publish).await.unwrap();
    }

    pub(crate) fn ingest(&self, title: &str) -> Ingested {
        let docs = self.folder.path().join(title);
        std::fs::create_dir_all(&docs).unwrap();
        let page = format!("# {title}\n\n## Turning the crank\n\nTurn the crank of {title} slowly.\n\n```sh\ncrank --slowly <once>\n```\n");
        std::fs::write(docs.join("README.md"), page).unwrap();
        let options = IngestOptions {
            id: None,
            title: None,
            version: None,
            workdir: self.folder.path().join("work"),
            index_root: self.folder.path().join("index"),
            ..IngestOptions::default()
        };
        let source = Source::parse(docs.to_str().unwrap()).unwrap();
        ingest(&source, &options, &Silent).unwrap()
    }

    /// How a path answers.
    pub(crate) async fn status(&self, who: Option<&str>, path: &str) -> StatusCode {
        let mut request = TestRequest::get().uri(path).insert_header((ACCEPT, "text/html"));
        if let Some(who) = who {
            request = request.cookie(Cookie::new("docent_session", who.to_owned()));
        }
        call_service(&app!(self), request.to_request()).await.status()
    }

    /// A file, as text.
    pub(crate) async fn text(&self, who: &str, path: &str) -> String {
        let request = TestRequest::get().uri(path).cookie(Cookie::new("docent_session", who.to_owned()));
        let response = call_service(&app!(self), request.to_request()).await;
        assert_eq!(response.status(), StatusCode::OK);
        String::from_utf8(read_body(response).await.to_vec()).unwrap()
    }

    pub(crate) async fn page(&self, who: Option<&str>, path: &str) -> (StatusCode, String) {
        let mut request = TestRequest::get().uri(path).insert_header((ACCEPT, "text/html,application/xhtml+xml"));
        if let Some(who) = who {
            request = request.cookie(Cookie::new("docent_session", who.to_owned()));
        }
        let response = call_service(&app!(self), request.to_request()).await;
        let status = response.status();
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store", "{path}");
        (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }
}

pub(crate) async fn world_user(world: &World, name: &str) -> UserId {
    world.console.store.user_by_email(&format!("{name}@example.com")).await.unwrap().unwrap().id
}

/// Sends a form to a page as somebody, with their own token or another's.
pub(crate) async fn send(world: &World, who: &str, csrf: &str, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form = vec![("csrf", csrf)];
    form.extend(fields);
    let request = TestRequest::post().uri(path).insert_header((ACCEPT, "text/html")).cookie(Cookie::new("docent_session", who.to_owned()));
    let response = call_service(&app!(world), request.set_form(form).to_request()).await;
    (response.status(), String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

/// An app that somebody connected, with a refresh token.
pub(crate) async fn connect(world: &World, who: &str, name: &str) -> GrantId {
    let store = &world.console.store;
    let ledger = Ledger::new(store.clone(), None, world.console.clock.clone()).start();
    let mut client = Client::public(&format!("c_{name}"), &["http://localhost/callback"], NOW);
    client.name = name.to_owned();
    ledger.send(RegisterClient { client: client.clone(), from: None }).await.unwrap().unwrap();
    let random = || Secret::generate(&SystemRandomness, "").hash();
    let user = world_user(world, who).await;
    let project = store.projects_of(user).await.unwrap()[0].0.id;
    let issue = IssueCode {
        ticket: random(),
        grant: GrantId::generate(NOW, &SystemRandomness),
        user,
        client: client.id.clone(),
        project,
        scopes: ScopeSet::from_iter([Scope::DocsRead]),
        resource: "http://localhost:8080/mcp".to_owned(),
        code: random(),
        redirect_key: "http://localhost/callback".to_owned(),
        code_challenge: "challenge".to_owned(),
        nonce: None,
        authenticated_at: NOW,
        now: NOW,
        expires_at: NOW.after(Duration::from_secs(60)),
        from: Some("192.0.2.7".to_owned()),
    };
    ledger.send(issue.clone()).await.unwrap().unwrap().unwrap();
    let exchange = ExchangeCode {
        code: issue.code,
        client: client.id,
        redirect_key: issue.redirect_key,
        code_challenge: issue.code_challenge,
        resource: None,
        refresh: Some(random()),
        refresh_expires_at: NOW.after(Duration::from_secs(3600)),
        now: NOW,
    };
    ledger.send(exchange).await.unwrap().unwrap().unwrap();
    issue.grant
}
