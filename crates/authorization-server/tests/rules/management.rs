//! RFC 7592, and registration with an initial access token.

use crate::world::{Answer, REDIRECT, World, settings, text};
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::TestRequest;
use docent_authorization_server::{DynamicRegistration, Settings};
use docent_store::{InitialAccessToken, on_each_database};
use docent_types::ids::{ClientId, uuid_v7};
use docent_types::messages::{ChangeClient, ChangedBy, ClientChange, Limit};
use docent_types::random::SystemRandomness;
use docent_types::secret::SecretHash;
use serde_json::{Value, json};
use std::time::Duration;

fn confidential() -> Value {
    json!({"client_name": "Portal", "redirect_uris": [REDIRECT, "https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic"})
}

async fn managed(world: &World, method: Method, uri: &str, token: &str, body: Option<&Value>) -> Answer {
    let path = uri.strip_prefix(crate::world::ISSUER).unwrap_or(uri);
    let mut request = TestRequest::with_uri(path).method(method);
    if !token.is_empty() {
        request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    }
    if let Some(body) = body {
        request = request.insert_header((header::CONTENT_TYPE, "application/json")).set_payload(body.to_string());
    }
    world.send(request).await
}

async fn register_with(world: &World, token: &str, body: &Value) -> Answer {
    managed(world, Method::POST, "/oauth/register", token, Some(body)).await
}

async fn initial_access_token(world: &World, uses: u64) -> String {
    let now = world.now();
    let token = InitialAccessToken {
        id: uuid_v7(now, &SystemRandomness),
        label: String::new(),
        uses,
        used: 0,
        created_at: now,
        expires_at: now.after(Duration::from_secs(3600)),
        last_used_at: None,
        revoked_at: None,
    };
    let secret = format!("iat_{}", token.id);
    world.server.store.create_initial_access_token(&token, SecretHash::of(&secret)).await.unwrap();
    secret
}

fn assert_invalid_token(answer: &Answer) {
    answer.assert_error(401, "invalid_token");
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), r#"Bearer error="invalid_token""#);
}

on_each_database! {
    /// AS13, RFC 7592 2.1.
    async fn a_client_with_a_secret_reads_its_registration(database) {
        let world = World::new(database).await;
        let made = world.client_with(&confidential()).await;
        let (uri, token) = (text(&made, "registration_client_uri"), text(&made, "registration_access_token"));
        assert_eq!(uri, format!("{}/oauth/register/{}", crate::world::ISSUER, text(&made, "client_id")));
        let answer = managed(&world, Method::GET, uri, token, None).await;
        assert_eq!((answer.status, answer.header(header::CACHE_CONTROL)), (StatusCode::OK, "no-store"));
        let mut expected = made.clone();
        expected.as_object_mut().unwrap().retain(|name, _| !name.starts_with("client_secret"));
        assert_eq!(answer.json(), expected);
    }

    /// AS13, *Registration*: the same metadata is the same client, so nobody is given a token that manages everybody's.
    async fn a_public_client_that_many_share_has_no_management(database) {
        let world = World::new(database).await;
        let made = world.client_with(&json!({"client_name": "Shared", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"})).await;
        assert!(made.get("registration_client_uri").is_none() && made.get("registration_access_token").is_none());
        let own = world.client_with(&confidential()).await;
        let shared = format!("/oauth/register/{}", text(&made, "client_id"));
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_invalid_token(&managed(&world, method.clone(), &shared, text(&own, "registration_access_token"), Some(&json!({}))).await);
            let answer = managed(&world, method, &shared, "", None).await;
            answer.assert_error(401, "invalid_token");
            assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
        }
        assert!(world.server.store.client(&ClientId(text(&made, "client_id").to_owned())).await.unwrap().is_some());
    }

    /// AS13, RFC 7592 2.2: full replacement, the same id, the same secret, a new token.
    async fn an_update_replaces_the_metadata_and_rotates_the_token(database) {
        let world = World::new(database).await;
        let made = world.client_with(&confidential()).await;
        let (id, uri, token) = (text(&made, "client_id"), text(&made, "registration_client_uri"), text(&made, "registration_access_token"));
        let cookie = world.person().await;
        let page = world.consent_page(&cookie, id, &[]).await;
        let wanted = json!({"client_id": id, "client_secret": made["client_secret"], "redirect_uris": ["https://app.example/new"], "token_endpoint_auth_method": "client_secret_post"});
        let answer = managed(&world, Method::PUT, uri, token, Some(&wanted)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let changed = answer.json();
        assert_eq!((text(&changed, "client_id"), text(&changed, "client_name")), (id, "Unnamed application"), "what was left out is gone");
        assert_eq!(changed["redirect_uris"], json!(["https://app.example/new"]));
        let next = text(&changed, "registration_access_token");
        assert_ne!(next, token);
        assert_invalid_token(&managed(&world, Method::GET, uri, token, None).await);
        assert_eq!(managed(&world, Method::GET, uri, next, None).await.json()["token_endpoint_auth_method"], "client_secret_post");
        let proof = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", id), ("client_secret", text(&made, "client_secret"))];
        world.post("/oauth/token", "", &proof).await.assert_error(400, "invalid_grant");
        assert_eq!(world.answer_consent(&cookie, &page, "allow").await.status, StatusCode::BAD_REQUEST, "a page shown before goes nowhere");
        for (bad, code) in [
            (json!({"redirect_uris": [REDIRECT]}), "invalid_client_metadata"),
            (json!({"client_id": "c_other", "redirect_uris": [REDIRECT]}), "invalid_client_metadata"),
            (json!({"client_id": id, "redirect_uris": [REDIRECT], "client_secret": "mine"}), "invalid_client_metadata"),
            (json!({"client_id": id, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}), "invalid_client_metadata"),
            (json!({"client_id": id, "redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
            (json!({"client_id": id}), "invalid_redirect_uri"),
        ] {
            managed(&world, Method::PUT, uri, next, Some(&bad)).await.assert_error(400, code);
        }
        assert_eq!(managed(&world, Method::GET, uri, next, None).await.status, StatusCode::OK, "what is refused does not rotate");
    }

    /// AS13, RFC 7592 2.3.
    async fn a_client_removes_itself_with_all_that_people_allowed_it(database) {
        let world = World::new(database).await;
        let made = world.client_with(&confidential()).await;
        let (id, uri, token) = (text(&made, "client_id"), text(&made, "registration_client_uri"), text(&made, "registration_access_token"));
        let cookie = world.person().await;
        let secret = [("client_secret", text(&made, "client_secret"))];
        let code = world.code(&cookie, id, &[]).await;
        let tokens = world.exchange(id, &code, &secret).await.json();
        assert!(world.is_live(text(&tokens, "access_token")));
        let answer = managed(&world, Method::DELETE, uri, token, None).await;
        assert_eq!((answer.status, answer.body.as_str(), answer.header(header::CACHE_CONTROL)), (StatusCode::NO_CONTENT, "", "no-store"));
        assert!(!world.is_live(text(&tokens, "access_token")));
        world.refresh(id, text(&tokens, "refresh_token"), &secret).await.assert_error(401, "invalid_client");
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_invalid_token(&managed(&world, method, uri, token, Some(&confidential())).await);
        }
    }

    /// RFC 7592 2: 403 for a client that may not, 405 for what is not there, 401 for everybody else, all in the RFC's shape.
    async fn management_is_refused_in_the_right_words(database) {
        let world = World::new(database).await;
        let made = world.client_with(&confidential()).await;
        let (id, uri, token) = (text(&made, "client_id"), text(&made, "registration_client_uri"), text(&made, "registration_access_token"));
        for wrong in ["x", "rat_x", text(&made, "client_secret")] {
            assert_invalid_token(&managed(&world, Method::GET, uri, wrong, None).await);
        }
        assert_invalid_token(&managed(&world, Method::GET, "/oauth/register/c_unknown", token, None).await);
        let post = managed(&world, Method::POST, uri, token, Some(&confidential())).await;
        post.assert_error(405, "method_not_allowed");
        assert!(post.header(header::ALLOW).contains("DELETE"));
        let preflight = world.call(Method::OPTIONS, &format!("/oauth/register/{id}")).await;
        assert!(preflight.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("PUT"), "{preflight:?}");
        *world.outside.full.lock().unwrap() = Some(Limit::Token);
        managed(&world, Method::GET, uri, "x", None).await.assert_error(429, "slow_down");
        assert_eq!(managed(&world, Method::GET, uri, token, None).await.status, StatusCode::OK, "who is right is not limited");
        *world.outside.full.lock().unwrap() = None;
        let block = ChangeClient { client: ClientId(id.to_owned()), change: ClientChange::Disable, by: ChangedBy::Operator, now: world.now(), from: None };
        world.server.asks.change_client.send(block).await.unwrap().unwrap().unwrap();
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            managed(&world, method, uri, token, Some(&json!({"client_id": id, "redirect_uris": [REDIRECT]}))).await.assert_error(403, "access_denied");
        }
    }

    /// AS13: registration with an initial access token; a client that registers again uses nothing of it.
    async fn who_has_an_initial_access_token_may_register(database) {
        let world = World::with(database, Settings { dynamic_registration: DynamicRegistration::Token, ..settings() }).await;
        let token = initial_access_token(&world, 1).await;
        let public = json!({"client_name": "One", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"});
        let without = world.register(&public).await;
        without.assert_error(401, "invalid_token");
        assert_eq!(without.header(header::WWW_AUTHENTICATE), "Bearer", "who sent nothing is told no error (RFC 6750 3.1)");
        assert!(without.body.contains("operator"), "{}", without.body);
        assert_invalid_token(&register_with(&world, "iat_unknown", &public).await);
        let one = register_with(&world, &token, &public).await;
        assert_eq!(one.status, StatusCode::CREATED, "{}", one.body);
        let used_up = register_with(&world, &token, &confidential()).await;
        assert_invalid_token(&used_up);
        assert!(used_up.body.contains("used up"), "{}", used_up.body);
        let again = register_with(&world, &token, &public).await;
        assert_eq!((again.status, &again.json()["client_id"]), (StatusCode::CREATED, &one.json()["client_id"]));
        let cookie = world.person().await;
        world.tokens(&cookie, text(&one.json(), "client_id"), &[]).await;
        world.pass(3600);
        let expired = register_with(&world, &token, &public).await;
        assert_invalid_token(&expired);
        assert!(expired.body.contains("expired"), "{}", expired.body);
        // It opens nothing else.
        assert_invalid_token(&managed(&world, Method::GET, &format!("/oauth/register/{}", text(&one.json(), "client_id")), &token, None).await);
    }

    /// AS13: in the state `off` a client is told so, and those that are there go on.
    async fn where_registration_is_off_the_answer_says_so(database) {
        let world = World::with(database, Settings { dynamic_registration: DynamicRegistration::Off, ..settings() }).await;
        let answer = register_with(&world, "iat_any", &confidential()).await;
        answer.assert_error(403, "access_denied");
        assert!(answer.body.contains("Dynamic registration is off"), "{}", answer.body);
        let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
        assert!(metadata.get("registration_endpoint").is_none());
        let open = World::new(database).await;
        let made = open.client_with(&confidential()).await;
        let answer = managed(&world, Method::DELETE, text(&made, "registration_client_uri"), text(&made, "registration_access_token"), None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "a client may take itself away");
    }

    /// AS13: registering again is answered without a change, and 30 days count from the last time.
    async fn registering_again_within_a_day_writes_nothing(database) {
        let world = World::new(database).await;
        let public = json!({"client_name": "Again", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"});
        let one = world.client_with(&public).await;
        for seconds in [0, 60, 3 * 86_400, 40 * 86_400] {
            world.pass(seconds);
            assert_eq!(world.client_with(&public).await, one, "the same answer, with the time of the first");
        }
    }
}
