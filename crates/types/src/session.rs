//! The browser session of a person, as every page for people sees it.

use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The session cookie's name: with the `__Host-` prefix where the issuer is https.
#[must_use]
pub const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-docent_session" } else { "docent_session" }
}

/// The token that a form of this session carries against cross-site requests, derived from the cookie's value.
#[must_use]
pub fn csrf_token(cookie_value: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("docent csrf {cookie_value}").as_bytes()))
}

/// Who is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: SessionId,
    /// The person.
    pub user: UserId,
    /// Their e-mail address.
    pub email: String,
    /// Their name; empty if they gave none.
    pub name: String,
    /// Whether they administer this Docent.
    pub is_admin: bool,
    /// When they last proved who they are.
    pub authenticated_at: Timestamp,
}
