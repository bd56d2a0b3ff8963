use crate::world::{ISSUER, REDIRECT, World, field, settings};
use actix_web::http::{StatusCode, header};
use docent_store::{Role, on_each_database};
use docent_types::ids::{ClientId, ProjectId};
use docent_types::messages::RegisterClient;
use docent_types::random::SystemRandomness;
use docent_types::registration::ClientOrigin;
use docent_types::time::{ManualClock, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

on_each_database! {
    /// AS2.
    async fn pkce_with_s256_is_required_of_every_client(database) {
        let world = World::new(database).await;
        let client = world.client().await;
        let confidential = world.client_with(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_basic"})).await;
        for client in [client.as_str(), confidential["client_id"].as_str().unwrap()] {
            for more in [[("code_challenge_method", "plain")], [("code_challenge_method", "")], [("code_challenge", "")], [("code_challenge", "short")]] {
                let answer = world.get(&World::authorize_uri(client, &more), "").await;
                assert_eq!(answer.redirected()["error"], "invalid_request", "{more:?}");
            }
        }
    }

    /// AS3 at authorization.
    async fn a_redirect_uri_is_exact_except_for_the_loopback_port(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let client = world.client().await;
        for good in [REDIRECT, "http://localhost:61234/callback", "http://[::1]:1/callback"] {
            let page = world.consent_page(&cookie, &client, &[("redirect_uri", good)]).await;
            let answer = world.answer_consent(&cookie, &page, "allow").await;
            assert!(answer.location().starts_with(&format!("{good}?code=")), "{}", answer.location());
        }
        for bad in ["http://127.0.0.1:5000/callback/", "http://127.0.0.1:5000/callback?x=1", "https://127.0.0.1:5000/callback", "http://127.0.0.1.evil.example/callback", "http://evil@127.0.0.1/callback"] {
            let answer = world.get(&World::authorize_uri(&client, &[("redirect_uri", bad)]), &cookie).await;
            assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false), "{bad}");
        }
    }

    /// AS4.
    async fn an_unknown_client_gets_a_page_and_never_a_redirect(database) {
        let world = World::new(database).await;
        for more in [vec![], vec![("client_id", "")]] {
            let answer = world.get(&World::authorize_uri("c_unknown", &more), "").await;
            assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false));
            assert!(answer.header(header::CONTENT_TYPE).starts_with("text/html"));
        }
        assert!(world.get(&World::authorize_uri("c_unknown", &[]), "").await.body.contains("forget this server"), "the page says how to reset the client");
        let client = world.client().await;
        let twice = format!("{}&client_id={client}", World::authorize_uri(&client, &[]));
        assert_eq!(world.get(&twice, "").await.status, 400);
        assert_eq!(world.get("/oauth/authorize", "").await.status, 400);
    }

    /// AS4, AS5.
    async fn every_other_error_goes_back_with_state_and_issuer(database) {
        let world = World::new(database).await;
        let client = world.client().await;
        let state = "a b&c=\"d\"/é%<";
        for (more, code) in [
            ([("response_type", "token")], "unsupported_response_type"),
            ([("response_mode", "form_post")], "invalid_request"),
            ([("request_uri", "https://x.example")], "invalid_request"),
            ([("scope", "nothing we know")], "invalid_scope"),
            ([("resource", "https://other.example/mcp")], "invalid_target"),
            ([("prompt", "none")], "login_required"),
        ] {
            let answer = world.get(&World::authorize_uri(&client, &[more[0], ("state", state)]), "").await;
            assert!(answer.location().starts_with(&format!("{REDIRECT}?error=")));
            let parameters = answer.redirected();
            assert_eq!((parameters["error"].as_str(), parameters["state"].as_str(), parameters["iss"].as_str()), (code, state, ISSUER));
        }
    }

    /// AS5.
    async fn a_successful_response_names_the_issuer(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let page = world.consent_page(&cookie, &client, &[]).await;
        let parameters = world.answer_consent(&cookie, &page, "allow").await.redirected();
        assert_eq!((parameters["iss"].as_str(), parameters["state"].as_str()), (ISSUER, "the state"));
        assert!(parameters["code"].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "some clients read the raw query");
        let page = world.consent_page(&cookie, &client, &[]).await;
        let denied = world.answer_consent(&cookie, &page, "deny").await.redirected();
        assert_eq!((denied["error"].as_str(), denied["iss"].as_str(), denied["state"].as_str()), ("access_denied", ISSUER, "the state"));
    }

    /// AS7.
    async fn what_is_granted_is_what_is_known_and_the_default_when_nothing_is_asked(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        for (asked, granted) in [("", "docs:read"), ("docs:read mcp:everything", "docs:read"), ("openid email profile", "docs:read openid profile email")] {
            let tokens = world.tokens(&cookie, &client, &[("scope", asked)]).await;
            assert_eq!(tokens["scope"], granted);
        }
    }

    /// Sign-in: a person who is not signed in comes back to the very same request.
    async fn sign_in_leads_back_to_the_request(database) {
        let world = World::new(database).await;
        let client = world.client().await;
        world.user("ada@example.com").await;
        let uri = World::authorize_uri(&client, &[("state", "x&y")]);
        let answer = world.get(&uri, "").await;
        let to_sign_in = answer.location();
        assert!(to_sign_in.starts_with("/sign-in?return_to="));
        let page = world.get(&to_sign_in, "").await.body;
        let back = field(&page, "return_to");
        let signed_in = world.post("/sign-in", "", &[("email", "ADA@example.com "), ("password", crate::world::PASSWORD), ("return_to", &back)]).await;
        let consent = world.get(&signed_in.location(), &crate::world::cookie_of(&signed_in)).await;
        assert_eq!(consent.status, 200);
        let answer = world.answer_consent(&crate::world::cookie_of(&signed_in), &consent.body, "allow").await;
        assert_eq!(answer.redirected()["state"], "x&y");
    }

    /// prompt and max_age (OpenID Connect Core 3.1.2.1).
    async fn prompt_and_max_age_are_honoured_without_a_loop(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        world.pass(100);
        for more in [("prompt", "login"), ("max_age", "0")] {
            let to_sign_in = world.get(&World::authorize_uri(&client, &[more]), &cookie).await.location();
            let back = field(&world.get(&to_sign_in, &cookie).await.body, "return_to");
            assert_eq!(world.get(&back, &cookie).await.status, 200, "the sign-in answers it");
        }
        assert!(world.get(&World::authorize_uri(&client, &[("max_age", "99")]), &cookie).await.location().starts_with("/sign-in"));
        assert_eq!(world.get(&World::authorize_uri(&client, &[("max_age", "100")]), &cookie).await.status, 200);
        assert_eq!(world.get(&World::authorize_uri(&client, &[("prompt", "none")]), &cookie).await.redirected()["error"], "interaction_required");
    }

    /// AS14.
    async fn the_consent_page_is_shown_under_a_strict_policy(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let body = json!({"client_name": "<b>Evil</b>\u{202e}", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "logo_uri": "https://evil.example/logo.png"});
        let client = world.client_with(&body).await["client_id"].as_str().unwrap().to_owned();
        let answer = world.get(&World::authorize_uri(&client, &[("state", "\"><script>")]), &cookie).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe") && !policy.contains("form-action"), "{policy}");
        assert_eq!((answer.header(header::X_FRAME_OPTIONS), answer.header(header::CACHE_CONTROL)), ("DENY", "no-store"));
        for shown in ["127.0.0.1:5000", "ada@example.com", "Search and read the documentation", "claims", "started it yourself"] {
            assert!(answer.body.contains(shown), "{shown}");
        }
        for hidden in ["<b>Evil", "\u{202e}", "<script>", "evil.example"] {
            assert!(!answer.body.contains(hidden), "{hidden}");
        }
    }

    /// AS14: the page costs one round trip to the database, whoever asks.
    async fn the_consent_page_asks_the_database_once(database) {
        let (store, statements) = database.store.clone().counted();
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let world = World::on(store, settings(), clock).await;
        let (cookie, client) = (world.person().await, world.client().await);
        for more in [&[][..], &[("prompt", "consent")]] {
            statements.store(0, Ordering::Relaxed);
            world.consent_page(&cookie, &client, more).await;
            assert_eq!(statements.load(Ordering::Relaxed), 1);
        }
        statements.store(0, Ordering::Relaxed);
        assert_eq!(world.get(&World::authorize_uri(&client, &[]), "").await.status, StatusCode::SEE_OTHER);
        assert_eq!(statements.load(Ordering::Relaxed), 1, "nobody is signed in");
    }

    /// AS14: one-use, bound to this browser, with a CSRF token.
    async fn a_consent_form_counts_once_and_for_its_own_session_only(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let page = world.consent_page(&cookie, &client, &[]).await;
        let (ticket, csrf, project) = (field(&page, "ticket"), field(&page, "csrf"), field(&page, "project"));
        let send = async |cookie: &str, ticket: &str, csrf: &str, project: &str, decision: &str| {
            world.post("/oauth/authorize", cookie, &[("ticket", ticket), ("csrf", csrf), ("project", project), ("decision", decision)]).await
        };
        assert_eq!(send(&cookie, &ticket, "wrong", &project, "allow").await.status, 403);
        assert_eq!(send(&cookie, &ticket, &csrf, &project, "maybe").await.status, 400);
        assert_eq!(send("", &ticket, &csrf, &project, "allow").await.status, 400);
        assert_eq!(send(&cookie, &format!("{ticket}x"), &csrf, &project, "allow").await.status, 400);
        let foreign = ProjectId::generate(world.now(), &SystemRandomness).to_string();
        assert_eq!(send(&cookie, &ticket, &csrf, &foreign, "allow").await.status, 400);
        world.user("eve@example.com").await;
        let eve = world.sign_in("eve@example.com").await;
        let eves = world.consent_page(&eve, &client, &[]).await;
        assert_eq!(send(&eve, &ticket, &field(&eves, "csrf"), &field(&eves, "project"), "allow").await.status, 400, "another person's form");
        let cross_site = World::form_request("/oauth/authorize", &crate::world::form(&[("ticket", &ticket), ("csrf", &csrf), ("project", &project), ("decision", "allow")]))
            .insert_header((header::COOKIE, cookie.as_str()))
            .insert_header(("Sec-Fetch-Site", "cross-site"));
        assert_eq!(world.send(cross_site).await.status, 403);
        assert!(send(&cookie, &ticket, &csrf, &project, "allow").await.redirected().contains_key("code"), "none of that used the form up");
        let second = send(&cookie, &ticket, &csrf, &project, "allow").await;
        assert_eq!(second.status, 409);
        assert!(second.body.contains("answered already"));
        let page = world.consent_page(&cookie, &client, &[]).await;
        world.pass(601);
        assert_eq!(world.answer_consent(&cookie, &page, "allow").await.status, 400, "the page was open for too long");
    }

    /// AS14: the project is the person's choice.
    async fn the_grant_is_for_the_project_that_was_chosen(database) {
        let world = World::new(database).await;
        let user = world.user("ada@example.com").await;
        let team = world.server.store.create_project(ProjectId::generate(world.now(), &SystemRandomness), "Team", world.now()).await.unwrap();
        world.server.store.add_member(team.id, user.id, Role::Member, world.now()).await.unwrap();
        let (cookie, client) = (world.sign_in("ada@example.com").await, world.client().await);
        let page = world.consent_page(&cookie, &client, &[]).await;
        assert_eq!(page.matches("type=\"radio\"").count(), 2);
        let (ticket, csrf, project) = (field(&page, "ticket"), field(&page, "csrf"), team.id.to_string());
        let answer = world.post("/oauth/authorize", &cookie, &[("ticket", &ticket), ("csrf", &csrf), ("project", &project), ("decision", "allow")]).await;
        let tokens = world.exchange(&client, &answer.redirected()["code"], &[]).await.json();
        assert_eq!(crate::world::claims(tokens["access_token"].as_str().unwrap())["project"], project);
    }

    /// AS15.
    async fn consent_is_remembered_for_a_verified_https_client_only(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let loopback = world.client().await;
        world.tokens(&cookie, &loopback, &[]).await;
        world.consent_page(&cookie, &loopback, &[]).await;
        let redirect = ("redirect_uri", "https://app.example/cb");
        let body = json!({"redirect_uris": [redirect.1], "token_endpoint_auth_method": "none"});
        let dynamic = world.client_with(&body).await["client_id"].as_str().unwrap().to_owned();
        world.code(&cookie, &dynamic, &[redirect]).await;
        world.consent_page(&cookie, &dynamic, &[redirect]).await;
        let mut operators = world.server.store.client(&ClientId(dynamic)).await.unwrap().unwrap();
        operators.id = ClientId("company".into());
        operators.origin = ClientOrigin::Operator;
        world.server.asks.register_client.send(RegisterClient { client: operators, from: None }).await.unwrap().unwrap();
        let code = world.code(&cookie, "company", &[redirect]).await;
        let exchanged = world.exchange("company", &code, &[redirect]).await;
        assert_eq!(exchanged.status, 200, "{}", exchanged.body);
        let again = world.get(&World::authorize_uri("company", &[redirect]), &cookie).await;
        assert!(again.redirected().contains_key("code"), "{}", again.location());
        world.consent_page(&cookie, "company", &[redirect, ("scope", "docs:read email")]).await;
        world.consent_page(&cookie, "company", &[redirect, ("prompt", "consent")]).await;
    }
}
