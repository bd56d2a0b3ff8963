//! The grant type `urn:ietf:params:oauth:grant-type:jwt-bearer` with an identity assertion of a trusted issuer (RFC 7523 2.1, ID-JAG):
//! enterprise-managed authorization (AS20). No refresh token: the client brings a new assertion.

use super::client_authentication::Authenticated;
use super::issue::{self, TokenAnswer};
use super::{refused, resource};
use crate::answer::Refused;
use crate::identity_assertion::{AccountPolicy, Assertion, Fault, TrustedIssuer, Unread};
use crate::parameters::Parameters;
use crate::people::account_form::is_email;
use crate::server::AuthorizationServer;
use docent_store::{NewUser, StoreError};
use docent_types::actors::ask;
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{OpenGrant, Refusal};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::{Client, ClientOrigin};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use serde_json::json;

/// The grant type's name.
pub const NAME: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn invalid(words: &str) -> Error {
    Error::new(ErrorCode::InvalidGrant, words)
}

/// Whether this client may bring assertions: it proved who it is, and an operator made it. An assertion is bound to a client by its id
/// alone, so that id must not be one that anybody can register or publish.
fn may_bring(authenticated: &Authenticated) -> Result<(), Error> {
    if authenticated.by_secret && authenticated.client.origin == ClientOrigin::Operator {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::UnauthorizedClient,
        "Identity assertions are accepted of clients that the operator made, and that authenticate. Others use the authorization code flow.",
    ))
}

/// The scopes of a request, within those of the assertion and of the client (AS7). Nothing asked for: all of the assertion's.
fn scopes(asked: Option<&str>, asserted: &ScopeSet, client: &Client) -> Result<ScopeSet, Error> {
    let granted = match asked.filter(|asked| !asked.trim().is_empty()) {
        Some(asked) => ScopeSet::parse_known(asked).narrowed_to(asserted),
        None => asserted.clone(),
    };
    let granted = match client.scope.as_deref() {
        Some(made_for) => granted.narrowed_to(&ScopeSet::parse_known(made_for)),
        None => granted,
    };
    if granted.is_empty() {
        return Err(Error::new(ErrorCode::InvalidScope, "None of the scopes asked for is in the assertion."));
    }
    Ok(granted)
}

/// What is used up by an assertion: its id, of its issuer. Nothing else hashes to it.
fn once(issuer: &TrustedIssuer, assertion: &Assertion) -> SecretHash {
    SecretHash::of(&format!("identity-assertion\0{}\0{}", issuer.issuer, assertion.jti))
}

/// Exchanges an identity assertion for an access token.
///
/// # Errors
/// [`Refused`].
pub async fn grant(
    server: &AuthorizationServer,
    authenticated: &Authenticated,
    form: &Parameters,
    from: Option<String>,
) -> Result<TokenAnswer, Refused> {
    may_bring(authenticated)?;
    let client = &authenticated.client;
    let presented = form.get("assertion").ok_or_else(|| Error::new(ErrorCode::InvalidRequest, "assertion is missing."))?;
    // The token's audience is the assertion's resource: there is one, and both are compared with it.
    resource(form, server)?;
    let (signer, now, urls) = (issue::signer(server)?, server.now(), &server.settings.urls);
    let read = server.trusted_issuers.read(presented, &client.id, &urls.issuer, &urls.resource, now).await;
    let (issuer, assertion) = read.map_err(|unread| unreadable(server, unread, &client.id, from.clone()))?;
    let scopes = scopes(form.get("scope"), &assertion.scopes, client)?;
    let user = account(server, issuer, &assertion, from.clone()).await?;
    let project = project(server, issuer, user).await?;
    let message = OpenGrant {
        once: Some((once(issuer, &assertion), assertion.refused_from)),
        grant: GrantId::generate(now, &*server.randomness),
        user,
        client: client.id.clone(),
        project,
        scopes: scopes.clone(),
        resource: urls.resource.clone(),
        refresh: None,
        authenticated_at: assertion.authenticated_at,
        now,
        from: from.clone(),
        how: "identity_assertion",
    };
    let facts = ask(&server.asks.open_grant, message).await?.map_err(|refusal| match refusal {
        Refusal::Reused => {
            note(server, "replayed", Some(&issuer.issuer), &client.id, from);
            invalid("The assertion was used before. Each counts once: get a new one from the identity provider.")
        }
        other => refused(other, "assertion"),
    })?;
    let access = issue::access_token(server, &signer, &facts, &scopes, now)?;
    Ok(issue::answer(server, access, &scopes, None, None))
}

/// What does not happen to an honest client goes on the record.
fn note(server: &AuthorizationServer, why: &str, issuer: Option<&str>, client: &ClientId, from: Option<String>) {
    server.record("identity_assertion.refused", None, Some(client), from, json!({ "why": why, "issuer": issuer }));
}

fn unreadable(server: &AuthorizationServer, unread: Unread, client: &ClientId, from: Option<String>) -> Refused {
    let (fault, issuer) = match unread {
        Unread::Fault(fault, issuer) => (fault, issuer),
        Unread::Unavailable => {
            let words = "The keys of the assertion's issuer cannot be read at this moment. Try again shortly.";
            return Error { retry_after: Some(5), ..Error::new(ErrorCode::TemporarilyUnavailable, words) }.into();
        }
    };
    if matches!(fault, Fault::Signature | Fault::Audience | Fault::Client | Fault::Resource | Fault::Algorithm) {
        note(server, &format!("{fault:?}").to_lowercase(), issuer.as_deref(), client, from);
    }
    invalid(&fault.to_string()).into()
}

/// Whose account the assertion's subject is linked to. Never found by an e-mail address.
async fn account(
    server: &AuthorizationServer,
    issuer: &TrustedIssuer,
    assertion: &Assertion,
    from: Option<String>,
) -> Result<UserId, Refused> {
    if let Some(user) = server.store.user_by_identity(&issuer.issuer, &assertion.subject).await? {
        return Ok(user);
    }
    if issuer.accounts == AccountPolicy::Existing {
        return Err(invalid("The person is not known here. An operator links them with: docent user identity add.").into());
    }
    let team = team(server, issuer).await?;
    let now = server.now();
    let new = NewUser {
        id: UserId::generate(now, &*server.randomness),
        email: address(issuer, assertion),
        name: assertion.name.clone().unwrap_or_default(),
        password_hash: None,
        is_admin: false,
        now,
        project: ProjectId::generate(now, &*server.randomness),
    };
    match server.store.create_user_with_identity(new, &issuer.issuer, &assertion.subject, team).await {
        Ok(user) => {
            server.record("account.created", Some(user.id), None, from, json!({ "issuer": issuer.issuer }));
            Ok(user.id)
        }
        // Another request was first; or the address is somebody's, who is not made the same person by it.
        Err(StoreError::Conflict(_)) => match server.store.user_by_identity(&issuer.issuer, &assertion.subject).await? {
            Some(user) => Ok(user),
            None => Err(invalid(
                "There is an account with the person's e-mail address, and it is not linked. An operator links it with: docent user identity add.",
            )
            .into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The address of a new account: the one that the issuer verified; else a name that no form can be filled in with.
fn address(issuer: &TrustedIssuer, assertion: &Assertion) -> String {
    if let Some(email) = assertion.email.as_deref().filter(|email| is_email(email)) {
        return email.to_owned();
    }
    let digest = SecretHash::of(&format!("{}\0{}", issuer.issuer, assertion.subject)).0;
    digest[..12].iter().fold("identity:".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

async fn team(server: &AuthorizationServer, issuer: &TrustedIssuer) -> Result<ProjectId, Refused> {
    let name = issuer.project.as_deref().unwrap_or_default();
    let project = server.store.project_by_name(name).await?.filter(|project| project.personal_of.is_none());
    project.map(|project| project.id).ok_or_else(|| {
        tracing::error!(issuer = %issuer.issuer, project = name, "the project that is configured for a trusted issuer does not exist");
        Error::internal().into()
    })
}

/// The project that the token is for: the one that is configured, or the person's own.
async fn project(server: &AuthorizationServer, issuer: &TrustedIssuer, user: UserId) -> Result<ProjectId, Refused> {
    if issuer.project.is_some() {
        return team(server, issuer).await;
    }
    let own = server.store.projects_of(user).await?.into_iter().find(|(project, _)| project.personal_of == Some(user));
    own.map(|(project, _)| project.id).ok_or_else(|| refused(Refusal::Withdrawn, "assertion").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;

    /// AS7, AS20: what is asked for, what the assertion names, what the client was made for.
    #[test]
    fn scopes_are_what_all_sides_agree_on() {
        let asserted = ScopeSet::parse_known("libraries:write email");
        let client = |scope: Option<&str>| Client { scope: scope.map(str::to_owned), ..Client::public("c_1", &[], Timestamp(0)) };
        let granted =
            |asked, made_for| scopes(asked, &asserted, &client(made_for)).map(|scopes| scopes.to_string()).map_err(|error| error.code);
        assert_eq!(granted(None, None).unwrap(), "libraries:write email");
        assert_eq!(granted(Some("docs:read openid"), None).unwrap(), "docs:read");
        assert_eq!(granted(Some("openid"), None), Err(ErrorCode::InvalidScope));
        assert_eq!(granted(None, Some("email")).unwrap(), "email");
        assert_eq!(granted(Some("email"), Some("docs:read")), Err(ErrorCode::InvalidScope));
    }

    /// AS20: an assertion is bound to one client, so that client must be one that proved itself and that nobody could have registered.
    #[test]
    fn a_client_that_anybody_could_register_brings_no_assertion() {
        let code = |by_secret, origin| {
            let client = Client { origin, ..Client::public("c_1", &[], Timestamp(0)) };
            may_bring(&Authenticated { client, by_secret }).map_err(|error| error.code)
        };
        assert_eq!(code(true, ClientOrigin::Operator), Ok(()));
        assert_eq!(code(false, ClientOrigin::Operator), Err(ErrorCode::UnauthorizedClient));
        assert_eq!(code(true, ClientOrigin::MetadataDocument), Err(ErrorCode::UnauthorizedClient));
        assert_eq!(code(true, ClientOrigin::Dynamic), Err(ErrorCode::UnauthorizedClient));
    }
}
