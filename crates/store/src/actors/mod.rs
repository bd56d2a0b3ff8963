//! The actors that are bound to the database.
//!
//! - [`Ledger`] changes grants, codes, tokens and clients, many in one commit.
//! - [`Revocations`] publishes what was revoked.
//! - [`Recorder`] writes audit events and usage in batches.
//! - [`Janitor`] removes what ended.

mod janitor;
mod ledger;
mod recorder;
mod revocations;

pub use janitor::{Janitor, JanitorOptions};
pub use ledger::Ledger;
pub use recorder::{Flush, Recorder};
pub use revocations::Revocations;
