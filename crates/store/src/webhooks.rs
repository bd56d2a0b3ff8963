//! Secrets by which a forge proves that a push is its own, one for each library.

use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::LibraryRowId;
use docent_types::library_id::LibraryId;
use docent_types::secret::Secret;
use sea_orm::{ConnectionTrait as _, Value};

const SEALED_FOR: &str = "library webhook";

/// What a push to a library is checked against, and what it may refresh.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The library.
    pub library: LibraryRowId,
    /// The secret that the forge has.
    pub secret: Secret,
}

impl Store {
    /// Sets the secret of a library's webhook, or takes it away. It is stored sealed, since signatures are checked with it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the library was removed.
    pub async fn set_webhook_secret(&self, library: LibraryRowId, secret: Option<&Secret>) -> Result<(), StoreError> {
        let sealed = match secret {
            Some(secret) => Some(self.sealer()?.seal(SEALED_FOR, secret.expose().as_bytes())),
            None => None,
        };
        let update = sql::statement(
            self.backend(),
            "UPDATE libraries SET webhook_sealed = $1 WHERE id = $2",
            [Value::Bytes(sealed), sql::uuid(library.0)],
        );
        match self.writer().execute_raw(update).await?.rows_affected() {
            0 => Err(StoreError::NotFound("library")),
            _ => Ok(()),
        }
    }

    /// The webhook of a library; `None` if there is no such library, or it has none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn webhook(&self, id: &LibraryId) -> Result<Option<Webhook>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT id, webhook_sealed FROM libraries WHERE owner = $1 AND name = $2 AND webhook_sealed IS NOT NULL",
            [sql::text(id.owner()), sql::text(id.name())],
        );
        let Some(row) = self.reader().query_one_raw(query).await? else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("", "webhook_sealed")?;
        let clear = self.sealer()?.open(SEALED_FOR, &sealed).and_then(|clear| String::from_utf8(clear).ok());
        let secret = clear.ok_or_else(|| StoreError::Database("a webhook's secret was sealed with another master key".to_owned()))?;
        Ok(Some(Webhook { library: LibraryRowId(row.try_get("", "id")?), secret: Secret::new(secret) }))
    }
}
