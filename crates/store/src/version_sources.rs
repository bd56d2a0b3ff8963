//! Where a version of a library comes from, if not from where the library does: `URL#v1` and `URL#v2` are two versions of one library.

use crate::error::StoreError;
use crate::libraries::SEALED_FOR;
use crate::{Store, sql};
use docent_types::ids::LibraryRowId;
use sea_orm::ConnectionTrait as _;

impl Store {
    /// Remembers the source of a version. It is stored sealed, since it may have credentials in it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_version_source(&self, library: LibraryRowId, version: Option<&str>, source: &str) -> Result<(), StoreError> {
        let sealed = self.sealer()?.seal(SEALED_FOR, source.as_bytes());
        let upsert = sql::statement(
            self.backend(),
            "INSERT INTO version_sources (library_id, version_key, source_sealed) VALUES ($1, $2, $3)
             ON CONFLICT (library_id, version_key) DO UPDATE SET source_sealed = excluded.source_sealed",
            [sql::uuid(library.0), sql::text(version.unwrap_or_default()), sql::bytes(sealed)],
        );
        self.writer().execute_raw(upsert).await?;
        Ok(())
    }

    /// The source of a version; `None` if it is the library's own.
    ///
    /// # Errors
    /// What the database says.
    pub async fn version_source(&self, library: LibraryRowId, version: Option<&str>) -> Result<Option<String>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT source_sealed FROM version_sources WHERE library_id = $1 AND version_key = $2",
            [sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        let Some(row) = self.reader().query_one_raw(query).await? else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get_by_index(0)?;
        let clear = self.sealer()?.open(SEALED_FOR, &sealed).and_then(|clear| String::from_utf8(clear).ok());
        clear.map(Some).ok_or_else(|| StoreError::Database("a version's source was sealed with another master key".to_owned()))
    }
}
