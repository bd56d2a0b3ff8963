//! What the store promises, on both databases.

mod api_keys;
mod catalogue;
mod device;
mod jobs;
mod ledger;
mod ledger_races;
mod machines;
mod people;
mod projects;
mod record;
mod refreshes;
mod registration;
mod revocations;
mod schema;

use crate::actors::Ledger;
use crate::testing::TestDatabase;
use crate::{Acting, NewUser, Store, User};
use actix::prelude::*;
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{ExchangeCode, GrantFacts, IssueCode, Refusal, RegisterClient, RotateRefreshToken};
use docent_types::random::{Randomness as _, SystemRandomness};
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::SecretHash;
use docent_types::time::{Clock as _, ManualClock, SharedClock, Timestamp};
use std::sync::Arc;
use std::time::Duration;

const START: Timestamp = Timestamp(1_800_000_000_000);
const RESOURCE: &str = "http://localhost:8080/mcp";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

fn random_hash() -> SecretHash {
    let mut bytes = [0; 32];
    SystemRandomness.fill(&mut bytes);
    SecretHash(bytes)
}

fn new_user(email: &str) -> NewUser {
    NewUser {
        id: UserId::generate(START, &SystemRandomness),
        email: email.to_owned(),
        name: "Somebody".to_owned(),
        password_hash: None,
        is_admin: false,
        now: START,
        project: ProjectId::generate(START, &SystemRandomness),
    }
}

fn client(id: &str) -> Client {
    Client {
        application_type: Some("native".to_owned()),
        jwks: Some(serde_json::json!({ "keys": [] })),
        ..Client::public(id, &["http://localhost/callback"], START)
    }
}

/// A person with their project, a client, and a ledger whose clock is moved by hand.
struct Scene {
    store: Store,
    clock: Arc<ManualClock>,
    ledger: Addr<Ledger>,
    user: User,
    project: ProjectId,
    client: ClientId,
}

impl Scene {
    async fn on(database: &TestDatabase) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let store = database.store.clone();
        let new = new_user("somebody@example.com");
        let project = new.project;
        let user = store.create_user(new).await.unwrap();
        let ledger = Ledger::new(store.clone(), None, clock.clone()).start();
        let registered = ledger.send(RegisterClient { client: client("c_one"), from: None }).await.unwrap().unwrap();
        Self { store, clock, ledger, user, project, client: registered.id }
    }

    fn shared_clock(&self) -> SharedClock {
        self.clock.clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn consent(&self) -> IssueCode {
        IssueCode {
            ticket: random_hash(),
            grant: GrantId::generate(self.now(), &SystemRandomness),
            user: self.user.id,
            client: self.client.clone(),
            project: self.project,
            scopes: ScopeSet::from_iter([Scope::DocsRead, Scope::OpenId]),
            resource: RESOURCE.to_owned(),
            code: random_hash(),
            redirect_key: "http://localhost/callback".to_owned(),
            code_challenge: "challenge".to_owned(),
            nonce: Some("nonce".to_owned()),
            authenticated_at: START,
            now: self.now(),
            expires_at: self.now().after(seconds(60)),
            from: Some("127.0.0.1".to_owned()),
        }
    }

    /// A consent that was written: its grant and code.
    async fn code(&self) -> IssueCode {
        let ask = self.consent();
        assert_eq!(self.ledger.send(ask.clone()).await.unwrap(), Ok(Ok(())));
        ask
    }

    fn exchange_of(&self, issued: &IssueCode) -> ExchangeCode {
        ExchangeCode {
            code: issued.code,
            client: self.client.clone(),
            redirect_key: issued.redirect_key.clone(),
            code_challenge: issued.code_challenge.clone(),
            resource: Some(RESOURCE.to_owned()),
            refresh: Some(random_hash()),
            refresh_expires_at: self.now().after(days(90)),
            now: self.now(),
        }
    }

    async fn exchange(&self, ask: ExchangeCode) -> Result<GrantFacts, Refusal> {
        self.ledger.send(ask).await.unwrap().unwrap()
    }

    /// A connection that stands: its grant and its refresh token.
    async fn connection(&self) -> (GrantId, SecretHash) {
        let ask = self.exchange_of(&self.code().await);
        let token = ask.refresh.unwrap();
        (self.exchange(ask).await.unwrap().grant, token)
    }

    fn rotation_of(&self, token: SecretHash) -> RotateRefreshToken {
        RotateRefreshToken {
            presented: token,
            client: self.client.clone(),
            resource: None,
            successor: random_hash(),
            successor_expires_at: self.now().after(days(90)),
            grace_since: self.now().before(seconds(120)),
            now: self.now(),
        }
    }

    /// Rotates; answers the successor.
    async fn rotate(&self, token: SecretHash) -> Result<SecretHash, Refusal> {
        let ask = self.rotation_of(token);
        let successor = ask.successor;
        self.ledger.send(ask).await.unwrap().unwrap().map(|_| successor)
    }

    async fn revoked_grants(&self) -> Vec<GrantId> {
        self.store.revocations_since(0).await.unwrap().0.into_iter().filter_map(|row| row.grant).collect()
    }

    async fn kinds(&self) -> Vec<String> {
        let events = self.store.events(&crate::EventFilter::default(), None, 1000).await.unwrap();
        events.into_iter().rev().map(|event| event.event.kind).collect()
    }
}
