use crate::world::{ISSUER, REDIRECT, RESOURCE, VERIFIER, World, claims, text};
use actix_web::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docent_store::on_each_database;
use futures_util::future::join_all;
use serde_json::json;

fn basic(id: &str, secret: &str) -> (header::HeaderName, String) {
    (header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
}

on_each_database! {
    /// AS16.
    async fn an_access_token_has_the_claims_of_rfc_9068(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let tokens = world.tokens(&cookie, &client, &[]).await;
        assert_eq!((text(&tokens, "token_type"), tokens["expires_in"].as_i64()), ("Bearer", Some(900)));
        let claims = claims(text(&tokens, "access_token"));
        let now = world.now().seconds();
        assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some(RESOURCE)));
        assert_eq!((claims["exp"].as_i64(), claims["iat"].as_i64(), claims["nbf"].as_i64()), (Some(now + 900), Some(now), Some(now)));
        assert_eq!((claims["client_id"].as_str(), claims["scope"].as_str()), (Some(client.as_str()), Some("docs:read")));
        for name in ["sub", "jti", "project", "grant_id"] {
            assert!(claims[name].as_str().is_some_and(|value| value.len() == 36), "{name}");
        }
        assert!(tokens.get("id_token").is_none());
    }

    /// AS2, AS3, AS6 at the token endpoint: nothing wrong uses the code up.
    async fn a_wrong_request_does_not_consume_the_code(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let other = world.client_with(&json!({"client_name": "Other", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"})).await;
        let code = world.code(&cookie, &client, &[]).await;
        let wrong_verifier = "a".repeat(43);
        for (more, error) in [
            (("code_verifier", ""), "invalid_request"),
            (("code_verifier", "short"), "invalid_grant"),
            (("code_verifier", wrong_verifier.as_str()), "invalid_grant"),
            (("redirect_uri", "http://127.0.0.1:5000/other"), "invalid_grant"),
            (("resource", "https://other.example/mcp"), "invalid_target"),
            (("code", "nothing"), "invalid_grant"),
            (("code", ""), "invalid_request"),
            (("grant_type", "password"), "unsupported_grant_type"),
            (("grant_type", ""), "invalid_request"),
            (("client_id", other["client_id"].as_str().unwrap()), "invalid_grant"),
        ] {
            world.exchange(&client, &code, &[more]).await.assert_error(400, error);
        }
        world.exchange("c_unknown", &code, &[]).await.assert_error(401, "invalid_client");
        let good = world.exchange(&client, &code, &[("redirect_uri", "http://localhost:7777/callback"), ("resource", RESOURCE)]).await;
        assert_eq!(good.status, StatusCode::OK, "{}", good.body);
        assert_eq!(good.header(header::CACHE_CONTROL), "no-store");
    }

    /// AS6: a resource that is missing is the default; a slash at the end is forgiven.
    async fn the_resource_may_be_missing_or_end_in_a_slash(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        for (asked, sent) in [("", ""), (RESOURCE, RESOURCE), ("http://localhost:8080/mcp/", ""), ("", "http://localhost:8080/mcp/")] {
            let code = world.code(&cookie, &client, &[("resource", asked)]).await;
            let tokens = world.exchange(&client, &code, &[("resource", sent)]).await.json();
            assert_eq!(claims(text(&tokens, "access_token"))["aud"], RESOURCE);
        }
    }

    /// AS8.
    async fn second_use_of_a_code_revokes_what_the_first_gave(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let code = world.code(&cookie, &client, &[]).await;
        let tokens = world.exchange(&client, &code, &[]).await.json();
        let access = text(&tokens, "access_token");
        world.exchange(&client, &code, &[("code_verifier", &"a".repeat(43))]).await.assert_error(400, "invalid_grant");
        assert!(world.is_live(access), "whoever cannot prove the verifier revokes nothing");
        world.exchange(&client, &code, &[]).await.assert_error(400, "invalid_grant");
        assert!(!world.is_live(access));
        world.refresh(&client, text(&tokens, "refresh_token"), &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS8.
    async fn a_code_ends_after_a_minute(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let code = world.code(&cookie, &client, &[]).await;
        world.pass(61);
        world.exchange(&client, &code, &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS8: raced.
    async fn of_many_exchanges_of_one_code_one_wins(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let code = world.code(&cookie, &client, &[]).await;
        let answers = join_all((0..32).map(|_| world.exchange(&client, &code, &[]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1);
    }

    /// AS10.
    async fn a_confidential_client_proves_itself_by_header_or_form(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let redirect = ("redirect_uri", "https://app.example/cb");
        let client = world.client_with(&json!({"redirect_uris": [redirect.1], "token_endpoint_auth_method": "client_secret_basic"})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let code = world.code(&cookie, id, &[redirect]).await;
        let body = crate::world::form(&[("grant_type", "authorization_code"), ("code", &code), redirect, ("code_verifier", VERIFIER)]);
        world.exchange(id, &code, &[redirect]).await.assert_error(401, "invalid_client");
        world.exchange(id, &code, &[redirect, ("client_secret", "wrong")]).await.assert_error(401, "invalid_client");
        let wrong = world.send(World::form_request("/oauth/token", &body).insert_header(basic(id, "wrong"))).await;
        wrong.assert_error(401, "invalid_client");
        assert!(wrong.header(header::WWW_AUTHENTICATE).starts_with("Basic "));
        world.send(World::form_request("/oauth/token", &body).insert_header(basic("c_unknown", secret))).await.assert_error(401, "invalid_client");
        let both = format!("{body}&client_secret=other");
        world.send(World::form_request("/oauth/token", &both).insert_header(basic(id, secret))).await.assert_error(400, "invalid_request");
        let tokens = world.send(World::form_request("/oauth/token", &body).insert_header(basic(id, secret))).await;
        assert_eq!(tokens.status, StatusCode::OK, "a failed authentication consumed nothing: {}", tokens.body);
        let refreshed = world.refresh(id, text(&tokens.json(), "refresh_token"), &[("client_secret", secret)]).await;
        assert_eq!(refreshed.status, StatusCode::OK, "the other method is accepted too: {}", refreshed.body);
    }

    /// AS10 and *Registration*: Kiro registers for a secret and sends none.
    async fn a_native_client_may_leave_its_secret_out(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let client = world.client_with(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_basic"})).await;
        let id = text(&client, "client_id");
        let code = world.code(&cookie, id, &[]).await;
        world.exchange(id, &code, &[("client_secret", "wrong")]).await.assert_error(401, "invalid_client");
        assert_eq!(world.exchange(id, &code, &[]).await.status, StatusCode::OK);
    }

    /// OpenID Connect Core 2, 3.1.3.6.
    async fn an_id_token_comes_with_openid(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let tokens = world.tokens(&cookie, &client, &[("scope", "openid email docs:read"), ("nonce", "n-1")]).await;
        let id = claims(text(&tokens, "id_token"));
        assert_eq!((id["aud"].as_str(), id["nonce"].as_str(), id["email"].as_str()), (Some(client.as_str()), Some("n-1"), Some("ada@example.com")));
        assert!(id.get("name").is_none(), "profile was not asked for");
        assert_eq!(id["auth_time"].as_i64(), Some(world.now().seconds()));
        assert_eq!(id["at_hash"].as_str().map(str::len), Some(22));
        assert_eq!(id["sub"], claims(text(&tokens, "access_token"))["sub"]);
    }

    async fn a_client_without_the_grant_type_gets_no_refresh_token(database) {
        let world = World::new(database).await;
        let cookie = world.person().await;
        let client = world.client_with(&json!({"redirect_uris": [REDIRECT], "grant_types": ["authorization_code"]})).await;
        let tokens = world.tokens(&cookie, text(&client, "client_id"), &[]).await;
        assert!(tokens.get("refresh_token").is_none());
        world.refresh(text(&client, "client_id"), "x", &[]).await.assert_error(400, "unauthorized_client");
    }
}
