//! What a refresh found and is not served yet, since it is far less than before: a person confirms or rejects it.
//!
//! One row for each version of a library. A rejected one stays, so that the same commit is not held again; whatever is published
//! for the version takes the row away.

use crate::error::StoreError;
use crate::jobs::{self, JobState};
use crate::libraries::changed;
use crate::looked_at::LookedAt;
use crate::publishing::{PublishVersion, PublishedVersion};
use crate::{Store, sql};
use docent_types::ids::{JobId, LibraryRowId, VersionRowId};
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use std::collections::HashMap;
use uuid::Uuid;

const COLUMNS: &str = "library_id, version, state, reason, artefact, format, source_commit, pages, snippets, tokens, skipped, title,
    description, rules, offered_versions, held_at";

/// What was found and waits for a decision, or was rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldVersion {
    /// The version; `None` is the default one.
    pub version: Option<String>,
    /// Why it is held, in words.
    pub reason: String,
    /// The artefact's content hash.
    pub artefact: String,
    /// The commit it was read at.
    pub commit: Option<String>,
    /// The artefact's format.
    pub format: u32,
    /// Pages found.
    pub pages: u64,
    /// Snippets found.
    pub snippets: u64,
    /// When it was found.
    pub held_at: Timestamp,
    /// Whether a person decided against it.
    pub is_rejected: bool,
}

fn list<T>(text: &str) -> Result<Vec<T>, StoreError>
where
    Vec<T>: for<'a> serde::Deserialize<'a>,
{
    serde_json::from_str(text).map_err(|error| StoreError::Database(error.to_string()))
}

fn read(row: &QueryResult) -> Result<HeldVersion, StoreError> {
    let state: String = row.try_get("", "state")?;
    Ok(HeldVersion {
        version: row.try_get("", "version")?,
        reason: row.try_get("", "reason")?,
        artefact: row.try_get("", "artefact")?,
        commit: row.try_get("", "source_commit")?,
        format: u32::try_from(row.try_get::<i64>("", "format")?).unwrap_or_default(),
        pages: sql::as_count(row.try_get("", "pages")?),
        snippets: sql::as_count(row.try_get("", "snippets")?),
        held_at: Timestamp(row.try_get("", "held_at")?),
        is_rejected: state == "rejected",
    })
}

/// A version is published, or gone: nothing of it is held any more.
pub(crate) async fn forget<C: ConnectionTrait>(connection: &C, library: LibraryRowId, version_key: &str) -> Result<(), StoreError> {
    let delete = sql::statement(
        connection.get_database_backend(),
        "DELETE FROM held_versions WHERE library_id = $1 AND version_key = $2",
        [sql::uuid(library.0), sql::text(version_key)],
    );
    connection.execute_raw(delete).await?;
    Ok(())
}

impl Store {
    /// Sets what was built aside for a person's decision, and ends its job as held. What is served stays.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the job's lease was lost.
    pub async fn hold_version(&self, found: PublishVersion, reason: &str) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        if let Some((job, holder)) = found.job
            && !jobs::end(&transaction, job, holder, JobState::Held, Some(reason), found.now).await?
        {
            return Err(StoreError::Conflict("job lease"));
        }
        let json = |list: &[String]| serde_json::to_string(list).map_err(|error| StoreError::Database(error.to_string()));
        let skipped = LookedAt { skipped: found.skipped, inspection: found.inspection }.write()?;
        let (rules, offered) = (json(&found.rules)?, json(&found.offered_versions)?);
        forget(&transaction, found.library, found.version.as_deref().unwrap_or_default()).await?;
        let insert = sql::statement(
            self.backend(),
            format!(
                "INSERT INTO held_versions (version_key, {COLUMNS})
                 VALUES ($1, $2, $3, 'held', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            ),
            [
                sql::text(found.version.as_deref().unwrap_or_default()),
                sql::uuid(found.library.0),
                sql::text_or_null(found.version),
                sql::text(reason),
                sql::text(found.artefact),
                sql::number(i64::from(found.format)),
                sql::text_or_null(found.commit),
                sql::number(sql::count(found.pages)),
                sql::number(sql::count(found.snippets)),
                sql::number(sql::count(found.tokens)),
                sql::text(skipped),
                sql::text(found.title),
                sql::text(found.description),
                sql::text(rules),
                sql::text(offered),
                sql::number(found.now.0),
            ],
        );
        transaction.execute_raw(insert).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a job that found what is held already.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its lease was lost.
    pub async fn hold_job(&self, job: JobId, holder: Uuid, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        match jobs::end(self.writer(), job, holder, JobState::Held, Some(reason), now).await? {
            true => Ok(()),
            false => Err(StoreError::Conflict("job lease")),
        }
    }

    /// Serves what was held. The generation counts up as with every other publication.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if nothing is held of this version.
    pub async fn confirm_held(
        &self,
        library: LibraryRowId,
        version: Option<&str>,
        version_row: VersionRowId,
        now: Timestamp,
    ) -> Result<PublishedVersion, StoreError> {
        let transaction = self.begin().await?;
        changed(self, &transaction).await?;
        let query = sql::statement(
            self.backend(),
            format!("SELECT {COLUMNS} FROM held_versions WHERE library_id = $1 AND version_key = $2 AND state = 'held'"),
            [sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        let row = transaction.query_one_raw(query).await?.ok_or(StoreError::NotFound("held version"))?;
        let (held, text) = (read(&row)?, |column: &str| row.try_get::<String>("", column));
        let LookedAt { skipped, inspection } = LookedAt::read(&text("skipped")?)?;
        let publish = PublishVersion {
            library,
            version_row,
            version: held.version,
            artefact: held.artefact,
            commit: held.commit,
            pages: held.pages,
            snippets: held.snippets,
            tokens: sql::as_count(row.try_get("", "tokens")?),
            skipped,
            inspection,
            title: text("title")?,
            description: text("description")?,
            rules: list(&text("rules")?)?,
            offered_versions: list(&text("offered_versions")?)?,
            format: held.format,
            now,
            job: None,
        };
        let published = self.publish_in(&transaction, publish).await?;
        transaction.commit().await?;
        Ok(published)
    }

    /// Decides against what was held: what is served stays, and the same commit is not held again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if nothing is held of this version.
    pub async fn reject_held(&self, library: LibraryRowId, version: Option<&str>) -> Result<(), StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE held_versions SET state = 'rejected' WHERE library_id = $1 AND version_key = $2 AND state = 'held'",
            [sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        match self.writer().execute_raw(update).await?.rows_affected() {
            0 => Err(StoreError::NotFound("held version")),
            _ => Ok(()),
        }
    }

    /// What was found of a version and set aside, decided or not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_aside(&self, library: LibraryRowId, version: Option<&str>) -> Result<Option<HeldVersion>, StoreError> {
        let query = sql::statement(
            self.backend(),
            format!("SELECT {COLUMNS} FROM held_versions WHERE library_id = $1 AND version_key = $2"),
            [sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        self.reader().query_one_raw(query).await?.as_ref().map(read).transpose()
    }

    /// What waits for a decision, of each library or of one.
    pub(crate) async fn held_versions(&self, library: Option<Uuid>) -> Result<HashMap<LibraryRowId, Vec<HeldVersion>>, StoreError> {
        let condition = library.map_or("", |_| " AND library_id = $1");
        let text = format!("SELECT {COLUMNS} FROM held_versions WHERE state = 'held'{condition} ORDER BY library_id, version_key");
        let values = library.map(sql::uuid).into_iter().collect::<Vec<_>>();
        let rows = self.reader().query_all_raw(Statement::from_sql_and_values(self.backend(), text, values)).await?;
        let mut held: HashMap<LibraryRowId, Vec<HeldVersion>> = HashMap::new();
        for row in &rows {
            held.entry(LibraryRowId(row.try_get("", "library_id")?)).or_default().push(read(row)?);
        }
        Ok(held)
    }
}
