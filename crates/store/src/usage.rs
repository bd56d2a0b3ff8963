//! Usage: how often which tool was used, by day, person, project and client; and sums of it, so that no page adds up a year of rows.

use crate::Store;
use crate::error::StoreError;
use crate::sql::{self, Rows};
use docent_types::ids::{ClientId, ProjectId, UserId};
use docent_types::messages::CountUse;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Rows in one statement; beyond that SQLite's number of parameters ends.
const ROWS_AT_ONCE: usize = 256;

/// How often something answered, and how often it did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Uses {
    /// How often it answered.
    pub succeeded: u64,
    /// How often it did not.
    pub failed: u64,
}

impl Uses {
    /// Both together.
    #[must_use]
    pub const fn all(self) -> u64 {
        self.succeeded.saturating_add(self.failed)
    }
}

impl std::ops::AddAssign for Uses {
    fn add_assign(&mut self, other: Self) {
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
    }
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
    /// How often.
    pub uses: Uses,
}

/// Which usage to read: every one that is named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UsageFilter {
    /// Of this person.
    pub user: Option<UserId>,
    /// Of this project.
    pub project: Option<ProjectId>,
}

/// What a person did in a project with a tool through a client, over some days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageLine {
    /// The client.
    pub client: ClientId,
    /// Its name, if it is still registered.
    pub client_name: Option<String>,
    /// The project's name, if it still exists.
    pub project_name: Option<String>,
    /// The tool.
    pub tool: String,
    /// How often.
    pub uses: Uses,
}

/// By what usage is summed for a month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// By person.
    User,
    /// By project.
    Project,
    /// By client.
    Client,
}

impl By {
    const fn dimension(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Client => "client",
        }
    }

    /// Where the names are: the table, and its column.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("users", "email"),
            Self::Project => ("projects", "name"),
            Self::Client => ("clients", "name"),
        }
    }
}

/// What one of them used in a month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageTotal {
    /// The id.
    pub id: String,
    /// Its name; empty if it is gone or has none.
    pub name: String,
    /// How often.
    pub uses: Uses,
}

/// Day, person, project, client, tool.
type Key<'a> = (i64, UserId, ProjectId, &'a str, &'a str);
/// Dimension, period, key.
type Total = (&'static str, i64, String);

impl Store {
    /// Adds to the counters of usage, and to their sums.
    ///
    /// # Errors
    /// What the database says.
    pub async fn add_usage(&self, uses: &[CountUse]) -> Result<(), StoreError> {
        let mut rows: BTreeMap<Key<'_>, Uses> = BTreeMap::new();
        // In order, so that two nodes never wait for each other in a circle.
        let mut totals: BTreeMap<Total, Uses> = BTreeMap::new();
        for one in uses {
            let (day, month) = (one.at.start_of_day().0, one.at.start_of_month().0);
            let used = Uses { succeeded: u64::from(one.succeeded), failed: u64::from(!one.succeeded) };
            *rows.entry((day, one.user, one.project, one.client.as_str(), one.tool.as_str())).or_default() += used;
            *totals.entry(("tool", day, one.tool.clone())).or_default() += used;
            *totals.entry((By::User.dimension(), month, digits(one.user.0))).or_default() += used;
            *totals.entry((By::Project.dimension(), month, digits(one.project.0))).or_default() += used;
            *totals.entry((By::Client.dimension(), month, one.client.as_str().to_owned())).or_default() += used;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let (rows, totals): (Vec<_>, Vec<_>) = (rows.into_iter().collect(), totals.into_iter().collect());
        let transaction = self.begin().await?;
        for some in rows.chunks(ROWS_AT_ONCE) {
            let listed = Rows::new(some.iter().map(|((day, user, project, client, tool), uses)| {
                let [succeeded, failed] = counts(*uses);
                [sql::number(*day), sql::uuid(user.0), sql::uuid(project.0), sql::text(*client), sql::text(*tool), succeeded, failed]
            }));
            let text = "INSERT INTO usage (day, user_id, project_id, client_id, tool, succeeded, failed)
                SELECT column1, column2, column3, column4, column5, column6, column7 FROM ({rows}) AS listed WHERE column1 IS NOT NULL
                ON CONFLICT (day, user_id, project_id, client_id, tool)
                DO UPDATE SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed";
            transaction.execute_raw(listed.statement(self.backend(), text, Vec::new())).await?;
        }
        self.add_totals(&transaction, &totals).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn add_totals(&self, transaction: &DatabaseTransaction, totals: &[(Total, Uses)]) -> Result<(), StoreError> {
        for some in totals.chunks(ROWS_AT_ONCE) {
            let listed = Rows::new(some.iter().map(|((dimension, period, key), uses)| {
                let [succeeded, failed] = counts(*uses);
                [sql::text(*dimension), sql::number(*period), sql::text(key), succeeded, failed]
            }));
            let text = "INSERT INTO usage_totals (dimension, period, key, succeeded, failed)
                SELECT column1, column2, column3, column4, column5 FROM ({rows}) AS listed WHERE column1 IS NOT NULL
                ON CONFLICT (dimension, period, key)
                DO UPDATE SET succeeded = usage_totals.succeeded + excluded.succeeded, failed = usage_totals.failed + excluded.failed";
            transaction.execute_raw(listed.statement(self.backend(), text, Vec::new())).await?;
        }
        Ok(())
    }

    /// The usage from a day on, newest day first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage(&self, since: Timestamp, filter: &UsageFilter) -> Result<Vec<UsageRow>, StoreError> {
        let mut values: Vec<Value> = vec![sql::number(since.start_of_day().0)];
        let mut conditions = String::from("day >= $1");
        let named = [("user_id", filter.user.map(|id| id.0)), ("project_id", filter.project.map(|id| id.0))];
        for (column, id) in named {
            if let Some(id) = id {
                values.push(sql::uuid(id));
                conditions.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        let text = format!(
            "SELECT day, user_id, project_id, client_id, tool, succeeded, failed FROM usage
             WHERE {conditions} ORDER BY day DESC, user_id, project_id, client_id, tool"
        );
        let rows = self.reader().query_all_raw(Statement::from_sql_and_values(self.backend(), text, values)).await?;
        rows.iter()
            .map(|row| {
                Ok(UsageRow {
                    day: Timestamp(row.try_get_by_index(0)?),
                    user: UserId(row.try_get_by_index(1)?),
                    project: ProjectId(row.try_get_by_index(2)?),
                    client: ClientId(row.try_get_by_index(3)?),
                    tool: row.try_get_by_index(4)?,
                    uses: uses(row.try_get_by_index(5)?, row.try_get_by_index(6)?),
                })
            })
            .collect()
    }

    /// What a person used from a day on, the most used first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage_of_person(&self, user: UserId, since: Timestamp) -> Result<Vec<UsageLine>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT s.client_id, c.name, p.name, s.tool, s.succeeded, s.failed FROM (
                SELECT client_id, project_id, tool, CAST(SUM(succeeded) AS BIGINT) AS succeeded, CAST(SUM(failed) AS BIGINT) AS failed
                FROM usage WHERE user_id = $1 AND day >= $2 GROUP BY client_id, project_id, tool) AS s
             LEFT JOIN clients c ON c.id = s.client_id LEFT JOIN projects p ON p.id = s.project_id
             ORDER BY s.succeeded + s.failed DESC, s.client_id, s.project_id, s.tool LIMIT 500",
            [sql::uuid(user.0), sql::number(since.start_of_day().0)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                Ok(UsageLine {
                    client: ClientId(row.try_get_by_index(0)?),
                    client_name: row.try_get_by_index(1)?,
                    project_name: row.try_get_by_index(2)?,
                    tool: row.try_get_by_index(3)?,
                    uses: uses(row.try_get_by_index(4)?, row.try_get_by_index(5)?),
                })
            })
            .collect()
    }

    /// How much a person used on each day from a day on, oldest first; days without use are not among them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage_by_day(&self, user: UserId, since: Timestamp) -> Result<Vec<(Timestamp, Uses)>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT day, CAST(SUM(succeeded) AS BIGINT), CAST(SUM(failed) AS BIGINT) FROM usage
             WHERE user_id = $1 AND day >= $2 GROUP BY day ORDER BY day",
            [sql::uuid(user.0), sql::number(since.start_of_day().0)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter().map(|row| Ok((Timestamp(row.try_get_by_index(0)?), uses(row.try_get_by_index(1)?, row.try_get_by_index(2)?)))).collect()
    }

    /// How often each tool was used on each day from a day on, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage_by_tool(&self, since: Timestamp) -> Result<Vec<(Timestamp, String, Uses)>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT period, key, succeeded, failed FROM usage_totals WHERE dimension = 'tool' AND period >= $1 ORDER BY period, key",
            [sql::number(since.start_of_day().0)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                let used = uses(row.try_get_by_index(2)?, row.try_get_by_index(3)?);
                Ok((Timestamp(row.try_get_by_index(0)?), row.try_get_by_index(1)?, used))
            })
            .collect()
    }

    /// Who used most in the month of this moment; at most `limit` of them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn usage_totals(&self, by: By, month: Timestamp, limit: u64) -> Result<Vec<UsageTotal>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT key, succeeded, failed FROM usage_totals WHERE dimension = $1 AND period = $2
             ORDER BY succeeded + failed DESC, key LIMIT $3",
            [sql::text(by.dimension()), sql::number(month.start_of_month().0), sql::number(sql::count(limit))],
        );
        let mut totals = Vec::new();
        for row in self.reader().query_all_raw(query).await? {
            let id: String = row.try_get_by_index(0)?;
            totals.push(UsageTotal { id, name: String::new(), uses: uses(row.try_get_by_index(1)?, row.try_get_by_index(2)?) });
        }
        if totals.is_empty() {
            return Ok(totals);
        }
        let (table, column) = by.names();
        let text = format!("SELECT id, {column} FROM {table} WHERE id IN ({{rows}})");
        let ids = Rows::new(totals.iter().map(|total| match by {
            By::Client => [sql::text(&total.id)],
            By::User | By::Project => [sql::uuid(Uuid::try_parse(&total.id).unwrap_or_default())],
        }));
        let mut names: HashMap<String, String> = HashMap::new();
        for row in self.reader().query_all_raw(ids.statement(self.backend(), &text, Vec::new())).await? {
            let id = if by == By::Client { row.try_get_by_index(0)? } else { digits(row.try_get_by_index(0)?) };
            names.insert(id, row.try_get_by_index(1)?);
        }
        for total in &mut totals {
            total.name = names.remove(&total.id).unwrap_or_default();
        }
        Ok(totals)
    }
}

/// An id as 32 digits.
fn digits(id: Uuid) -> String {
    id.simple().to_string()
}

fn counts(uses: Uses) -> [Value; 2] {
    [uses.succeeded, uses.failed].map(|count| sql::number(sql::count(count)))
}

fn uses(succeeded: i64, failed: i64) -> Uses {
    Uses { succeeded: sql::as_count(succeeded), failed: sql::as_count(failed) }
}
