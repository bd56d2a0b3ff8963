use super::{RESOURCE, START, Scene, client, days, random_hash, seconds};
use crate::actors::{Janitor, JanitorOptions, Ledger};
use crate::{EventFilter, InitialAccessToken, on_each_database};
use actix::prelude::*;
use docent_types::ids::{ClientId, uuid_v7};
use docent_types::messages::{
    ChangeClient, ChangedBy, ClientChange, IssueCode, NotRegistered, Refusal, RegisterClient, RegisterDynamically, Unchanged,
};
use docent_types::random::SystemRandomness;
use docent_types::registration::{AuthMethod, Client};
use docent_types::secret::SecretHash;

async fn token(scene: &Scene, uses: u64) -> (InitialAccessToken, SecretHash) {
    let hash = random_hash();
    let token = InitialAccessToken {
        id: uuid_v7(scene.now(), &SystemRandomness),
        label: "a test".to_owned(),
        uses,
        used: 0,
        created_at: scene.now(),
        expires_at: scene.now().after(days(7)),
        last_used_at: None,
        revoked_at: None,
    };
    scene.store.create_initial_access_token(&token, hash).await.unwrap();
    (token, hash)
}

fn registration(scene: &Scene, id: &str, initial_access_token: Option<SecretHash>, management: Option<SecretHash>) -> RegisterDynamically {
    RegisterDynamically { client: Client { created_at: scene.now(), ..client(id) }, initial_access_token, management, from: None }
}

async fn register(scene: &Scene, ask: RegisterDynamically) -> Result<Client, NotRegistered> {
    scene.ledger.send(ask).await.unwrap().unwrap()
}

async fn change(scene: &Scene, client: &ClientId, change: ClientChange, by: ChangedBy) -> Result<Client, Unchanged> {
    let ask = ChangeClient { client: client.clone(), change, by, now: scene.now(), from: None };
    scene.ledger.send(ask).await.unwrap().unwrap()
}

/// A client with a secret, and the hash of its registration access token.
async fn managed(scene: &Scene, id: &str) -> (ClientId, SecretHash) {
    let token = random_hash();
    let mut ask = registration(scene, id, None, Some(token));
    ask.client = Client { auth_method: AuthMethod::ClientSecretPost, secret_hash: Some(random_hash()), ..ask.client };
    (register(scene, ask).await.unwrap().id, token)
}

fn itself(token: SecretHash) -> ChangedBy {
    ChangedBy::Itself { token, successor: random_hash() }
}

on_each_database! {
    /// AS13: 64 at once, over two ledgers, on a count of 10.
    async fn exactly_as_many_clients_register_as_the_token_is_for(database) {
        let scene = Scene::on(database).await;
        let other = Ledger::new(scene.store.clone(), None, scene.shared_clock()).start();
        for round in 0..5 {
            let (token, hash) = token(&scene, 10).await;
            let asks = (0..64).map(|number| {
                let ask = registration(&scene, &format!("c_{round}_{number}"), Some(hash), None);
                if number % 2 == 0 { scene.ledger.send(ask) } else { other.send(ask) }
            });
            let answers = futures_util::future::join_all(asks).await;
            let registered = answers.iter().filter(|answer| matches!(answer, Ok(Ok(Ok(_))))).count();
            let used_up = answers.iter().filter(|answer| matches!(answer, Ok(Ok(Err(NotRegistered::UsedUp))))).count();
            assert_eq!((registered, used_up), (10, 54));
            let stored = scene.store.initial_access_tokens().await.unwrap();
            assert_eq!(stored.iter().find(|one| one.id == token.id).unwrap().used, 10);
            let mut there = 0;
            for number in 0..64 {
                there += usize::from(scene.store.client(&ClientId(format!("c_{round}_{number}"))).await.unwrap().is_some());
            }
            assert_eq!(there, 10, "what was refused was not written");
        }
    }

    /// AS13: the same metadata is the same client, for an initial access token too.
    async fn registering_again_uses_nothing_and_works_when_nothing_is_left(database) {
        let scene = Scene::on(database).await;
        let (token, hash) = token(&scene, 1).await;
        let asks = (0..64).map(|_| scene.ledger.send(registration(&scene, "c_same", Some(hash), None)));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.unwrap().unwrap().unwrap().id.as_str(), "c_same");
        }
        assert_eq!(register(&scene, registration(&scene, "c_new", Some(hash), None)).await, Err(NotRegistered::UsedUp));
        assert!(register(&scene, registration(&scene, "c_same", Some(hash), None)).await.is_ok());
        assert!(scene.store.revoke_initial_access_token(token.id, scene.now()).await.unwrap());
        assert!(!scene.store.revoke_initial_access_token(token.id, scene.now()).await.unwrap());
        assert_eq!(register(&scene, registration(&scene, "c_same", Some(hash), None)).await, Err(NotRegistered::Unknown));
        assert_eq!(register(&scene, registration(&scene, "c_new", Some(random_hash()), None)).await, Err(NotRegistered::Unknown));
        let kinds = scene.kinds().await;
        assert!(kinds.contains(&"initial_access_token.created".to_owned()) && kinds.contains(&"initial_access_token.revoked".to_owned()));
    }

    /// AS13.
    async fn an_initial_access_token_ends(database) {
        let scene = Scene::on(database).await;
        let (_, hash) = token(&scene, 9).await;
        scene.clock.advance(days(7));
        assert_eq!(register(&scene, registration(&scene, "c_late", Some(hash), None)).await, Err(NotRegistered::Expired));
        assert_eq!(scene.store.client(&ClientId("c_late".to_owned())).await, Ok(None));
    }

    /// RFC 7592: a token is one client's, and a public client that many share has none.
    async fn a_registration_access_token_changes_its_own_client_only(database) {
        let scene = Scene::on(database).await;
        let (one, token) = managed(&scene, "c_secret_one").await;
        let (two, other) = managed(&scene, "c_secret_two").await;
        assert_eq!(scene.store.client_by_registration_token(token).await.unwrap().unwrap().id, one);
        assert_eq!(change(&scene, &two, ClientChange::Remove, itself(token)).await, Err(Unchanged::Unknown));
        assert_eq!(change(&scene, &scene.client, ClientChange::Remove, itself(token)).await, Err(Unchanged::Unknown));
        let metadata = Box::new(Client { name: "Renamed".to_owned(), disabled: true, ..Client::public("c_mine", &["https://a.example/"], START) });
        assert_eq!(change(&scene, &one, ClientChange::Replace(metadata.clone()), itself(other)).await, Err(Unchanged::Unknown));
        let before = scene.store.client(&one).await.unwrap().unwrap();
        let successor = random_hash();
        let changed = change(&scene, &one, ClientChange::Replace(metadata), ChangedBy::Itself { token, successor }).await.unwrap();
        assert_eq!(scene.store.client(&one).await.unwrap().unwrap(), changed);
        assert_eq!((changed.name.as_str(), changed.redirect_uris.as_slice()), ("Renamed", ["https://a.example/".to_owned()].as_slice()));
        assert_eq!((changed.id, changed.secret_hash, changed.disabled), (before.id, before.secret_hash, false), "these are not the client's to change");
        assert_eq!(scene.store.client_by_registration_token(token).await, Ok(None), "it was rotated");
        assert_eq!(scene.store.client_by_registration_token(successor).await.unwrap().unwrap().id, one);
        change(&scene, &one, ClientChange::Disable, ChangedBy::Operator).await.unwrap();
        assert_eq!(change(&scene, &one, ClientChange::Remove, itself(successor)).await, Err(Unchanged::Blocked));
    }

    /// RFC 7592: 64 updates at once with one token: one wins, the others have a token that is no more.
    async fn one_of_many_updates_at_once_wins(database) {
        let scene = Scene::on(database).await;
        let other = Ledger::new(scene.store.clone(), None, scene.shared_clock()).start();
        for round in 0..5 {
            let (id, token) = managed(&scene, &format!("c_raced_{round}")).await;
            let asks = (0..64).map(|number| {
                let metadata = Client { name: format!("Name {number}"), ..client("c_any") };
                let ask = ChangeClient { client: id.clone(), change: ClientChange::Replace(Box::new(metadata)), by: itself(token), now: scene.now(), from: None };
                if number % 2 == 0 { scene.ledger.send(ask) } else { other.send(ask) }
            });
            let won: Vec<Client> = futures_util::future::join_all(asks).await.into_iter().filter_map(|answer| answer.unwrap().unwrap().ok()).collect();
            assert_eq!(won.len(), 1);
            assert_eq!(scene.store.client(&id).await.unwrap().unwrap().name, won[0].name);
        }
    }

    /// RFC 7592 2.3: removing a client ends its grants, in the list that resource servers read too.
    async fn removing_a_client_ends_what_people_allowed_it(database) {
        let scene = Scene::on(database).await;
        let (id, token) = managed(&scene, "c_going").await;
        let scene = Scene { client: id.clone(), ..scene };
        let (grant, refresh) = scene.connection().await;
        let code = scene.code().await;
        assert!(change(&scene, &id, ClientChange::Remove, itself(token)).await.is_ok());
        assert_eq!(scene.store.client(&id).await, Ok(None));
        assert_eq!(scene.store.client_by_registration_token(token).await, Ok(None));
        let revoked = scene.revoked_grants().await;
        assert!(revoked.len() == 2 && revoked.contains(&grant) && revoked.contains(&code.grant), "{revoked:?}");
        assert_eq!(scene.rotate(refresh).await, Err(Refusal::Unknown));
        assert_eq!(scene.exchange(scene.exchange_of(&code)).await, Err(Refusal::Unknown));
        assert_eq!(change(&scene, &id, ClientChange::Remove, itself(token)).await, Err(Unchanged::Unknown));
        let kinds = scene.kinds().await;
        assert_eq!(kinds.iter().filter(|kind| *kind == "grant.revoked").count(), 2);
        assert_eq!(kinds.last().map(String::as_str), Some("client.removed"));
    }

    async fn blocking_a_client_ends_what_people_allowed_it(database) {
        let scene = Scene::on(database).await;
        let (grant, refresh) = scene.connection().await;
        assert!(change(&scene, &scene.client, ClientChange::Disable, ChangedBy::Operator).await.unwrap().disabled);
        assert_eq!(scene.revoked_grants().await, [grant]);
        assert_eq!(scene.rotate(refresh).await, Err(Refusal::Revoked));
        assert!(!change(&scene, &scene.client, ClientChange::Enable, ChangedBy::Operator).await.unwrap().disabled);
        let hash = random_hash();
        let changed = change(&scene, &scene.client, ClientChange::Secret(hash), ChangedBy::Operator).await.unwrap();
        assert_eq!(scene.store.client(&scene.client).await.unwrap().unwrap(), changed);
        assert_eq!(changed.secret_hash, Some(hash));
    }

    /// *Registration*: a flood of strangers fills neither the disk nor takes away what is in use; whoever registers again has the same id.
    async fn of_clients_that_were_never_used_the_newest_are_kept(database) {
        let scene = Scene::on(database).await;
        scene.connection().await;
        for number in 0..40 {
            scene.clock.advance(seconds(1));
            register(&scene, registration(&scene, &format!("c_flood_{number}"), None, None)).await.unwrap();
        }
        let options = JanitorOptions { audit_retention: days(365), unused_clients: 10 };
        let janitor = Janitor::new(scene.store.clone(), scene.shared_clock(), options);
        janitor.run_once().await.unwrap();
        assert_eq!(scene.store.clients(100).await.unwrap().len(), 41, "they are too young: somebody may be at the consent page");
        scene.clock.advance(seconds(16 * 60));
        janitor.run_once().await.unwrap();
        let left: Vec<String> = scene.store.clients(100).await.unwrap().into_iter().map(|client| client.id.0).collect();
        assert_eq!(left.len(), 11, "{left:?}");
        assert!(left.contains(&"c_one".to_owned()) && left.contains(&"c_flood_39".to_owned()) && !left.contains(&"c_flood_0".to_owned()), "{left:?}");
    }

    /// *Registration*: unused for 30 days is counted from the last registration.
    async fn a_client_that_registers_again_is_not_removed_as_unused(database) {
        let scene = Scene::on(database).await;
        register(&scene, registration(&scene, "c_patient", None, None)).await.unwrap();
        scene.clock.advance(days(29));
        let again = register(&scene, registration(&scene, "c_patient", None, None)).await.unwrap();
        assert_eq!(again.created_at, START, "client_id_issued_at stays");
        scene.clock.advance(days(2));
        let janitor = Janitor::new(scene.store.clone(), scene.shared_clock(), JanitorOptions { audit_retention: days(365), unused_clients: 100 });
        janitor.run_once().await.unwrap();
        assert!(scene.store.client(&ClientId("c_patient".to_owned())).await.unwrap().is_some());
        assert!(scene.store.client(&scene.client).await.unwrap().is_none(), "this one did not");
    }

    /// *Numbers*: registrations have a lane of their own, which is bounded; what tokens ask for is not turned away for them.
    async fn a_flood_of_registrations_is_turned_away_and_grants_are_not(database) {
        let scene = Scene::on(database).await;
        let flood: Vec<_> = (0..1000).map(|number| scene.ledger.send(registration(&scene, &format!("c_{number}"), None, None))).collect();
        let consent = scene.consent();
        assert_eq!(consent.resource, RESOURCE);
        let ask: Request<Ledger, IssueCode> = scene.ledger.send(consent);
        assert_eq!(ask.await.unwrap(), Ok(Ok(())));
        let answers = futures_util::future::join_all(flood).await;
        let busy = answers.iter().filter(|answer| matches!(answer, Ok(Err(_)))).count();
        assert!(busy >= 500, "{busy}");
        assert!(answers.iter().any(|answer| matches!(answer, Ok(Ok(Ok(_))))));
    }

    async fn the_operator_sees_clients_with_those_of_the_operator_first(database) {
        let scene = Scene::on(database).await;
        let operators = Client { origin: docent_types::registration::ClientOrigin::Operator, jwks_uri: Some("https://a.example/keys".to_owned()), ..client("c_operators") };
        scene.ledger.send(RegisterClient { client: operators.clone(), from: None }).await.unwrap().unwrap();
        scene.connection().await;
        let all = scene.store.clients(10).await.unwrap();
        assert_eq!(all[0], operators);
        assert_eq!(scene.store.clients(1).await.unwrap().len(), 1);
        let events = scene.store.events(&EventFilter::default(), None, 10).await.unwrap();
        assert!(events.iter().any(|event| event.event.detail["origin"] == "operator"));
    }
}
