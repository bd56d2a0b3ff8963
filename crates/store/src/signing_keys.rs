//! Signing keys. Their private parts are sealed before they come here.

use crate::Store;
use crate::entity::signing_keys;
use crate::error::StoreError;
use crate::sql::{self, Lock};
use docent_types::messages::PublicKey;
use docent_types::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, Set};

/// A signing key and the moments of its life.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id.
    pub kid: String,
    /// What is published.
    pub public: PublicKey,
    /// The private part, sealed.
    pub sealed_private: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs; it is published before.
    pub activate_at: Timestamp,
    /// From when on it signs no more.
    pub retire_at: Option<Timestamp>,
    /// From when on it is not published any more.
    pub remove_at: Option<Timestamp>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey").field("kid", &self.kid).field("activate_at", &self.activate_at).finish_non_exhaustive()
    }
}

async fn insert<C: ConnectionTrait>(connection: &C, key: StoredKey) -> Result<(), StoreError> {
    let public_key = serde_json::to_string(&key.public).map_err(|error| StoreError::Database(error.to_string()))?;
    let row = signing_keys::ActiveModel {
        kid: Set(key.kid),
        public_key: Set(public_key),
        sealed_private: Set(key.sealed_private),
        created_at: Set(key.created_at.0),
        activate_at: Set(key.activate_at.0),
        retire_at: Set(key.retire_at.map(|at| at.0)),
        remove_at: Set(key.remove_at.map(|at| at.0)),
    };
    signing_keys::Entity::insert(row).exec_without_returning(connection).await.map_err(|error| StoreError::taken(error, "signing key"))?;
    Ok(())
}

impl Store {
    /// All keys, in the order in which they become active.
    ///
    /// # Errors
    /// What the database says.
    pub async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let order = signing_keys::Entity::find().order_by_asc(signing_keys::Column::ActivateAt).order_by_asc(signing_keys::Column::Kid);
        let rows = order.all(self.reader()).await?;
        rows.into_iter()
            .map(|row| {
                Ok(StoredKey {
                    public: serde_json::from_str(&row.public_key).map_err(|error| StoreError::Database(error.to_string()))?,
                    kid: row.kid,
                    sealed_private: row.sealed_private,
                    created_at: Timestamp(row.created_at),
                    activate_at: Timestamp(row.activate_at),
                    retire_at: row.retire_at.map(Timestamp),
                    remove_at: row.remove_at.map(Timestamp),
                })
            })
            .collect()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of this id.
    pub async fn add_signing_key(&self, key: StoredKey) -> Result<(), StoreError> {
        insert(self.writer(), key).await
    }

    /// Adds the next key if the one that becomes active last is still `expected_latest`: of several nodes that rotate at once, one does.
    ///
    /// # Errors
    /// What the database says.
    pub async fn try_add_next_key(&self, key: StoredKey, expected_latest: Option<&str>) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        self.lock(&transaction, Lock::SigningKeys).await?;
        let latest = signing_keys::Entity::find()
            .order_by_desc(signing_keys::Column::ActivateAt)
            .order_by_desc(signing_keys::Column::Kid)
            .one(&transaction)
            .await?;
        if latest.as_ref().map(|latest| latest.kid.as_str()) != expected_latest {
            return Ok(false);
        }
        insert(&transaction, key).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Says when a key signs no more and when it is not published any more. The first word counts: what is set already stays.
    ///
    /// # Errors
    /// What the database says.
    pub async fn retire_signing_key(&self, kid: &str, retire_at: Timestamp, remove_at: Timestamp) -> Result<(), StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE signing_keys SET retire_at = $1, remove_at = $2 WHERE kid = $3 AND retire_at IS NULL",
            [sql::number(retire_at.0), sql::number(remove_at.0), sql::text(kid)],
        );
        self.writer().execute_raw(update).await?;
        Ok(())
    }

    /// Removes the keys whose last token ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_dead_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        let removed = signing_keys::Entity::delete_many().filter(signing_keys::Column::RemoveAt.lte(now.0)).exec(self.writer()).await?;
        Ok(removed.rows_affected)
    }
}
