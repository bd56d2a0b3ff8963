use crate::world::{REDIRECT, World};
use actix_web::http::header;
use docent_store::on_each_database;
use docent_types::messages::Limit;
use serde_json::json;

on_each_database! {
    /// AS13: the same metadata is the same client, whatever port it listens on.
    async fn the_same_metadata_is_the_same_client(database) {
        let world = World::new(database).await;
        let register = |port: u16| json!({"client_name": "Codex", "redirect_uris": [format!("http://127.0.0.1:{port}/callback")], "token_endpoint_auth_method": "none"});
        let first = world.client_with(&register(4000)).await;
        for port in 4001..4020 {
            let again = world.client_with(&register(port)).await;
            assert_eq!(again["client_id"], first["client_id"]);
            assert_eq!(again["redirect_uris"][0], format!("http://127.0.0.1:{port}/callback"), "echoed as sent");
        }
        assert!(first.get("client_secret").is_none(), "never a secret for none");
        assert!(first.as_object().unwrap().values().all(|value| !value.is_null() && value != ""));
    }

    /// AS13.
    async fn a_client_that_asks_for_a_secret_gets_its_own(database) {
        let world = World::new(database).await;
        let body = json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_post"});
        let (one, two) = (world.client_with(&body).await, world.client_with(&body).await);
        assert_ne!(one["client_id"], two["client_id"]);
        assert_ne!(one["client_secret"], two["client_secret"]);
        assert_eq!(one["client_secret_expires_at"], 0);
        assert!(one["client_secret"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
        assert!(one["client_id_issued_at"].is_i64());
    }

    /// AS13, AS3.
    async fn rejections_say_which_field_and_why(database) {
        let world = World::new(database).await;
        let answer = world.register(&json!({"redirect_uris": [REDIRECT, "http://evil.example/cb"]})).await;
        answer.assert_error(400, "invalid_redirect_uri");
        assert!(answer.body.contains("redirect_uris[1]") && answer.body.contains("https"), "{}", answer.body);
        world.register(&json!({"redirect_uris": ["javascript:alert(1)//x.y"]})).await.assert_error(400, "invalid_redirect_uri");
        world.register(&json!({"redirect_uris": [REDIRECT], "client_name": "x".repeat(300)})).await.assert_error(400, "invalid_client_metadata");
    }

    async fn a_full_limit_says_when_to_come_back(database) {
        let world = World::new(database).await;
        *world.outside.full.lock().unwrap() = Some(Limit::Registration);
        let answer = world.register(&json!({"redirect_uris": [REDIRECT]})).await;
        answer.assert_error(429, "slow_down");
        assert_eq!(answer.header(header::RETRY_AFTER), "7");
        *world.outside.full.lock().unwrap() = Some(Limit::Token);
        world.post("/oauth/token", "", &[("grant_type", "refresh_token")]).await.assert_error(429, "slow_down");
        *world.outside.full.lock().unwrap() = Some(Limit::SignInAccount);
        let page = world.post("/sign-in", "", &[("email", "a@b.example"), ("password", "x")]).await;
        assert_eq!((page.status.as_u16(), page.header(header::RETRY_AFTER)), (429, "7"));
    }
}
