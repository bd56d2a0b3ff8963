//! The people's pages: what this Docent is and how to connect to it, which libraries it has, and what was understood
//! of each.
//!
//! Every page is rendered here and needs no script. This crate knows the store, for what a person may see, and the
//! documentation reader, for what an assistant would get. It knows nothing of tokens: a page is read with a session
//! cookie or without one, and an access token opens nothing here.
//!
//! In the order of the story:
//! - [`routes`]: the table of paths.
//! - [`visitor`]: who is looking, and what exists for them.
//! - [`start`], [`clients`]: the first page, and a line for each MCP client.
//! - [`libraries`]: the list. [`library`]: one of them, with a box to try a question. [`listing`]: both pages' view of a
//!   library's state. [`trial`]: the answer that an assistant would get. [`decision`]: what an administrator decides there.
//! - [`account`]: what a person gave: connected apps, and API keys; what was used, and what happened.
//! - [`admin`]: what administrators see and change.
//! - [`chart`]: a bar for each day; [`events`]: entries of the audit record in words.
//! - [`form`]: forms, and whether they are ours; [`confirm`]: asking before what cannot be taken back.
//! - [`webhooks`]: pushes that forges tell of; [`webhook_signature`]: how they prove it.
//! - [`error`]: every answer that is not the page asked for. [`answer`]: how a page leaves.
//! - [`assets`]: the style sheet and the icon. [`figures`]: numbers and times in words.

pub mod account;
pub mod admin;
pub mod answer;
pub mod assets;
pub mod chart;
pub mod clients;
pub mod confirm;
pub mod decision;
pub mod error;
pub mod events;
pub mod figures;
pub mod form;
pub mod libraries;
pub mod library;
pub mod listing;
pub mod routes;
pub mod start;
pub mod trial;
pub mod visitor;
pub mod webhook_signature;
pub mod webhooks;

pub use admin::configuration::Setting;
pub use assets::assets;
pub use error::not_found;
pub use routes::configure;

use actix::Recipient;
use docent_library::Reader;
use docent_store::Store;
use docent_types::client_address::TrustedProxies;
use docent_types::messages::{ChangeClient, CheckLimit, HashPassword, RevokeAccess, VerifyPassword};
use docent_types::metadata::PublicUrls;
use docent_types::random::SharedRandomness;
use docent_types::time::SharedClock;

/// What the operator decided about these pages.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name that stands on every page.
    pub site_name: String,
    /// Where clients and people reach this deployment.
    pub urls: PublicUrls,
    /// Whether the MCP endpoint is served on the same listener. If not, a request for it here is told where it is.
    pub serves_mcp_here: bool,
    /// The proxies whose word on the client's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// The configuration in force, for administrators. Nothing secret is in it.
    pub configuration: Vec<Setting>,
}

/// Everything the pages stand on.
#[derive(Clone)]
pub struct Console {
    /// What the operator decided.
    pub settings: Settings,
    /// People, projects, libraries, jobs.
    pub store: Store,
    /// Answers questions as an assistant gets them.
    pub reader: Reader,
    /// The time.
    pub clock: SharedClock,
    /// For ids of jobs, and for keys.
    pub randomness: SharedRandomness,
    /// Ends grants.
    pub revoke: Recipient<RevokeAccess>,
    /// Blocks and removes clients.
    pub change_client: Recipient<ChangeClient>,
    /// Checks a password.
    pub verify_password: Recipient<VerifyPassword>,
    /// Hashes a new one.
    pub hash_password: Recipient<HashPassword>,
    /// How often that may be tried.
    pub check_limit: Recipient<CheckLimit>,
}
