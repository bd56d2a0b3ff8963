//! The actors that join the database and the library: neither of those crates knows the other.

pub mod catalog;
pub mod embedding;
pub mod ingestion;
pub mod ingestor;
