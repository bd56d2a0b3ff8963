//! Refresh tokens: what changes of one stands in no index, so that on Postgres a rotation changes its row in its page and nothing else.

use crate::dialect;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, "DROP INDEX refresh_tokens_rotated").await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Room in each page for the two changes that each of its rows will have.
            manager.get_connection().execute_unprepared("ALTER TABLE refresh_tokens SET (fillfactor = 75)").await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("steps are not taken back: restore a backup".to_owned()))
    }
}
