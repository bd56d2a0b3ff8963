//! How a version that was built comes to be served: in one transaction with everything that follows from it.

use crate::entity::{libraries, library_versions};
use crate::error::StoreError;
use crate::jobs::{self, JobState};
use crate::libraries::changed;
use crate::looked_at::LookedAt;
use crate::{Store, held, sql};
use docent_types::documentation::{Inspection, Skipped};
use docent_types::ids::{JobId, LibraryRowId, VersionRowId};
use docent_types::time::Timestamp;
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, Set};
use uuid::Uuid;

/// A version that was built and is to be served from now on.
#[derive(Clone, Debug)]
pub struct PublishVersion {
    /// The library.
    pub library: LibraryRowId,
    /// The row to make, if the library has no such version yet.
    pub version_row: VersionRowId,
    /// The version; `None` is the default one.
    pub version: Option<String>,
    /// The artefact's content hash.
    pub artefact: String,
    /// The commit it was read at.
    pub commit: Option<String>,
    /// Pages read.
    pub pages: u64,
    /// Snippets indexed.
    pub snippets: u64,
    /// Tokens of all snippets.
    pub tokens: u64,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// What was found in its text that is no documentation.
    pub inspection: Inspection,
    /// The title that the source gives.
    pub title: String,
    /// The description that the source gives.
    pub description: String,
    /// The owner's notes.
    pub rules: Vec<String>,
    /// Further versions that the owner names.
    pub offered_versions: Vec<String>,
    /// The artefact's format.
    pub format: u32,
    /// Now.
    pub now: Timestamp,
    /// The job that built it and who holds its lease; it is done by this, if the lease still holds.
    pub job: Option<(JobId, Uuid)>,
}

/// What publishing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedVersion {
    /// The version's row.
    pub version: VersionRowId,
    /// The artefact that was served until now, if it was another one.
    pub replaced: Option<String>,
}

impl Store {
    /// Serves a new artefact from now on. One transaction: the version points to it, the library says what its source says, the
    /// generation counts up, the job is done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the library was removed, [`StoreError::Conflict`] if the job's lease was lost.
    pub async fn publish_version(&self, publish: PublishVersion) -> Result<PublishedVersion, StoreError> {
        let transaction = self.begin().await?;
        // The generation's row is the first lock of every change of the catalogue, so that none waits for another in a circle.
        changed(self, &transaction).await?;
        let published = self.publish_in(&transaction, publish).await?;
        transaction.commit().await?;
        Ok(published)
    }

    /// The same within a transaction that has counted the generation up.
    pub(crate) async fn publish_in(
        &self,
        transaction: &DatabaseTransaction,
        publish: PublishVersion,
    ) -> Result<PublishedVersion, StoreError> {
        let library = libraries::Entity::find_by_id(publish.library.0).one(transaction).await?.ok_or(StoreError::NotFound("library"))?;
        if let Some((job, holder)) = publish.job
            && !jobs::end(transaction, job, holder, JobState::Done, None, publish.now).await?
        {
            return Err(StoreError::Conflict("job lease"));
        }
        let key = publish.version.clone().unwrap_or_default();
        let mut of_library =
            library_versions::Entity::find().filter(library_versions::Column::LibraryId.eq(publish.library.0)).all(transaction).await?;
        of_library.sort_by_key(|row| (row.version.is_some(), row.created_at, row.id));
        // The version that answers when none is named speaks for the library; an old tag does not.
        let speaks = key.is_empty() || of_library.first().is_none_or(|first| first.version_key == key);
        let present = of_library.into_iter().find(|row| row.version_key == key);
        // What was held of this version is overtaken.
        held::forget(transaction, publish.library, &key).await?;
        let skipped = LookedAt { skipped: publish.skipped, inspection: publish.inspection }.write()?;
        let mut row = library_versions::ActiveModel {
            artefact: Set(publish.artefact.clone()),
            source_commit: Set(publish.commit),
            pages: Set(sql::count(publish.pages)),
            snippets: Set(sql::count(publish.snippets)),
            tokens: Set(sql::count(publish.tokens)),
            skipped: Set(skipped),
            indexed_at: Set(publish.now.0),
            seen_at: Set(Some(publish.now.0)),
            format: Set(i64::from(publish.format)),
            ..Default::default()
        };
        let published = match present {
            Some(present) => {
                library_versions::Entity::update_many()
                    .set(row)
                    .filter(library_versions::Column::Id.eq(present.id))
                    .exec(transaction)
                    .await?;
                let replaced = Some(present.artefact).filter(|old| *old != publish.artefact);
                PublishedVersion { version: VersionRowId(present.id), replaced }
            }
            None => {
                row.id = Set(publish.version_row.0);
                row.library_id = Set(publish.library.0);
                row.version = Set(publish.version);
                row.version_key = Set(key);
                row.created_at = Set(publish.now.0);
                library_versions::Entity::insert(row).exec_without_returning(transaction).await?;
                PublishedVersion { version: publish.version_row, replaced: None }
            }
        };
        if speaks {
            let json = |list: &[String]| serde_json::to_string(list).map_err(|error| StoreError::Database(error.to_string()));
            let mut facts = libraries::ActiveModel {
                description: Set(publish.description),
                rules: Set(json(&publish.rules)?),
                offered_versions: Set(json(&publish.offered_versions)?),
                ..Default::default()
            };
            if !library.title_fixed {
                facts.title = Set(publish.title);
            }
            libraries::Entity::update_many().set(facts).filter(libraries::Column::Id.eq(library.id)).exec(transaction).await?;
        }
        Ok(published)
    }
}
