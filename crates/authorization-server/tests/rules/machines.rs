use crate::world::{REDIRECT, RESOURCE, World, claims, text};
use docent_store::{Acting, ServiceAccount, on_each_database};
use docent_types::actors::ask;
use docent_types::ids::{ClientId, ProjectId, UserId};
use docent_types::messages::{RegisterClient, Revoke, RevokeAccess};
use docent_types::random::SystemRandomness;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::secret::SecretHash;
use futures_util::future::join_all;
use serde_json::json;

pub const SECRET: &str = "a-secret-of-a-machine";

/// A client that an operator made.
pub async fn operators_client(world: &World, id: &str, grant_type: &str) -> ClientId {
    let client = Client {
        grant_types: vec![grant_type.to_owned()],
        auth_method: AuthMethod::ClientSecretBasic,
        secret_hash: Some(SecretHash::of(SECRET)),
        origin: ClientOrigin::Operator,
        ..Client::public(id, &[], world.now())
    };
    ask(&world.server.asks.register_client, RegisterClient { client, from: None }).await.unwrap().id
}

/// A machine client with its account in a team.
async fn machine(world: &World, id: &str) -> (ClientId, ServiceAccount) {
    let client = operators_client(world, id, "client_credentials").await;
    let now = world.now();
    let (user, project) = (UserId::generate(now, &SystemRandomness), ProjectId::generate(now, &SystemRandomness));
    let store = &world.server.store;
    store.create_project(project, &format!("Team of {id}"), now).await.unwrap();
    let account = ServiceAccount { user, project };
    store.create_service_account(&client, "Nightly build", account, now).await.unwrap();
    (client, account)
}

async fn token(world: &World, client: &str, more: &[(&str, &str)]) -> crate::world::Answer {
    let mut pairs = vec![("grant_type", "client_credentials"), ("client_id", client), ("client_secret", SECRET)];
    for (name, value) in more {
        pairs.retain(|(one, _)| one != name);
        pairs.push((name, value));
    }
    world.post("/oauth/token", "", &pairs).await
}

on_each_database! {
    /// AS19.
    async fn a_machine_client_gets_a_token_for_its_project(database) {
        let world = World::new(database).await;
        let (client, account) = machine(&world, "c_machine").await;
        let answer = token(&world, client.as_str(), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json();
        assert_eq!((body.get("refresh_token"), body.get("id_token"), text(&body, "scope")), (None, None, "docs:read"));
        let access = text(&body, "access_token");
        let told = claims(access);
        assert_eq!((text(&told, "sub"), text(&told, "project")), (account.user.to_string().as_str(), account.project.to_string().as_str()));
        assert_eq!((text(&told, "aud"), text(&told, "client_id")), (RESOURCE, "c_machine"));
        assert!(world.is_live(access));
        let narrowed = token(&world, client.as_str(), &[("scope", "libraries:write openid offline_access mcp:all"), ("resource", RESOURCE)]).await.json();
        assert_eq!(text(&narrowed, "scope"), "libraries:write");
    }

    /// AS19: the same grant again while it lives; revoking it ends its tokens, and blocking the account ends them all.
    async fn the_grant_of_a_machine_can_be_revoked(database) {
        let world = World::new(database).await;
        let (client, account) = machine(&world, "c_machine").await;
        let answers = join_all((0..16).map(|_| token(&world, "c_machine", &[]))).await;
        let tokens: Vec<String> = answers.iter().map(|answer| text(&answer.json(), "access_token").to_owned()).collect();
        let grants: std::collections::HashSet<String> = tokens.iter().map(|token| text(&claims(token), "grant_id").to_owned()).collect();
        assert_eq!(grants.len(), 1, "asking often fills no table");
        let revoke = RevokeAccess { what: Revoke::User(account.user), reason: "administrator", now: world.now() };
        ask(&world.server.asks.revoke, revoke).await.unwrap();
        assert!(tokens.iter().all(|token| !world.is_live(token)));
        let again = token(&world, client.as_str(), &[]).await.json();
        assert!(world.is_live(text(&again, "access_token")));
        world.server.store.set_user_disabled(account.user, true, &Acting::command(world.now())).await.unwrap();
        token(&world, client.as_str(), &[]).await.assert_error(400, "invalid_grant");
        world.server.store.set_user_disabled(account.user, false, &Acting::command(world.now())).await.unwrap();
        world.server.store.remove_member(account.project, account.user).await.unwrap();
        token(&world, client.as_str(), &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS6, AS7, AS10, AS19: what a machine client may not ask for, and who is none.
    async fn whoever_is_no_machine_client_is_refused(database) {
        let world = World::new(database).await;
        machine(&world, "c_machine").await;
        token(&world, "c_machine", &[("client_secret", "wrong")]).await.assert_error(401, "invalid_client");
        token(&world, "c_machine", &[("client_secret", "")]).await.assert_error(401, "invalid_client");
        token(&world, "c_machine", &[("resource", "https://other.example/mcp")]).await.assert_error(400, "invalid_target");
        token(&world, "c_machine", &[("scope", "openid email")]).await.assert_error(400, "invalid_scope");
        let other = operators_client(&world, "c_without_account", "client_credentials").await;
        token(&world, other.as_str(), &[]).await.assert_error(400, "unauthorized_client");
        let code = [("grant_type", "authorization_code"), ("client_id", "c_machine"), ("client_secret", SECRET), ("code", "x"), ("code_verifier", "y")];
        world.post("/oauth/token", "", &code).await.assert_error(400, "unauthorized_client");
        for method in ["none", "client_secret_post"] {
            for redirect in [REDIRECT, "https://app.example/cb"] {
                let wanted = json!({"redirect_uris": [redirect], "token_endpoint_auth_method": method, "grant_types": ["authorization_code", "client_credentials"]});
                let client = world.client_with(&wanted).await;
                let secret = client["client_secret"].as_str().unwrap_or_default();
                token(&world, text(&client, "client_id"), &[("client_secret", secret)]).await.assert_error(400, "unauthorized_client");
            }
        }
    }

    /// AS18, AS19: nobody signs in as a machine.
    async fn nobody_signs_in_as_a_machine(database) {
        let world = World::new(database).await;
        machine(&world, "c_machine").await;
        let answer = world.post("/sign-in", "", &[("email", "client:c_machine"), ("password", SECRET)]).await;
        assert_eq!(answer.status, 422);
        let tokens = token(&world, "c_machine", &[]).await.json();
        let ask = actix_web::test::TestRequest::get().uri("/oauth/userinfo").insert_header(("authorization", format!("Bearer {}", text(&tokens, "access_token"))));
        world.send(ask).await.assert_error(403, "insufficient_scope");
    }
}
