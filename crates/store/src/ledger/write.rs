//! Writing what was decided: one statement for all rows of a kind, each row with its own condition. A statement that changes fewer rows
//! than were decided fails the batch; its requests are then made one by one.

use crate::error::StoreError;
use crate::ledger::batch::TOUCH_EVERY;
use crate::sql::{self, Rows};
use crate::{Store, clients};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{GrantFacts, IssueCode, OpenGrant};
use docent_types::registration::{Client, ClientOrigin};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// A refresh token to be.
pub(crate) struct NewToken {
    pub(crate) hash: SecretHash,
    pub(crate) grant: GrantId,
    pub(crate) parent: Option<SecretHash>,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A grant to be.
pub(crate) struct NewGrant<'a> {
    pub(crate) id: GrantId,
    pub(crate) user: UserId,
    pub(crate) client: &'a ClientId,
    pub(crate) project: ProjectId,
    pub(crate) scopes: &'a ScopeSet,
    pub(crate) resource: &'a str,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) now: Timestamp,
}

impl<'a> NewGrant<'a> {
    /// A grant that says this.
    pub(crate) fn of(facts: &'a GrantFacts, now: Timestamp) -> Self {
        Self {
            id: facts.grant,
            user: facts.user,
            client: &facts.client,
            project: facts.project,
            scopes: &facts.scopes,
            resource: &facts.resource,
            authenticated_at: facts.authenticated_at,
            now,
        }
    }
}

impl<'a> From<&'a IssueCode> for NewGrant<'a> {
    fn from(ask: &'a IssueCode) -> Self {
        Self {
            id: ask.grant,
            user: ask.user,
            client: &ask.client,
            project: ask.project,
            scopes: &ask.scopes,
            resource: &ask.resource,
            authenticated_at: ask.authenticated_at,
            now: ask.now,
        }
    }
}

impl<'a> From<&'a OpenGrant> for NewGrant<'a> {
    fn from(ask: &'a OpenGrant) -> Self {
        Self {
            id: ask.grant,
            user: ask.user,
            client: &ask.client,
            project: ask.project,
            scopes: &ask.scopes,
            resource: &ask.resource,
            authenticated_at: ask.authenticated_at,
            now: ask.now,
        }
    }
}

pub(crate) async fn exactly(transaction: &DatabaseTransaction, statement: Statement, rows: usize) -> Result<(), StoreError> {
    let changed = transaction.execute_raw(statement).await?.rows_affected();
    if changed == rows as u64 {
        Ok(())
    } else {
        Err(StoreError::Database(format!("{changed} rows were changed where {rows} were decided")))
    }
}

/// Registers clients. Answers what is stored of each, and which are new.
pub(crate) async fn register(
    store: &Store,
    transaction: &DatabaseTransaction,
    asked: &[&Client],
) -> Result<(HashMap<ClientId, Client>, HashSet<ClientId>), StoreError> {
    let ordered: BTreeMap<&ClientId, &&Client> = asked.iter().map(|client| (&client.id, client)).collect();
    let list = (1..=clients::COLUMNS.split(", ").count()).map(|column| format!("column{column}")).collect::<Vec<_>>().join(", ");
    // The fifteenth column is `created_at`.
    let text = format!(
        "INSERT INTO clients ({}, registered_at) SELECT {list}, column15 FROM ({{rows}}) AS listed WHERE column1 IS NOT NULL ON CONFLICT (id) DO NOTHING RETURNING id",
        clients::COLUMNS
    );
    let insert = Rows::new(ordered.values().map(|client| clients::as_row(client))).statement(store.backend(), &text, Vec::new());
    let mut new = HashSet::new();
    for row in transaction.query_all_raw(insert).await? {
        new.insert(ClientId(row.try_get_by_index(0)?));
    }
    let documents = ordered.values().filter(|client| client.origin == ClientOrigin::MetadataDocument && !new.contains(&client.id));
    let documents: Vec<&Client> = documents.map(|client| **client).collect();
    if !documents.is_empty() {
        transaction.execute_raw(renewal(store, &documents)).await?;
    }
    let text = format!("SELECT {} FROM clients c WHERE c.id IN ({{rows}})", clients::PREFIXED);
    let query = Rows::new(ordered.keys().map(|id| [sql::text(id.as_str())])).statement(store.backend(), &text, Vec::new());
    let mut stored = HashMap::new();
    for row in transaction.query_all_raw(query).await? {
        let client = clients::read(&row)?;
        stored.insert(client.id.clone(), client);
    }
    Ok((stored, new))
}

/// What a client's document says today (AS12). Whether it is blocked, and since when it is known, is not the document's to say.
fn renewal(store: &Store, documents: &[&Client]) -> Statement {
    const RENEWED: [&str; 11] = [
        "name",
        "redirect_uris",
        "grant_types",
        "auth_method",
        "scope",
        "client_uri",
        "software_id",
        "software_version",
        "application_type",
        "jwks",
        "jwks_uri",
    ];
    let number = |name: &str| clients::COLUMNS.split(", ").position(|column| column == name).map_or(1, |at| at + 1);
    let set = RENEWED.map(|name| format!("{name} = listed.{name}")).join(", ");
    let listed = RENEWED.map(|name| format!("column{} AS {name}", number(name))).join(", ");
    let text = format!(
        "UPDATE clients SET {set} FROM (SELECT column1 AS id, {listed} FROM ({{rows}}) AS rows) AS listed
         WHERE clients.id = listed.id AND clients.origin = '{}'",
        ClientOrigin::MetadataDocument.as_str()
    );
    Rows::new(documents.iter().map(|client| clients::as_row(client))).statement(store.backend(), &text, Vec::new())
}

/// Writes grants.
pub(crate) async fn grants(store: &Store, transaction: &DatabaseTransaction, new: &[NewGrant<'_>]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(new.iter().map(|grant| {
        [
            sql::uuid(grant.id.0),
            sql::uuid(grant.user.0),
            sql::text(grant.client.as_str()),
            sql::uuid(grant.project.0),
            sql::text(grant.scopes.to_string()),
            sql::text(grant.resource),
            sql::number(grant.authenticated_at.0),
            sql::number(grant.now.0),
        ]
    }));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO grants (id, user_id, client_id, project_id, scopes, resource, authenticated_at, created_at)
         SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
        Vec::new(),
    );
    exactly(transaction, insert, new.len()).await
}

/// Writes authorization codes; their grants are there.
pub(crate) async fn codes(store: &Store, transaction: &DatabaseTransaction, issued: &[&IssueCode]) -> Result<(), StoreError> {
    if issued.is_empty() {
        return Ok(());
    }
    let codes = Rows::new(issued.iter().map(|ask| {
        [
            sql::bytes(ask.code.0),
            sql::uuid(ask.grant.0),
            sql::text(&ask.redirect_key),
            sql::text(&ask.code_challenge),
            sql::text_or_null(ask.nonce.as_deref()),
            sql::number(ask.now.0),
            sql::number(ask.expires_at.0),
        ]
    }));
    let insert = codes.statement(
        store.backend(),
        "INSERT INTO authorization_codes (hash, grant_id, redirect_key, code_challenge, nonce, created_at, expires_at)
         SELECT column1, column2, column3, column4, column5, column6, column7 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
        Vec::new(),
    );
    exactly(transaction, insert, issued.len()).await
}

/// Uses codes up (AS8).
pub(crate) async fn consume(store: &Store, transaction: &DatabaseTransaction, codes: &[(SecretHash, Timestamp)]) -> Result<(), StoreError> {
    if codes.is_empty() {
        return Ok(());
    }
    let update = Rows::new(codes.iter().map(|(hash, now)| [sql::bytes(hash.0), sql::number(now.0)])).statement(
        store.backend(),
        "UPDATE authorization_codes SET consumed_at = listed.now FROM (SELECT column1 AS hash, column2 AS now FROM ({rows}) AS rows) AS listed
         WHERE authorization_codes.hash = listed.hash AND consumed_at IS NULL AND expires_at > listed.now",
        Vec::new(),
    );
    exactly(transaction, update, codes.len()).await
}

/// Marks tokens as used (AS9): hash, now, and the moment after which the first use must have been.
pub(crate) async fn rotate(
    store: &Store,
    transaction: &DatabaseTransaction,
    tokens: &[(SecretHash, Timestamp, Timestamp)],
) -> Result<(), StoreError> {
    if tokens.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(tokens.iter().map(|(hash, now, grace)| [sql::bytes(hash.0), sql::number(now.0), sql::number(grace.0)]));
    let update = rows.statement(
        store.backend(),
        "UPDATE refresh_tokens SET rotated_at = COALESCE(rotated_at, listed.now)
         FROM (SELECT column1 AS hash, column2 AS now, column3 AS grace FROM ({rows}) AS rows) AS listed
         WHERE refresh_tokens.hash = listed.hash AND expires_at > listed.now
           AND (rotated_at IS NULL OR (superseded_at IS NULL AND rotated_at > listed.grace))",
        Vec::new(),
    );
    exactly(transaction, update, tokens.len()).await
}

/// Marks tokens whose successor was used: from now on they are not usable again.
pub(crate) async fn supersede(
    store: &Store,
    transaction: &DatabaseTransaction,
    tokens: &[(SecretHash, Timestamp)],
) -> Result<(), StoreError> {
    if tokens.is_empty() {
        return Ok(());
    }
    let update = Rows::new(tokens.iter().map(|(hash, now)| [sql::bytes(hash.0), sql::number(now.0)])).statement(
        store.backend(),
        "UPDATE refresh_tokens SET superseded_at = listed.now FROM (SELECT column1 AS hash, column2 AS now FROM ({rows}) AS rows) AS listed
         WHERE refresh_tokens.hash = listed.hash AND superseded_at IS NULL",
        Vec::new(),
    );
    transaction.execute_raw(update).await?;
    Ok(())
}

/// How long a rotated token is kept, so that a stolen one that is used late is noticed.
const KEEP_ROTATED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Of so many rotations of a grant one removes what the others left.
const ROTATIONS_TO_A_REMOVAL: u8 = 8;

/// Removes the tokens of these grants that were rotated long ago. Which rotations do that is as random as the new tokens.
pub(crate) async fn remove_rotated(store: &Store, transaction: &DatabaseTransaction, new: &[NewToken]) -> Result<(), StoreError> {
    let chosen = |token: &&NewToken| token.parent.is_some() && token.hash.0[0].is_multiple_of(ROTATIONS_TO_A_REMOVAL);
    let Some(now) = new.iter().filter(chosen).map(|token| token.now).min() else { return Ok(()) };
    let delete = Rows::new(new.iter().filter(chosen).map(|token| [sql::uuid(token.grant.0)])).statement(
        store.backend(),
        "DELETE FROM refresh_tokens WHERE grant_id IN ({rows}) AND rotated_at < $1",
        vec![sql::number(now.before(KEEP_ROTATED).0)],
    );
    transaction.execute_raw(delete).await?;
    Ok(())
}

/// Writes refresh tokens.
pub(crate) async fn tokens(store: &Store, transaction: &DatabaseTransaction, new: &[NewToken]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(new.iter().map(|token| {
        [
            sql::bytes(token.hash.0),
            sql::uuid(token.grant.0),
            sea_orm::Value::Bytes(token.parent.map(SecretHash::to_vec)),
            sql::number(token.now.0),
            sql::number(token.expires_at.0),
        ]
    }));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO refresh_tokens (hash, grant_id, parent_hash, created_at, expires_at)
         SELECT column1, column2, column3, column4, column5 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
        Vec::new(),
    );
    exactly(transaction, insert, new.len()).await
}

/// Writes when clients were used last, if that is not known to the hour.
pub(crate) async fn touch(store: &Store, transaction: &DatabaseTransaction, used: &[(ClientId, Timestamp)]) -> Result<(), StoreError> {
    if used.is_empty() {
        return Ok(());
    }
    let rows = used.iter().map(|(client, now)| [sql::text(client.as_str()), sql::number(now.0), sql::number(now.before(TOUCH_EVERY).0)]);
    let update = Rows::new(rows).statement(
        store.backend(),
        "UPDATE clients SET last_used_at = listed.now
         FROM (SELECT column1 AS id, column2 AS now, column3 AS since FROM ({rows}) AS rows) AS listed
         WHERE clients.id = listed.id AND (last_used_at IS NULL OR last_used_at < listed.since)",
        Vec::new(),
    );
    transaction.execute_raw(update).await?;
    Ok(())
}
