//! The grant type `client_credentials` (OAuth 2.1 4.2, MCP's client credentials extension): a machine client acts for the one project
//! that its operator chose (AS19). No refresh token: it asks again.

use super::client_authentication::Authenticated;
use super::issue::{self, TokenAnswer};
use super::{refused, resource};
use crate::answer::Refused;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use docent_types::actors::ask;
use docent_types::ids::GrantId;
use docent_types::messages::OpenGrant;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::{Client, ClientOrigin};
use docent_types::scope::{Scope, ScopeSet};

/// The grant type's name.
pub const NAME: &str = "client_credentials";

/// What a machine may be allowed. The others speak of a person.
const FOR_MACHINES: [Scope; 2] = [Scope::DocsRead, Scope::LibrariesWrite];

/// Whether this client may act for itself: it proved who it is, and an operator made it.
fn may_act(authenticated: &Authenticated) -> Result<(), Error> {
    if authenticated.by_secret && authenticated.client.origin == ClientOrigin::Operator {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::UnauthorizedClient,
        "client_credentials is for clients that the operator made for it, and that authenticate: docent client add NAME --grant client_credentials --project PROJECT.",
    ))
}

/// The scopes of a request (AS7), within those that the client was made for.
fn scopes(asked: Option<&str>, client: &Client) -> Result<ScopeSet, Error> {
    let asked = asked.filter(|asked| !asked.trim().is_empty()).map_or_else(ScopeSet::resource_default, ScopeSet::parse_known);
    let made_for = client.scope.as_deref().map_or_else(|| FOR_MACHINES.into_iter().collect(), ScopeSet::parse_known);
    let granted = asked.narrowed_to(&made_for).narrowed_to(&FOR_MACHINES.into_iter().collect());
    if granted.is_empty() {
        return Err(Error::new(ErrorCode::InvalidScope, "None of the scopes asked for can be given to this client."));
    }
    Ok(granted)
}

/// Gives a machine client its access token.
///
/// # Errors
/// [`Refused`].
pub async fn grant(
    server: &AuthorizationServer,
    authenticated: &Authenticated,
    form: &Parameters,
    from: Option<String>,
) -> Result<TokenAnswer, Refused> {
    may_act(authenticated)?;
    let client = &authenticated.client;
    let scopes = scopes(form.get("scope"), client)?;
    let resource = resource(form, server)?.unwrap_or_else(|| server.settings.urls.resource.clone());
    let signer = issue::signer(server)?;
    let account = server.store.service_account(&client.id).await?.ok_or_else(|| {
        Error::new(
            ErrorCode::UnauthorizedClient,
            "This client acts for no project. The operator makes one that does with docent client add.",
        )
    })?;
    let now = server.now();
    let message = OpenGrant {
        once: None,
        grant: GrantId::generate(now, &*server.randomness),
        user: account.user,
        client: client.id.clone(),
        project: account.project,
        scopes: scopes.clone(),
        resource,
        refresh: None,
        authenticated_at: now,
        now,
        from,
        how: NAME,
    };
    let facts = ask(&server.asks.open_grant, message).await?.map_err(|refusal| refused(refusal, "grant"))?;
    let access = issue::access_token(server, &signer, &facts, &scopes, now)?;
    Ok(issue::answer(server, access, &scopes, None, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;

    fn client(scope: Option<&str>) -> Client {
        Client { scope: scope.map(str::to_owned), origin: ClientOrigin::Operator, ..Client::public("c_1", &[], Timestamp(0)) }
    }

    /// AS7, AS19.
    #[test]
    fn a_machine_gets_the_default_or_what_it_was_made_for_and_nothing_of_a_person() {
        let granted = |asked, made_for| scopes(asked, &client(made_for)).map(|scopes| scopes.to_string()).map_err(|error| error.code);
        assert_eq!(granted(None, None).unwrap(), "docs:read");
        assert_eq!(granted(Some(" "), None).unwrap(), "docs:read");
        assert_eq!(granted(Some("libraries:write openid email offline_access mcp:all"), None).unwrap(), "libraries:write");
        assert_eq!(granted(Some("libraries:write docs:read"), Some("docs:read")).unwrap(), "docs:read");
        assert_eq!(granted(None, Some("libraries:write")).unwrap(), "docs:read", "the broader one implies it");
        assert_eq!(granted(Some("openid email"), None), Err(ErrorCode::InvalidScope));
        assert_eq!(granted(Some("mcp:all"), None), Err(ErrorCode::InvalidScope));
        assert_eq!(granted(Some("libraries:write"), Some("docs:read")), Err(ErrorCode::InvalidScope));
    }

    /// AS19: neither who registered by itself nor who did not prove itself.
    #[test]
    fn only_a_client_of_the_operator_that_proved_itself_may_act() {
        let code = |by_secret, origin| {
            may_act(&Authenticated { client: Client { origin, ..client(None) }, by_secret }).map_err(|error| error.code)
        };
        assert_eq!(code(true, ClientOrigin::Operator), Ok(()));
        assert_eq!(code(false, ClientOrigin::Operator), Err(ErrorCode::UnauthorizedClient));
        assert_eq!(code(true, ClientOrigin::Dynamic), Err(ErrorCode::UnauthorizedClient));
        assert_eq!(code(true, ClientOrigin::MetadataDocument), Err(ErrorCode::UnauthorizedClient));
    }
}
