//! The rules of authorization, each proved through the endpoints over a real database and the real ledger.

#![expect(clippy::unwrap_used, reason = "what tests share")]

mod after;
mod authorization;
mod device;
mod discovery;
mod identity_assertions;
mod keys;
mod machines;
mod management;
mod metadata_document;
mod people;
mod private_key_jwt;
mod refresh;
mod registration;
mod token;
mod web;
mod world;
