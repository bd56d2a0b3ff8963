//! A batch: many requests, one transaction.

use crate::error::StoreError;
use crate::ledger::decide::State;
use crate::ledger::device::{self, Devices};
use crate::ledger::registration::{self, Registered, Registration};
use crate::ledger::write::{self, NewGrant, NewToken};
use crate::ledger::{device_rows, load};
use crate::revocations::{self, EndingGrant};
use crate::{Store, record};
use docent_types::ids::ClientId;
use docent_types::messages::{
    ChangeClient, DeviceDecision, ExchangeCode, GrantFacts, IssueCode, NotRegistered, OpenGrant, RecordEvent, Refusal, RegisterClient,
    RegisterDynamically, Revoke, RevokeAccess, RotateRefreshToken, Unchanged, UseOnce,
};
use docent_types::registration::Client;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::DatabaseTransaction;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long a consent form's ticket is remembered: it ends ten minutes after its page was shown, a day is beyond every clock that is wrong.
const KEEP_TICKETS: Duration = Duration::from_secs(24 * 60 * 60);
/// When a client was used last is written at most this often: the janitor counts in days.
pub(super) const TOUCH_EVERY: Duration = Duration::from_secs(60 * 60);

/// A request to the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Register(Box<RegisterClient>),
    RegisterDynamically(Box<RegisterDynamically>),
    Change(Box<ChangeClient>),
    Issue(Box<IssueCode>),
    Exchange(Box<ExchangeCode>),
    Rotate(Box<RotateRefreshToken>),
    UseOnce(UseOnce),
    Open(Box<OpenGrant>),
    Device(Box<device::Ask>),
    Revoke(RevokeAccess),
}

/// What it is answered with, after the commit.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Registered(Box<Result<Client, NotRegistered>>),
    Changed(Box<Result<Client, Unchanged>>),
    Issued(Result<(), Refusal>),
    Given(Box<Result<GrantFacts, Refusal>>),
    Used(bool),
    Device(Box<device::Answer>),
    Revoked(u64),
}

/// What a commit did.
pub(crate) struct Committed {
    pub(crate) answers: Vec<Result<Answer, StoreError>>,
    /// Whether something was revoked by it.
    pub(crate) revoked: bool,
}

/// When each client's last use was written last.
#[derive(Default)]
pub(crate) struct Touched(HashMap<ClientId, Timestamp>);

impl Touched {
    fn is_due(&self, client: &ClientId, now: Timestamp) -> bool {
        self.0.get(client).is_none_or(|at| at.after(TOUCH_EVERY) <= now)
    }

    fn remember(&mut self, used: Vec<(ClientId, Timestamp)>) {
        // Bounded: forgetting costs a write, not an error.
        if self.0.len() > 10_000 {
            self.0.clear();
        }
        self.0.extend(used);
    }
}

/// Commits the requests. If the transaction fails as a whole they are made one by one, so that a bad one fails alone; if the database is
/// away, or went away during the commit, all fail.
pub(crate) async fn commit(store: &Store, asks: &[Ask], touched: &mut Touched) -> Committed {
    let error = match together(store, asks, touched).await {
        Ok(committed) => return committed,
        Err(error) => error,
    };
    if asks.len() <= 1 || matches!(error, StoreError::Unavailable(_)) {
        tracing::error!(%error, requests = asks.len(), "the ledger could not commit");
        return Committed { answers: asks.iter().map(|_| Err(error.clone())).collect(), revoked: false };
    }
    tracing::warn!(%error, requests = asks.len(), "a batch failed as a whole; its requests are made one by one");
    let mut all = Committed { answers: Vec::with_capacity(asks.len()), revoked: false };
    for ask in asks {
        match together(store, std::slice::from_ref(ask), touched).await {
            Ok(mut one) => {
                all.revoked |= one.revoked;
                all.answers.append(&mut one.answers);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger could not commit a request");
                all.answers.push(Err(error));
            }
        }
    }
    all
}

async fn together(store: &Store, asks: &[Ask], touched: &mut Touched) -> Result<Committed, StoreError> {
    let transaction = store.begin().await?;
    let mut batch = Batch::load(store, &transaction, asks).await?;
    let mut answers: Vec<Answer> = Vec::with_capacity(asks.len());
    for ask in asks {
        answers.push(batch.decide(ask)?);
    }
    let used: Vec<(ClientId, Timestamp)> =
        batch.used.iter().filter(|(client, now)| touched.is_due(client, **now)).map(|(c, n)| (c.clone(), *n)).collect();
    batch.write(store, &transaction, &used).await?;
    let mut revoked = !batch.state.betrayed.is_empty();
    for (ask, answer) in asks.iter().zip(&mut answers) {
        let count = match ask {
            Ask::Revoke(ask) => {
                let count = revoke(store, &transaction, ask).await?;
                *answer = Answer::Revoked(count);
                count
            }
            Ask::Change(ask) => {
                let (changed, count) = registration::change(store, &transaction, ask).await?;
                *answer = Answer::Changed(Box::new(changed));
                count
            }
            _ => 0,
        };
        revoked |= count > 0;
    }
    transaction.commit().await?;
    touched.remember(used);
    Ok(Committed { answers: answers.into_iter().map(Ok).collect(), revoked })
}

/// What one batch reads and writes.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub(super) state: State,
    pub(super) devices: Devices,
    registered: Registered,
    grants: Vec<NewGrant<'a>>,
    /// Grants that were decided from what is stored.
    pub(super) opened: Vec<(GrantFacts, Timestamp)>,
    issued: Vec<&'a IssueCode>,
    consumed: Vec<(SecretHash, Timestamp)>,
    rotated: BTreeMap<[u8; 32], (Timestamp, Timestamp)>,
    superseded: BTreeMap<[u8; 32], Timestamp>,
    tokens: Vec<NewToken>,
    pub(super) used: BTreeMap<ClientId, Timestamp>,
    reused: Vec<EndingGrant>,
    reused_at: Timestamp,
    pub(super) events: Vec<RecordEvent>,
}

fn event(facts: &GrantFacts, now: Timestamp, kind: &str) -> RecordEvent {
    RecordEvent {
        at: now,
        kind: kind.to_owned(),
        user: Some(facts.user),
        client: Some(facts.client.clone()),
        project: Some(facts.project),
        grant: Some(facts.grant),
        from: None,
        detail: serde_json::Value::Object(serde_json::Map::new()),
    }
}

impl<'a> Batch<'a> {
    async fn load(store: &Store, transaction: &DatabaseTransaction, asks: &'a [Ask]) -> Result<Self, StoreError> {
        let mut batch = Self::default();
        let (mut registrations, mut exchanges, mut rotations) = (Vec::new(), Vec::new(), Vec::new());
        let (mut once, mut people, mut openings, mut devices) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for ask in asks {
            match ask {
                Ask::Register(ask) => registrations.push(Registration::from(&**ask)),
                Ask::RegisterDynamically(ask) => registrations.push(Registration::from(&**ask)),
                Ask::Issue(ask) => {
                    once.push((ask.ticket, ask.now.after(KEEP_TICKETS)));
                    people.push((ask.user, ask.project));
                }
                Ask::UseOnce(ask) => once.push((ask.what, ask.expires_at)),
                Ask::Open(ask) => {
                    once.extend(ask.once);
                    people.push((ask.user, ask.project));
                    openings.push(&**ask);
                }
                Ask::Device(ask) => {
                    if let device::Ask::Decide(ask) = &**ask {
                        once.push((ask.ticket, ask.now.after(KEEP_TICKETS)));
                        if let DeviceDecision::Allow { project, .. } = ask.decision {
                            people.push((ask.user, project));
                        }
                    }
                    devices.push(&**ask);
                }
                Ask::Exchange(ask) => exchanges.push(&**ask),
                Ask::Rotate(ask) => rotations.push(&**ask),
                Ask::Revoke(_) | Ask::Change(_) => {}
            }
        }
        batch.registered = registration::register(store, transaction, &registrations, &mut batch.events).await?;
        load::use_once(store, transaction, once.into_iter(), &mut batch.state).await?;
        load::admitted(store, transaction, people.into_iter(), &mut batch.state).await?;
        load::reusable(store, transaction, &openings, &mut batch.state).await?;
        load::codes(store, transaction, &exchanges, &mut batch.state).await?;
        load::tokens(store, transaction, &rotations, &mut batch.state).await?;
        device_rows::load(store, transaction, &devices, &mut batch.devices, &mut batch.state).await?;
        Ok(batch)
    }

    fn decide(&mut self, ask: &'a Ask) -> Result<Answer, StoreError> {
        Ok(match ask {
            Ask::Register(ask) => Answer::Registered(Box::new(self.registered.of(&ask.client.id, None)?)),
            Ask::RegisterDynamically(ask) => Answer::Registered(Box::new(self.registered.of(&ask.client.id, ask.initial_access_token)?)),
            Ask::Issue(ask) => Answer::Issued(self.issue(ask)),
            Ask::UseOnce(ask) => Answer::Used(self.state.use_once(&ask.what)),
            Ask::Open(ask) => Answer::Given(Box::new(self.open(ask))),
            Ask::Device(ask) => Answer::Device(Box::new(self.device(ask))),
            Ask::Exchange(ask) => Answer::Given(Box::new(self.exchange(ask))),
            Ask::Rotate(ask) => Answer::Given(Box::new(self.rotate(ask))),
            // Revoking comes last in the transaction.
            Ask::Revoke(_) => Answer::Revoked(0),
            Ask::Change(_) => Answer::Changed(Box::new(Err(Unchanged::Unknown))),
        })
    }

    fn issue(&mut self, ask: &'a IssueCode) -> Result<(), Refusal> {
        self.state.issue(ask)?;
        self.grants.push(NewGrant::from(ask));
        self.issued.push(ask);
        self.used.insert(ask.client.clone(), ask.now);
        self.events.push(RecordEvent {
            at: ask.now,
            kind: "grant.created".to_owned(),
            user: Some(ask.user),
            client: Some(ask.client.clone()),
            project: Some(ask.project),
            grant: Some(ask.grant),
            from: ask.from.clone(),
            detail: serde_json::json!({ "scopes": ask.scopes.to_string(), "resource": ask.resource }),
        });
        Ok(())
    }

    fn open(&mut self, ask: &'a OpenGrant) -> Result<GrantFacts, Refusal> {
        let facts = self.state.open(ask)?;
        if facts.grant == ask.grant {
            self.grants.push(NewGrant::from(ask));
            let detail = serde_json::json!({ "scopes": ask.scopes.to_string(), "resource": ask.resource, "how": ask.how });
            self.events.push(RecordEvent { from: ask.from.clone(), detail, ..event(&facts, ask.now, "grant.created") });
        }
        if let Some((hash, expires_at)) = ask.refresh {
            self.tokens.push(NewToken { hash, grant: facts.grant, parent: None, now: ask.now, expires_at });
        }
        self.used.insert(ask.client.clone(), ask.now);
        let issued = event(&facts, ask.now, "token.issued");
        self.events.push(RecordEvent { from: ask.from.clone(), detail: serde_json::json!({ "how": ask.how }), ..issued });
        Ok(facts)
    }

    fn exchange(&mut self, ask: &ExchangeCode) -> Result<GrantFacts, Refusal> {
        let facts = self.state.exchange(ask).inspect_err(|_| self.note_reuse("authorization_code", ask.now))?;
        self.consumed.push((ask.code, ask.now));
        self.token_issued(&facts, ask.refresh.map(|hash| (hash, ask.refresh_expires_at)), ask.now);
        Ok(facts)
    }

    /// The first tokens of a grant.
    pub(super) fn token_issued(&mut self, facts: &GrantFacts, refresh: Option<(SecretHash, Timestamp)>, now: Timestamp) {
        if let Some((hash, expires_at)) = refresh {
            self.tokens.push(NewToken { hash, grant: facts.grant, parent: None, now, expires_at });
        }
        self.used.insert(facts.client.clone(), now);
        self.events.push(event(facts, now, "token.issued"));
    }

    fn rotate(&mut self, ask: &RotateRefreshToken) -> Result<GrantFacts, Refusal> {
        let facts = self.state.rotate(ask).inspect_err(|_| self.note_reuse("refresh_token", ask.now))?;
        self.rotated.entry(ask.presented.0).or_insert((ask.now, ask.grace_since));
        if let Some(parent) = self.state.tokens.get(&ask.presented).and_then(|token| token.parent)
            && self.state.tokens.contains_key(&parent)
        {
            self.superseded.entry(parent.0).or_insert(ask.now);
        }
        self.tokens.push(NewToken {
            hash: ask.successor,
            grant: facts.grant,
            parent: Some(ask.presented),
            now: ask.now,
            expires_at: ask.successor_expires_at,
        });
        self.used.insert(ask.client.clone(), ask.now);
        self.events.push(event(&facts, ask.now, "token.refreshed"));
        Ok(facts)
    }

    /// If the last decision found a grant betrayed, it goes on the record and will be revoked.
    pub(super) fn note_reuse(&mut self, what: &str, now: Timestamp) {
        let Some(grant) = self.state.betrayed.get(self.reused.len()).and_then(|grant| self.state.grants.get(grant)) else { return };
        let facts = grant.facts.clone();
        self.events.push(RecordEvent { detail: serde_json::json!({ "what": what }), ..event(&facts, now, "token.reused") });
        self.reused.push(EndingGrant { grant: facts.grant, user: facts.user, client: facts.client, project: facts.project });
        self.reused_at = now;
    }

    async fn write(&self, store: &Store, transaction: &DatabaseTransaction, used: &[(ClientId, Timestamp)]) -> Result<(), StoreError> {
        write::grants(store, transaction, &self.grants).await?;
        let opened: Vec<_> = self.opened.iter().map(|(facts, now)| NewGrant::of(facts, *now)).collect();
        write::grants(store, transaction, &opened).await?;
        device_rows::write(store, transaction, &self.devices).await?;
        write::codes(store, transaction, &self.issued).await?;
        write::consume(store, transaction, &self.consumed).await?;
        let rotated: Vec<_> = self.rotated.iter().map(|(hash, (now, grace))| (SecretHash(*hash), *now, *grace)).collect();
        write::rotate(store, transaction, &rotated).await?;
        let superseded: Vec<_> = self.superseded.iter().map(|(hash, now)| (SecretHash(*hash), *now)).collect();
        write::supersede(store, transaction, &superseded).await?;
        write::tokens(store, transaction, &self.tokens).await?;
        write::remove_rotated(store, transaction, &self.tokens).await?;
        write::touch(store, transaction, used).await?;
        record::insert_events(transaction, &self.events).await?;
        revocations::revoke(store, transaction, &self.reused, "reuse", self.reused_at).await?;
        Ok(())
    }
}

async fn revoke(store: &Store, transaction: &DatabaseTransaction, ask: &RevokeAccess) -> Result<u64, StoreError> {
    let grants = match &ask.what {
        Revoke::Grant(grant) => revocations::live_grant(transaction, *grant).await?,
        Revoke::RefreshToken { token, client } => revocations::live_grant_of_token(transaction, token.to_vec(), client).await?,
        Revoke::User(user) => revocations::live_grants_of_user(transaction, *user).await?,
        Revoke::Project(project) => revocations::live_grants_of_project(transaction, *project).await?,
        Revoke::Membership(user, project) => revocations::live_grants_of_membership(transaction, *user, *project).await?,
        Revoke::AccessToken { jti, grant, expires_at } => {
            let event = RecordEvent {
                at: ask.now,
                kind: "token.revoked".to_owned(),
                user: None,
                client: None,
                project: None,
                grant: Some(*grant),
                from: None,
                detail: serde_json::json!({ "reason": ask.reason }),
            };
            record::insert_events(transaction, &[event]).await?;
            revocations::list(store, transaction, &[(None, Some(jti), *expires_at)]).await?;
            return Ok(1);
        }
    };
    // A person may have very many: a statement has room for some.
    let mut ended = 0;
    for some in grants.chunks(256) {
        ended += revocations::revoke(store, transaction, some, ask.reason, ask.now).await?;
    }
    Ok(ended)
}
