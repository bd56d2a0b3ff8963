//! The REST API: what programs ask that do not speak the Model Context Protocol. Paths, parameters and answers are those of Context7.
//!
//! Like the tools, it knows the caller as a [`Principal`](docent_types::principal::Principal) and never as a token or a key: it stands
//! behind the guard of `docent-resource-server`.
//!
//! In the order of the story:
//! - [`parameters`]: what a request says. [`error`]: why it is not answered, as `{error, message}`.
//! - [`search`], [`context`], [`status`]: the three questions.
//! - [`api`]: what they stand on; [`routes`]: where they are. [`openapi`]: their description, made from the code.

pub mod api;
pub mod context;
pub mod error;
pub mod openapi;
pub mod parameters;
pub mod routes;
pub mod search;
pub mod status;

pub use api::Api;
pub use routes::{configure, open};
