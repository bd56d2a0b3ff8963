//! The database: what is kept, and the only place that knows SQL.
//!
//! SQLite and Postgres answer alike; where they differ stands in `sql`. Reads are methods of [`Store`]. Changes of grants, codes,
//! tokens and clients are not: they go as messages to the [`actors::Ledger`], which writes many of them in one commit. This crate
//! knows no HTTP, no OAuth wire format and no documentation format.
//!
//! In the order of the story:
//! - [`database`]: connecting, and bringing the schema up to date; [`error`]: what can go wrong.
//! - [`users`], [`links`], [`sessions`], [`projects`], [`federated_identities`]: people; [`service_accounts`]: machines.
//! - [`administration`]: what administrators look up and change.
//! - [`connected_apps`], [`api_keys`]: what a person gave, and takes back.
//! - [`clients`], [`initial_access_tokens`], [`consent`], [`signing_keys`], [`revocations`], [`refresh_tokens`]: what authorization reads.
//! - [`ledger`]: how grants, codes and tokens change: loaded and locked, decided without the database, written.
//! - [`libraries`], [`version_sources`], [`publishing`], [`held`], [`meta`]: the catalogue and how it changes.
//! - [`jobs`], [`schedule`], [`webhooks`]: the work on it, and what begins it.
//! - [`record`]: what happened; [`usage`]: how often what was used.
//! - [`actors`]: `Ledger`, `Recorder`, `Revocations`, `Janitor`.

pub mod actors;
pub mod administration;
pub mod api_keys;
pub mod clients;
pub mod connected_apps;
pub mod consent;
pub mod database;
mod entity;
pub mod error;
pub mod federated_identities;
pub mod held;
pub mod initial_access_tokens;
pub mod jobs;
pub mod ledger;
pub mod libraries;
pub mod links;
mod looked_at;
pub mod meta;
pub mod projects;
pub mod publishing;
pub mod record;
pub mod refresh_tokens;
pub mod revocations;
pub mod schedule;
pub mod service_accounts;
pub mod sessions;
pub mod signing_keys;
mod sql;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod users;
pub mod version_sources;
pub mod webhooks;

pub use administration::{Acting, Invitation};
pub use api_keys::{ApiKey, ApiKeyHolder};
pub use connected_apps::ConnectedApp;
pub use consent::ConsentFacts;
pub use database::{Database, Store};
pub use error::StoreError;
pub use federated_identities::LinkedIdentity;
pub use held::HeldVersion;
pub use initial_access_tokens::InitialAccessToken;
pub use jobs::{Cancelled, Job, JobState, Lease, Work};
pub use libraries::{NewLibrary, StoredLibrary};
pub use links::{Link, LinkPurpose};
pub use projects::{Project, Role};
pub use publishing::{PublishVersion, PublishedVersion};
pub use record::{EventFilter, Place, RecordedEvent};
pub use refresh_tokens::RefreshTokenFacts;
pub use revocations::RevocationRow;
pub use schedule::Due;
pub use service_accounts::ServiceAccount;
pub use sessions::Session;
pub use signing_keys::StoredKey;
pub use usage::{By, UsageFilter, UsageLine, UsageRow, UsageTotal, Uses};
pub use users::{NewUser, User};
pub use webhooks::Webhook;
