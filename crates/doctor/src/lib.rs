//! Examines an MCP server, ours or not: what each known client would meet, which rules are broken, and what to do about it.
//!
//! It knows clients ([`recorded`], `clients/*.toml`) and rules ([`rules`]), and nothing of Docent's own server. In the order of
//! an examination:
//! - [`http`]: requests with manners. [`template`]: placeholders of recorded requests.
//! - [`recorded`]: what each client does. [`needs`]: what it needs of the answers. [`replay`]: its steps against a server.
//! - [`examine`]: what no client asks, and an author should know.
//! - [`rules`], [`report`], [`text`]: what came of it.

pub mod examine;
mod exchange;
pub mod http;
pub mod needs;
pub mod recorded;
pub mod replay;
pub mod report;
pub mod rules;
pub mod template;
pub mod text;

pub use examine::{Options, Unexaminable, examine};
pub use report::{Outcome, Report};
