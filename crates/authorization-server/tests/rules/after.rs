use crate::world::{REDIRECT, World, text};
use actix_web::http::header;
use actix_web::test::TestRequest;
use docent_store::on_each_database;
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
}
