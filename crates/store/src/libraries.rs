//! The catalogue: libraries and their indexed versions. Each change of it counts its generation up, in the same transaction.

use crate::Store;
use crate::entity::{libraries, library_versions};
use crate::error::StoreError;
use crate::held::{self, HeldVersion};
use crate::jobs::{self, Job, JobState};
use crate::looked_at::LookedAt;
use crate::sql::{self, channel};
use docent_types::documentation::{Inspection, LibraryEntry, Skipped, VersionEntry, Visibility};
use docent_types::ids::{LibraryRowId, ProjectId, VersionRowId};
use docent_types::library_id::LibraryId;
use docent_types::time::Timestamp;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _, Set,
};
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
    /// `ready`, `indexing`, `waiting`, `failed`, `cancelled` or `empty`; `ready` as long as a version can be asked.
    pub state: String,
    /// Why the last reading of one of its versions failed, if it did.
    pub last_error: Option<String>,
    /// Whether the operator gave the title.
    pub title_fixed: bool,
    /// The version that the operator named when adding it.
    pub wanted_version: Option<String>,
    /// The job that says most about it: one that runs, else one that waits, else one that failed, else the last.
    pub last_job: Option<Job>,
    /// What its source says it is at one moment, and far less than is served: it waits for a person's decision.
    pub held: Vec<HeldVersion>,
    /// When its source was last read with success, or found unchanged.
    pub seen_at: Option<Timestamp>,
    /// How often it is refreshed, in seconds: `None` as configured, 0 never.
    pub refresh_every: Option<u64>,
    /// Whether it has a secret for webhooks.
    pub has_webhook: bool,
    /// Further versions that its owner names.
    pub offered_versions: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for StoredLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredLibrary").field("entry", &self.entry).field("state", &self.state).finish_non_exhaustive()
    }
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
        Some(JobState::Cancelled) => "cancelled",
        Some(JobState::Done | JobState::Held) | None => "empty",
    }
}

/// Counts the generation up, and tells other nodes at commit. Takes the row's lock: changes of the catalogue follow one another.
pub(crate) async fn changed(store: &Store, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
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
            ..Default::default()
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
        let served = wanted.all(self.reader()).await?;
        let mut seen: HashMap<Uuid, i64> = HashMap::new();
        for version in &served {
            let at = seen.entry(version.library_id).or_default();
            *at = (*at).max(version.seen_at.unwrap_or(version.indexed_at));
        }
        let mut versions = by_library(served);
        let mut telling = jobs::telling(self, only).await?;
        let mut held = self.held_versions(only).await?;
        rows.iter()
            .map(|row| {
                let entry = library_entry(row, versions.remove(&row.id).unwrap_or_default())?;
                let jobs = telling.remove(&LibraryRowId(row.id)).unwrap_or_default();
                let last_error = jobs.iter().filter(|job| !matches!(job.state, JobState::Held | JobState::Cancelled));
                let last_error = last_error.map(|job| job.error.clone()).find(Option::is_some).flatten();
                let last_job = jobs.into_iter().next();
                let clear = self.sealer()?.open(SEALED_FOR, &row.source_sealed).and_then(|clear| String::from_utf8(clear).ok());
                let source =
                    clear.ok_or_else(|| StoreError::Database("a library's source was sealed with another master key".to_owned()))?;
                Ok(StoredLibrary {
                    source_kind: if source.contains("://") || source.starts_with("git@") { "git" } else { "folder" }.to_owned(),
                    state: state_of(&entry.versions, last_job.as_ref()).to_owned(),
                    last_error,
                    held: held.remove(&LibraryRowId(row.id)).unwrap_or_default(),
                    seen_at: seen.get(&row.id).copied().map(Timestamp),
                    refresh_every: row.refresh_every.map(sql::as_count),
                    has_webhook: row.webhook_sealed.is_some(),
                    offered_versions: serde_json::from_str(&row.offered_versions).unwrap_or_default(),
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

    /// The source of a version was found to be what is served: nothing is left to decide about it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn version_seen(&self, library: LibraryRowId, version: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE library_versions SET seen_at = $1 WHERE library_id = $2 AND version_key = $3",
            [sql::number(now.0), sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        let transaction = self.begin().await?;
        transaction.execute_raw(update).await?;
        held::forget(&transaction, library, version.unwrap_or_default()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The format of the artefact that a version is served from.
    ///
    /// # Errors
    /// What the database says.
    pub async fn served_format(&self, library: LibraryRowId, version: Option<&str>) -> Result<Option<u32>, StoreError> {
        let row = library_versions::Entity::find()
            .filter(library_versions::Column::LibraryId.eq(library.0))
            .filter(library_versions::Column::VersionKey.eq(version.unwrap_or_default()))
            .one(self.reader())
            .await?;
        Ok(row.map(|row| u32::try_from(row.format).unwrap_or_default()))
    }

    /// Forgets a version that was to be added and was never indexed: its source and its jobs. What is indexed stays.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_version(&self, library: LibraryRowId, version: &str) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        for table in ["version_sources", "jobs"] {
            let delete = sql::statement(
                self.backend(),
                format!(
                    "DELETE FROM {table} WHERE library_id = $1 AND version_key = $2
                     AND NOT EXISTS (SELECT 1 FROM library_versions v WHERE v.library_id = $1 AND v.version_key = $2)"
                ),
                [sql::uuid(library.0), sql::text(version)],
            );
            transaction.execute_raw(delete).await?;
        }
        transaction.commit().await?;
        Ok(())
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
        row.map_or(Ok(LookedAt::default()), |row| LookedAt::read(&row.skipped))
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

    /// The artefacts that versions point to, and those that wait for a decision.
    ///
    /// # Errors
    /// What the database says.
    pub async fn artefacts_in_use(&self) -> Result<HashSet<String>, StoreError> {
        artefacts(self.reader()).await
    }
}

/// What a decision may bring back is in use as well.
async fn artefacts<C: ConnectionTrait>(connection: &C) -> Result<HashSet<String>, StoreError> {
    let query = sql::statement(
        connection.get_database_backend(),
        "SELECT artefact FROM library_versions UNION SELECT artefact FROM held_versions WHERE state = 'held'",
        [],
    );
    connection.query_all_raw(query).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
