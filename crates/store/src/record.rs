//! The record: audit events.

use crate::Store;
use crate::error::StoreError;
use crate::sql::{self, Rows};
use docent_types::event_kind;
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::RecordEvent;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

/// Rows in one statement; beyond that SQLite's number of parameters ends.
const ROWS_AT_ONCE: usize = 256;

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this person only.
    pub user: Option<UserId>,
    /// Of this project only.
    pub project: Option<ProjectId>,
    /// Of this grant only.
    pub grant: Option<GrantId>,
    /// Of this client only.
    pub client: Option<ClientId>,
    /// Of this kind only.
    pub kind: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// An entry of the record, with the names that its ids have today.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedEvent {
    /// Its number: of two at the same moment the later one has the greater.
    pub number: i64,
    /// What was recorded.
    pub event: RecordEvent,
    /// The person's address.
    pub email: Option<String>,
    /// The client's name.
    pub client_name: Option<String>,
    /// The project's name.
    pub project_name: Option<String>,
}

impl RecordedEvent {
    /// Where reading goes on after this one.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { at: self.event.at, number: self.number }
    }
}

/// A place in the record, between two entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The moment of the entry before.
    pub at: Timestamp,
    /// Its number.
    pub number: i64,
}

/// Writes events in the caller's transaction.
pub(crate) async fn insert_events<C: ConnectionTrait>(connection: &C, events: &[RecordEvent]) -> Result<(), StoreError> {
    debug_assert!(events.iter().all(|event| event_kind::is_known(&event.kind)), "a kind without words: {events:?}");
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

fn event(row: &QueryResult) -> Result<RecordedEvent, StoreError> {
    let detail: String = row.try_get("", "detail")?;
    let event = RecordEvent {
        at: Timestamp(row.try_get("", "at")?),
        kind: row.try_get("", "kind")?,
        user: row.try_get::<Option<Uuid>>("", "user_id")?.map(UserId),
        client: row.try_get::<Option<String>>("", "client_id")?.map(ClientId),
        project: row.try_get::<Option<Uuid>>("", "project_id")?.map(ProjectId),
        grant: row.try_get::<Option<Uuid>>("", "grant_id")?.map(GrantId),
        from: row.try_get("", "from_address")?,
        detail: serde_json::from_str(&detail).unwrap_or(serde_json::Value::Null),
    };
    Ok(RecordedEvent {
        number: row.try_get("", "id")?,
        event,
        email: row.try_get("", "email")?,
        client_name: row.try_get("", "client_name")?,
        project_name: row.try_get("", "project_name")?,
    })
}

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

    /// The newest events first, from `before` on, at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events(&self, filter: &EventFilter, before: Option<Place>, limit: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut values: Vec<Value> = vec![sql::number(sql::count(limit))];
        let mut conditions = String::from("1 = 1");
        let mut only = |condition: &str, value: Value| {
            values.push(value);
            conditions.push_str(&format!(" AND {condition} ${}", values.len()));
        };
        let ids = [
            ("user_id =", filter.user.map(|id| id.0)),
            ("project_id =", filter.project.map(|id| id.0)),
            ("grant_id =", filter.grant.map(|id| id.0)),
        ];
        for (condition, id) in ids {
            if let Some(id) = id {
                only(condition, sql::uuid(id));
            }
        }
        if let Some(client) = &filter.client {
            only("client_id =", sql::text(client.as_str()));
        }
        if let Some(kind) = &filter.kind {
            only("kind =", sql::text(kind));
        }
        if let Some(since) = filter.since {
            only("at >=", sql::number(since.0));
        }
        if let Some(until) = filter.until {
            only("at <", sql::number(until.0));
        }
        if let Some(place) = before {
            only("at <=", sql::number(place.at.0));
            values.extend([sql::number(place.at.0), sql::number(place.number)]);
            conditions.push_str(&format!(" AND (at, id) < (${}, ${})", values.len() - 1, values.len()));
        }
        let text = format!(
            "SELECT e.*, u.email AS email, c.name AS client_name, p.name AS project_name
             FROM (SELECT * FROM audit_events WHERE {conditions} ORDER BY at DESC, id DESC LIMIT $1) AS e
             LEFT JOIN users u ON u.id = e.user_id LEFT JOIN clients c ON c.id = e.client_id LEFT JOIN projects p ON p.id = e.project_id
             ORDER BY e.at DESC, e.id DESC"
        );
        let rows = self.reader().query_all_raw(Statement::from_sql_and_values(self.backend(), text, values)).await?;
        rows.iter().map(event).collect()
    }
}
