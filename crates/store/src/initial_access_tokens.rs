//! Initial access tokens (RFC 7591 3): with one a stranger may register, where registration is not open. The operator makes them; the
//! ledger counts their use.

use crate::error::StoreError;
use crate::{Store, record, sql};
use docent_types::messages::RecordEvent;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, QueryResult};
use uuid::Uuid;

/// An initial access token, without itself: only its hash is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitialAccessToken {
    /// Its id, by which the operator names it.
    pub id: Uuid,
    /// What the operator wrote on it; may be empty.
    pub label: String,
    /// How many clients it is for.
    pub uses: u64,
    /// How many it registered.
    pub used: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it registered a client last.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

fn read(row: &QueryResult) -> Result<InitialAccessToken, StoreError> {
    Ok(InitialAccessToken {
        id: row.try_get_by_index(0)?,
        label: row.try_get_by_index(1)?,
        uses: sql::as_count(row.try_get_by_index(2)?),
        used: sql::as_count(row.try_get_by_index(3)?),
        created_at: Timestamp(row.try_get_by_index(4)?),
        expires_at: Timestamp(row.try_get_by_index(5)?),
        last_used_at: row.try_get_by_index::<Option<i64>>(6)?.map(Timestamp),
        revoked_at: row.try_get_by_index::<Option<i64>>(7)?.map(Timestamp),
    })
}

fn event(at: Timestamp, kind: &str, id: Uuid, label: &str) -> RecordEvent {
    RecordEvent {
        at,
        kind: kind.to_owned(),
        user: None,
        client: None,
        project: None,
        grant: None,
        from: None,
        detail: serde_json::json!({ "id": id, "label": label }),
    }
}

impl Store {
    /// Writes an initial access token, with the record of it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn create_initial_access_token(&self, new: &InitialAccessToken, hash: SecretHash) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let insert = sql::statement(
            self.backend(),
            "INSERT INTO initial_access_tokens (id, hash, label, uses, used, created_at, expires_at) VALUES ($1, $2, $3, $4, 0, $5, $6)",
            [
                sql::uuid(new.id),
                sql::bytes(hash.to_vec()),
                sql::text(&new.label),
                sql::number(sql::count(new.uses)),
                sql::number(new.created_at.0),
                sql::number(new.expires_at.0),
            ],
        );
        transaction.execute_raw(insert).await?;
        record::insert_events(&transaction, &[event(new.created_at, "initial_access_token.created", new.id, &new.label)]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The initial access tokens, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessToken>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT id, label, uses, used, created_at, expires_at, last_used_at, revoked_at FROM initial_access_tokens
             ORDER BY created_at DESC, id DESC",
            [],
        );
        self.reader().query_all_raw(query).await?.iter().map(read).collect()
    }

    /// Revokes an initial access token; the clients that it registered stay. Answers whether one was revoked by it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revoke_initial_access_token(&self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let update = sql::statement(
            self.backend(),
            "UPDATE initial_access_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING label",
            [sql::uuid(id), sql::number(now.0)],
        );
        let Some(row) = transaction.query_one_raw(update).await? else { return Ok(false) };
        let label: String = row.try_get_by_index(0)?;
        record::insert_events(&transaction, &[event(now, "initial_access_token.revoked", id, &label)]).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
