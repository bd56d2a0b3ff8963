//! Registration: initial access tokens, registration access tokens, and when a client was registered last.

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
ALTER TABLE clients ADD COLUMN jwks_uri TEXT;
ALTER TABLE clients ADD COLUMN registered_at BIGINT NOT NULL DEFAULT 0;
UPDATE clients SET registered_at = created_at;
DROP INDEX clients_unused;
CREATE INDEX clients_unused ON clients (origin, last_used_at, registered_at);

CREATE TABLE registration_tokens (
    client_id TEXT PRIMARY KEY NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    hash BYTEA NOT NULL UNIQUE
);

CREATE TABLE initial_access_tokens (
    id UUID PRIMARY KEY NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    label TEXT NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX initial_access_tokens_expires ON initial_access_tokens (expires_at);
";
