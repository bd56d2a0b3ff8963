//! What a stranger, a member and a signed-in non-member see.

use crate::world::*;
use actix_web::App;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Data};
use docent_store::testing::databases;
use docent_store::{Lease, PublishVersion};
use docent_types::ids::{JobId, VersionRowId};
use docent_types::random::SystemRandomness;
use docent_types::secret::Secret;
use std::time::Duration;
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
