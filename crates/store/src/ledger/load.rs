//! Reading what the requests of a batch are about. On Postgres the rows are locked first, in the order of their hashes, so that two ledgers
//! never wait for each other in a circle and nothing that was read changes before the commit; on SQLite the transaction has the writer's lock.

use crate::Store;
use crate::error::StoreError;
use crate::ledger::decide::{CodeRow, GrantRow, Opened, State, TokenRow};
use crate::sql::{self, Rows};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{ExchangeCode, GrantFacts, OpenGrant, RotateRefreshToken};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// How old a grant may be that is given again. Well below the age at which the janitor removes grants without a token.
const REUSE: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const GRANT: &str =
    "g.id AS grant_id, g.user_id AS user_id, g.client_id AS client_id, g.project_id AS project_id, g.scopes AS scopes,
    g.resource AS resource, g.authenticated_at AS authenticated_at, CASE WHEN g.revoked_at IS NULL THEN 0 ELSE 1 END AS revoked,
    CASE WHEN u.disabled_at IS NULL AND m.user_id IS NOT NULL THEN 1 ELSE 0 END AS admitted";

const OF_GRANT: &str = "JOIN grants g ON g.id = x.grant_id JOIN users u ON u.id = g.user_id
    LEFT JOIN project_members m ON m.project_id = g.project_id AND m.user_id = g.user_id";

/// Each hash once, in order.
pub(super) fn hashes(of: impl Iterator<Item = SecretHash>) -> Rows {
    let ordered: BTreeSet<[u8; 32]> = of.map(|hash| hash.0).collect();
    Rows::new(ordered.into_iter().map(|hash| [sql::bytes(hash)]))
}

pub(super) fn hash(row: &QueryResult, column: &str) -> Result<SecretHash, StoreError> {
    let bytes: Vec<u8> = row.try_get("", column)?;
    SecretHash::from_slice(&bytes).ok_or_else(|| StoreError::Database("a hash has not 32 bytes".to_owned()))
}

pub(super) fn moment(row: &QueryResult, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<i64>>("", column)?.map(Timestamp))
}

pub(super) fn grant(row: &QueryResult) -> Result<GrantRow, StoreError> {
    let scopes: String = row.try_get("", "scopes")?;
    Ok(GrantRow {
        facts: GrantFacts {
            grant: GrantId(row.try_get("", "grant_id")?),
            user: UserId(row.try_get("", "user_id")?),
            client: ClientId(row.try_get("", "client_id")?),
            project: ProjectId(row.try_get("", "project_id")?),
            scopes: ScopeSet::parse_known(&scopes),
            resource: row.try_get("", "resource")?,
            nonce: None,
            authenticated_at: Timestamp(row.try_get("", "authenticated_at")?),
        },
        revoked: row.try_get::<i32>("", "revoked")? != 0,
        admitted: row.try_get::<i32>("", "admitted")? != 0,
    })
}

/// The codes of a batch.
pub(crate) async fn codes(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: &[&ExchangeCode],
    state: &mut State,
) -> Result<(), StoreError> {
    if asks.is_empty() {
        return Ok(());
    }
    if store.is_postgres() {
        let lock = hashes(asks.iter().map(|ask| ask.code)).statement(
            store.backend(),
            "SELECT 1 FROM authorization_codes WHERE hash IN ({rows}) ORDER BY hash FOR UPDATE",
            Vec::new(),
        );
        transaction.query_all_raw(lock).await?;
    }
    let text = format!(
        "SELECT x.hash AS hash, x.redirect_key AS redirect_key, x.code_challenge AS code_challenge, x.nonce AS nonce,
            x.expires_at AS expires_at, x.consumed_at AS consumed_at, {GRANT}
         FROM authorization_codes x {OF_GRANT} WHERE x.hash IN ({{rows}})"
    );
    let query = hashes(asks.iter().map(|ask| ask.code)).statement(store.backend(), &text, Vec::new());
    for row in transaction.query_all_raw(query).await? {
        let grant = grant(&row)?;
        let code = CodeRow {
            grant: grant.facts.grant,
            redirect_key: row.try_get("", "redirect_key")?,
            code_challenge: row.try_get("", "code_challenge")?,
            nonce: row.try_get("", "nonce")?,
            expires_at: Timestamp(row.try_get("", "expires_at")?),
            consumed_at: moment(&row, "consumed_at")?,
        };
        state.codes.insert(hash(&row, "hash")?, code);
        state.grants.insert(grant.facts.grant, grant);
    }
    Ok(())
}

/// The refresh tokens of a batch, and their parents.
pub(crate) async fn tokens(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: &[&RotateRefreshToken],
    state: &mut State,
) -> Result<(), StoreError> {
    // One list, not two with OR: that would read the whole table.
    const NAMED: &str = "hash IN ({rows} UNION SELECT parent_hash FROM refresh_tokens WHERE hash IN ({rows}) AND parent_hash IS NOT NULL)";
    if asks.is_empty() {
        return Ok(());
    }
    if store.is_postgres() {
        let text = format!("SELECT 1 FROM refresh_tokens WHERE {NAMED} ORDER BY hash FOR UPDATE");
        transaction.query_all_raw(hashes(asks.iter().map(|ask| ask.presented)).statement(store.backend(), &text, Vec::new())).await?;
    }
    let text = format!(
        "SELECT x.hash AS hash, x.parent_hash AS parent_hash, x.expires_at AS expires_at, x.rotated_at AS rotated_at,
            x.superseded_at AS superseded_at, {GRANT}
         FROM refresh_tokens x {OF_GRANT} WHERE x.{NAMED}"
    );
    let query = hashes(asks.iter().map(|ask| ask.presented)).statement(store.backend(), &text, Vec::new());
    for row in transaction.query_all_raw(query).await? {
        let grant = grant(&row)?;
        let parent: Option<Vec<u8>> = row.try_get("", "parent_hash")?;
        let token = TokenRow {
            grant: grant.facts.grant,
            parent: parent.and_then(|parent| SecretHash::from_slice(&parent)),
            expires_at: Timestamp(row.try_get("", "expires_at")?),
            rotated_at: moment(&row, "rotated_at")?,
            superseded_at: moment(&row, "superseded_at")?,
        };
        state.tokens.insert(hash(&row, "hash")?, token);
        state.grants.insert(grant.facts.grant, grant);
    }
    Ok(())
}

/// Uses up what may be used once, which one transaction can do: each with the moment after which it may be forgotten.
pub(crate) async fn use_once(
    store: &Store,
    transaction: &DatabaseTransaction,
    asked: impl Iterator<Item = (SecretHash, Timestamp)>,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut listed: Vec<([u8; 32], Timestamp)> = asked.map(|(what, expires_at)| (what.0, expires_at)).collect();
    if listed.is_empty() {
        return Ok(());
    }
    listed.sort_unstable();
    listed.dedup_by_key(|(what, _)| *what);
    let rows = Rows::new(listed.iter().map(|(what, expires_at)| [sql::bytes(*what), sql::number(expires_at.0)]));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO consumed_tickets (hash, expires_at) SELECT column1, column2 FROM ({rows}) AS listed WHERE column1 IS NOT NULL
         ON CONFLICT (hash) DO NOTHING RETURNING hash",
        Vec::new(),
    );
    for row in transaction.query_all_raw(insert).await? {
        state.fresh.insert(hash(&row, "hash")?);
    }
    Ok(())
}

/// Which of these people are enabled and in their project.
pub(crate) async fn admitted(
    store: &Store,
    transaction: &DatabaseTransaction,
    asked: impl Iterator<Item = (UserId, ProjectId)>,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut asked = asked.peekable();
    if asked.peek().is_none() {
        return Ok(());
    }
    let rows = Rows::new(asked.map(|(user, project)| [sql::uuid(user.0), sql::uuid(project.0)]));
    let admitted = rows.statement(
        store.backend(),
        "SELECT DISTINCT m.user_id, m.project_id FROM ({rows}) AS listed
         JOIN project_members m ON m.user_id = listed.column1 AND m.project_id = listed.column2
         JOIN users u ON u.id = m.user_id WHERE u.disabled_at IS NULL",
        Vec::new(),
    );
    for row in transaction.query_all_raw(admitted).await? {
        state.admitted.insert((UserId(row.try_get_by_index::<Uuid>(0)?), ProjectId(row.try_get_by_index::<Uuid>(1)?)));
    }
    Ok(())
}

/// Grants like those that are asked for, if they live and no refresh token hangs under them.
pub(crate) async fn reusable(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: &[&OpenGrant],
    state: &mut State,
) -> Result<(), StoreError> {
    let asked: Vec<(Opened, Timestamp)> =
        asks.iter().filter_map(|ask| Opened::of(ask).map(|opened| (opened, ask.now.before(REUSE)))).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(asked.iter().map(|(opened, since)| {
        [
            sql::uuid(opened.user.0),
            sql::text(opened.client.as_str()),
            sql::uuid(opened.project.0),
            sql::text(opened.scopes.to_string()),
            sql::text(&opened.resource),
            sql::number(since.0),
        ]
    }));
    let text = format!(
        "SELECT {GRANT} FROM ({{rows}}) AS listed
         JOIN grants g ON g.user_id = listed.column1 AND g.client_id = listed.column2 AND g.project_id = listed.column3
             AND g.scopes = listed.column4 AND g.resource = listed.column5 AND g.created_at > listed.column6
         JOIN users u ON u.id = g.user_id LEFT JOIN project_members m ON m.project_id = g.project_id AND m.user_id = g.user_id
         WHERE g.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id)
             AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.grant_id = g.id)
         ORDER BY g.created_at, g.id"
    );
    for row in transaction.query_all_raw(rows.statement(store.backend(), &text, Vec::new())).await? {
        let facts = grant(&row)?.facts;
        let opened = Opened {
            user: facts.user,
            client: facts.client.clone(),
            project: facts.project,
            scopes: facts.scopes.clone(),
            resource: facts.resource.clone(),
        };
        state.reusable.insert(opened, facts);
    }
    Ok(())
}
