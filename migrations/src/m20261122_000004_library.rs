//! The library: libraries, versions, jobs, and single facts about the installation.

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

const SCHEMA: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE catalogue (
    one BIGINT PRIMARY KEY NOT NULL,
    generation BIGINT NOT NULL
);
INSERT INTO catalogue (one, generation) VALUES (1, 0);

CREATE TABLE libraries (
    id UUID PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    title_fixed BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    source_sealed BYTEA NOT NULL,
    source_display TEXT NOT NULL,
    project_id UUID REFERENCES projects (id) ON DELETE CASCADE,
    wanted_version TEXT,
    rules TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);
CREATE INDEX libraries_project ON libraries (project_id);

CREATE TABLE library_versions (
    id UUID PRIMARY KEY NOT NULL,
    library_id UUID NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    version TEXT,
    version_key TEXT NOT NULL,
    artefact TEXT NOT NULL,
    source_commit TEXT,
    pages BIGINT NOT NULL,
    snippets BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    skipped TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    indexed_at BIGINT NOT NULL,
    UNIQUE (library_id, version_key)
);
CREATE INDEX library_versions_artefact ON library_versions (artefact);

CREATE TABLE version_sources (
    library_id UUID NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    version_key TEXT NOT NULL,
    source_sealed BYTEA NOT NULL,
    PRIMARY KEY (library_id, version_key)
);

CREATE TABLE jobs (
    id UUID PRIMARY KEY NOT NULL,
    library_id UUID NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    version TEXT,
    version_key TEXT NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT,
    holder UUID,
    lease_until BIGINT,
    not_before BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE UNIQUE INDEX jobs_one_waiting ON jobs (library_id, version_key) WHERE state = 'waiting';
CREATE UNIQUE INDEX jobs_one_running ON jobs (library_id, version_key) WHERE state = 'running';
CREATE INDEX jobs_library ON jobs (library_id, created_at);
CREATE INDEX jobs_state ON jobs (state, created_at);
CREATE INDEX jobs_finished ON jobs (finished_at);
";
