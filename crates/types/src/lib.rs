//! The vocabulary that every crate of Docent shares.
//!
//! Identifiers, scopes, claims, metadata documents, OAuth errors, documentation answers, and the messages by which
//! actors of different crates talk. No I/O, no SQL, no HTTP server: whatever is decided here is decided without them.
//!
//! In the order of the story:
//! - [`time`], [`random`], [`secret`]: the clock and randomness, passed in; secrets that cannot be printed.
//! - [`sealing`]: secrets that must be read back.
//! - [`ids`], [`library_id`], [`scope`]: names of things.
//! - [`redirect_uri`], [`pkce`]: the two comparisons that authorization stands on.
//! - [`device`]: the code that a person types for a machine without a browser.
//! - [`metadata`], [`registration`], [`claims`], [`documents`]: documents on the wire.
//! - [`oauth`]: the one table of OAuth errors.
//! - [`compat`]: what clients do differently and is tolerated.
//! - [`client_address`]: where a request comes from, behind proxies.
//! - [`api_key`]: what scripts show instead of a token. [`principal`]: the verified caller.
//! - [`session`], [`page`]: what every page for people knows. [`email`], [`password`]: what can be one.
//! - [`documentation`]: libraries, snippets, answers.
//! - [`event_kind`]: what stands in the audit record.
//! - [`tally`]: what was counted, for metrics.
//! - [`actors`]: supervision; [`messages`]: who asks whom for what.

pub mod actors;
pub mod api_key;
pub mod claims;
pub mod client_address;
pub mod compat;
pub mod device;
pub mod documentation;
pub mod documents;
pub mod email;
pub mod event_kind;
pub mod ids;
pub mod library_id;
pub mod messages;
pub mod metadata;
pub mod oauth;
pub mod page;
pub mod password;
pub mod pkce;
pub mod principal;
pub mod random;
pub mod redirect_uri;
pub mod registration;
pub mod scope;
pub mod sealing;
pub mod secret;
pub mod session;
pub mod tally;
pub mod time;
