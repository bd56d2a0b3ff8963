//! How grants, codes and tokens change. Each batch is one transaction in three steps:
//! 1. [`load`]: lock and read the rows that the requests name;
//! 2. [`decide`]: judge one request after the other, without the database, each seeing what those before it did;
//! 3. [`write`]: one statement for all rows of a kind, each still with its own condition.
//!
//! [`registration`] does the three steps for clients.

pub(crate) mod batch;
pub mod decide;
pub(crate) mod device;
mod device_rows;
pub(crate) mod load;
pub(crate) mod registration;
pub(crate) mod write;
