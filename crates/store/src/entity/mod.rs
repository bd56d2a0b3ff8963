//! The tables that are read row by row. Codes, tokens, tickets, revocations and the record are written and read in batches: their SQL
//! stands where they are used.

pub(crate) mod clients;
pub(crate) mod jobs;
pub(crate) mod libraries;
pub(crate) mod library_versions;
pub(crate) mod links;
pub(crate) mod meta;
pub(crate) mod project_members;
pub(crate) mod projects;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod users;
