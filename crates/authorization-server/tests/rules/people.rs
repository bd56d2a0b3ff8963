use crate::world::{PASSWORD, World, cookie_of, field, settings};
use actix_web::http::header;
use docent_authorization_server::{Settings, SignUp, bootstrap_link, invite_link, set_password_link};
use docent_store::on_each_database;
use docent_types::messages::{CheckLimit, Limit};
use docent_types::metadata::PublicUrls;
use docent_types::random::SystemRandomness;

fn path(link: &str) -> String {
    link.strip_prefix(crate::world::ISSUER).unwrap().to_owned()
}

on_each_database! {
    /// Sign-in.
    async fn sign_in_does_not_reveal_whether_an_account_exists(database) {
        let world = World::new(database).await;
        world.user("ada@example.com").await;
        let wrong = world.post("/sign-in", "", &[("email", "ada@example.com"), ("password", "wrong password")]).await;
        let unknown = world.post("/sign-in", "", &[("email", "eve@example.com"), ("password", "wrong password")]).await;
        assert_eq!((wrong.status.as_u16(), unknown.status.as_u16()), (422, 422));
        assert_eq!(wrong.body.replace("ada@", "x@"), unknown.body.replace("eve@", "x@"));
        assert_eq!(field(&wrong.body, "email"), "ada@example.com", "what was typed is kept");
        assert!(!wrong.headers.contains_key(header::SET_COOKIE) && !wrong.body.contains("wrong password"));
        // What was recorded is in the mailbox before this question.
        world.server.asks.check_limit.send(CheckLimit { limit: Limit::Token, key: String::new() }).await.unwrap().unwrap();
        let kinds: Vec<String> = world.outside.events.lock().unwrap().iter().map(|event| event.kind.clone()).collect();
        assert_eq!(kinds, ["sign_in.failed", "sign_in.failed"]);
    }

    /// Sign-in: the session rotates.
    async fn sign_in_gives_a_new_cookie_and_ends_the_old_session(database) {
        let world = World::new(database).await;
        let (before, client) = (world.person().await, world.client().await);
        let answer = world.post("/sign-in", &before, &[("email", "ada@example.com"), ("password", PASSWORD)]).await;
        let after = cookie_of(&answer);
        assert_ne!(after, before);
        assert!(answer.header(header::SET_COOKIE).contains("HttpOnly; SameSite=Lax"));
        assert!(world.get(&World::authorize_uri(&client, &[]), &before).await.location().starts_with("/sign-in"));
        assert_eq!(world.get(&World::authorize_uri(&client, &[]), &after).await.status, 200);
    }

    async fn nothing_leads_to_another_site_after_signing_in(database) {
        let world = World::new(database).await;
        world.user("ada@example.com").await;
        for evil in ["//evil.example", "/\\evil.example", "https://evil.example", "/\tx"] {
            let answer = world.post("/sign-in", "", &[("email", "ada@example.com"), ("password", PASSWORD), ("return_to", evil)]).await;
            assert_eq!(answer.location(), "/", "{evil}");
        }
    }

    async fn forms_of_other_sites_are_refused(database) {
        let world = World::new(database).await;
        world.user("ada@example.com").await;
        let request = |name: &'static str, value: &'static str| {
            World::form_request("/sign-in", &crate::world::form(&[("email", "ada@example.com"), ("password", PASSWORD)])).insert_header((name, value))
        };
        assert_eq!(world.send(request("Sec-Fetch-Site", "cross-site")).await.status, 403);
        assert_eq!(world.send(request("Origin", "https://evil.example")).await.status, 403);
        assert_eq!(world.send(request("Origin", "http://localhost:8080")).await.status, 303);
    }

    async fn sign_out_ends_the_session_and_needs_the_forms_token(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let uri = World::authorize_uri(&client, &[]);
        let csrf = field(&world.get(&uri, &cookie).await.body, "csrf");
        assert_eq!(world.post("/sign-out", &cookie, &[("csrf", "wrong")]).await.status, 403);
        assert_eq!(world.get(&uri, &cookie).await.status, 200);
        let answer = world.post("/sign-out", &cookie, &[("csrf", &csrf), ("return_to", &uri)]).await;
        assert_eq!(answer.location(), uri);
        assert!(answer.header(header::SET_COOKIE).contains("Max-Age=0"));
        assert!(world.get(&uri, &cookie).await.location().starts_with("/sign-in"));
    }

    async fn the_first_administrator_is_made_once_by_the_printed_link(database) {
        let world = World::new(database).await;
        let older = bootstrap_link(&world.server).await.unwrap().unwrap();
        let link = bootstrap_link(&world.server).await.unwrap().unwrap();
        assert_eq!(world.get(&path(&older), "").await.status, 410, "a newer link replaces it");
        assert_eq!(world.get("/first-administrator", "").await.status, 410);
        let page = world.get(&path(&link), "").await;
        let secret = field(&page.body, "link");
        let short = world.post("/first-administrator", "", &[("link", &secret), ("email", "root@example.com"), ("password", "short")]).await;
        assert_eq!(short.status, 422);
        assert!(short.body.contains("password-error") && field(&short.body, "email") == "root@example.com");
        let made = world.post("/first-administrator", "", &[("link", &secret), ("email", "root@example.com"), ("name", "Root"), ("password", PASSWORD)]).await;
        assert_eq!(made.location(), "/");
        let user = world.server.store.user_by_email("root@example.com").await.unwrap().unwrap();
        assert!(user.is_admin && user.password_hash.is_some_and(|hash| hash.starts_with("$argon2id$")));
        assert_eq!(world.post("/first-administrator", "", &[("link", &secret), ("email", "b@example.com"), ("password", PASSWORD)]).await.status, 410);
        assert_eq!(bootstrap_link(&world.server).await.unwrap(), None);
    }

    async fn a_password_link_works_once(database) {
        let world = World::new(database).await;
        let user = world.user("ada@example.com").await;
        let before = world.sign_in("ada@example.com").await;
        let server = &world.server;
        let link = set_password_link(&server.store, &server.settings.urls, &*server.clock, &SystemRandomness, user.id).await.unwrap();
        assert!(link.starts_with("http://localhost:8080/set-password?link="));
        let secret = field(&world.get(&path(&link), "").await.body, "link");
        let new = "another long password";
        let set = world.post("/set-password", "", &[("link", &secret), ("password", new)]).await;
        assert_eq!(set.location(), "/");
        assert_eq!(world.post("/set-password", "", &[("link", &secret), ("password", new)]).await.status, 410);
        assert_eq!(world.post("/sign-in", "", &[("email", "ada@example.com"), ("password", PASSWORD)]).await.status, 422);
        assert_eq!(world.post("/sign-in", "", &[("email", "ada@example.com"), ("password", new)]).await.status, 303);
        let client = world.client().await;
        assert!(world.get(&World::authorize_uri(&client, &[]), &before).await.location().starts_with("/sign-in"), "a new password ends every session");
    }

    async fn accounts_are_made_as_the_operator_lets(database) {
        let world = World::new(database).await;
        let typed = [("email", "ada@example.com"), ("password", PASSWORD)];
        assert_eq!(world.post("/sign-up", "", &typed).await.location(), "/");
        let taken = world.post("/sign-up", "", &typed).await;
        assert!(taken.status == 422 && taken.body.contains("cannot be used"));
        let closed = World::with(database, Settings { sign_up: SignUp::Closed, ..settings() }).await;
        assert_eq!(closed.get("/sign-up", "").await.status, 403);
        let invite = World::with(database, Settings { sign_up: SignUp::Invite, ..settings() }).await;
        assert_eq!(invite.post("/sign-up", "", &[("email", "b@example.com"), ("password", PASSWORD)]).await.status, 403);
        let server = &invite.server;
        let link = invite_link(&server.store, &server.settings.urls, &*server.clock, &SystemRandomness, Some("bob@example.com")).await.unwrap();
        let page = invite.get(&path(&link), "").await.body;
        assert_eq!(field(&page, "email"), "bob@example.com");
        let secret = field(&page, "link");
        assert_eq!(invite.post("/sign-up", "", &[("link", &secret), ("email", "mallory@example.com"), ("password", PASSWORD)]).await.location(), "/");
        assert!(invite.server.store.user_by_email("bob@example.com").await.unwrap().is_some(), "the invitation names the address");
        assert!(invite.server.store.user_by_email("mallory@example.com").await.unwrap().is_none());
        assert_eq!(invite.post("/sign-up", "", &[("link", &secret), ("password", PASSWORD)]).await.status, 410);
    }

    async fn cookies_are_bound_to_the_host_on_https(database) {
        let urls = PublicUrls { issuer: "https://auth.example".into(), resource: "https://docs.example/mcp".into() };
        let world = World::with(database, Settings { sign_up: SignUp::Open, ..Settings::new(urls) }).await;
        let answer = world.post("/sign-up", "", &[("email", "ada@example.com"), ("password", PASSWORD)]).await;
        let cookie = answer.header(header::SET_COOKIE);
        assert!(cookie.starts_with("__Host-docent_session=") && cookie.contains("Secure") && cookie.contains("Path=/") && !cookie.contains("Domain"), "{cookie}");
    }
}
