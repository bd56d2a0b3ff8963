use crate::world::{REDIRECT, World, settings, text};
use actix_web::http::header;
use actix_web::test::TestRequest;
use docent_authorization_server::{KeyRing, KeyRingOptions, Settings};
use docent_store::on_each_database;
use docent_types::ids::ClientId;
use serde_json::json;

fn bearer(token: &str) -> (header::HeaderName, String) {
    (header::AUTHORIZATION, format!("Bearer {token}"))
}

on_each_database! {
    /// AS18 (RFC 7009).
    async fn a_client_revokes_its_own_tokens_only(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let other = world.client_with(&json!({"client_name": "Other", "redirect_uris": ["http://localhost/other"]})).await;
        let tokens = world.tokens(&cookie, &client, &[]).await;
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        for token in [access, refresh, "unknown"] {
            let answer = world.post("/oauth/revoke", "", &[("client_id", text(&other, "client_id")), ("token", token)]).await;
            assert_eq!(answer.status, 200, "the answer tells nothing");
        }
        assert!(world.is_live(access));
        world.post("/oauth/revoke", "", &[("client_id", "c_unknown"), ("token", access)]).await.assert_error(401, "invalid_client");
        world.post("/oauth/revoke", "", &[("client_id", &client)]).await.assert_error(400, "invalid_request");
        assert_eq!(world.post("/oauth/revoke", "", &[("client_id", &client), ("token", access)]).await.status, 200);
        assert!(!world.is_live(access));
        let refreshed = world.refresh(&client, refresh, &[]).await.json();
        assert!(world.is_live(text(&refreshed, "access_token")), "one access token was revoked, not the grant");
        assert_eq!(world.post("/oauth/revoke", "", &[("client_id", &client), ("token", text(&refreshed, "refresh_token")), ("token_type_hint", "access_token")]).await.status, 200);
        assert!(!world.is_live(text(&refreshed, "access_token")));
        world.refresh(&client, text(&refreshed, "refresh_token"), &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS18 (RFC 7662).
    async fn introspection_needs_a_secret_and_tells_of_own_tokens_only(database) {
        let world = World::new(database).await;
        let (cookie, public) = (world.person().await, world.client().await);
        let client = world.client_with(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post"})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let tokens = world.tokens(&cookie, id, &[]).await;
        let foreign = world.tokens(&cookie, &public, &[]).await;
        let ask = async |id: &str, secret: &str, token: &str| world.post("/oauth/introspect", "", &[("client_id", id), ("client_secret", secret), ("token", token)]).await;
        ask(&public, "", text(&foreign, "access_token")).await.assert_error(401, "invalid_client");
        ask(id, "", text(&tokens, "access_token")).await.assert_error(401, "invalid_client");
        ask(id, "wrong", text(&tokens, "access_token")).await.assert_error(401, "invalid_client");
        let live = ask(id, secret, text(&tokens, "access_token")).await.json();
        assert_eq!((live["active"].as_bool(), live["client_id"].as_str(), live["scope"].as_str()), (Some(true), Some(id), Some("docs:read")));
        assert_eq!(ask(id, secret, text(&foreign, "access_token")).await.json(), json!({"active": false}));
        assert_eq!(ask(id, secret, "nonsense").await.json(), json!({"active": false}));
        world.pass(900);
        assert_eq!(ask(id, secret, text(&tokens, "access_token")).await.json(), json!({"active": false}));
    }

    /// AS18 (OpenID Connect Core 5.3).
    async fn userinfo_tells_what_was_granted(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let ask = async |token: &str| world.send(TestRequest::get().uri("/oauth/userinfo").insert_header(bearer(token))).await;
        let without = world.tokens(&cookie, &client, &[]).await;
        let refused = ask(text(&without, "access_token")).await;
        refused.assert_error(403, "insufficient_scope");
        let tokens = world.tokens(&cookie, &client, &[("scope", "openid profile")]).await;
        let access = text(&tokens, "access_token");
        let info = ask(access).await.json();
        assert_eq!((info["name"].as_str(), info.get("email")), (Some("Ada"), None));
        let nothing = world.get("/oauth/userinfo", "").await;
        nothing.assert_error(401, "invalid_token");
        assert!(!nothing.header(header::WWW_AUTHENTICATE).contains("error"));
        let wrong = ask(text(&tokens, "id_token")).await;
        wrong.assert_error(401, "invalid_token");
        assert!(wrong.header(header::WWW_AUTHENTICATE).starts_with("Bearer error=\"invalid_token\""));
        world.post("/oauth/revoke", "", &[("client_id", &client), ("token", access)]).await;
        ask(access).await.assert_error(401, "invalid_token");
    }

    /// AS18 (RFC 7009 2.1, 2.2.1): a hint that means nothing is tolerated, a kind that cannot be revoked is told.
    async fn revocation_needs_no_hint_and_tells_what_it_cannot_do(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        for hint in ["refresh_token", "access_token", "nonsense", "\u{e9}"] {
            let tokens = world.tokens(&cookie, &client, &[("scope", "openid docs:read")]).await;
            let revoke = async |token: &str| world.post("/oauth/revoke", "", &[("client_id", &client), ("token", token), ("token_type_hint", hint)]).await;
            revoke(text(&tokens, "id_token")).await.assert_error(400, "unsupported_token_type");
            assert!(world.is_live(text(&tokens, "access_token")));
            let answer = revoke(text(&tokens, "refresh_token")).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str(), answer.header(header::CACHE_CONTROL)), (200, "", "no-store"));
            assert!(!world.is_live(text(&tokens, "access_token")), "{hint}");
        }
        let tokens = world.tokens(&cookie, &client, &[]).await;
        world.pass(901);
        let ended = world.post("/oauth/revoke", "", &[("client_id", &client), ("token", text(&tokens, "access_token"))]).await;
        assert_eq!(ended.status, 200, "an access token that has ended is revoked like any other");
    }

    /// AS10, AS18: who has a secret proves it before anything is revoked.
    async fn a_confidential_client_authenticates_to_revoke(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let redirect = ("redirect_uri", "https://app.example/cb");
        let client = world.client_with(&json!({"redirect_uris": [redirect.1], "token_endpoint_auth_method": "client_secret_post"})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let code = world.code(&cookie, id, &[redirect]).await;
        let tokens = world.exchange(id, &code, &[redirect, ("client_secret", secret)]).await.json();
        let revoke = async |secret: &str| world.post("/oauth/revoke", "", &[("client_id", id), ("client_secret", secret), ("token", text(&tokens, "refresh_token"))]).await;
        revoke("").await.assert_error(401, "invalid_client");
        revoke("wrong").await.assert_error(401, "invalid_client");
        assert!(world.is_live(text(&tokens, "access_token")));
        assert_eq!(revoke(secret).await.status, 200);
        assert!(!world.is_live(text(&tokens, "access_token")));
    }

    /// AS18 (RFC 7662): a client learns of its own refresh tokens too, as long as their use would be accepted.
    async fn introspection_tells_of_own_refresh_tokens(database) {
        let world = World::new(database).await;
        let (cookie, public) = (world.person().await, world.client().await);
        let client = world.client_with(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post"})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let ask = async |token: &str| world.post("/oauth/introspect", "", &[("client_id", id), ("client_secret", secret), ("token", token), ("token_type_hint", "nonsense")]).await.json();
        let tokens = world.tokens(&cookie, id, &[]).await;
        let refresh = text(&tokens, "refresh_token");
        let told = ask(refresh).await;
        assert_eq!((told["active"].as_bool(), told["client_id"].as_str(), told["scope"].as_str()), (Some(true), Some(id), Some("docs:read")));
        assert_eq!(told["exp"].as_i64(), Some(world.now().seconds() + 90 * 86_400));
        assert!(told.get("token_type").is_none() && told.get("aud").is_none());
        let foreign = world.tokens(&cookie, &public, &[]).await;
        assert_eq!(ask(text(&foreign, "refresh_token")).await, json!({"active": false}));
        assert_eq!(ask(text(&foreign, "access_token")).await, json!({"active": false}));
        world.post("/oauth/revoke", "", &[("client_id", id), ("client_secret", secret), ("token", refresh)]).await;
        assert_eq!(ask(refresh).await, json!({"active": false}));
        assert_eq!(ask(text(&tokens, "access_token")).await, json!({"active": false}));
    }

    /// AS18 (RFC 7662): a protected resource that the operator named asks about every access token, and about no refresh token.
    async fn a_named_resource_server_asks_about_every_access_token(database) {
        let world = World::with(database, Settings { resource_servers: vec![ClientId("c_resource".into())], ..settings() }).await;
        let (cookie, public) = (world.person().await, world.client().await);
        crate::machines::operators_client(&world, "c_resource", "client_credentials").await;
        let ask = async |token: &str| world.post("/oauth/introspect", "", &[("client_id", "c_resource"), ("client_secret", crate::machines::SECRET), ("token", token)]).await.json();
        let tokens = world.tokens(&cookie, &public, &[]).await;
        let told = ask(text(&tokens, "access_token")).await;
        assert_eq!((told["active"].as_bool(), told["client_id"].as_str()), (Some(true), Some(public.as_str())));
        assert_eq!(ask(text(&tokens, "refresh_token")).await, json!({"active": false}));
    }

    /// AS18, RS9: GET and POST, from any origin; never a token of the query or of the body.
    async fn userinfo_takes_one_token_from_the_header_only(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let tokens = world.tokens(&cookie, &client, &[("scope", "openid email")]).await;
        let access = text(&tokens, "access_token");
        for request in [TestRequest::get(), TestRequest::post()] {
            let answer = world.send(request.uri("/oauth/userinfo").insert_header(bearer(access)).insert_header((header::ORIGIN, "https://app.example"))).await;
            assert_eq!((answer.status.as_u16(), answer.json()["email"].as_str()), (200, Some("ada@example.com")));
            assert_eq!((answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), answer.header(header::CACHE_CONTROL)), ("*", "no-store"));
            assert!(answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("WWW-Authenticate"));
        }
        world.get(&format!("/oauth/userinfo?access_token={access}"), "").await.assert_error(401, "invalid_token");
        world.post("/oauth/userinfo", "", &[("access_token", access)]).await.assert_error(401, "invalid_token");
        let two = TestRequest::get().uri("/oauth/userinfo").append_header(bearer(access)).append_header(bearer(access));
        let refused = world.send(two).await;
        refused.assert_error(400, "invalid_request");
        assert!(refused.header(header::WWW_AUTHENTICATE).starts_with("Bearer error=\"invalid_request\""));
        let put = world.send(TestRequest::put().uri("/oauth/userinfo")).await;
        put.assert_error(405, "method_not_allowed");
    }

    /// AS17, AS18: the key set may be kept for a time that is far shorter than the one for which the next key is published before its use.
    async fn the_key_set_may_be_cached_and_names_the_next_key_in_time(database) {
        let world = World::new(database).await;
        let answer = world.get("/oauth/jwks", "").await;
        let age: u64 = answer.header(header::CACHE_CONTROL).split_once("max-age=").unwrap().1.parse().unwrap();
        let options = KeyRingOptions::default();
        assert!(age > 0 && age * 10 <= options.prepublish.as_secs());
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert!(keys.iter().all(|key| key.get("d").is_none() && key["use"] == "sig" && key["alg"] == "ES256"));
        world.pass(options.rotate_every.as_secs() - options.prepublish.as_secs());
        let server = &world.server;
        let ring = KeyRing::new(server.store.clone(), server.master.clone(), server.clock.clone(), server.signer.clone(), server.keys.clone(), options);
        ring.load().await.unwrap();
        let later = world.get("/oauth/jwks", "").await.json();
        let later = later["keys"].as_array().unwrap();
        assert_eq!(later.len(), 2);
        assert!(later.contains(&keys[0]), "the key that signs still");
    }

    /// AS18, CVE-2026-25537: tokens that were signed with our own key, and are wrong in one thing, at each endpoint that reads tokens.
    async fn a_signed_token_with_one_wrong_claim_is_none_at_every_endpoint(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let client = world.client_with(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_post"})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let tokens = world.tokens(&cookie, id, &[("scope", "openid docs:read")]).await;
        let right = crate::world::claims(text(&tokens, "access_token"));
        let signer = world.server.signer.load_full().unwrap();
        let active = async |token: &str| {
            let told = world.post("/oauth/introspect", "", &[("client_id", id), ("client_secret", secret), ("token", token)]).await.json();
            let info = world.send(TestRequest::get().uri("/oauth/userinfo").insert_header(bearer(token))).await;
            assert_eq!(told["active"] == true, info.status == 200, "{told} {}", info.body);
            told["active"] == true
        };
        assert!(active(&signer.sign("at+jwt", &right).unwrap()).await);
        assert!(!active(&signer.sign("JWT", &right).unwrap()).await);
        let now = world.now().seconds();
        let wrong = [
            ("exp", json!("never")), ("exp", json!((now + 900).to_string())), ("exp", json!(null)), ("exp", json!(now)), ("exp", json!([now + 900])),
            ("nbf", json!((now + 90).to_string())), ("nbf", json!(now + 90)), ("nbf", json!(true)), ("iat", json!("0")),
            ("aud", json!("http://localhost:8080")), ("aud", json!(["http://localhost:8080/mcp", "https://other.example"])), ("aud", json!({})),
            ("iss", json!("http://localhost:8080/")), ("iss", json!(["http://localhost:8080"])), ("sub", json!(7)), ("jti", json!(null)),
            ("client_id", json!(["c"])), ("scope", json!(["openid"])), ("grant_id", json!("x")), ("project", json!(0)),
        ];
        for (name, value) in wrong {
            let mut claims = right.clone();
            claims[name] = value.clone();
            assert!(!active(&signer.sign("at+jwt", &claims).unwrap()).await, "{name} = {value}");
            claims.as_object_mut().unwrap().remove(name);
            assert!(!active(&signer.sign("at+jwt", &claims).unwrap()).await, "without {name}");
        }
    }
}
