//! API keys. Their owners make and revoke them; the guard of the REST API looks them up.

use crate::error::StoreError;
use crate::{Store, record, sql};
use docent_types::api_key;
use docent_types::ids::{ApiKeyId, ProjectId, UserId};
use docent_types::messages::RecordEvent;
use docent_types::random::Randomness;
use docent_types::scope::ScopeSet;
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, QueryResult, Value};
use uuid::Uuid;

/// Keys that one person may have at a time.
pub const MOST_KEYS: u64 = 100;
/// When a key was used last is written at most this often.
const USED_AGAIN: i64 = 60_000;

/// A key, without itself: only its hash is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What its owner called it.
    pub name: String,
    /// Its first characters.
    pub hint: String,
    /// Whose it is.
    pub user: UserId,
    /// The project that it is for.
    pub project: ProjectId,
    /// What it permits.
    pub scopes: ScopeSet,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key that is made now and was never used. `secret` is what is shown once.
    #[must_use]
    pub fn new(
        name: &str,
        secret: &Secret,
        (user, project): (UserId, ProjectId),
        scopes: ScopeSet,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Self {
        Self {
            id: ApiKeyId::generate(now, randomness),
            name: name.to_owned(),
            hint: api_key::hint(secret),
            user,
            project,
            scopes,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A key with the names of those whom it speaks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKeyHolder {
    /// The key.
    pub key: ApiKey,
    /// The person's e-mail address.
    pub email: String,
    /// The project's name.
    pub project_name: String,
}

const COLUMNS: &str =
    "k.id, k.name, k.prefix, k.user_id, k.project_id, k.scopes, k.created_at, k.expires_at, k.last_used_at, u.email, p.name";
const FROM: &str = "FROM api_keys k JOIN users u ON u.id = k.user_id JOIN projects p ON p.id = k.project_id";

fn read(row: &QueryResult) -> Result<ApiKeyHolder, StoreError> {
    let scopes: String = row.try_get_by_index(5)?;
    Ok(ApiKeyHolder {
        key: ApiKey {
            id: ApiKeyId(row.try_get_by_index(0)?),
            name: row.try_get_by_index(1)?,
            hint: row.try_get_by_index(2)?,
            user: UserId(row.try_get_by_index(3)?),
            project: ProjectId(row.try_get_by_index(4)?),
            scopes: ScopeSet::parse_known(&scopes),
            created_at: Timestamp(row.try_get_by_index(6)?),
            expires_at: row.try_get_by_index::<Option<i64>>(7)?.map(Timestamp),
            last_used_at: row.try_get_by_index::<Option<i64>>(8)?.map(Timestamp),
        },
        email: row.try_get_by_index(9)?,
        project_name: row.try_get_by_index(10)?,
    })
}

fn event(at: Timestamp, kind: &str, key: Uuid, name: &str, user: UserId, project: ProjectId, from: Option<String>) -> RecordEvent {
    RecordEvent {
        at,
        kind: kind.to_owned(),
        user: Some(user),
        client: None,
        project: Some(project),
        grant: None,
        from,
        detail: serde_json::json!({ "id": key, "name": name }),
    }
}

impl Store {
    /// Writes a key, with the record of it. `from` is the address that asked.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the person is disabled, not a member of the project, or has [`MOST_KEYS`] keys.
    pub async fn create_api_key(&self, new: &ApiKey, hash: SecretHash, from: Option<String>) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let insert = sql::statement(
            self.backend(),
            "INSERT INTO api_keys (id, hash, prefix, name, user_id, project_id, scopes, created_at, expires_at)
             SELECT $1, $2, $3, $4, u.id, m.project_id, $7, $8, $9
             FROM users u JOIN project_members m ON m.user_id = u.id AND m.project_id = $6
             WHERE u.id = $5 AND u.disabled_at IS NULL
                AND (SELECT COUNT(*) FROM api_keys o WHERE o.user_id = u.id AND o.revoked_at IS NULL) < $10",
            [
                sql::uuid(new.id.0),
                sql::bytes(hash.to_vec()),
                sql::text(&new.hint),
                sql::text(&new.name),
                sql::uuid(new.user.0),
                sql::uuid(new.project.0),
                sql::text(new.scopes.to_string()),
                sql::number(new.created_at.0),
                Value::BigInt(new.expires_at.map(|at| at.0)),
                sql::number(sql::count(MOST_KEYS)),
            ],
        );
        if transaction.execute_raw(insert).await?.rows_affected() == 0 {
            return Err(StoreError::Conflict("API key"));
        }
        let event = event(new.created_at, "api_key.created", new.id.0, &new.name, new.user, new.project, from);
        record::insert_events(&transaction, &[event]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The keys of a person, or of everybody, the newest first; those that were revoked are not among them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn api_keys(&self, of: Option<UserId>) -> Result<Vec<ApiKeyHolder>, StoreError> {
        let query = sql::statement(
            self.backend(),
            format!("SELECT {COLUMNS} {FROM} WHERE k.revoked_at IS NULL AND (k.user_id = $1 OR $2) ORDER BY k.created_at DESC, k.id DESC"),
            [sql::uuid_or_null(of.map(|user| user.0)), Value::Bool(Some(of.is_none()))],
        );
        self.reader().query_all_raw(query).await?.iter().map(read).collect()
    }

    /// The key of a hash, if it is in force: not revoked, not ended, of a person who is not disabled and still a member of its project.
    ///
    /// # Errors
    /// What the database says.
    pub async fn api_key_in_force(&self, hash: SecretHash, now: Timestamp) -> Result<Option<ApiKey>, StoreError> {
        let query = sql::statement(
            self.backend(),
            format!(
                "SELECT {COLUMNS} {FROM} JOIN project_members m ON m.project_id = k.project_id AND m.user_id = k.user_id
                 WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.disabled_at IS NULL"
            ),
            [sql::bytes(hash.to_vec()), sql::number(now.0)],
        );
        self.reader().query_one_raw(query).await?.as_ref().map(read).transpose().map(|found| found.map(|holder| holder.key))
    }

    /// Notes that a key was used, to the minute.
    ///
    /// # Errors
    /// What the database says.
    pub async fn api_key_used(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)",
            [sql::uuid(id.0), sql::number(now.0), sql::number(now.0.saturating_sub(USED_AGAIN))],
        );
        self.writer().execute_raw(update).await?;
        Ok(())
    }

    /// Revokes a key: one of this person, or, without one, anybody's. Answers whether one was revoked by it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revoke_api_key(&self, id: ApiKeyId, of: Option<UserId>, now: Timestamp, from: Option<String>) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let update = sql::statement(
            self.backend(),
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL AND (user_id = $3 OR $4)
             RETURNING name, user_id, project_id",
            [sql::uuid(id.0), sql::number(now.0), sql::uuid_or_null(of.map(|user| user.0)), Value::Bool(Some(of.is_none()))],
        );
        let Some(row) = transaction.query_one_raw(update).await? else { return Ok(false) };
        let name: String = row.try_get_by_index(0)?;
        let (user, project) = (UserId(row.try_get_by_index(1)?), ProjectId(row.try_get_by_index(2)?));
        let event = event(now, "api_key.revoked", id.0, &name, user, project, from);
        record::insert_events(&transaction, &[event]).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
