//! What administrators see and change, and that nobody else does.

use crate::world::*;
use actix_web::http::StatusCode;
use docent_store::EventFilter;
use docent_store::testing::databases;
use docent_types::ids::{ClientId, ProjectId};
use docent_types::messages::{CountUse, RecordEvent};
use docent_types::random::SystemRandomness;
use docent_types::session::csrf_token;
use docent_types::time::Timestamp;
use std::time::Duration;

/// Every page of the area, and every form with a body that would do something.
const PAGES: [&str; 8] = [
    "/admin/people",
    "/admin/projects",
    "/admin/apps",
    "/admin/libraries",
    "/admin/audit",
    "/admin/audit/export",
    "/admin/usage",
    "/admin/configuration",
];

async fn kinds(world: &World) -> Vec<String> {
    let events = world.console.store.events(&EventFilter::default(), None, 100).await.unwrap();
    events.into_iter().map(|event| event.event.kind).collect()
}

/// The table of routes and roles, both ways.
#[actix_web::test]
async fn the_area_exists_for_administrators_only() {
    for database in databases().await {
        let world = World::new(database).await;
        person_with(&world.console.store, "root", true).await;
        let project = format!("/admin/projects/{}", world.project);
        let bob = world_user(&world, "bob").await.to_string();
        let forms: [(&str, Vec<(&str, &str)>); 6] = [
            ("/admin/people", vec![("do", "disable"), ("person", &bob), ("sure", "yes")]),
            ("/admin/people", vec![("do", "invite"), ("email", "eve@example.com")]),
            ("/admin/projects", vec![("name", "Another")]),
            (&project, vec![("do", "add"), ("email", "bob@example.com"), ("role", "member")]),
            ("/admin/apps", vec![("do", "remove"), ("client", "c_Cursor"), ("sure", "yes")]),
            ("/admin/libraries", vec![("do", "remove"), ("library", "/open/handbook"), ("sure", "yes")]),
        ];
        connect(&world, "bob", "Cursor").await;
        let before = kinds(&world).await;
        for path in PAGES.into_iter().chain(["/admin", project.as_str()]) {
            assert_eq!(world.status(None, path).await, StatusCode::SEE_OTHER, "a stranger is led to sign in: {path}");
            for who in ["ada", "bob"] {
                let there = world.page(Some(who), path).await;
                assert_eq!(there.0, StatusCode::NOT_FOUND, "{path} {who}");
                assert_eq!(there.1, world.page(Some(who), "/admin/nothing").await.1, "{who} can tell that {path} is there");
            }
        }
        for (path, fields) in &forms {
            for who in ["ada", "bob"] {
                assert_eq!(send(&world, who, &csrf_token(who), path, fields).await.0, StatusCode::NOT_FOUND, "{path} {who}");
            }
            // An administrator's cookie with a form from elsewhere.
            assert_eq!(send(&world, "root", &csrf_token("bob"), path, fields).await.0, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(send(&world, "root", "", path, fields).await.0, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(kinds(&world).await, before, "nothing was changed");

        for path in PAGES.into_iter().chain([project.as_str()]) {
            if path != "/admin/audit/export" {
                let (status, page) = world.page(Some("root"), path).await;
                assert!(status == StatusCode::OK && page.contains("aria-label=\"Administration\""), "{path} {page}");
            }
        }
        for (path, fields) in &forms {
            let (status, page) = send(&world, "root", &csrf_token("root"), path, fields).await;
            assert!(matches!(status, StatusCode::SEE_OTHER | StatusCode::OK), "{path} {status} {page}");
        }
        let done = kinds(&world).await;
        for kind in ["user.disabled", "invitation.created", "project.created", "member.added", "client.removed", "library.removed"] {
            assert!(done.iter().any(|one| one == kind), "{kind} is not on the record: {done:?}");
        }
        assert!(world.page(Some("bob"), "/libraries").await.1.contains("Sign in"), "a disabled account is signed out");
    }
}

#[actix_web::test]
async fn an_administrator_invites_enables_and_makes_others_administrators() {
    for database in databases().await {
        let world = World::new(database).await;
        person_with(&world.console.store, "root", true).await;
        let token = csrf_token("root");
        let people = async |fields: &[(&str, &str)]| send(&world, "root", &token, "/admin/people", fields).await;
        let (status, page) = people(&[("do", "invite"), ("email", "carol")]).await;
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("is not an e-mail address") && page.contains("value=\"carol\"")
        );
        let (_, page) = people(&[("do", "invite"), ("email", "carol@example.com")]).await;
        let link = page.split("http://localhost:8080/sign-up?link=").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned();
        assert_eq!(link.len(), 43);
        let (_, page) = world.page(Some("root"), "/admin/people").await;
        assert!(page.contains("carol@example.com") && !page.contains(&link), "it is shown once: {page}");
        let id = page.split("name=\"invitation\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        assert_eq!(people(&[("do", "uninvite"), ("invitation", &id)]).await.0, StatusCode::SEE_OTHER);
        let hash = docent_types::secret::SecretHash::of(&link);
        assert_eq!(world.console.store.link(docent_store::LinkPurpose::Invite, hash, NOW).await.unwrap(), None);
        assert!(!world.page(Some("root"), "/admin/people").await.1.contains("carol@example.com"));

        let (bob, root) = (world_user(&world, "bob").await.to_string(), world_user(&world, "root").await.to_string());
        let (status, question) = people(&[("do", "disable"), ("person", &bob)]).await;
        assert!(status == StatusCode::OK && question.contains("Disable bob@example.com?"), "{question}");
        assert!(world.console.store.user_by_email("bob@example.com").await.unwrap().unwrap().disabled_at.is_none(), "it asks first");
        people(&[("do", "disable"), ("person", &bob), ("sure", "yes")]).await;
        assert!(world.page(Some("root"), "/admin/people?q=BOB").await.1.contains("Disabled"));
        people(&[("do", "enable"), ("person", &bob)]).await;
        people(&[("do", "administrator"), ("person", &bob), ("sure", "yes")]).await;
        assert!(world.console.store.user_by_email("bob@example.com").await.unwrap().unwrap().is_admin);
        // Nobody locks themselves out.
        for what in ["disable", "no-administrator"] {
            let (status, page) = people(&[("do", what), ("person", &root), ("sure", "yes")]).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("your own account"), "{page}");
        }
        for (what, who) in [("disable", "x"), ("disable", ""), ("nothing", bob.as_str())] {
            assert!(people(&[("do", what), ("person", who), ("sure", "yes")]).await.0.is_client_error(), "{what} {who}");
        }
        let (_, page) = people(&[("do", "password"), ("person", &bob)]).await;
        assert!(page.contains("/set-password?link="), "{page}");
    }
}

#[actix_web::test]
async fn lists_are_filtered_and_go_on_on_the_next_page() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        person_with(store, "root", true).await;
        for number in 0..60 {
            person(store, &format!("p{number:02}_x%")).await;
        }
        let (_, page) = world.page(Some("root"), "/admin/people?q=_x%25").await;
        assert!(page.contains("p00_x%@") && page.contains("p49_x%@") && !page.contains("p50_x%@") && !page.contains("ada@"), "{page}");
        let next = page.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().replace("&#38;", "&");
        let (_, page) = world.page(Some("root"), &next).await;
        assert!(
            page.contains("p50_x%@") && page.contains("p59_x%@") && !page.contains("p49_x%@") && !page.contains("rel=\"next\""),
            "{page}"
        );
        assert!(world.page(Some("root"), "/admin/people?q=nobody%5C").await.1.contains("Nobody fits"));

        for name in ["Cursor", "<Codex>"] {
            connect(&world, "bob", name).await;
        }
        let (_, page) = world.page(Some("root"), "/admin/apps?q=codex").await;
        assert!(page.contains("&#60;Codex&#62;") && !page.contains("Cursor"), "{page}");
        let block = [("do", "block"), ("client", "c_Cursor"), ("sure", "yes")];
        assert_eq!(send(&world, "root", &csrf_token("root"), "/admin/apps", &block).await.0, StatusCode::SEE_OTHER);
        assert!(world.page(Some("root"), "/admin/apps").await.1.contains("Blocked"));
        assert!(
            world.page(Some("bob"), "/account/apps").await.1.matches("Disconnect</button>").count() == 1,
            "what it was allowed is over"
        );
    }
}

#[actix_web::test]
async fn the_record_is_shown_and_exported_as_it_was_asked_for() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        person_with(store, "root", true).await;
        let ada = world_user(&world, "ada").await;
        let event = |number: u64, kind: &str| RecordEvent {
            at: NOW.after(Duration::from_secs(number)),
            kind: kind.to_owned(),
            user: number.is_multiple_of(2).then_some(ada),
            client: Some(ClientId("c_<x>".to_owned())),
            project: Some(ProjectId::generate(NOW, &SystemRandomness)),
            grant: None,
            from: None,
            detail: serde_json::json!({ "email": format!("number-{number}-") }),
        };
        let events: Vec<_> =
            (0..2500).map(|number| event(number, if number.is_multiple_of(5) { "sign_in.failed" } else { "token.refreshed" })).collect();
        store.append_events(&events).await.unwrap();
        let (_, page) = world.page(Some("root"), "/admin/audit?kind=sign_in.failed&person=ADA@example.com").await;
        assert!(
            page.contains("number-2490-")
                && page.contains("number-2000-")
                && !page.contains("number-1990-")
                && !page.contains("number-2495-"),
            "{page}"
        );
        assert!(page.contains("c_&#60;x&#62;"));
        let today = &NOW.to_rfc3339()[..10];
        for (query, found) in [
            (format!("since={today}&until={today}"), true),
            ("since=2999-01-01".to_owned(), false),
            ("until=2001-01-01".to_owned(), false),
            ("client=c_nothing".to_owned(), false),
        ] {
            let (status, page) = world.page(Some("root"), &format!("/admin/audit?{query}")).await;
            assert_eq!((status, page.contains("number-2499-")), (StatusCode::OK, found), "{query}");
        }
        for (query, words) in [("since=soon", "is not a date"), ("person=nobody", "Nobody has the address"), ("project=x", "by its id")] {
            let (status, page) = world.page(Some("root"), &format!("/admin/audit?{query}")).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(words) && !page.contains("number-"), "{query} {page}");
        }
        let lines = world.text("root", "/admin/audit/export?kind=token.refreshed").await;
        let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2000);
        assert!(lines.iter().all(|line| line["kind"] == "token.refreshed"));
        assert_eq!((lines[0]["detail"]["email"].as_str(), lines[1]["email"].as_str()), (Some("number-2499-"), Some("ada@example.com")));
    }
}

#[actix_web::test]
async fn usage_of_everybody_is_shown_by_day_and_month() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        person_with(store, "root", true).await;
        connect(&world, "bob", "Cursor").await;
        let bob = world_user(&world, "bob").await;
        let used = |at: Timestamp, client: &str| CountUse {
            at,
            user: bob,
            project: world.project,
            client: ClientId(client.to_owned()),
            tool: "query-docs".to_owned(),
            succeeded: true,
        };
        let month_before = NOW.start_of_month().before(Duration::from_secs(1));
        let mut uses = vec![used(NOW, "c_Cursor"); 1500];
        uses.push(used(month_before, "api-key"));
        store.add_usage(&uses).await.unwrap();
        let (_, page) = world.page(Some("root"), "/admin/usage").await;
        assert!(
            page.contains("bob@example.com") && page.contains("Cursor") && page.contains("1,500") && !page.contains("API keys"),
            "{page}"
        );
        let month = &month_before.to_rfc3339()[..7];
        let (_, page) = world.page(Some("root"), &format!("/admin/usage?month={month}")).await;
        assert!(page.contains("API keys") && !page.contains("Cursor"), "{page}");
        assert!(world.page(Some("root"), "/admin/usage?month=2001-01").await.1.contains("Nobody used anything"));
        assert!(world.page(Some("root"), "/admin/usage?month=never").await.1.contains("Cursor"), "what is no month is this one");
    }
}
