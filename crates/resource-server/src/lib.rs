//! The guard of the MCP endpoint and of the REST API.
//!
//! Tells clients where to get a token (metadata, challenges), and lets nobody pass without one: `Host` and `Origin`,
//! CORS, access tokens against the published keys and revocations, scopes. It may not know how a token was issued
//! (it sees the public keys only) nor what a tool does: a verified caller goes on as an `Arc<Principal>` in the
//! request's extensions, and the token itself goes nowhere (RS7).
//!
//! In the order of the story:
//! - [`settings`]: what an operator chooses.
//! - [`site`]: which `Host` and `Origin` are ours; [`cors`]: what a browser may read.
//! - [`metadata`]: the protected resource metadata; [`challenge`]: how a request is refused.
//! - [`credentials`]: what a request shows; [`token`]: what an access token must be; [`keys`], [`verified`]: the
//!   snapshots that make it quick; [`remote_keys`]: the keys of an issuer that runs elsewhere.
//! - [`api_keys`]: whom an API key speaks for, at the REST API.
//! - [`server`]: all of it as one decision; [`guard`]: the middleware; [`authorized`]: what a handler states.
//! - [`limiter`]: how often somebody may try something; [`limits`]: how much each caller may ask.
//! - [`routes`]: the table.

pub mod api_keys;
pub mod authorized;
pub mod challenge;
pub mod cors;
pub mod credentials;
pub mod guard;
pub mod keys;
pub mod limiter;
pub mod limits;
pub mod metadata;
pub mod remote_keys;
pub mod routes;
pub mod server;
pub mod settings;
pub mod site;
pub mod token;
pub mod verified;

pub use api_keys::ApiKeys;
pub use authorized::Authorized;
pub use limiter::{Limiter, LimiterOptions};
pub use limits::Limits;
pub use metadata::not_found;
pub use remote_keys::RemoteKeys;
pub use routes::configure;
pub use server::ResourceServer;
pub use settings::Settings;

#[cfg(test)]
mod tests;
