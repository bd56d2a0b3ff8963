//! Attacks that worked on somebody else's authorization server, tried over HTTP on the real binary.
//!
//! Each test is named after its CVE or thread; its comment says what the peer did wrong and which rule stops it here.
//! The attack is tried in one shape where the shape makes no difference.
//!
//! - [`verdicts`]: what a table of attacks came to. [`parties`]: who takes part. [`pages`]: what a page leads to and is made of.
//!   [`raw`]: bytes on a connection.
//! - The others: one module for each thing that is attacked.

mod access_tokens;
mod audience;
mod client_assertions;
mod codes;
mod consent;
mod device;
mod http;
mod identity_assertions;
mod markup;
mod pages;
mod parties;
mod pkce;
mod raw;
mod redirect;
mod refresh;
mod registration;
mod server_side_requests;
mod sign_in;
mod slow;
mod verdicts;
