//! The tools that assistants call, over the Model Context Protocol.
//!
//! Finds libraries and asks their documentation through `docent-library`, for a caller whom it knows as a
//! [`Principal`](docent_types::principal::Principal) and never as a token. It may not know how the caller was verified;
//! it trusts that whoever mounts it has put an `Arc<Principal>` into the request's extensions.
//!
//! In the order of the story:
//! - [`definition`]: the table of tools, as they are listed.
//! - [`arguments`]: what a call brings, with the names that models mix up.
//! - [`resolve_library_id`], [`query_docs`]: the two tools.
//! - [`page_uri`], [`resources`]: whole pages, as resources.
//! - [`tools`]: which tool answers a call, within its time, counted.
//! - [`server`]: the protocol's side; [`transport`]: where it is mounted.

pub mod arguments;
pub mod definition;
pub mod page_uri;
pub mod query_docs;
pub mod resolve_library_id;
pub mod resources;
pub mod server;
pub mod tools;
pub mod transport;

pub use tools::Tools;
pub use transport::service;

#[cfg(test)]
mod tests;
