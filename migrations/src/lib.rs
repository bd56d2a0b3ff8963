//! The database's schema, as steps that are never changed once they were released.
//!
//! One file a theme: people, authorization, the record, the library, machines, devices, refreshes, rotations, dashboards. Each step is one SQL text for both databases, in Postgres'
//! words; [`dialect`] holds the few words that SQLite spells differently. This crate knows no other crate of Docent.

mod dialect;
mod m20261122_000001_people;
mod m20261122_000002_authorization;
mod m20261122_000003_record;
mod m20261122_000004_library;
mod m20261124_000002_registration;
mod m20261124_000003_machines;
mod m20261124_000004_device;
mod m20261127_000001_refreshes;
mod m20261127_000002_rotations;
mod m20261127_000003_dashboards;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All steps, in their order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_people::Migration),
            Box::new(m20261122_000002_authorization::Migration),
            Box::new(m20261122_000003_record::Migration),
            Box::new(m20261122_000004_library::Migration),
            Box::new(m20261124_000002_registration::Migration),
            Box::new(m20261124_000003_machines::Migration),
            Box::new(m20261124_000004_device::Migration),
            Box::new(m20261127_000001_refreshes::Migration),
            Box::new(m20261127_000002_rotations::Migration),
            Box::new(m20261127_000003_dashboards::Migration),
        ]
    }
}

/// The names of all steps that this binary knows.
#[must_use]
pub fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|step| step.name().to_owned()).collect()
}

/// The names of the steps that a database has taken. Makes the table of steps if it is missing.
///
/// # Errors
/// What the database says.
pub async fn applied<C: sea_orm::ConnectionTrait>(connection: &C) -> Result<Vec<String>, DbErr> {
    Ok(Migrator::get_migration_models(connection).await?.into_iter().map(|step| step.version).collect())
}
