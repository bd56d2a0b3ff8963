//! The REST API's door: access tokens and API keys, and nothing that passes here passes at the MCP endpoint.

use super::fixture::{HOST, World};
use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use docent_store::testing::{TestDatabase, sqlite};
use docent_store::{ApiKey, NewUser};
use docent_types::api_key;
use docent_types::ids::{ProjectId, UserId};
use docent_types::random::SystemRandomness;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::Secret;
use docent_types::time::{Clock as _, Timestamp};
use serde_json::Value;

async fn key(database: &TestDatabase, now: Timestamp, scopes: &[Scope], expires_at: Option<Timestamp>) -> (ApiKey, Secret) {
    let user = NewUser {
        id: UserId::generate(now, &SystemRandomness),
        email: format!("{}@example.com", UserId::generate(now, &SystemRandomness)),
        name: String::new(),
        password_hash: None,
        is_admin: false,
        now,
        project: ProjectId::generate(now, &SystemRandomness),
    };
    let project = user.project;
    let user = database.store.create_user(user).await.unwrap();
    let secret = api_key::generate(&SystemRandomness);
    let scopes = ScopeSet::from_iter(scopes.iter().copied());
    let key = ApiKey { expires_at, ..ApiKey::new("test", &secret, (user.id, project), scopes, now, &SystemRandomness) };
    database.store.create_api_key(&key, secret.hash(), None).await.unwrap();
    (key, secret)
}

/// Asks at a path with a header; the status and the body.
async fn ask(world: &World, path: &str, name: &str, value: &str) -> (u16, Value) {
    let app = init_service(App::new().configure(world.routes())).await;
    let request = if path == "/mcp" { TestRequest::post() } else { TestRequest::get() };
    let response = call_service(&app, request.uri(path).insert_header(HOST).insert_header((name, value)).to_request()).await;
    let status = response.status().as_u16();
    (status, read_body_json(response).await)
}

/// RS3: a key opens the REST API and nothing else, as long as it is in force; an answer of the database is taken for half a second.
#[actix::test]
async fn a_key_opens_the_rest_api_until_it_is_revoked() {
    let database = sqlite().await;
    let world = World::with_api_keys(&database.store);
    let (key, secret) = key(&database, world.clock.now(), &[Scope::DocsRead], None).await;
    let bearer = format!("Bearer {}", secret.expose());
    for (name, value) in [("authorization", bearer.as_str()), ("x-api-key", secret.expose()), ("x-context7-api-key", &bearer)] {
        let (status, body) = ask(&world, "/api/read", name, value).await;
        assert_eq!(
            (status, &body["user"], &body["project"]),
            (200, &key.user.to_string().into(), &key.project.to_string().into()),
            "{name}"
        );
        assert_eq!(body["token_seen"], false, "RS7: nothing behind the guard can pass it on");
    }
    let (status, body) = ask(&world, "/mcp", "authorization", &bearer).await;
    assert_eq!((status, &body["error"]), (401, &"invalid_token".into()));
    database.store.revoke_api_key(key.id, None, world.clock.now(), None).await.unwrap();
    world.advance(1);
    let (status, body) = ask(&world, "/api/read", "authorization", &bearer).await;
    assert_eq!((status, &body["error"]), (401, &"invalid_token".into()));
    assert!(body["message"].as_str().unwrap().contains("revoked"), "{body}");
}

/// RS3, RS4: what is no key, not in force, or permits something else is refused in words.
#[actix::test]
async fn what_is_no_key_in_force_is_refused() {
    let database = sqlite().await;
    let world = World::with_api_keys(&database.store);
    let now = world.clock.now();
    let (_, ending) = key(&database, now, &[Scope::DocsRead], Some(Timestamp(now.0 + 60_000))).await;
    let (_, other) = key(&database, now, &[Scope::OpenId], None).await;
    let unknown = api_key::generate(&SystemRandomness);
    let mut typed_wrong = unknown.expose().to_owned();
    typed_wrong.pop();
    for (value, status, word) in [
        (ending.expose(), 200, ""),
        (other.expose(), 403, "permission"),
        (unknown.expose(), 401, "not in force"),
        (typed_wrong.as_str(), 401, "typed wrong"),
        ("ctx7sk-1234", 401, "begin with docent_"),
    ] {
        let (answered, body) = ask(&world, "/api/read", "x-api-key", value).await;
        assert_eq!(answered, status, "{body}");
        assert!(status == 200 || body["message"].as_str().unwrap().contains(word), "{body}");
    }
    world.advance(60);
    assert_eq!(ask(&world, "/api/read", "x-api-key", ending.expose()).await.0, 401, "it has ended, whatever is remembered of it");
}

/// RS2: an access token opens it as well; without a credential there is a challenge; what is open needs none.
#[actix::test]
async fn a_token_opens_the_rest_api_too() {
    let database = sqlite().await;
    let world = World::with_api_keys(&database.store);
    let (status, _) = ask(&world, "/api/read", "authorization", &format!("Bearer {}", world.token())).await;
    assert_eq!(status, 200);
    let app = init_service(App::new().configure(world.routes())).await;
    let response = call_service(&app, TestRequest::get().uri("/api/read").insert_header(HOST).to_request()).await;
    assert_eq!(response.status(), 401);
    assert!(response.headers().get("www-authenticate").unwrap().to_str().unwrap().contains("resource_metadata"));
    let response = call_service(&app, TestRequest::get().uri("/api/open").insert_header(HOST).to_request()).await;
    assert_eq!(response.status(), 200);
    let response = call_service(&app, TestRequest::get().uri("/api/read").insert_header(("host", "evil.example")).to_request()).await;
    assert_eq!(response.status(), 403, "RS8");
}
