//! What a stranger, a member and a signed-in non-member see, over real databases and a real index.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use actix::prelude::*;
use actix_web::App;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Data};
use docent_console::{Console, Settings};
use docent_library::ingest::{IngestOptions, Ingested, ingest};
use docent_library::source::{Silent, Source};
use docent_library::{Reader, Shelf};
use docent_store::actors::Ledger;
use docent_store::testing::{TestDatabase, databases};
use docent_store::{Lease, NewLibrary, NewUser, PublishVersion, Role, Store};
use docent_types::client_address::TrustedProxies;
use docent_types::documentation::Visibility;
use docent_types::ids::{GrantId, JobId, LibraryRowId, ProjectId, SessionId, UserId, VersionRowId};
use docent_types::messages::{CatalogError, ExchangeCode, IssueCode, OpenVersion, RegisterClient};
use docent_types::metadata::PublicUrls;
use docent_types::random::SystemRandomness;
use docent_types::registration::Client;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::{ManualClock, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_305_600_000);

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
struct World {
    _database: TestDatabase,
    folder: TempDir,
    console: Console,
    shelf: Arc<Shelf>,
    project: ProjectId,
}

async fn person(store: &Store, name: &str) -> UserId {
    person_with(store, name, false).await
}

async fn person_with(store: &Store, name: &str, is_admin: bool) -> UserId {
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
    async fn new(database: TestDatabase) -> Self {
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
        };
        let clock = Arc::new(ManualClock::new(NOW));
        let revoke = Ledger::new(store.clone(), None, clock.clone()).start().recipient();
        let console = Console { settings, store, reader, clock, randomness: Arc::new(SystemRandomness), revoke };
        let world = Self { _database: database, folder, console, shelf, project };
        world.library("/open/handbook", "Handbook", Visibility::Public).await;
        world.library("/engines/plans", "Secret plans", Visibility::Private(project)).await;
        world.shelf.publish(world.console.store.catalogue().await.unwrap());
        world
    }

    async fn library(&self, id: &str, title: &str, visibility: Visibility) {
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

    fn ingest(&self, title: &str) -> Ingested {
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

    async fn page(&self, who: Option<&str>, path: &str) -> (StatusCode, String) {
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

#[actix_web::test]
async fn a_private_library_exists_for_members_of_its_project_only() {
    for database in databases().await {
        let world = World::new(database).await;
        for who in [None, Some("bob"), Some("mallory")] {
            let (status, list) = world.page(who, "/libraries").await;
            assert_eq!(status, StatusCode::OK);
            assert!(list.contains("/open/handbook") && !list.contains("plans") && list.contains("1 library"), "{who:?}");
            let private = world.page(who, "/libraries/engines/plans?question=crank").await;
            let missing = world.page(who, "/libraries/engines/nothing?question=crank").await;
            assert_eq!(private.0, StatusCode::NOT_FOUND);
            assert_eq!(private, missing, "{who:?} can tell a private library from one that is missing");
        }
        let (_, list) = world.page(Some("ada"), "/libraries").await;
        assert!(list.contains("/engines/plans") && list.contains("Analytical Engines") && list.contains("2 libraries"));
        let (status, page) = world.page(Some("ada"), "/libraries/Engines/Plans").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Secret plans") && page.contains("ada@example.com"));
        assert!(world.console.store.remove_member(world.project, world_user(&world, "ada").await).await.unwrap());
        assert_eq!(world.page(Some("ada"), "/libraries/engines/plans").await.0, StatusCode::NOT_FOUND);
    }
}

async fn world_user(world: &World, name: &str) -> UserId {
    world.console.store.user_by_email(&format!("{name}@example.com")).await.unwrap().unwrap().id
}

#[actix_web::test]
async fn a_question_on_the_page_shows_what_an_assistant_would_get() {
    for database in databases().await {
        let world = World::new(database).await;
        let (status, page) = world.page(None, "/libraries/open/handbook?question=how+do+I+turn+the+crank").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Turning the crank") && page.contains("README.md"), "{page}");
        assert!(page.contains("As the assistant gets it") && page.contains("1 passage"));
        assert!(!page.contains("<once>"), "code from a page is escaped");
        let (_, page) = world.page(None, "/libraries/open/handbook?question=crank&version=v9").await;
        assert!(page.contains("has no version"), "{page}");
        let (status, page) = world.page(None, "/libraries/open/handbook?question=%00%22%3Cscript%3E").await;
        assert_eq!(status, StatusCode::OK);
        assert!(!page.contains("<script"));
    }
}

#[actix_web::test]
async fn a_library_that_is_being_indexed_says_so() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        let row = store.library(&"/open/handbook".parse().unwrap()).await.unwrap().unwrap().entry.row;
        let job = store.queue_job(JobId::generate(NOW, &SystemRandomness), row, None, NOW).await.unwrap();
        assert!(world.page(None, "/libraries/open/handbook").await.1.contains("It waits to be indexed"));
        let holder = uuid::Uuid::from_u128(7);
        store.lease_job(holder, NOW, NOW.after(Duration::from_secs(60))).await.unwrap().unwrap();
        let renewed = store.renew_lease(job, holder, NOW.after(Duration::from_secs(60)), "reading", 40, 120).await;
        assert_eq!(renewed, Ok(Lease::Renewed));
        let (_, list) = world.page(None, "/libraries").await;
        assert!(list.contains("reading: 40 of 120") && list.contains("28%"));
        store.finish_job(job, holder, Err("git.internal does not answer".to_owned()), NOW, None).await.unwrap();
        let (_, stranger) = world.page(None, "/libraries/open/handbook").await;
        assert!(stranger.contains("The last attempt failed") && !stranger.contains("git.internal"));
        assert!(world.page(Some("bob"), "/libraries/open/handbook").await.1.contains("git.internal"));
    }
}

async fn hold(world: &World) {
    let store = &world.console.store;
    let library = store.library(&"/open/handbook".parse().unwrap()).await.unwrap().unwrap();
    let served = library.entry.versions[0].clone();
    let found = PublishVersion {
        library: library.entry.row,
        version_row: VersionRowId::generate(NOW, &SystemRandomness),
        version: None,
        artefact: "ab".repeat(32),
        commit: None,
        pages: 0,
        snippets: 0,
        tokens: 0,
        skipped: Vec::new(),
        inspection: docent_types::documentation::Inspection::default(),
        title: "Handbook".to_owned(),
        description: String::new(),
        rules: Vec::new(),
        offered_versions: Vec::new(),
        format: 1,
        now: NOW,
        job: None,
    };
    store.hold_version(found, &format!("0 of {} pages", served.pages)).await.unwrap();
}

#[actix_web::test]
async fn an_administrator_decides_on_a_held_refresh_and_nobody_else() {
    for database in databases().await {
        let world = World::new(database).await;
        person_with(&world.console.store, "root", true).await;
        let path = "/libraries/open/handbook";
        let artefact = async || {
            let library = world.console.store.library(&"/open/handbook".parse().unwrap()).await.unwrap().unwrap();
            library.entry.versions[0].artefact.clone()
        };
        let served = artefact().await;
        let send = async |who: Option<&str>, csrf: &str, decision: &str| {
            let mut request = TestRequest::post().uri(&format!("{path}/held")).insert_header((ACCEPT, "text/html"));
            if let Some(who) = who {
                request = request.cookie(Cookie::new("docent_session", who.to_owned()));
            }
            let form = [("csrf", csrf), ("version", ""), ("decision", decision)];
            call_service(&app!(world), request.set_form(form).to_request()).await.status()
        };
        hold(&world).await;
        let (_, stranger) = world.page(None, path).await;
        assert!(stranger.contains("A refresh is held") && !stranger.contains("name=\"decision\""));
        let (_, page) = world.page(Some("root"), path).await;
        assert!(page.contains("name=\"decision\"") && page.contains(&docent_types::session::csrf_token("root")), "{page}");
        let token = docent_types::session::csrf_token;
        assert_eq!(send(None, "", "confirm").await, StatusCode::NOT_FOUND);
        assert_eq!(send(Some("ada"), &token("ada"), "confirm").await, StatusCode::NOT_FOUND);
        assert_eq!(send(Some("root"), &token("ada"), "confirm").await, StatusCode::FORBIDDEN);
        assert_eq!(send(Some("root"), "", "confirm").await, StatusCode::FORBIDDEN);
        assert_eq!(artefact().await, served);
        assert_eq!(send(Some("root"), &token("root"), "reject").await, StatusCode::SEE_OTHER);
        assert_eq!(artefact().await, served);
        assert!(!world.page(Some("root"), path).await.1.contains("A refresh is held"));
        hold(&world).await;
        assert_eq!(send(Some("root"), &token("root"), "confirm").await, StatusCode::SEE_OTHER);
        assert_eq!(artefact().await, "ab".repeat(32));
        assert_eq!(send(Some("root"), &token("root"), "confirm").await, StatusCode::SEE_OTHER, "the second click finds it done");
    }
}

#[actix_web::test]
async fn a_push_queues_one_job_and_everything_else_is_refused_alike() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        let row = store.library(&"/open/handbook".parse().unwrap()).await.unwrap().unwrap().entry.row;
        store.set_webhook_secret(row, Some(&Secret::new("It's a Secret to Everybody".to_owned()))).await.unwrap();
        let send = async |path: &str, header: (&'static str, &'static str), body: &'static str| {
            let request = TestRequest::post().uri(path).insert_header(header).insert_header(("content-type", "application/json"));
            let response = call_service(&app!(world), request.set_payload(body).to_request()).await;
            (response.status(), String::from_utf8(read_body(response).await.to_vec()).unwrap())
        };
        let hook = "/webhooks/open/handbook";
        let push = r#"{"ref":"refs/heads/main"}"#;
        let (gitlab, event) = (("x-gitlab-token", "It's a Secret to Everybody"), ("x-github-event", "push"));
        // The example of GitHub's documentation: a signature that holds, over a body that is no push.
        let example = ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
        let (status, body) = send(hook, example, "Hello, World!").await;
        assert!(status == StatusCode::ACCEPTED && body.contains("ignored"), "{status} {body}");
        let refused = send(hook, event, push).await;
        assert_eq!(refused.0, StatusCode::UNAUTHORIZED);
        for (path, header) in [
            (hook, example),
            (hook, ("x-gitlab-token", "wrong")),
            ("/webhooks/open/nothing", gitlab),
            ("/webhooks/engines/plans", gitlab),
            ("/webhooks/open/a%20b", gitlab),
        ] {
            assert_eq!(send(path, header, push).await, refused, "{path} {header:?}");
        }
        assert_eq!(store.jobs(10).await.unwrap().len(), 0);
        for _ in 0..3 {
            let (status, body) = send(hook, gitlab, push).await;
            assert!(status == StatusCode::ACCEPTED && body.contains("queued") && body.contains("default"), "{status} {body}");
        }
        assert_eq!(store.jobs(10).await.unwrap().len(), 1);
        let request = TestRequest::post().uri(hook).insert_header(gitlab).set_payload(vec![b' '; 2 * 1024 * 1024 + 1]);
        assert_eq!(call_service(&app!(world), request.to_request()).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(call_service(&app!(world), TestRequest::get().uri(hook).to_request()).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[actix_web::test]
async fn the_first_page_gives_the_url_and_a_way_for_each_client() {
    let world = World::new(databases().await.swap_remove(0)).await;
    let (status, page) = world.page(None, "/").await;
    assert_eq!(status, StatusCode::OK);
    for expected in [
        "claude mcp add --transport http docs http://localhost:8080/mcp",
        "codex mcp login docs",
        "cursor://anysphere.cursor-deeplink",
        "vscode:mcp/install",
        "/sign-in",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let (_, page) = world.page(Some("ada"), "/").await;
    assert!(page.contains("action=\"/sign-out\"") && page.contains(&docent_types::session::csrf_token("ada")));
}

#[actix_web::test]
async fn what_is_not_there_answers_a_browser_with_a_page_and_a_program_with_json() {
    let world = World::new(databases().await.swap_remove(0)).await;
    let (status, page) = world.page(None, "/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("There is nothing here") && page.contains("Request"));
    let app = app!(world);
    for request in [
        TestRequest::get().uri("/nothing"),
        TestRequest::get().uri("/.well-known/something").insert_header((ACCEPT, "text/html")),
        TestRequest::post().uri("/nothing"),
    ] {
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let body: serde_json::Value = serde_json::from_slice(&read_body(response).await).unwrap();
        assert_eq!(body["error"], "not_found");
    }
    let response = call_service(&app, TestRequest::post().uri("/libraries").to_request()).await;
    assert_eq!(
        (response.status(), response.headers().get(ALLOW).unwrap().to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
    );
    let response = call_service(&app, TestRequest::with_uri("/libraries").method(actix_web::http::Method::HEAD).to_request()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_client_that_asks_the_wrong_host_for_mcp_is_told_where_it_is() {
    let mut world = World::new(databases().await.swap_remove(0)).await;
    world.console.settings.urls.resource = "https://mcp.example.com/mcp".to_owned();
    world.console.settings.serves_mcp_here = false;
    let response = call_service(&app!(world), TestRequest::post().uri("/mcp").to_request()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let body: serde_json::Value = serde_json::from_slice(&read_body(response).await).unwrap();
    assert!(body["message"].as_str().unwrap().contains("https://mcp.example.com/mcp"));
}

#[actix_web::test]
async fn a_database_that_is_away_is_a_page_that_says_so() {
    let world = World::new(databases().await.swap_remove(0)).await;
    world.console.store.close().await.unwrap();
    let (status, page) = world.page(Some("ada"), "/libraries").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("not available at the moment"));
    // The first page needs nobody's data for a stranger.
    assert_eq!(world.page(None, "/").await.0, StatusCode::OK);
}

#[actix_web::test]
async fn an_issuer_with_a_path_has_its_sign_in_below_it() {
    let mut world = World::new(databases().await.swap_remove(0)).await;
    world.console.settings.urls.issuer = "https://docs.example.com/auth".to_owned();
    let app = app!(world);
    for (request, target) in [
        (TestRequest::get().uri("/sign-in?return_to=/libraries"), "/auth/sign-in?return_to=/libraries"),
        (TestRequest::post().uri("/sign-out"), "/auth/sign-out"),
        (TestRequest::get().uri("/auth"), "/"),
    ] {
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers().get("location").unwrap(), target);
    }
}

/// Sends a form to an account page as somebody, with their own token or another's.
async fn send(world: &World, who: &str, csrf: &str, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form = vec![("csrf", csrf)];
    form.extend(fields);
    let request = TestRequest::post().uri(path).insert_header((ACCEPT, "text/html")).cookie(Cookie::new("docent_session", who.to_owned()));
    let response = call_service(&app!(world), request.set_form(form).to_request()).await;
    (response.status(), String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

#[actix_web::test]
async fn the_account_pages_lead_a_stranger_to_sign_in_and_back() {
    let world = World::new(databases().await.swap_remove(0)).await;
    for path in ["/account/apps", "/account/keys"] {
        let response = call_service(&app!(world), TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let to = response.headers().get("location").unwrap().to_str().unwrap();
        assert_eq!(to, format!("/sign-in?return_to={}", path.replace('/', "%2F")));
        let (status, _) = send(&world, "nobody", "", path, &[("grant", "x"), ("name", "x")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
    }
}

#[actix_web::test]
async fn a_person_makes_a_key_sees_it_once_and_revokes_it() {
    for database in databases().await {
        let world = World::new(database).await;
        let token = docent_types::session::csrf_token;
        let project = world.project.to_string();
        let fields = [("name", "<nightly> build"), ("project", project.as_str()), ("lifetime", "90")];
        for csrf in [String::new(), token("bob")] {
            assert_eq!(send(&world, "ada", &csrf, "/account/keys", &fields).await.0, StatusCode::FORBIDDEN);
        }
        let (status, page) = send(&world, "ada", &token("ada"), "/account/keys", &fields).await;
        let key = page
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .find(|word| word.len() == 54 && word.starts_with("docent_"));
        let key = key.unwrap().to_owned();
        assert!(status == StatusCode::OK && page.contains("not shown again") && page.contains("&#60;nightly&#62; build"), "{page}");
        let hash = docent_types::api_key::hash(&key).unwrap();
        let found = world.console.store.api_key_in_force(hash, NOW).await.unwrap().unwrap();
        assert_eq!((found.project, found.scopes.to_string().as_str()), (world.project, "docs:read"));
        let (_, page) = world.page(Some("ada"), "/account/keys").await;
        assert!(!page.contains(&key) && page.contains(&key[..11]) && page.contains("Never used"), "{page}");

        // What is wrong is said, and what was typed stays.
        for (name, of, lifetime, words) in [
            ("", project.as_str(), "90", "1 to 100 characters"),
            ("x", "00000000-0000-0000-0000-000000000000", "90", "one of your projects"),
            ("x", project.as_str(), "3650", "how long"),
        ] {
            let fields = [("name", name), ("project", of), ("lifetime", lifetime)];
            let (status, page) = send(&world, "ada", &token("ada"), "/account/keys", &fields).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(words), "{page}");
        }
        let (status, page) = send(&world, "bob", &token("bob"), "/account/keys", &fields).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("one of your projects"), "bob is not in that project");

        // Nobody revokes another's.
        let id = found.id.to_string();
        assert_eq!(send(&world, "bob", &token("bob"), "/account/keys", &[("revoke", &id)]).await.0, StatusCode::SEE_OTHER);
        assert!(world.console.store.api_key_in_force(hash, NOW).await.unwrap().is_some());
        assert_eq!(send(&world, "ada", &token("ada"), "/account/keys", &[("revoke", &id)]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(world.console.store.api_key_in_force(hash, NOW).await.unwrap(), None);
        assert!(world.page(Some("ada"), "/account/keys").await.1.contains("You have no key yet"));
    }
}

/// An app that somebody connected, with a refresh token.
async fn connect(world: &World, who: &str, name: &str) -> GrantId {
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

#[actix_web::test]
async fn a_person_sees_what_they_connected_and_disconnects_it() {
    for database in databases().await {
        let world = World::new(database).await;
        let token = docent_types::session::csrf_token;
        assert!(world.page(Some("ada"), "/account/apps").await.1.contains("No app is connected"));
        let (codex, other) = (connect(&world, "ada", "<Codex>").await, connect(&world, "bob", "Cursor").await);
        let (_, page) = world.page(Some("ada"), "/account/apps").await;
        assert!(page.contains("&#60;Codex&#62;") && page.contains("192.0.2.7") && !page.contains("Cursor"), "{page}");
        assert!(page.contains("Search and read the documentation"));
        let revoked = async || {
            let rows = world.console.store.revocations_since(0).await.unwrap().0;
            rows.into_iter().filter_map(|row| row.grant).collect::<Vec<_>>()
        };
        let (codex_id, other_id) = (codex.to_string(), other.to_string());
        assert_eq!(send(&world, "ada", &token("bob"), "/account/apps", &[("grant", &codex_id)]).await.0, StatusCode::FORBIDDEN);
        // Another's grant, and what is no id: nothing ends.
        for grant in [other_id.as_str(), "", "x"] {
            assert_eq!(send(&world, "ada", &token("ada"), "/account/apps", &[("grant", grant)]).await.0, StatusCode::SEE_OTHER);
        }
        assert_eq!(revoked().await, []);
        for _ in 0..2 {
            assert_eq!(send(&world, "ada", &token("ada"), "/account/apps", &[("grant", &codex_id)]).await.0, StatusCode::SEE_OTHER);
        }
        assert_eq!(revoked().await, [codex]);
        assert!(world.page(Some("ada"), "/account/apps").await.1.contains("No app is connected"));
    }
}
