//! End to end: the real binary in each shape, driven over HTTP, by real clients, and by `kill`.

mod authorization;
mod bad_input;
mod client_commands;
mod codes;
mod crashes;
mod device;
mod discovery;
mod doctor;
mod embedding;
mod keeping_current;
mod limits;
mod machine_clients;
mod machines;
mod metadata_documents;
mod object_store;
mod operation;
mod private_libraries;
mod record;
mod refresh;
mod registration;
mod resource_server;
mod rest_api;
mod sessions;
mod token_endpoint;
mod tools;
