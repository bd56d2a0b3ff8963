//! The pages as people see them, over real databases and a real index.

#![expect(clippy::unwrap_used, reason = "what tests share")]

#[macro_use]
mod world;
mod account;
mod admin;
mod visitors;
