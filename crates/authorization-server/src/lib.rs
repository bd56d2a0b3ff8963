//! The OAuth 2.1 authorization server: who may register, who signs in, what a person consents to, which tokens follow.
//!
//! It knows nothing of documentation and nothing of how a resource server checks a token: it meets both in the
//! messages and documents of `docent-types`. What changes grants, codes, tokens and clients goes as a message to the
//! `Ledger`; this crate reads from the store and decides.
//!
//! In the order of the story:
//! - [`settings`], [`server`], [`routes`]: what the operator decided, what a handler may reach, what stands where.
//! - [`parameters`], [`body`], [`visitor`], [`answer`]: reading requests strictly, knowing who sends them, refusing in the RFC's shape.
//! - [`metadata`]: what a client finds (AS1).
//! - [`registration`], [`client_metadata_document`]: how it becomes known (AS12, AS13).
//! - [`authorize`]: checks, consent, code (AS2 to AS7, AS14, AS15).
//! - [`people`]: the pages for signing in and up.
//! - [`token`]: client authentication and one file for each grant type (AS6, AS8 to AS10, AS16, AS19, AS21).
//! - [`identity_assertion`]: what other issuers say about people (AS20).
//! - [`device_authorization`]: where a machine without a browser begins (AS21); its page is in [`people`], its tokens in [`token`].
//! - [`revocation`], [`introspection`], [`userinfo`], [`access_token`]: what happens to a token afterwards (AS18).
//! - [`signing`], [`key_ring`], [`passwords`]: keys that sign and rotate (AS17), passwords that are hashed.

pub mod access_token;
pub mod answer;
pub mod authorize;
pub mod body;
pub mod client_metadata_document;
pub mod device_authorization;
pub mod identity_assertion;
pub mod introspection;
pub mod key_ring;
pub mod metadata;
pub mod parameters;
pub mod passwords;
pub mod people;
pub mod registration;
pub mod revocation;
pub mod routes;
pub mod server;
pub mod settings;
pub mod signing;
pub mod token;
pub mod userinfo;
pub mod visitor;

pub use client_metadata_document::{DocumentSource, MetadataDocuments};
pub use key_ring::{KeyRing, KeyRingError, KeyRingOptions};
pub use passwords::PasswordHasher;
pub use people::account_form::{is_email, password_error};
pub use people::links::{bootstrap_link, invite_link, set_password_link};
pub use routes::configure;
pub use server::{Asks, AuthorizationServer};
pub use settings::{DynamicRegistration, Settings, SettingsError, SignUp};
pub use signing::{SharedSigner, SigningKey};
