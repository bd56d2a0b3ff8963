//! An authorization request, from parameters to something that can be consented to.

use super::checks::{self, Facts};
use crate::parameters::Parameters;
use docent_types::compat::Compat;
use docent_types::ids::ClientId;
use docent_types::metadata::PublicUrls;
use docent_types::oauth::Error;
use docent_types::redirect_uri;
use docent_types::registration::{Client, ClientOrigin};
use docent_types::scope::{Scope, ScopeSet};
use docent_types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A request that passed every check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes, as requested.
    pub redirect_uri: String,
    /// Given back as it came.
    pub state: Option<String>,
    /// What is asked for, as far as it is known here.
    pub scopes: ScopeSet,
    /// The resource, as this issuer writes it.
    pub resource: String,
    /// S256.
    pub code_challenge: String,
    /// OpenID Connect `nonce`.
    pub nonce: Option<String>,
}

/// What the client wants of the person (OpenID Connect Core 3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interaction {
    /// `prompt=none`: show no page.
    pub none: bool,
    /// `prompt=login`, and `max_age=0`: sign in again.
    pub login: bool,
    /// `prompt=consent`: ask, whatever was granted before.
    pub consent: bool,
    /// The sign-in may be at most this old, in seconds.
    pub max_age: Option<i64>,
}

impl Interaction {
    /// Reads `prompt` and `max_age`. Words of `prompt` that are not known are ignored.
    #[must_use]
    pub fn of(parameters: &Parameters) -> Self {
        let has = |word: &str| parameters.get("prompt").unwrap_or_default().split_ascii_whitespace().any(|one| one == word);
        let max_age = parameters.get("max_age").and_then(|age| age.parse::<u32>().ok()).map(i64::from);
        Self {
            none: has("none"),
            login: has("login") || max_age == Some(0),
            consent: has("consent"),
            max_age: max_age.filter(|age| *age > 0),
        }
    }

    /// Whether a sign-in of that moment does not count.
    #[must_use]
    pub fn wants_sign_in(self, authenticated_at: Timestamp, now: Timestamp) -> bool {
        self.login || self.max_age.is_some_and(|age| now.seconds().saturating_sub(authenticated_at.seconds()) > age)
    }
}

/// Why the person is shown a page instead of being sent back (AS4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRedirect {
    /// `redirect_uri` is missing, and more than one is registered.
    Missing,
    /// It is not registered.
    NotRegistered,
}

/// Where answers go. Nothing is ever sent to a URI that is not registered (AS3, AS4).
///
/// # Errors
/// [`NoRedirect`].
pub fn redirect_uri(parameters: &Parameters, client: &Client) -> Result<String, NoRedirect> {
    match (parameters.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(requested), registered) if redirect_uri::is_registered(requested, registered) => {
            if let Some(overlooked) = redirect_uri::overlooked(requested, registered) {
                overlooked.tolerate(client.id.as_str());
            }
            Ok(requested.to_owned())
        }
        (Some(_), _) => Err(NoRedirect::NotRegistered),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(NoRedirect::Missing),
    }
}

/// What is granted for what was asked (AS7). A request that names scopes of ours but none of the resource's (mcp-remote
/// asks for `openid email profile`) would give a token that opens nothing: the resource's default is added, which
/// the consent page shows and the token response says.
#[must_use]
pub fn scopes(asked: Option<&str>) -> ScopeSet {
    let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else { return ScopeSet::resource_default() };
    let known = ScopeSet::parse_known(asked);
    if known.is_empty() || known.permits(Scope::DocsRead) { known } else { known.union(&ScopeSet::resource_default()) }
}

/// What a client asks for that it should not, or should and does not.
fn overlooked(parameters: &Parameters, granted: &ScopeSet, urls: &PublicUrls) -> Vec<Compat> {
    let asked = parameters.get("scope").unwrap_or_default();
    let known = ScopeSet::parse_known(asked);
    let has_unknown = asked.split_ascii_whitespace().any(|scope| ScopeSet::parse_known(scope).is_empty());
    let resource = parameters.get("resource");
    [
        (has_unknown, Compat::UnknownScope),
        (!asked.trim().is_empty() && known != *granted, Compat::ScopeAdded),
        (resource.is_none(), Compat::ResourceMissing),
        (resource.is_some_and(|resource| resource != urls.resource), Compat::ResourceSlash),
    ]
    .into_iter()
    .filter_map(|(is_so, compat)| is_so.then_some(compat))
    .collect()
}

/// What of it this client may have. What an operator wrote binds (CVE-2026-75866). What a client wrote of itself does not: it could
/// have written more, a client that is sent back for more scopes (RS4) does not register again, and the person decides in any case.
#[must_use]
pub fn permitted(client: &Client, scopes: ScopeSet) -> ScopeSet {
    match (client.origin, client.scope.as_deref()) {
        (ClientOrigin::Operator, Some(given)) => scopes.narrowed_to(&ScopeSet::parse_known(given)),
        _ => scopes,
    }
}

/// Whether it asks for more than it wrote of itself.
fn exceeds_registration(client: &Client, scopes: &ScopeSet) -> bool {
    client.scope.as_deref().is_some_and(|registered| !ScopeSet::parse_known(registered).covers(scopes))
}

/// Runs every check and puts the request together.
///
/// # Errors
/// The first check that fails; it goes to the client by redirect.
pub fn read(parameters: &Parameters, client: &Client, redirect_uri: String, urls: &PublicUrls) -> Result<AuthorizationRequest, Error> {
    let facts = Facts { parameters, client, urls };
    for (_, check) in checks::CHECKS {
        check(&facts)?;
    }
    let scopes = scopes(parameters.get("scope"));
    for overlooked in overlooked(parameters, &scopes, urls) {
        overlooked.tolerate(client.id.as_str());
    }
    if exceeds_registration(client, &scopes) {
        Compat::ScopeNotRegistered.tolerate(client.id.as_str());
    }
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri,
        state: parameters.get("state").map(str::to_owned),
        scopes: permitted(client, scopes),
        resource: urls.resource.clone(),
        code_challenge: parameters.get("code_challenge").unwrap_or_default().to_owned(),
        nonce: parameters.get("nonce").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS7.
    #[test]
    fn missing_scopes_are_the_default_and_unknown_ones_are_dropped() {
        let granted = |asked| scopes(asked).to_string();
        assert_eq!(granted(None), "docs:read");
        assert_eq!(granted(Some(" ")), "docs:read");
        assert_eq!(granted(Some("docs:read mcp admin")), "docs:read");
        assert_eq!(granted(Some("openid email profile")), "docs:read openid profile email");
        assert_eq!(granted(Some("libraries:write")), "libraries:write");
        assert_eq!(granted(Some("mcp")), "", "nothing is left, and a check refuses it");
    }

    /// AS7; CVE-2026-75866.
    #[test]
    fn an_operators_client_never_has_more_than_it_was_given() {
        let client =
            |origin, scope: Option<&str>| Client { origin, scope: scope.map(str::to_owned), ..Client::public("c_1", &[], Timestamp(0)) };
        let has = |origin, scope, asked: &str| permitted(&client(origin, scope), scopes(Some(asked))).to_string();
        assert_eq!(has(ClientOrigin::Operator, Some("docs:read"), "docs:read libraries:write openid"), "docs:read");
        assert_eq!(has(ClientOrigin::Operator, Some("libraries:write"), "docs:read"), "docs:read", "implied");
        assert_eq!(has(ClientOrigin::Operator, Some("openid"), "libraries:write"), "");
        assert_eq!(has(ClientOrigin::Operator, None, "libraries:write"), "libraries:write");
        assert_eq!(has(ClientOrigin::Dynamic, Some("docs:read"), "libraries:write"), "libraries:write", "the person is asked");
    }

    #[test]
    fn what_is_overlooked_has_a_name() {
        let urls = PublicUrls { issuer: "https://a.example".into(), resource: "https://a.example/mcp".into() };
        let of = |query: &str| {
            let parameters = Parameters::parse(query.as_bytes()).unwrap();
            overlooked(&parameters, &scopes(parameters.get("scope")), &urls)
        };
        assert_eq!(of("scope=docs:read&resource=https://a.example/mcp"), []);
        assert_eq!(of("resource=https://a.example/mcp/"), [Compat::ResourceSlash]);
        assert_eq!(of("scope=docs:read%20claudeai"), [Compat::UnknownScope, Compat::ResourceMissing]);
        assert_eq!(of("scope=openid&resource=https://a.example/mcp"), [Compat::ScopeAdded]);
    }

    #[test]
    fn an_old_sign_in_does_not_count_when_the_client_says_so() {
        let wants = |query: &str, age: i64| {
            Interaction::of(&Parameters::parse(query.as_bytes()).unwrap()).wants_sign_in(Timestamp(0), Timestamp::from_seconds(age))
        };
        assert!(!wants("", 1_000_000));
        assert!(wants("prompt=login", 0) && wants("max_age=0", 0));
        assert!(!wants("max_age=10", 10) && wants("max_age=10", 11));
    }
}
