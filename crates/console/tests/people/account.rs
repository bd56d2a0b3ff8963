//! What a person sees of their own account, and takes back.

use crate::world::*;
use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{self, Data};
use docent_store::testing::databases;
use docent_types::ids::{ClientId, SessionId};
use docent_types::messages::{CountUse, RecordEvent};
use docent_types::random::SystemRandomness;
use docent_types::secret::SecretHash;
use docent_types::session::csrf_token;
use std::time::Duration;

#[actix_web::test]
async fn the_account_pages_lead_a_stranger_to_sign_in_and_back() {
    let world = World::new(databases().await.swap_remove(0)).await;
    for path in ["/account/apps", "/account/keys", "/account/security", "/account/usage", "/account/activity"] {
        let response = call_service(&app!(world), TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let to = response.headers().get("location").unwrap().to_str().unwrap();
        assert_eq!(to, format!("/sign-in?return_to={}", path.replace('/', "%2F")));
        let (status, _) = send(&world, "nobody", "", path, &[("grant", "x"), ("name", "x"), ("do", "end-others")]).await;
        let is_read_only = path.ends_with("usage") || path.ends_with("activity");
        assert_eq!(status, if is_read_only { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::SEE_OTHER }, "{path}");
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
        assert_eq!(send(&world, "bob", &token("bob"), "/account/keys", &[("revoke", &id), ("sure", "yes")]).await.0, StatusCode::SEE_OTHER);
        assert!(world.console.store.api_key_in_force(hash, NOW).await.unwrap().is_some());
        let (status, question) = send(&world, "ada", &token("ada"), "/account/keys", &[("revoke", &id)]).await;
        assert!(status == StatusCode::OK && question.contains("Revoke this key?") && question.contains(&id), "it asks first: {question}");
        assert!(world.console.store.api_key_in_force(hash, NOW).await.unwrap().is_some());
        assert_eq!(send(&world, "ada", &token("ada"), "/account/keys", &[("revoke", &id), ("sure", "yes")]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(world.console.store.api_key_in_force(hash, NOW).await.unwrap(), None);
        assert!(world.page(Some("ada"), "/account/keys").await.1.contains("You have no key yet"));
    }
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
        let (status, question) = send(&world, "ada", &token("ada"), "/account/apps", &[("grant", &codex_id)]).await;
        assert!(status == StatusCode::OK && question.contains("Disconnect &#60;Codex&#62;?") && question.contains(&codex_id), "{question}");
        assert_eq!(revoked().await, [], "it asks first");
        for _ in 0..2 {
            let sure = [("grant", codex_id.as_str()), ("sure", "yes")];
            assert_eq!(send(&world, "ada", &token("ada"), "/account/apps", &sure).await.0, StatusCode::SEE_OTHER);
        }
        assert_eq!(revoked().await, [codex]);
        assert!(world.page(Some("ada"), "/account/apps").await.1.contains("No app is connected"));
    }
}

#[actix_web::test]
async fn a_person_sees_what_was_used_and_what_happened_and_nothing_of_others() {
    for database in databases().await {
        let world = World::new(database).await;
        let (_, page) = world.page(Some("ada"), "/account/usage").await;
        assert!(page.contains("Nothing was asked in these days"), "{page}");
        assert!(world.page(Some("ada"), "/account/activity").await.1.contains("Nothing is recorded"));
        connect(&world, "ada", "<Codex>").await;
        connect(&world, "bob", "Cursor").await;
        let (ada, bob) = (world_user(&world, "ada").await, world_user(&world, "bob").await);
        let day = Duration::from_secs(24 * 60 * 60);
        let used = |user, client: &str, at, succeeded| CountUse {
            at,
            user,
            project: world.project,
            client: ClientId(client.to_owned()),
            tool: "query-docs".to_owned(),
            succeeded,
        };
        let mut uses = vec![used(ada, "c_<Codex>", NOW, true); 1200];
        uses.push(used(ada, "c_<Codex>", NOW.before(day * 3), false));
        uses.push(used(ada, "api-key", NOW.before(day * 40), true));
        uses.push(used(bob, "c_Cursor", NOW, true));
        world.console.store.add_usage(&uses).await.unwrap();
        let (_, page) = world.page(Some("ada"), "/account/usage").await;
        assert!(page.contains("1,201") && page.contains("&#60;Codex&#62;") && page.contains("Analytical Engines"), "{page}");
        assert!(!page.contains("Cursor") && !page.contains("API keys</td>"), "{page}");
        assert!(world.page(Some("ada"), "/account/usage?days=90").await.1.contains("API keys</td>"));
        assert!(world.page(Some("ada"), "/account/usage?days=-7").await.1.contains("1,201"), "what is no period is the first one");

        let (_, page) = world.page(Some("ada"), "/account/activity").await;
        assert!(page.contains("An app was allowed") && page.contains("&#60;Codex&#62;") && page.contains("192.0.2.7"), "{page}");
        assert!(!page.contains("Cursor"), "{page}");
        let event = |number| RecordEvent {
            at: NOW.after(Duration::from_secs(number)),
            kind: "sign_in.succeeded".to_owned(),
            user: Some(ada),
            client: None,
            project: None,
            grant: None,
            from: Some(format!("192.0.2.{number}")),
            detail: serde_json::Value::Null,
        };
        world.console.store.append_events(&(1..=60).map(event).collect::<Vec<_>>()).await.unwrap();
        let (_, page) = world.page(Some("ada"), "/account/activity").await;
        assert!(page.contains("192.0.2.60<") && page.contains("192.0.2.11<") && !page.contains("192.0.2.10<"), "{page}");
        let older = page.split("/account/activity?before=").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let (_, page) = world.page(Some("ada"), &format!("/account/activity?before={older}")).await;
        assert!(page.contains("192.0.2.10<") && !page.contains("192.0.2.11<") && page.contains("An app was allowed"), "{page}");
    }
}

#[actix_web::test]
async fn a_person_changes_their_password_and_signs_other_browsers_out() {
    for database in databases().await {
        let world = World::new(database).await;
        let store = &world.console.store;
        let (ada, limited) = (world_user(&world, "ada").await, person(store, "limited").await);
        let token = csrf_token("ada");
        for (user, name) in [(ada, "other"), (ada, "third"), (limited, "theirs")] {
            let session = SessionId::generate(NOW, &SystemRandomness);
            let (hash, ends) = (SecretHash::of(name), NOW.after(Duration::from_secs(60)));
            store.create_session(session, hash, user, NOW, ends, Some(&format!("<{name}>")), Some("192.0.2.9")).await.unwrap();
        }
        let security = async |fields: &[(&str, &str)]| send(&world, "ada", &token, "/account/security", fields).await;
        let (_, page) = world.page(Some("ada"), "/account/security").await;
        assert!(page.contains("&#60;other&#62;") && page.contains("This browser") && !page.contains("theirs"), "{page}");
        assert!(page.contains("This account has no password"));
        let change = |old, new| [("do", "password"), ("old", old), ("new", new)];
        assert_eq!(security(&change("x", "a long enough password")).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        store.set_password(limited, "hash of what it was", NOW).await.unwrap();
        store.set_password(ada, "hash of what it was", NOW).await.unwrap();
        for (user, name) in [(ada, "ada"), (ada, "other"), (limited, "limited"), (limited, "theirs")] {
            let session = SessionId::generate(NOW, &SystemRandomness);
            store
                .create_session(session, SecretHash::of(name), user, NOW, NOW.after(Duration::from_secs(60)), Some(name), None)
                .await
                .unwrap();
        }

        for (old, new, words) in [
            ("what it was", "short", "at least 12"),
            ("not what it was", "a long enough password", "not your password"),
            ("", "a long enough password", "not your password"),
        ] {
            let (status, page) = security(&change(old, new)).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(words), "{page}");
        }
        let (status, _) =
            send(&world, "limited", &csrf_token("limited"), "/account/security", &change("guess", "a long enough password")).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "a browser that was left open is no place to guess");
        assert_eq!(
            send(&world, "ada", &csrf_token("other"), "/account/security", &change("what it was", "a long enough password")).await.0,
            StatusCode::FORBIDDEN
        );
        assert!(store.signed_in(SecretHash::of("other"), NOW).await.unwrap().is_some());

        let (status, page) = security(&change("what it was", " a long enough password ")).await;
        assert!(status == StatusCode::OK && page.contains("Your password is changed"), "{page}");
        assert_eq!(store.user(ada).await.unwrap().unwrap().password_hash.as_deref(), Some("hash of  a long enough password "));
        // No session outlives a change of password but the one that made it.
        assert!(store.signed_in(SecretHash::of("other"), NOW).await.unwrap().is_none());
        assert!(store.signed_in(SecretHash::of("ada"), NOW).await.unwrap().is_some());
        assert!(store.signed_in(SecretHash::of("theirs"), NOW).await.unwrap().is_some(), "somebody else's");

        // Nobody ends another's session.
        let theirs =
            store.sessions_of(limited, NOW).await.unwrap().into_iter().find(|one| one.user_agent.as_deref() == Some("theirs")).unwrap();
        security(&[("do", "end"), ("session", &theirs.id.to_string())]).await;
        assert!(store.signed_in(SecretHash::of("theirs"), NOW).await.unwrap().is_some());
        let session = SessionId::generate(NOW, &SystemRandomness);
        store.create_session(session, SecretHash::of("again"), ada, NOW, NOW.after(Duration::from_secs(60)), None, None).await.unwrap();
        security(&[("do", "end"), ("session", &session.to_string())]).await;
        assert!(store.signed_in(SecretHash::of("again"), NOW).await.unwrap().is_none());
        assert!(world.page(Some("ada"), "/account/activity").await.1.contains("A password was changed"));
    }
}
