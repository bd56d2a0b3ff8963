//! What the pages of the record and of usage are read from: indexes for their filters, and sums, so that nobody adds up a year of rows.

use crate::dialect;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, SCHEMA).await?;
        // The first moment of a day's month, and ids as 32 digits.
        let (month, id): (&str, fn(&str) -> String) = match manager.get_database_backend() {
            DbBackend::Sqlite => {
                ("CAST(strftime('%s', day / 1000, 'unixepoch', 'start of month') AS BIGINT) * 1000", |id| format!("lower(hex({id}))"))
            }
            _ => ("CAST(extract(epoch FROM date_trunc('month', to_timestamp(day / 1000) AT TIME ZONE 'UTC')) AS BIGINT) * 1000", |id| {
                format!("replace(CAST({id} AS TEXT), '-', '')")
            }),
        };
        let dimensions = [
            ("tool", "day", "tool".to_owned()),
            ("user", month, id("user_id")),
            ("project", month, id("project_id")),
            ("client", month, "client_id".to_owned()),
        ];
        for (dimension, period, key) in dimensions {
            let fill = format!(
                "INSERT INTO usage_totals (dimension, period, key, succeeded, failed)
                 SELECT '{dimension}', {period}, {key}, SUM(succeeded), SUM(failed) FROM usage GROUP BY {period}, {key}"
            );
            manager.get_connection().execute_unprepared(&fill).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("steps are not taken back: restore a backup".to_owned()))
    }
}

const SCHEMA: &str = "
CREATE INDEX audit_events_client ON audit_events (client_id, at);
CREATE INDEX audit_events_kind ON audit_events (kind, at);
CREATE INDEX usage_user ON usage (user_id, day);

CREATE TABLE usage_totals (
    dimension TEXT NOT NULL,
    period BIGINT NOT NULL,
    key TEXT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (dimension, period, key)
);
";
