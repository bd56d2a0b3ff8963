//! Device authorization (RFC 8628).

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

// `claimed_by` is a session; it has no foreign key, since a session that ended sets the code free again.
const SCHEMA: &str = "
CREATE TABLE device_authorizations (
    hash BYTEA PRIMARY KEY NOT NULL,
    user_code_hash BYTEA NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    is_proved BOOLEAN NOT NULL,
    scopes TEXT NOT NULL,
    resource TEXT NOT NULL,
    code_challenge TEXT,
    from_address TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    interval_seconds BIGINT NOT NULL,
    polled_at BIGINT,
    claimed_by UUID,
    grant_id UUID REFERENCES grants (id) ON DELETE CASCADE,
    denied_at BIGINT,
    consumed_at BIGINT
);
CREATE INDEX device_authorizations_expires ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_grant ON device_authorizations (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX device_authorizations_client ON device_authorizations (client_id);
";
