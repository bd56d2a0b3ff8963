//! What every page for people knows, whichever crate renders it: `templates/layout.html` reads these fields.

use crate::session::SignedIn;

/// The frame around a page. A page's struct has it as its field `frame`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// The name of this Docent, as configured.
    pub site_name: String,
    /// The signed-in person's e-mail address; `None` when nobody is signed in.
    pub account: Option<String>,
    /// The token for forms (sign-out stands on every page); empty when nobody is signed in.
    pub csrf: String,
    /// Whether the signed-in person administers this Docent.
    pub is_admin: bool,
}

impl Frame {
    /// A frame for `who`, whose session cookie has `cookie_value`.
    #[must_use]
    pub fn new(site_name: &str, who: Option<(&SignedIn, &str)>) -> Self {
        Self {
            site_name: site_name.to_owned(),
            account: who.map(|(person, _)| person.email.clone()),
            csrf: who.map(|(_, cookie)| crate::session::csrf_token(cookie)).unwrap_or_default(),
            is_admin: who.is_some_and(|(person, _)| person.is_admin),
        }
    }
}

/// The response headers of every page for people: a strict policy without scripts from elsewhere, no framing (AS14).
/// `form-action` is left out on purpose: Chromium applies it to the whole redirect chain after the consent form.
pub const SECURITY_HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), browsing-topics=()"),
];
