//! Where the two databases differ, and lists of rows as parameters of one statement.

use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;

/// The number under which Postgres locks are taken, one for each thing that only one node may do at a time.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    Migrate = 0x0D0C_0001,
    Revocations = 0x0D0C_0002,
    Janitor = 0x0D0C_0003,
    SigningKeys = 0x0D0C_0004,
    FirstAdministrator = 0x0D0C_0005,
}

/// The last words of a query that takes a row which nobody else has locked. SQLite has one writer: nothing to skip.
pub(crate) const fn skip_locked(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    }
}

/// Channels on which Postgres tells other nodes to look.
pub(crate) mod channel {
    pub(crate) const REVOCATIONS: &str = "docent_revocations";
    pub(crate) const CATALOGUE: &str = "docent_catalogue";
}

/// Rows for `VALUES`. Their number is rounded up to a power of two with rows of nulls, so that a connection keeps nine prepared
/// statements of each text and not 256; a row of nulls matches nothing and `WHERE column1 IS NOT NULL` leaves it out.
pub(crate) struct Rows {
    values: Vec<Value>,
    columns: usize,
}

impl Rows {
    /// Rows that all have as many columns as the first.
    pub(crate) fn new<const N: usize>(rows: impl IntoIterator<Item = [Value; N]>) -> Self {
        Self { values: rows.into_iter().flatten().collect(), columns: N }
    }

    /// A statement in whose text each `{rows}` stands for `VALUES ($n, …), …`. `more` are the parameters that the text names itself: `$1` and on.
    pub(crate) fn statement(mut self, backend: DbBackend, text: &str, mut more: Vec<Value>) -> Statement {
        let first = more.len() + 1;
        let count = self.values.len() / self.columns.max(1);
        let padded = count.max(1).next_power_of_two();
        let nulls: Vec<Value> = self.values.iter().take(self.columns).map(Value::as_null).collect();
        for _ in count..padded {
            self.values.extend(nulls.iter().cloned());
        }
        let mut list = String::with_capacity(padded * self.columns * 6);
        list.push_str("VALUES ");
        for row in 0..padded {
            list.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..self.columns {
                if column > 0 {
                    list.push_str(", ");
                }
                list.push('$');
                list.push_str(&(first + row * self.columns + column).to_string());
            }
            list.push(')');
        }
        more.append(&mut self.values);
        Statement::from_sql_and_values(backend, text.replace("{rows}", &list), more)
    }
}

/// A statement with `$1`, `$2`, … in its text.
pub(crate) fn statement<const N: usize>(backend: DbBackend, text: impl Into<String>, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(backend, text, values)
}

/// Parameters, with their type even where they are null.
pub(crate) fn text(value: impl Into<String>) -> Value {
    Value::String(Some(value.into()))
}

pub(crate) fn text_or_null(value: Option<impl Into<String>>) -> Value {
    Value::String(value.map(Into::into))
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> Value {
    Value::Bytes(Some(value.into()))
}

pub(crate) const fn number(value: i64) -> Value {
    Value::BigInt(Some(value))
}

pub(crate) const fn uuid(value: Uuid) -> Value {
    Value::Uuid(Some(value))
}

pub(crate) const fn uuid_or_null(value: Option<Uuid>) -> Value {
    Value::Uuid(value)
}

/// A count for a `BIGINT`.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A `BIGINT` that is a count.
pub(crate) fn as_count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_rounded_up_to_a_power_of_two_with_nulls() {
        let rows = Rows::new([[text("a"), number(1)], [text("b"), number(2)], [text("c"), number(3)]]);
        let statement = rows.statement(DbBackend::Postgres, "SELECT $1 FROM ({rows})", vec![number(9)]);
        assert_eq!(statement.sql, "SELECT $1 FROM (VALUES ($2, $3), ($4, $5), ($6, $7), ($8, $9))");
        let values = statement.values.map(|values| values.0).unwrap_or_default();
        assert_eq!(values.len(), 9);
        assert_eq!(values[7..], [Value::String(None), Value::BigInt(None)]);
    }
}
