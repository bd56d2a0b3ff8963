//! What is asked of a password.

/// The fewest characters.
pub const MINIMUM: usize = 12;
/// The most characters.
pub const MAXIMUM: usize = 256;

/// What is wrong with a password; empty if nothing. Length only: rules of composition make passwords worse.
#[must_use]
pub fn error(password: &str) -> &'static str {
    match password.chars().count() {
        0..MINIMUM => "Use at least 12 characters. A few words in a row are good.",
        MINIMUM..=MAXIMUM => "",
        _ => "Use at most 256 characters.",
    }
}
