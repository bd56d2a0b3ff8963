//! The record: audit events and usage.

use crate::Store;
use crate::error::StoreError;
use crate::sql::{self, Rows};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{CountUse, RecordEvent};
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Rows in one statement; beyond that SQLite's number of parameters ends.
const ROWS_AT_ONCE: usize = 256;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// Of this project only.
    pub project: Option<ProjectId>,
    /// Of this grant only.
    pub grant: Option<GrantId>,
    /// Of this kind only.
    pub kind: Option<String>,
}

/// How often a tool was used on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageRow {
    /// The day's first moment.
    pub day: Timestamp,
    /// The person.
    pub user: UserId,
    /// The project.
    pub project: ProjectId,
    /// The client.
    pub client: ClientId,
    /// The tool's name.
    pub tool: String,
    /// How often it answered.
    pub succeeded: u64,
    /// How often it did not.
    pub failed: u64,
}

/// Writes events in the caller's transaction.
pub(crate) async fn insert_events<C: ConnectionTrait>(connection: &C, events: &[RecordEvent]) -> Result<(), StoreError> {
    for some in events.chunks(ROWS_AT_ONCE) {
        let rows = Rows::new(some.iter().map(|event| {
            [
                sql::number(event.at.0),
                sql::text(&event.kind),
                sql::uuid_or_null(event.user.map(|id| id.0)),
                sql::text_or_null(event.client.as_ref().map(ClientId::as_str)),
                sql::uuid_or_null(event.project.map(|id| id.0)),
                sql::uuid_or_null(event.grant.map(|id| id.0)),
                sql::text_or_null(event.from.as_deref()),
                sql::text(event.detail.to_string()),
            ]
        }));
        let insert = rows.statement(
            connection.get_database_backend(),
            "INSERT INTO audit_events (at, kind, user_id, client_id, project_id, grant_id, from_address, detail)
             SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
            Vec::new(),
        );
        connection.execute_raw(insert).await?;
    }
    Ok(())
}

fn event(row: &QueryResult) -> Result<RecordEvent, StoreError> {
    let detail: String = row.try_get("", "detail")?;
    Ok(RecordEvent {
        at: Timestamp(row.try_get("", "at")?),
        kind: row.try_get("", "kind")?,
        user: row.try_get::<Option<Uuid>>("", "user_id")?.map(UserId),
        client: row.try_get::<Option<String>>("", "client_id")?.map(ClientId),
        project: row.try_get::<Option<Uuid>>("", "project_id")?.map(ProjectId),
        grant: row.try_get::<Option<Uuid>>("", "grant_id")?.map(GrantId),
        from: row.try_get("", "from_address")?,
        detail: serde_json::from_str(&detail).unwrap_or(serde_json::Value::Null),
    })
}

/// Day, person, project, client, tool.
type UsageKey<'a> = (i64, UserId, ProjectId, &'a str, &'a str);

impl Store {
    /// Writes events.
    ///
    /// # Errors
    /// What the database says.
    pub async fn append_events(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        insert_events(&transaction, events).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Adds to the counters of usage.
    ///
    /// # Errors
    /// What the database says.
    pub async fn add_usage(&self, uses: &[CountUse]) -> Result<(), StoreError> {
        let mut sums: BTreeMap<UsageKey<'_>, (i64, i64)> = BTreeMap::new();
        for one in uses {
            let key = (one.at.0.div_euclid(DAY) * DAY, one.user, one.project, one.client.as_str(), one.tool.as_str());
            let sum = sums.entry(key).or_default();
            if one.succeeded { sum.0 += 1 } else { sum.1 += 1 }
        }
        if sums.is_empty() {
            return Ok(());
        }
        let sums: Vec<_> = sums.into_iter().collect();
        let transaction = self.begin().await?;
        for some in sums.chunks(ROWS_AT_ONCE) {
            let rows = Rows::new(some.iter().map(|((day, user, project, client, tool), (succeeded, failed))| {
                [
                    sql::number(*day),
                    sql::uuid(user.0),
                    sql::uuid(project.0),
                    sql::text(*client),
                    sql::text(*tool),
                    sql::number(*succeeded),
                    sql::number(*failed),
                ]
            }));
            let add = rows.statement(
                self.backend(),
                "INSERT INTO usage (day, user_id, project_id, client_id, tool, succeeded, failed)
                 SELECT column1, column2, column3, column4, column5, column6, column7 FROM ({rows}) AS listed WHERE column1 IS NOT NULL
                 ON CONFLICT (day, user_id, project_id, client_id, tool)
                 DO UPDATE SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed",
                Vec::new(),
            );
            transaction.execute_raw(add).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The newest events first, at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events(&self, filter: &EventFilter, limit: u64) -> Result<Vec<RecordEvent>, StoreError> {
        let mut values: Vec<Value> = vec![sql::number(sql::count(limit))];
        let mut conditions = String::from("1 = 1");
        let mut only = |column: &str, value: Value| {
            values.push(value);
            conditions.push_str(&format!(" AND {column} = ${}", values.len()));
        };
        if let Some(user) = filter.user {
            only("user_id", sql::uuid(user.0));
        }
        if let Some(project) = filter.project {
            only("project_id", sql::uuid(project.0));
        }
        if let Some(grant) = filter.grant {
            only("grant_id", sql::uuid(grant.0));
        }
        if let Some(kind) = &filter.kind {
            only("kind", sql::text(kind));
        }
        let text = format!("SELECT * FROM audit_events WHERE {conditions} ORDER BY id DESC LIMIT $1");
        let rows = self.reader().query_all_raw(Statement::from_sql_and_values(self.backend(), text, values)).await?;
        rows.iter().map(event).collect()
    }

    /// The usage since a day, newest day first; of one project if one is named.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage(&self, since: Timestamp, project: Option<ProjectId>) -> Result<Vec<UsageRow>, StoreError> {
        let (condition, value) = match project {
            Some(project) => ("project_id = $2", sql::uuid(project.0)),
            None => ("$2 IS NULL", sql::text_or_null(None::<String>)),
        };
        let text = format!(
            "SELECT day, user_id, project_id, client_id, tool, succeeded, failed FROM usage
             WHERE day >= $1 AND {condition} ORDER BY day DESC, user_id, project_id, client_id, tool"
        );
        let query = sql::statement(self.backend(), text, [sql::number(since.0.div_euclid(DAY) * DAY), value]);
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                Ok(UsageRow {
                    day: Timestamp(row.try_get_by_index(0)?),
                    user: UserId(row.try_get_by_index(1)?),
                    project: ProjectId(row.try_get_by_index(2)?),
                    client: ClientId(row.try_get_by_index(3)?),
                    tool: row.try_get_by_index(4)?,
                    succeeded: sql::as_count(row.try_get_by_index(5)?),
                    failed: sql::as_count(row.try_get_by_index(6)?),
                })
            })
            .collect()
    }
}
