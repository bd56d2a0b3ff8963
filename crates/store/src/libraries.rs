//! The catalogue: libraries and their indexed versions. Each change of it counts its generation up, in the same transaction.

use crate::Store;
use crate::entity::{libraries, library_versions};
use crate::error::StoreError;
use crate::jobs::{self, Job, JobState};
use crate::sql::{self, channel};
use docent_types::documentation::{Inspection, LibraryEntry, Skipped, VersionEntry, Visibility};
use docent_types::ids::{JobId, LibraryRowId, ProjectId, VersionRowId};
use docent_types::library_id::LibraryId;
use docent_types::time::Timestamp;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Set,
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// For what the sources of libraries are sealed: they may have credentials in them.
pub(crate) const SEALED_FOR: &str = "library source";

/// A library to be.
#[derive(Clone)]
pub struct NewLibrary {
    /// Its row.
    pub row: LibraryRowId,
    /// Its id.
    pub id: LibraryId,
    /// Its title.
    pub title: String,
    /// Whether the operator gave the title: it stays then, whatever the source says.
    pub title_fixed: bool,
    /// One or two sentences; may be empty until it is indexed.
    pub description: String,
    /// Where it comes from, as given. Stored sealed.
    pub source: String,
    /// Where it comes from, without credentials.
    pub source_display: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// The version that is to be indexed first, if the operator named one.
    pub wanted_version: Option<String>,
    /// Now.
    pub now: Timestamp,
}

/// A library, as the operator's commands and pages see it.
#[derive(Clone)]
pub struct StoredLibrary {
    /// As the catalogue lists it.
    pub entry: LibraryEntry,
    /// Where it comes from, with credentials if it has some. Not for showing.
    pub source: String,
    /// `git` or `folder`.
    pub source_kind: String,
    /// `ready`, `indexing`, `waiting`, `failed` or `empty`; `ready` as long as a version can be asked.
    pub state: String,
    /// Why the last reading failed, if it did.
    pub last_error: Option<String>,
    /// Whether the operator gave the title.
    pub title_fixed: bool,
    /// The version that the operator named when adding it.
    pub wanted_version: Option<String>,
    /// The job that was queued last.
    pub last_job: Option<Job>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for StoredLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredLibrary").field("entry", &self.entry).field("state", &self.state).finish_non_exhaustive()
    }
}

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

/// What the column `skipped` of a version says: everything that reading it came to besides its snippets.
#[derive(Serialize, Deserialize)]
struct LookedAt {
    skipped: Vec<Skipped>,
    inspection: Inspection,
}

/// The column as it is, or as it was before texts were looked through.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    All(LookedAt),
    Files(Vec<Skipped>),
}

fn version_entry(row: library_versions::Model) -> VersionEntry {
    VersionEntry {
        id: VersionRowId(row.id),
        version: row.version,
        artefact: row.artefact,
        commit: row.source_commit,
        pages: sql::as_count(row.pages),
        snippets: sql::as_count(row.snippets),
        tokens: sql::as_count(row.tokens),
        indexed_at: Timestamp(row.indexed_at),
    }
}

/// What the columns of a library say, without its versions.
fn library_entry(row: &libraries::Model, versions: Vec<VersionEntry>) -> Result<LibraryEntry, StoreError> {
    Ok(LibraryEntry {
        row: LibraryRowId(row.id),
        id: LibraryId::new(&row.owner, &row.name).map_err(|error| StoreError::Database(error.to_string()))?,
        title: row.title.clone(),
        description: row.description.clone(),
        source: row.source_display.clone(),
        visibility: row.project_id.map_or(Visibility::Public, |project| Visibility::Private(ProjectId(project))),
        versions,
        rules: serde_json::from_str(&row.rules).unwrap_or_default(),
    })
}

/// The one without a name first, then in the order in which they were added: adding a version never changes which one answers when none
/// is named.
fn by_library(mut rows: Vec<library_versions::Model>) -> HashMap<Uuid, Vec<VersionEntry>> {
    rows.sort_by(|a, b| a.version.is_some().cmp(&b.version.is_some()).then(a.created_at.cmp(&b.created_at)).then(a.id.cmp(&b.id)));
    let mut versions: HashMap<Uuid, Vec<VersionEntry>> = HashMap::new();
    for row in rows {
        versions.entry(row.library_id).or_default().push(version_entry(row));
    }
    versions
}

fn state_of(versions: &[VersionEntry], last: Option<&Job>) -> &'static str {
    match last.map(|job| job.state) {
        _ if !versions.is_empty() => "ready",
        Some(JobState::Running) => "indexing",
        Some(JobState::Waiting) => "waiting",
        Some(JobState::Failed) => "failed",
        Some(JobState::Done) | None => "empty",
    }
}

/// Counts the generation up, and tells other nodes at commit. Takes the row's lock: changes of the catalogue follow one another.
async fn changed(store: &Store, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    transaction.execute_unprepared("UPDATE catalogue SET generation = generation + 1 WHERE one = 1").await?;
    store.notify(transaction, channel::CATALOGUE).await
}

impl Store {
    /// All libraries with their versions, by id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn catalogue(&self) -> Result<Vec<LibraryEntry>, StoreError> {
        let rows = libraries::Entity::find()
            .order_by_asc(libraries::Column::Owner)
            .order_by_asc(libraries::Column::Name)
            .all(self.reader())
            .await?;
        let mut versions = by_library(library_versions::Entity::find().all(self.reader()).await?);
        rows.iter().map(|row| library_entry(row, versions.remove(&row.id).unwrap_or_default())).collect()
    }

    /// How often the catalogue was changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn catalogue_generation(&self) -> Result<i64, StoreError> {
        let query = sql::statement(self.backend(), "SELECT generation FROM catalogue WHERE one = 1", []);
        let row = self.reader().query_one_raw(query).await?.ok_or(StoreError::NotFound("catalogue"))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Adds a library, with nothing indexed yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken.
    pub async fn add_library(&self, new: NewLibrary) -> Result<LibraryRowId, StoreError> {
        let sealed = self.sealer()?.seal(SEALED_FOR, new.source.as_bytes());
        let row = libraries::ActiveModel {
            id: Set(new.row.0),
            owner: Set(new.id.owner().to_owned()),
            name: Set(new.id.name().to_owned()),
            title: Set(new.title),
            title_fixed: Set(new.title_fixed),
            description: Set(new.description),
            source_sealed: Set(sealed),
            source_display: Set(new.source_display),
            project_id: Set(match new.visibility {
                Visibility::Public => None,
                Visibility::Private(project) => Some(project.0),
            }),
            wanted_version: Set(new.wanted_version),
            rules: Set("[]".to_owned()),
            created_at: Set(new.now.0),
        };
        let transaction = self.begin().await?;
        libraries::Entity::insert(row)
            .exec_without_returning(&transaction)
            .await
            .map_err(|error| StoreError::taken(error, "library id"))?;
        changed(self, &transaction).await?;
        transaction.commit().await?;
        Ok(new.row)
    }

    async fn stored(&self, condition: Condition) -> Result<Vec<StoredLibrary>, StoreError> {
        let rows = libraries::Entity::find()
            .filter(condition)
            .order_by_asc(libraries::Column::Owner)
            .order_by_asc(libraries::Column::Name)
            .all(self.reader())
            .await?;
        let only = match rows.as_slice() {
            [one] => Some(one.id),
            _ => None,
        };
        let mut wanted = library_versions::Entity::find();
        if let Some(one) = only {
            wanted = wanted.filter(library_versions::Column::LibraryId.eq(one));
        }
        let mut versions = by_library(wanted.all(self.reader()).await?);
        let mut latest = jobs::latest(self, only).await?;
        rows.iter()
            .map(|row| {
                let entry = library_entry(row, versions.remove(&row.id).unwrap_or_default())?;
                let last_job = latest.remove(&LibraryRowId(row.id));
                let clear = self.sealer()?.open(SEALED_FOR, &row.source_sealed).and_then(|clear| String::from_utf8(clear).ok());
                let source =
                    clear.ok_or_else(|| StoreError::Database("a library's source was sealed with another master key".to_owned()))?;
                Ok(StoredLibrary {
                    source_kind: if source.contains("://") || source.starts_with("git@") { "git" } else { "folder" }.to_owned(),
                    state: state_of(&entry.versions, last_job.as_ref()).to_owned(),
                    last_error: last_job.as_ref().and_then(|job| job.error.clone()),
                    entry,
                    source,
                    title_fixed: row.title_fixed,
                    wanted_version: row.wanted_version.clone(),
                    last_job,
                    created_at: Timestamp(row.created_at),
                })
            })
            .collect()
    }

    /// A library.
    ///
    /// # Errors
    /// What the database says.
    pub async fn library(&self, id: &LibraryId) -> Result<Option<StoredLibrary>, StoreError> {
        let condition = Condition::all().add(libraries::Column::Owner.eq(id.owner())).add(libraries::Column::Name.eq(id.name()));
        Ok(self.stored(condition).await?.pop())
    }

    /// All libraries, by id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn libraries(&self) -> Result<Vec<StoredLibrary>, StoreError> {
        self.stored(Condition::all()).await
    }

    /// Serves a new artefact from now on. One transaction: the version points to it, the library says what its source says, the
    /// generation counts up, the job is done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the library was removed, [`StoreError::Conflict`] if the job's lease was lost.
    pub async fn publish_version(&self, publish: PublishVersion) -> Result<PublishedVersion, StoreError> {
        let transaction = self.begin().await?;
        // The generation's row is the first lock of every change of the catalogue, so that none waits for another in a circle.
        changed(self, &transaction).await?;
        let library = libraries::Entity::find_by_id(publish.library.0).one(&transaction).await?.ok_or(StoreError::NotFound("library"))?;
        if let Some((job, holder)) = publish.job
            && !jobs::end(&transaction, job, holder, publish.now).await?
        {
            return Err(StoreError::Conflict("job lease"));
        }
        let key = publish.version.clone().unwrap_or_default();
        let present = library_versions::Entity::find()
            .filter(library_versions::Column::LibraryId.eq(publish.library.0))
            .filter(library_versions::Column::VersionKey.eq(key.as_str()))
            .one(&transaction)
            .await?;
        let looked_at = LookedAt { skipped: publish.skipped, inspection: publish.inspection };
        let skipped = serde_json::to_string(&looked_at).map_err(|error| StoreError::Database(error.to_string()))?;
        let mut row = library_versions::ActiveModel {
            artefact: Set(publish.artefact.clone()),
            source_commit: Set(publish.commit),
            pages: Set(sql::count(publish.pages)),
            snippets: Set(sql::count(publish.snippets)),
            tokens: Set(sql::count(publish.tokens)),
            skipped: Set(skipped),
            indexed_at: Set(publish.now.0),
            ..Default::default()
        };
        let published = match present {
            Some(present) => {
                library_versions::Entity::update_many()
                    .set(row)
                    .filter(library_versions::Column::Id.eq(present.id))
                    .exec(&transaction)
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
                library_versions::Entity::insert(row).exec_without_returning(&transaction).await?;
                PublishedVersion { version: publish.version_row, replaced: None }
            }
        };
        let rules = serde_json::to_string(&publish.rules).map_err(|error| StoreError::Database(error.to_string()))?;
        let mut facts = libraries::ActiveModel { description: Set(publish.description), rules: Set(rules), ..Default::default() };
        if !library.title_fixed {
            facts.title = Set(publish.title);
        }
        libraries::Entity::update_many().set(facts).filter(libraries::Column::Id.eq(library.id)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(published)
    }

    /// What was left out of a version.
    ///
    /// # Errors
    /// What the database says.
    pub async fn skipped(&self, version: VersionRowId) -> Result<Vec<Skipped>, StoreError> {
        Ok(self.looked_at(version).await?.skipped)
    }

    /// What was found in a version's text that is no documentation.
    ///
    /// # Errors
    /// What the database says.
    pub async fn inspection(&self, version: VersionRowId) -> Result<Inspection, StoreError> {
        Ok(self.looked_at(version).await?.inspection)
    }

    async fn looked_at(&self, version: VersionRowId) -> Result<LookedAt, StoreError> {
        let row = library_versions::Entity::find_by_id(version.0).one(self.reader()).await?;
        let row = row.map_or(Ok(Stored::Files(Vec::new())), |row| serde_json::from_str(&row.skipped));
        match row.map_err(|error| StoreError::Database(error.to_string()))? {
            Stored::Files(skipped) => Ok(LookedAt { skipped, inspection: Inspection::default() }),
            Stored::All(all) => Ok(all),
        }
    }

    /// Removes a library. Answers the artefacts that no version uses any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of this id.
    pub async fn remove_library(&self, id: &LibraryId) -> Result<Vec<String>, StoreError> {
        let transaction = self.begin().await?;
        changed(self, &transaction).await?;
        let row = libraries::Entity::find()
            .filter(libraries::Column::Owner.eq(id.owner()))
            .filter(libraries::Column::Name.eq(id.name()))
            .one(&transaction)
            .await?
            .ok_or(StoreError::NotFound("library"))?;
        let of_library = library_versions::Entity::find().filter(library_versions::Column::LibraryId.eq(row.id)).all(&transaction).await?;
        libraries::Entity::delete_by_id(row.id).exec(&transaction).await?;
        let in_use = artefacts(&transaction).await?;
        transaction.commit().await?;
        let freed: HashSet<String> =
            of_library.into_iter().map(|version| version.artefact).filter(|artefact| !in_use.contains(artefact)).collect();
        Ok(freed.into_iter().collect())
    }

    /// The artefacts that versions point to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn artefacts_in_use(&self) -> Result<HashSet<String>, StoreError> {
        artefacts(self.reader()).await
    }
}

async fn artefacts<C: ConnectionTrait>(connection: &C) -> Result<HashSet<String>, StoreError> {
    let rows: Vec<String> =
        library_versions::Entity::find().select_only().column(library_versions::Column::Artefact).into_tuple().all(connection).await?;
    Ok(rows.into_iter().collect())
}
