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

/// Runs work on the database as a task of the runtime, apart from the actor. As a part of the actor's own future it would be dropped with
/// it, at the end of a process outside of the runtime, where a connection that goes back to its pool panics. `None` if the work panicked.
async fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(work).await.ok()
}
