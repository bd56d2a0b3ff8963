//! Device authorization (RFC 8628, AS21).

use crate::world::{RESOURCE, VERIFIER, World, claims, field, form, text};
use actix_web::http::header;
use docent_store::Acting;
use docent_store::on_each_database;
use docent_types::device::GRANT_TYPE;
use docent_types::messages::Limit;
use docent_types::pkce;
use serde_json::{Value, json};

/// A client of a machine without a browser.
async fn device_client(world: &World) -> String {
    let body = json!({"client_name": "Builder", "grant_types": [GRANT_TYPE, "refresh_token"], "token_endpoint_auth_method": "none"});
    text(&world.client_with(&body).await, "client_id").to_owned()
}

/// What the device is answered that asks for a code.
async fn begun(world: &World, client: &str, more: &[(&str, &str)]) -> Value {
    let mut pairs = vec![("client_id", client)];
    pairs.extend_from_slice(more);
    let answer = world.post("/oauth/device_authorization", "", &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    answer.json()
}

async fn poll(world: &World, client: &str, begun: &Value, more: &[(&str, &str)]) -> crate::world::Answer {
    let mut pairs = vec![("grant_type", GRANT_TYPE), ("client_id", client), ("device_code", text(begun, "device_code"))];
    pairs.extend_from_slice(more);
    world.post("/oauth/token", "", &pairs).await
}

/// Types the code; answers the page that comes.
async fn typed(world: &World, cookie: &str, code: &str) -> crate::world::Answer {
    let csrf = field(&world.get("/device", cookie).await.body, "csrf");
    world.post("/device", cookie, &[("csrf", &csrf), ("user_code", code)]).await
}

async fn answered(world: &World, cookie: &str, page: &str, decision: &str) -> crate::world::Answer {
    let (ticket, csrf, project) = (field(page, "ticket"), field(page, "csrf"), field(page, "project"));
    world.post("/device", cookie, &[("ticket", &ticket), ("csrf", &csrf), ("project", &project), ("decision", decision)]).await
}

on_each_database! {
    /// AS21: from the device's question to its tokens.
    async fn a_device_gets_tokens_when_its_person_allowed_it(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        let begun = begun(&world, &client, &[("scope", "docs:read offline_access unknown"), ("resource", RESOURCE)]).await;
        assert_eq!((begun["expires_in"].as_u64(), begun["interval"].as_u64()), (Some(600), Some(5)));
        assert_eq!(text(&begun, "verification_uri"), "http://localhost:8080/device");
        let code = text(&begun, "user_code");
        assert_eq!(text(&begun, "verification_uri_complete"), format!("http://localhost:8080/device?user_code={code}"));
        assert!(code.len() == 9 && code.bytes().all(|byte| byte == b'-' || byte.is_ascii_uppercase()), "{code}");
        poll(&world, &client, &begun, &[]).await.assert_error(400, "authorization_pending");

        let page = typed(&world, &cookie, &code.replace('-', "").to_lowercase()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for shown in [code, "Builder", "claims", "ada@example.com", "Search and read the documentation", "203.0.113.5", "notice warning"] {
            assert!(page.body.contains(shown), "{shown}\n{}", page.body);
        }
        let done = answered(&world, &cookie, &page.body, "allow").await;
        assert!(done.status == 200 && done.body.contains("is connected"), "{}", done.body);

        world.pass(5);
        let tokens = poll(&world, &client, &begun, &[("resource", RESOURCE)]).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let tokens = tokens.json();
        assert_eq!(tokens["scope"], "docs:read offline_access");
        let access = claims(text(&tokens, "access_token"));
        assert_eq!((access["aud"].as_str(), access["client_id"].as_str()), (Some(RESOURCE), Some(client.as_str())));
        assert!(world.is_live(text(&tokens, "access_token")));
        assert_eq!(world.refresh(&client, text(&tokens, "refresh_token"), &[]).await.status, 200);
        poll(&world, &client, &begun, &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS21: a link that carries the code shows it and waits for a click; signing in leads back to it.
    async fn a_link_with_the_code_does_nothing_by_itself(database) {
        let world = World::new(database).await;
        let client = device_client(&world).await;
        world.user("ada@example.com").await;
        let begun = begun(&world, &client, &[]).await;
        let link = text(&begun, "verification_uri_complete").strip_prefix(crate::world::ISSUER).unwrap().to_owned();
        let to_sign_in = world.get(&link, "").await.location();
        let back = field(&world.get(&to_sign_in, "").await.body, "return_to");
        assert_eq!(back, link);
        let cookie = world.sign_in("ada@example.com").await;
        let page = world.get(&back, &cookie).await;
        assert_eq!((page.status.as_u16(), field(&page.body, "user_code")), (200, text(&begun, "user_code").to_owned()));
        assert!(!page.body.contains("name=\"ticket\"") && !page.body.contains("Builder"));
        poll(&world, &client, &begun, &[]).await.assert_error(400, "authorization_pending");
        assert_eq!(world.get("/device?user_code=%22%3E%3Cscript%3E", &cookie).await.body.matches("<script>").count(), 0);
    }

    /// AS21: no oracle. A code that is unknown, ended, denied, used or somebody else's gets the same answer.
    async fn nobody_learns_what_is_wrong_with_a_code(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        world.user("eve@example.com").await;
        let eve = world.sign_in("eve@example.com").await;
        let [others, denied, used, ended] = [begun(&world, &client, &[]).await, begun(&world, &client, &[]).await, begun(&world, &client, &[]).await, begun(&world, &client, &[]).await];
        typed(&world, &eve, text(&others, "user_code")).await;
        for (one, decision) in [(&denied, "deny"), (&used, "allow")] {
            let page = typed(&world, &cookie, text(one, "user_code")).await;
            assert_eq!(answered(&world, &cookie, &page.body, decision).await.status, 200);
        }
        let mut answers = Vec::new();
        for code in ["BBBB-BBBB", text(&others, "user_code"), text(&denied, "user_code"), text(&used, "user_code")] {
            let answer = typed(&world, &cookie, code).await;
            answers.push((answer.status.as_u16(), answer.body.replace(code, "CODE")));
        }
        world.pass(600);
        let answer = typed(&world, &cookie, text(&ended, "user_code")).await;
        answers.push((answer.status.as_u16(), answer.body.replace(text(&ended, "user_code"), "CODE")));
        assert_eq!(answers[0].0, 422);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        poll(&world, &client, &denied, &[]).await.assert_error(400, "access_denied");
        poll(&world, &client, &ended, &[]).await.assert_error(400, "expired_token");
    }

    /// AS21: guessing is limited by person, by address, and for everybody together; and so is asking for codes.
    async fn each_limit_is_asked(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        for limit in [Limit::UserCode, Limit::UserCodeAddress, Limit::UserCodeAnywhere] {
            *world.outside.full.lock().unwrap() = Some(limit);
            let refused = typed(&world, &cookie, "BBBB-BBBB").await;
            assert_eq!((refused.status.as_u16(), refused.header(header::RETRY_AFTER)), (429, "7"), "{limit:?}");
        }
        *world.outside.full.lock().unwrap() = Some(Limit::DeviceAuthorization);
        world.post("/oauth/device_authorization", "", &[("client_id", &client)]).await.assert_error(429, "slow_down");
    }

    /// AS10, AS11, AS21: faults of the device's question.
    async fn a_question_that_cannot_be_answered_is_refused_in_the_shape_of_the_rfc(database) {
        let world = World::new(database).await;
        let (client, other) = (device_client(&world).await, world.client().await);
        let ask = async |pairs: &[(&str, &str)]| world.post("/oauth/device_authorization", "", pairs).await;
        ask(&[]).await.assert_error(400, "invalid_request");
        ask(&[("client_id", "c_unknown")]).await.assert_error(401, "invalid_client");
        ask(&[("client_id", &other)]).await.assert_error(400, "unauthorized_client");
        ask(&[("client_id", &client), ("scope", "everything")]).await.assert_error(400, "invalid_scope");
        ask(&[("client_id", &client), ("resource", "https://other.example/mcp")]).await.assert_error(400, "invalid_target");
        ask(&[("client_id", &client), ("client_secret", "guessed")]).await.assert_error(401, "invalid_client");
        ask(&[("client_id", &client), ("code_challenge", "x")]).await.assert_error(400, "invalid_request");
        ask(&[("client_id", &client), ("scope", "docs:read"), ("scope", "email")]).await.assert_error(400, "invalid_request");
        let body = json!({"client_name": "Confidential", "grant_types": [GRANT_TYPE], "token_endpoint_auth_method": "client_secret_post"});
        let confidential = world.client_with(&body).await;
        ask(&[("client_id", text(&confidential, "client_id"))]).await.assert_error(401, "invalid_client");
        assert_eq!(ask(&[("client_id", text(&confidential, "client_id")), ("client_secret", text(&confidential, "client_secret"))]).await.status, 200);
        poll(&world, &other, &begun(&world, &client, &[]).await, &[]).await.assert_error(400, "unauthorized_client");
        let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
        assert_eq!(metadata["device_authorization_endpoint"], "http://localhost:8080/oauth/device_authorization");
        assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT_TYPE)));
    }

    /// AS2, AS21: a challenge that was sent is held to.
    async fn a_challenge_of_the_device_binds_its_code(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        let challenge = pkce::s256(VERIFIER);
        let begun = begun(&world, &client, &[("code_challenge", &challenge), ("code_challenge_method", "S256")]).await;
        let page = typed(&world, &cookie, text(&begun, "user_code")).await;
        answered(&world, &cookie, &page.body, "allow").await;
        poll(&world, &client, &begun, &[]).await.assert_error(400, "invalid_grant");
        poll(&world, &client, &begun, &[("code_verifier", &"x".repeat(43))]).await.assert_error(400, "invalid_grant");
        assert_eq!(poll(&world, &client, &begun, &[("code_verifier", VERIFIER)]).await.status, 200);
    }

    /// AS14, AS21: the page's forms need their token and their session, and count once.
    async fn the_form_counts_once_and_for_its_own_session_only(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        let begun = begun(&world, &client, &[]).await;
        let code = text(&begun, "user_code");
        assert_eq!(world.post("/device", &cookie, &[("csrf", "wrong"), ("user_code", code)]).await.status, 403);
        assert!(world.post("/device", "", &[("user_code", code)]).await.location().starts_with("/sign-in?return_to=%2Fdevice%3Fuser_code%3D"));
        let page = typed(&world, &cookie, code).await.body;
        let (ticket, csrf, project) = (field(&page, "ticket"), field(&page, "csrf"), field(&page, "project"));
        let send = async |cookie: &str, ticket: &str, csrf: &str, decision: &str| {
            world.post("/device", cookie, &[("ticket", ticket), ("csrf", csrf), ("project", &project), ("decision", decision)]).await
        };
        assert_eq!(send(&cookie, &ticket, "wrong", "allow").await.status, 403);
        assert_eq!(send(&cookie, &ticket, &csrf, "maybe").await.status, 400);
        assert_eq!(send("", &ticket, &csrf, "allow").await.status, 400);
        assert_eq!(send(&cookie, &format!("{ticket}x"), &csrf, "allow").await.status, 400);
        let foreign = World::form_request("/device", &form(&[("ticket", &ticket), ("csrf", &csrf), ("decision", "allow")]));
        let foreign = foreign.insert_header((header::COOKIE, cookie.clone())).insert_header(("Origin", "https://evil.example"));
        assert_eq!(world.send(foreign).await.status, 403);
        assert_eq!(send(&cookie, &ticket, &csrf, "allow").await.status, 200);
        assert_eq!(send(&cookie, &ticket, &csrf, "allow").await.status, 409, "it counts once");
        assert_eq!(send(&cookie, &ticket, &csrf, "deny").await.status, 409);
        assert_eq!(poll(&world, &client, &begun, &[]).await.status, 200);
    }

    /// AS14, AS21: a consent form is no form of a device, and the other way round.
    async fn tickets_of_the_two_forms_are_not_taken_for_each_other(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        let browser = world.client().await;
        let begun = begun(&world, &client, &[]).await;
        let device = typed(&world, &cookie, text(&begun, "user_code")).await.body;
        let consent = world.consent_page(&cookie, &browser, &[]).await;
        let send = async |path: &str, page: &str| {
            let (ticket, csrf, project) = (field(page, "ticket"), field(page, "csrf"), field(page, "project"));
            world.post(path, &cookie, &[("ticket", &ticket), ("csrf", &csrf), ("project", &project), ("decision", "allow")]).await.status.as_u16()
        };
        assert_eq!(send("/device", &consent).await, 400);
        assert_eq!(send("/oauth/authorize", &device).await, 400);
    }

    /// CVE-2024-38371: who may not have access gets none by a device, whenever they lose it.
    async fn who_is_kept_out_elsewhere_is_kept_out_here(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        let (one, two) = (begun(&world, &client, &[]).await, begun(&world, &client, &[]).await);
        let page = typed(&world, &cookie, text(&one, "user_code")).await.body;
        answered(&world, &cookie, &page, "allow").await;
        let page = typed(&world, &cookie, text(&two, "user_code")).await.body;
        let foreign = world.user("bob@example.com").await;
        let foreign = world.server.store.projects_of(foreign.id).await.unwrap()[0].0.id.to_string();
        let (ticket, csrf) = (field(&page, "ticket"), field(&page, "csrf"));
        let pairs = [("ticket", ticket.as_str()), ("csrf", &csrf), ("project", &foreign), ("decision", "allow")];
        assert_eq!(world.post("/device", &cookie, &pairs).await.status, 400, "a project of somebody else");
        poll(&world, &client, &two, &[]).await.assert_error(400, "authorization_pending");
        let ada = world.server.store.user_by_email("ada@example.com").await.unwrap().unwrap();
        world.server.store.set_user_disabled(ada.id, true, &Acting::command(world.now())).await.unwrap();
        assert_eq!(answered(&world, &cookie, &page, "allow").await.status, 400);
        poll(&world, &client, &one, &[]).await.assert_error(400, "invalid_grant");
        world.pass(5);
        poll(&world, &client, &two, &[]).await.assert_error(400, "authorization_pending");
    }

    /// AS21: a page of an account that is not the right one leads to another, and the code is still good.
    async fn signing_out_at_the_page_keeps_the_code(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, device_client(&world).await);
        world.user("bob@example.com").await;
        let begun = begun(&world, &client, &[]).await;
        let page = typed(&world, &cookie, text(&begun, "user_code")).await.body;
        let back = field(&page, "return_to");
        assert_eq!(back, format!("/device?user_code={}", text(&begun, "user_code")));
        assert_eq!(world.post("/sign-out", &cookie, &[("csrf", &field(&page, "csrf")), ("return_to", &back)]).await.location(), back);
        let bob = world.sign_in("bob@example.com").await;
        let page = typed(&world, &bob, text(&begun, "user_code")).await.body;
        answered(&world, &bob, &page, "allow").await;
        assert_eq!(poll(&world, &client, &begun, &[]).await.status, 200);
    }
}
