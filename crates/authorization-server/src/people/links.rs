//! One-time links: for the first administrator, for a password, for an invitation. Built from the configured URL,
//! never from a header; the secret in them is stored as a hash.

use crate::server::AuthorizationServer;
use docent_store::{Acting, LinkPurpose, Store, StoreError};
use docent_types::ids::UserId;
use docent_types::metadata::PublicUrls;
use docent_types::random::Randomness;
use docent_types::secret::Secret;
use docent_types::time::Clock;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The link at which the first administrator is made, if there is no user. An older one ends by it.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn bootstrap_link(server: &AuthorizationServer) -> Result<Option<String>, StoreError> {
    if server.store.count_users().await? > 0 {
        return Ok(None);
    }
    let secret = Secret::generate(&*server.randomness, "");
    let now = server.now();
    server.store.create_link(LinkPurpose::FirstAdmin, secret.hash(), None, None, now, now.after(7 * DAY)).await?;
    Ok(Some(server.settings.urls.with_link("first-administrator", &secret)))
}

/// A link, good for three days, at which a person sets a password.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn set_password_link(
    store: &Store,
    urls: &PublicUrls,
    clock: &dyn Clock,
    randomness: &dyn Randomness,
    user: UserId,
) -> Result<String, StoreError> {
    let secret = Secret::generate(randomness, "");
    let now = clock.now();
    store.create_link(LinkPurpose::SetPassword, secret.hash(), Some(user), None, now, now.after(3 * DAY)).await?;
    Ok(urls.with_link("set-password", &secret))
}

/// A link, good for seven days, at which a person makes an account; with `email` only for that address.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn invite_link(
    store: &Store,
    urls: &PublicUrls,
    clock: &dyn Clock,
    randomness: &dyn Randomness,
    email: Option<&str>,
) -> Result<String, StoreError> {
    let secret = Secret::generate(randomness, "");
    let now = clock.now();
    store.invite(secret.hash(), email, now.after(7 * DAY), &Acting::command(now)).await?;
    Ok(urls.with_link("sign-up", &secret))
}
