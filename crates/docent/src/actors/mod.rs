//! The actors that join the database and the library: neither of those crates knows the other.
//!
//! - [`catalog`]: what is served.
//! - [`ingestor`]: the queue; [`ingestion`]: one job; [`schedule`]: what is due; [`retry`]: what is tried again; [`hold`]: what waits for
//!   a person; [`stopping`]: how work ends early.

pub mod catalog;
pub mod embedding;
pub mod hold;
pub mod ingestion;
pub mod ingestor;
pub mod retry;
pub mod schedule;
pub mod stopping;
