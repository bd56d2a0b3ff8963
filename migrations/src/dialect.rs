//! The words that the two databases spell differently.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// A number that the database counts up, as the primary key.
const COUNTER: &str = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";

/// Runs statements that are separated by `;` and a line break.
pub(crate) async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        let statement = match connection.get_database_backend() {
            DbBackend::Sqlite => {
                statement.replace(COUNTER, "INTEGER PRIMARY KEY AUTOINCREMENT").replace(" UUID", " BLOB").replace(" BYTEA", " BLOB")
            }
            _ => statement.to_owned(),
        };
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}
