//! Revoking, and reading what was revoked in the order in which it became visible.

use crate::error::StoreError;
use crate::sql::{self, Lock, Rows, channel};
use crate::{Store, record};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::RecordEvent;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Value};
use std::time::Duration;
use uuid::Uuid;

/// How long a revoked grant stays in the list: no access token lives as long.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// One revocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevocationRow {
    /// Its place in the order.
    pub cursor: i64,
    /// The grant, if a grant was revoked.
    pub grant: Option<GrantId>,
    /// The access token's id, if one token was revoked.
    pub jti: Option<String>,
    /// When it is of no more interest.
    pub expires_at: Timestamp,
}

/// What the record says of a grant that ends.
#[derive(Clone, Debug)]
pub(crate) struct EndingGrant {
    pub(crate) grant: GrantId,
    pub(crate) user: UserId,
    pub(crate) client: ClientId,
    pub(crate) project: ProjectId,
}

fn ending(row: &QueryResult) -> Result<EndingGrant, StoreError> {
    Ok(EndingGrant {
        grant: GrantId(row.try_get_by_index(0)?),
        user: UserId(row.try_get_by_index(1)?),
        client: ClientId(row.try_get_by_index(2)?),
        project: ProjectId(row.try_get_by_index(3)?),
    })
}

async fn live_grants(transaction: &DatabaseTransaction, condition: &str, values: Vec<Value>) -> Result<Vec<EndingGrant>, StoreError> {
    let text = format!("SELECT id, user_id, client_id, project_id FROM grants WHERE revoked_at IS NULL AND {condition} ORDER BY id");
    let query = sea_orm::Statement::from_sql_and_values(transaction.get_database_backend(), text, values);
    transaction.query_all_raw(query).await?.iter().map(ending).collect()
}

pub(crate) async fn live_grant(transaction: &DatabaseTransaction, grant: GrantId) -> Result<Vec<EndingGrant>, StoreError> {
    live_grants(transaction, "id = $1", vec![sql::uuid(grant.0)]).await
}

pub(crate) async fn live_grants_of_user(transaction: &DatabaseTransaction, user: UserId) -> Result<Vec<EndingGrant>, StoreError> {
    live_grants(transaction, "user_id = $1", vec![sql::uuid(user.0)]).await
}

pub(crate) async fn live_grants_of_client(transaction: &DatabaseTransaction, client: &ClientId) -> Result<Vec<EndingGrant>, StoreError> {
    live_grants(transaction, "client_id = $1", vec![sql::text(client.as_str())]).await
}

pub(crate) async fn live_grants_of_project(transaction: &DatabaseTransaction, project: ProjectId) -> Result<Vec<EndingGrant>, StoreError> {
    live_grants(transaction, "project_id = $1", vec![sql::uuid(project.0)]).await
}

pub(crate) async fn live_grants_of_membership(
    transaction: &DatabaseTransaction,
    user: UserId,
    project: ProjectId,
) -> Result<Vec<EndingGrant>, StoreError> {
    live_grants(transaction, "user_id = $1 AND project_id = $2", vec![sql::uuid(user.0), sql::uuid(project.0)]).await
}

/// The grant of a refresh token of this client.
pub(crate) async fn live_grant_of_token(
    transaction: &DatabaseTransaction,
    token: Vec<u8>,
    client: &ClientId,
) -> Result<Vec<EndingGrant>, StoreError> {
    let condition = "client_id = $2 AND id = (SELECT grant_id FROM refresh_tokens WHERE hash = $1)";
    live_grants(transaction, condition, vec![sql::bytes(token), sql::text(client.as_str())]).await
}

/// Ends grants: the row of each, the list that resource servers read, and the record, all in the caller's transaction. Answers how many
/// lived until now. Call it last in the transaction: on Postgres it keeps the lock of the list's order to the end.
pub(crate) async fn revoke(
    store: &Store,
    transaction: &DatabaseTransaction,
    grants: &[EndingGrant],
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if grants.is_empty() {
        return Ok(0);
    }
    let rows = Rows::new(grants.iter().map(|ending| [sql::uuid(ending.grant.0)]));
    let update = rows.statement(
        store.backend(),
        "UPDATE grants SET revoked_at = $1, revoked_reason = $2 WHERE revoked_at IS NULL AND id IN ({rows}) RETURNING id",
        vec![sql::number(now.0), sql::text(reason)],
    );
    let ended = transaction.query_all_raw(update).await?;
    let ended = ended.iter().map(|row| row.try_get_by_index::<Uuid>(0)).collect::<Result<Vec<_>, _>>()?;
    let events: Vec<RecordEvent> = grants
        .iter()
        .filter(|ending| ended.contains(&ending.grant.0))
        .map(|ending| RecordEvent {
            at: now,
            kind: "grant.revoked".to_owned(),
            user: Some(ending.user),
            client: Some(ending.client.clone()),
            project: Some(ending.project),
            grant: Some(ending.grant),
            from: None,
            detail: serde_json::json!({ "reason": reason }),
        })
        .collect();
    record::insert_events(transaction, &events).await?;
    let entries: Vec<(Option<GrantId>, Option<&str>, Timestamp)> =
        ended.iter().map(|grant| (Some(GrantId(*grant)), None, now.after(REMEMBERED))).collect();
    list(store, transaction, &entries).await?;
    Ok(sql::as_count(i64::try_from(ended.len()).unwrap_or(i64::MAX)))
}

/// Writes entries of the list. On Postgres under a lock to the end of the transaction, so that entries become visible in the order of
/// their cursor: a reader that goes on after the last one it saw misses none.
pub(crate) async fn list(
    store: &Store,
    transaction: &DatabaseTransaction,
    entries: &[(Option<GrantId>, Option<&str>, Timestamp)],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    store.lock(transaction, Lock::Revocations).await?;
    let rows = Rows::new(entries.iter().map(|(grant, jti, expires_at)| {
        [sql::number(expires_at.0), sql::uuid_or_null(grant.map(|grant| grant.0)), sql::text_or_null(*jti)]
    }));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO revocations (expires_at, grant_id, jti) SELECT column1, column2, column3 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
        Vec::new(),
    );
    transaction.execute_raw(insert).await?;
    store.notify(transaction, channel::REVOCATIONS).await
}

impl Store {
    /// What was revoked after `cursor`, in order, and the cursor to go on with.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revocations_since(&self, cursor: i64) -> Result<(Vec<RevocationRow>, i64), StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT cursor, grant_id, jti, expires_at FROM revocations WHERE cursor > $1 ORDER BY cursor",
            [sql::number(cursor)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        let rows = rows
            .iter()
            .map(|row| {
                Ok(RevocationRow {
                    cursor: row.try_get_by_index(0)?,
                    grant: row.try_get_by_index::<Option<Uuid>>(1)?.map(GrantId),
                    jti: row.try_get_by_index(2)?,
                    expires_at: Timestamp(row.try_get_by_index(3)?),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let last = rows.last().map_or(cursor, |row| row.cursor);
        Ok((rows, last))
    }
}
