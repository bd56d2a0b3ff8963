//! The grant type `refresh_token` (OAuth 2.1 4.3): rotated at every use (AS9).

use super::issue::{self, TokenAnswer};
use super::{refused, resource};
use crate::answer::Refused;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use docent_types::actors::ask;
use docent_types::messages::RotateRefreshToken;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::Client;
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use std::time::Duration;

/// How long a token that was used stays usable, for the other processes of the same person (AS9).
pub const GRACE: Duration = Duration::from_secs(120);

/// The scopes of the new access token: those asked for, as far as they were granted. A request that names nothing that
/// was granted gets what was granted: it is told so, and refusing it would cost the person the connection.
fn narrowed(asked: Option<&str>, granted: &ScopeSet) -> ScopeSet {
    let narrowed = asked.map(|asked| ScopeSet::parse_known(asked).narrowed_to(granted)).unwrap_or_default();
    if narrowed.is_empty() { granted.clone() } else { narrowed }
}

/// Rotates a refresh token.
///
/// # Errors
/// [`Refused`].
pub async fn rotate(server: &AuthorizationServer, client: &Client, form: &Parameters) -> Result<TokenAnswer, Refused> {
    let presented = form.get("refresh_token").ok_or_else(|| Error::new(ErrorCode::InvalidRequest, "refresh_token is missing."))?;
    let resource = resource(form, server)?;
    let signer = issue::signer(server)?;
    let now = server.now();
    let successor = issue::new_refresh_token(server);
    let message = RotateRefreshToken {
        presented: SecretHash::of(presented),
        client: client.id.clone(),
        resource,
        successor: successor.hash(),
        successor_expires_at: now.after(server.settings.refresh_token_lifetime),
        grace_since: now.before(GRACE),
        now,
    };
    let facts = ask(&server.asks.rotate, message).await?.map_err(|refusal| refused(refusal, "refresh_token"))?;
    let scopes = narrowed(form.get("scope"), &facts.scopes);
    let access = issue::access_token(server, &signer, &facts, &scopes, now)?;
    Ok(issue::answer(server, access, &scopes, Some(successor), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_may_narrow_the_scopes_and_never_widen_them() {
        let granted = ScopeSet::parse_known("docs:read email");
        let ask = |scope: Option<&str>| narrowed(scope, &granted).to_string();
        assert_eq!(ask(None), "docs:read email");
        assert_eq!(ask(Some("email")), "email");
        assert_eq!(ask(Some("email libraries:write")), "email");
        assert_eq!(ask(Some("libraries:write")), "docs:read email", "nothing of it was granted");
        assert_eq!(
            narrowed(Some("docs:read"), &ScopeSet::parse_known("libraries:write")).to_string(),
            "docs:read",
            "a broader scope includes it"
        );
    }
}
