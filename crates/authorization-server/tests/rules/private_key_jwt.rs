//! Clients that prove themselves by a key (RFC 7523, AS10).

use crate::web::Web;
use crate::world::{ISSUER, REDIRECT, World, text};
use docent_authorization_server::SigningKey;
use docent_store::on_each_database;
use futures_util::future::join_all;
use serde_json::{Value, json};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ID: &str = "https://app.example/client.json";
const KEYS: &str = "https://app.example/jwks.json";

fn key() -> SigningKey {
    SigningKey::generate().unwrap().0
}

fn set(keys: &[&SigningKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()})
}

impl World {
    fn assertion(&self, key: &SigningKey, client: &str, jti: &str) -> String {
        self.assertion_with(key, client, jti, &json!({}))
    }

    fn assertion_with(&self, key: &SigningKey, client: &str, jti: &str, more: &Value) -> String {
        let mut claims = json!({"iss": client, "sub": client, "aud": ISSUER, "exp": self.now().seconds() + 60, "jti": jti});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.sign("JWT", &claims).unwrap()
    }

    async fn keyed_client(&self, more: &Value) -> String {
        let mut body = json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let registered = self.client_with(&body).await;
        assert_eq!(registered["token_endpoint_auth_method"], "private_key_jwt");
        assert!(registered.get("client_secret").is_none());
        text(&registered, "client_id").to_owned()
    }

    async fn proving(&self, client: &str, code: &str, assertion: &str) -> crate::world::Answer {
        self.exchange(client, code, &[("client_assertion_type", TYPE), ("client_assertion", assertion)]).await
    }
}

on_each_database! {
    /// AS10, AS1: a registered key, from the code to the refresh; without the key, nothing; and no failure uses the code up.
    async fn a_client_proves_itself_by_its_key(database) {
        let world = World::new(database).await;
        let (own, other) = (key(), key());
        let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
        assert!(metadata["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&json!("private_key_jwt")));
        assert!(metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap().contains(&json!("ES256")));
        let client = world.keyed_client(&json!({"jwks": set(&[&own])})).await;
        let cookie = world.person().await;
        let code = world.code(&cookie, &client, &[]).await;
        world.exchange(&client, &code, &[]).await.assert_error(401, "invalid_client");
        world.exchange(&client, &code, &[("client_secret", "guess")]).await.assert_error(401, "invalid_client");
        world.proving(&client, &code, &world.assertion(&other, &client, "1")).await.assert_error(401, "invalid_client");
        world.proving(&client, &code, &world.assertion_with(&own, &client, "1", &json!({"aud": "https://other.example"}))).await.assert_error(401, "invalid_client");
        world.proving("c_other", &code, &world.assertion(&own, &client, "1")).await.assert_error(401, "invalid_client");
        let with_type = |kind| [("client_assertion_type", kind), ("client_assertion", "x")];
        world.exchange(&client, &code, &with_type("urn:ietf:params:oauth:client-assertion-type:saml2-bearer")).await.assert_error(401, "invalid_client");
        world.exchange(&client, &code, &with_type("")).await.assert_error(401, "invalid_client");
        world.exchange(&client, &code, &[("client_assertion_type", TYPE)]).await.assert_error(401, "invalid_client");
        let both = [("client_assertion_type", TYPE), ("client_assertion", "x"), ("client_secret", "y")];
        world.exchange(&client, &code, &both).await.assert_error(400, "invalid_request");
        // None of the failures used the assertion's id or the code.
        let tokens = world.proving(&client, &code, &world.assertion(&own, &client, "1")).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let refresh = text(&tokens.json(), "refresh_token").to_owned();
        world.refresh(&client, &refresh, &[]).await.assert_error(401, "invalid_client");
        let assertion = world.assertion_with(&own, &client, "2", &json!({"aud": format!("{ISSUER}/oauth/token")}));
        let again = world.refresh(&client, &refresh, &[("client_assertion_type", TYPE), ("client_assertion", &assertion)]).await;
        assert_eq!(again.status, 200, "the audience of RFC 7523 is forgiven: {}", again.body);
    }

    /// AS10: an assertion counts once, also when it comes many times at the same moment.
    async fn an_assertion_is_used_once(database) {
        let world = World::new(database).await;
        let own = key();
        let client = world.keyed_client(&json!({"jwks": set(&[&own])})).await;
        let assertion = world.assertion(&own, &client, "once");
        let proof = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
        let answers = join_all((0..16).map(|_| world.refresh(&client, "unknown", &proof))).await;
        let count = |error: &str| answers.iter().filter(|answer| answer.json()["error"] == error).count();
        assert_eq!((count("invalid_grant"), count("invalid_client")), (1, 15));
        world.pass(60 + 59);
        world.refresh(&client, "unknown", &proof).await.assert_error(401, "invalid_client");
        // Another client's assertion may have the same id.
        let other = key();
        let second = world.keyed_client(&json!({"jwks": set(&[&other]), "client_name": "Another"})).await;
        let theirs = world.assertion(&other, &second, "once");
        world.refresh(&second, "unknown", &[("client_assertion_type", TYPE), ("client_assertion", &theirs)]).await.assert_error(400, "invalid_grant");
    }

    /// AS10: keys at a URL are read when they are needed, kept, and read again when one is missing.
    async fn published_keys_are_read_when_needed(database) {
        let web = Web::default();
        let (old, new) = (key(), key());
        web.publish(KEYS, &set(&[&old]));
        let world = World::with_web(database, &web).await;
        let client = world.keyed_client(&json!({"jwks_uri": KEYS})).await;
        assert_eq!(web.fetches(), 0, "registering fetches nothing");
        let mut jti = 0;
        let mut ask = async |key: &SigningKey| {
            jti += 1;
            let assertion = world.assertion(key, &client, &jti.to_string());
            world.refresh(&client, "unknown", &[("client_assertion_type", TYPE), ("client_assertion", &assertion)]).await
        };
        ask(&old).await.assert_error(400, "invalid_grant");
        ask(&old).await.assert_error(400, "invalid_grant");
        assert_eq!(web.fetches(), 1);
        web.publish(KEYS, &set(&[&new]));
        ask(&new).await.assert_error(401, "invalid_client");
        assert_eq!(web.fetches(), 1, "who guesses does not make us fetch again and again");
        world.pass(31);
        ask(&new).await.assert_error(400, "invalid_grant");
        assert_eq!(web.fetches(), 2);
        ask(&old).await.assert_error(401, "invalid_client");
        // Keys that cannot be read now: come again. Keys that are none: no.
        world.pass(100);
        web.answer(KEYS, "HTTP/1.1 503 Soon\r\nConnection: close\r\n\r\n");
        let away = ask(&new).await;
        away.assert_error(503, "temporarily_unavailable");
        assert!(away.headers.contains_key("retry-after"));
        web.answer(KEYS, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n");
        ask(&new).await.assert_error(401, "invalid_client");
    }

    /// AS10: without a way out, keys at a URL are refused at registration, with a word about what works.
    async fn keys_at_a_url_need_a_server_that_fetches(database) {
        let world = World::new(database).await;
        let answer = world.register(&json!({"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS})).await;
        answer.assert_error(400, "invalid_client_metadata");
        assert!(answer.body.contains("jwks"), "{}", answer.body);
    }

    /// AS12, AS10: a document with keys. What it publishes today counts; a key that it took back does not.
    async fn a_client_of_a_document_proves_itself_by_the_key_it_publishes_today(database) {
        let (old, new) = (key(), key());
        let web = Web::with_client(ID, &json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": set(&[&old])}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let code = world.code(&cookie, ID, &[]).await;
        world.exchange(ID, &code, &[]).await.assert_error(401, "invalid_client");
        let tokens = world.proving(ID, &code, &world.assertion(&old, ID, "1")).await.json();
        let refresh = text(&tokens, "refresh_token").to_owned();
        web.publish_client(ID, &json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": set(&[&new])}));
        world.pass(61);
        let (stale, fresh) = (world.assertion(&old, ID, "2"), world.assertion(&new, ID, "3"));
        world.refresh(ID, &refresh, &[("client_assertion_type", TYPE), ("client_assertion", &stale)]).await.assert_error(401, "invalid_client");
        let again = world.refresh(ID, &refresh, &[("client_assertion_type", TYPE), ("client_assertion", &fresh)]).await;
        assert_eq!(again.status, 200, "{}", again.body);
    }

    /// AS12, AS10: a document that names `none` too (ChatGPT's) is let in without an assertion, and with a right one; not with a wrong one.
    async fn a_document_that_names_none_too_may_use_either(database) {
        let (own, other) = (key(), key());
        let web = Web::with_client(ID, &json!({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"], "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS}));
        web.publish(KEYS, &set(&[&own]));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let tokens = world.tokens(&cookie, ID, &[]).await;
        assert!(world.is_live(text(&tokens, "access_token")));
        let code = world.code(&cookie, ID, &[]).await;
        world.proving(ID, &code, &world.assertion(&other, ID, "1")).await.assert_error(401, "invalid_client");
        assert_eq!(world.proving(ID, &code, &world.assertion(&own, ID, "1")).await.status, 200);
    }

    /// AS10, AS18: revocation and introspection know the same client.
    async fn a_key_proves_at_every_endpoint(database) {
        let world = World::new(database).await;
        let own = key();
        let client = world.keyed_client(&json!({"jwks": set(&[&own])})).await;
        let cookie = world.person().await;
        let code = world.code(&cookie, &client, &[]).await;
        let tokens = world.proving(&client, &code, &world.assertion(&own, &client, "1")).await.json();
        let access = text(&tokens, "access_token").to_owned();
        let ask = async |uri: &str, token: &str, jti: &str| {
            let assertion = world.assertion(&own, &client, jti);
            world.post(uri, "", &[("token", token), ("client_assertion_type", TYPE), ("client_assertion", &assertion)]).await
        };
        assert_eq!(ask("/oauth/introspect", &access, "2").await.json()["active"], true);
        ask("/oauth/introspect", &access, "2").await.assert_error(401, "invalid_client");
        assert_eq!(ask("/oauth/revoke", &access, "3").await.status, 200);
        assert_eq!(ask("/oauth/introspect", &access, "4").await.json()["active"], false);
        world.post("/oauth/revoke", "", &[("token", &access), ("client_id", &client)]).await.assert_error(401, "invalid_client");
    }

    /// AS10: who has a secret proves itself by it, and by nothing that it brings along.
    async fn an_assertion_is_no_way_around_a_secret(database) {
        let world = World::new(database).await;
        let own = key();
        let body = json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic", "jwks": set(&[&own])});
        let client = text(&world.client_with(&body).await, "client_id").to_owned();
        let public = world.client().await;
        for client in [client, public] {
            let assertion = world.assertion(&own, &client, "1");
            world.refresh(&client, "unknown", &[("client_assertion_type", TYPE), ("client_assertion", &assertion)]).await.assert_error(401, "invalid_client");
        }
    }
}
