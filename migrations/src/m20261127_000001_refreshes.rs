//! Refreshes: when they are due, who may ask for one from outside, what is held for a person's decision, and how jobs are stopped.

use crate::dialect;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, SCHEMA).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("steps are not taken back: restore a backup".to_owned()))
    }
}

// `refresh_every` is in seconds: null is as configured, 0 is never. `format` is the artefact's: what an older binary built is built again
// though its commit is the same.
const SCHEMA: &str = "
ALTER TABLE libraries ADD COLUMN refresh_every BIGINT;
ALTER TABLE libraries ADD COLUMN refreshed_at BIGINT;
ALTER TABLE libraries ADD COLUMN webhook_sealed BYTEA;
ALTER TABLE libraries ADD COLUMN offered_versions TEXT NOT NULL DEFAULT '[]';

ALTER TABLE library_versions ADD COLUMN seen_at BIGINT;
ALTER TABLE library_versions ADD COLUMN format BIGINT NOT NULL DEFAULT 1;

ALTER TABLE jobs ADD COLUMN cancelled_at BIGINT;

CREATE TABLE held_versions (
    library_id UUID NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    version_key TEXT NOT NULL,
    version TEXT,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    artefact TEXT NOT NULL,
    format BIGINT NOT NULL,
    source_commit TEXT,
    pages BIGINT NOT NULL,
    snippets BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    skipped TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    rules TEXT NOT NULL,
    offered_versions TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    PRIMARY KEY (library_id, version_key)
);
";
