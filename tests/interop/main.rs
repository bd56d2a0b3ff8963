//! MCP clients that we did not write, each from discovery to a second login, against the real binary.
//!
//! - [`clients`]: which they are, and how each is driven. [`session`]: where one of them lives.
//! - [`story`]: what each goes through. [`seen`]: what of it was seen on the wire.
//! - [`matrix`]: what came of it, and the page that says so.
//! - [`offline`]: a server without a way to the internet.
//! - [`rust_sdk`], [`conformance`]: the two that are driven from here.

mod clients;
mod conformance;
mod matrix;
mod offline;
mod page;
mod rust_sdk;
mod seen;
mod session;
mod story;
