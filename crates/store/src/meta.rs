//! Single facts about this installation.

use crate::entity::meta;
use crate::error::StoreError;
use crate::{Store, sql};
use sea_orm::{ConnectionTrait as _, EntityTrait as _};

impl Store {
    /// A fact.
    ///
    /// # Errors
    /// What the database says.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(meta::Entity::find_by_id(key.to_owned()).one(self.reader()).await?.map(|row| row.value))
    }

    /// Writes a fact if there is none. Answers what is stored then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_meta_if_absent(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let insert = sql::statement(
            self.backend(),
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
            [sql::text(key), sql::text(value)],
        );
        self.writer().execute_raw(insert).await?;
        let stored = meta::Entity::find_by_id(key.to_owned()).one(self.writer()).await?;
        stored.map(|row| row.value).ok_or(StoreError::NotFound("fact"))
    }
}
