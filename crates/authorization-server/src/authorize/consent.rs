//! Consent (AS14, AS15): the page, the answer, and when it is remembered.

use super::request::{AuthorizationRequest, Interaction};
use super::response;
use super::ticket::{self, Ticket, TicketKey};
use crate::client_metadata_document::{is_document, publisher, vouches_for};
use crate::parameters::Parameters;
use crate::people::pages::{self, ConsentPage, ProjectChoice};
use crate::people::{Fault, claimed_name};
use crate::server::AuthorizationServer;
use crate::visitor::{self, Person};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use docent_store::{Project, Role};
use docent_types::actors::ask;
use docent_types::ids::{GrantId, ProjectId};
use docent_types::messages::{IssueCode, Refusal, RegisterClient, UseOnce};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::redirect_uri::{self, RedirectKind};
use docent_types::registration::{Client, ClientOrigin};
use docent_types::scope::ScopeSet;
use docent_types::secret::{Secret, SecretHash};

/// AS15: whether an earlier consent answers this request. An operator vouches for a client, or its document for what is on the
/// document's own origin; and only https proves that the answer reaches the client that was consented to; `granted` is what a live grant of this person
/// to this client gives, for the project that is asked about.
#[must_use]
pub fn may_skip_consent(client: &Client, redirect_uri: &str, granted: Option<&ScopeSet>, asked: &ScopeSet) -> bool {
    (client.origin == ClientOrigin::Operator || vouches_for(client, redirect_uri))
        && redirect_uri::check(redirect_uri) == Ok(RedirectKind::Https)
        && granted.is_some_and(|granted| granted.covers(asked))
}

/// What a person may choose between.
pub struct Choices {
    /// Their projects.
    pub projects: Vec<(Project, Role)>,
    /// What they granted this client before, and what lives.
    pub granted: Vec<(ProjectId, ScopeSet)>,
}

/// What the person is asked.
pub struct Asked {
    /// What the client wants.
    pub wanted: AuthorizationRequest,
    /// The client.
    pub client: Client,
    /// The person.
    pub person: Person,
    /// What they may choose.
    pub choices: Choices,
    /// What the client says about asking.
    pub interaction: Interaction,
}

/// Shows the consent page, or answers from an earlier consent.
pub async fn ask_or_remember(server: &AuthorizationServer, asked: Asked, return_to: &str) -> Result<HttpResponse, Fault> {
    let Asked { wanted, client, person, choices, interaction } = asked;
    if !interaction.consent
        && let Some(project) = remembered(&client, &wanted, &choices.granted)
    {
        let fresh = Secret::generate(&*server.randomness, "").hash();
        return issue(server, &wanted, &client, &person, project, fresh, None).await;
    }
    if interaction.none {
        let error = Error::new(ErrorCode::InteractionRequired, "The person would have to consent, and prompt=none forbids to ask.");
        return Ok(response::error(&wanted.redirect_uri, &error, wanted.state.as_deref(), &server.settings.urls.issuer));
    }
    if choices.projects.is_empty() {
        return Err(in_no_project());
    }
    let ticket = Ticket::new(wanted.clone(), person.signed_in.session, server.now(), &*server.randomness);
    let ticket = ticket.seal(&TicketKey::new(&server.master)).ok_or_else(Fault::internal)?;
    pages::html(StatusCode::OK, &page(server, &wanted, &client, &person, choices.projects, ticket, return_to))
}

/// The project of an earlier consent that answers this request. Only when there is one of them: which one a person
/// means is theirs to say.
fn remembered(client: &Client, wanted: &AuthorizationRequest, granted: &[(ProjectId, ScopeSet)]) -> Option<ProjectId> {
    let mut found = granted
        .iter()
        .filter(|(_, scopes)| may_skip_consent(client, &wanted.redirect_uri, Some(scopes), &wanted.scopes))
        .map(|(project, _)| *project);
    found.next().filter(|_| found.next().is_none())
}

fn page(
    server: &AuthorizationServer,
    wanted: &AuthorizationRequest,
    client: &Client,
    person: &Person,
    projects: Vec<(Project, Role)>,
    ticket: String,
    return_to: &str,
) -> ConsentPage {
    let is_loopback = |uri: &String| redirect_uri::check(uri) == Ok(RedirectKind::Loopback);
    // A document proves who publishes a program, not which program on this computer asks.
    let is_loopback_only = client.redirect_uris.iter().all(is_loopback) || (is_document(&client.id) && is_loopback(&wanted.redirect_uri));
    let frame = visitor::frame(&server.settings, Some(person));
    ConsentPage {
        csrf: frame.csrf.clone(),
        frame,
        action: server.settings.path("/oauth/authorize"),
        sign_out: server.settings.path("/sign-out"),
        return_to: return_to.to_owned(),
        client_name: claimed_name(&client.name),
        is_verified: client.origin == ClientOrigin::Operator,
        publisher: publisher(client),
        redirect_host: redirect_uri::display_host(&wanted.redirect_uri),
        is_loopback_only,
        account: person.signed_in.email.clone(),
        projects: project_choices(projects),
        scopes: wanted.scopes.iter().map(|scope| scope.in_words()).collect(),
        ticket,
    }
}

/// A person's projects as choices.
pub(crate) fn project_choices(projects: Vec<(Project, Role)>) -> Vec<ProjectChoice> {
    let choice = |(at, (project, _)): (usize, (Project, Role))| ProjectChoice {
        id: project.id.to_string(),
        is_personal: project.personal_of.is_some(),
        name: project.name,
        is_first: at == 0,
    };
    projects.into_iter().enumerate().map(choice).collect()
}

/// The person's answer to the consent page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Reads the decision: nothing but `allow` allows.
pub(crate) fn decision(form: &Parameters) -> Option<Decision> {
    match form.get("decision") {
        Some("allow") => Some(Decision::Allow),
        Some("deny") => Some(Decision::Deny),
        _ => None,
    }
}

/// Judges the form: who answers, whether it is their page, what they say.
pub async fn decide(server: &AuthorizationServer, request: &HttpRequest, form: &Parameters) -> Result<HttpResponse, Fault> {
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let ticket = form
        .get("ticket")
        .and_then(|text| <Ticket>::open(text, &TicketKey::new(&server.master)))
        .ok_or_else(|| began_elsewhere("The form is damaged."))?;
    if ticket.expires_at <= server.now() {
        return Err(began_elsewhere("This page was open for too long."));
    }
    let (facts, person) = visitor::consent_facts(request, server, &ticket.request.client_id).await?;
    let Some(person) = person else { return Err(began_elsewhere("You are signed out.")) };
    if person.signed_in.session != ticket.session {
        return Err(began_elsewhere("You signed in again since this page was opened."));
    }
    if !person.has_sent(form.get("csrf")) {
        return Err(Fault::foreign_form());
    }
    let wanted = &ticket.request;
    let decision = decision(form).ok_or_else(|| Fault::bad_request("The form does not say whether you allow it.".to_owned()))?;
    let from = visitor::address(request, &server.settings);
    match decision {
        Decision::Deny => deny(server, &ticket, &person, from).await,
        Decision::Allow => {
            let client = super::known(server, request, &wanted.client_id, facts.client).await?;
            let is_still_so =
                |client: &Client| !client.disabled && redirect_uri::is_registered(&wanted.redirect_uri, &client.redirect_uris);
            let Some(client) = client.filter(is_still_so) else { return Err(super::unknown_client()) };
            let project = chosen(form.get("project"), &facts.projects)
                .ok_or_else(|| Fault::bad_request("The project is not one of yours. Go back and choose again.".to_owned()))?;
            issue(server, wanted, &client, &person, project, ticket.hash(), from).await
        }
    }
}

/// A form counts once, whatever it says: who denied, went back and allows gives nothing to a client that was told no.
async fn deny(server: &AuthorizationServer, ticket: &Ticket, person: &Person, from: Option<String>) -> Result<HttpResponse, Fault> {
    let use_once = UseOnce { what: ticket.hash(), expires_at: ticket.expires_at.after(ticket::KEPT), now: server.now() };
    if !ask(&server.asks.use_once, use_once).await? {
        return Err(answered_already());
    }
    let wanted = &ticket.request;
    server.record("consent.denied", Some(person.signed_in.user), Some(&wanted.client_id), from, serde_json::Value::Null);
    let error = Error::new(ErrorCode::AccessDenied, "The person did not allow it.");
    Ok(response::error(&wanted.redirect_uri, &error, wanted.state.as_deref(), &server.settings.urls.issuer))
}

fn answered_already() -> Fault {
    Fault::new(
        StatusCode::CONFLICT,
        "This was answered already",
        "The form was sent before. The application has its answer.",
        "Go back to the application. If it is not connected, connect once more.",
    )
}

/// The project that was chosen, if it is one of the person's. With one project there is nothing to choose.
pub(crate) fn chosen(sent: Option<&str>, projects: &[(Project, Role)]) -> Option<ProjectId> {
    match (sent, projects) {
        (None, [(only, _)]) => Some(only.id),
        (None, _) => None,
        (Some(sent), _) => projects.iter().map(|(project, _)| project.id).find(|id| id.to_string() == sent),
    }
}

pub(crate) fn in_no_project() -> Fault {
    Fault::new(
        StatusCode::FORBIDDEN,
        "You are in no project",
        "Access is given for a project, and your account is in none.",
        "Ask an administrator of this server.",
    )
}

fn began_elsewhere(why: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "Please start again", why, "Go back to the application and connect once more.")
}

async fn issue(
    server: &AuthorizationServer,
    wanted: &AuthorizationRequest,
    client: &Client,
    person: &Person,
    project: ProjectId,
    ticket: SecretHash,
    from: Option<String>,
) -> Result<HttpResponse, Fault> {
    // What a person consents to is stored: the token endpoint knows the client from there, whatever becomes of its document.
    if client.origin == ClientOrigin::MetadataDocument {
        ask(&server.asks.register_client, RegisterClient { client: client.clone(), from: from.clone() }).await?;
    }
    let now = server.now();
    let code = Secret::generate(&*server.randomness, "");
    let message = IssueCode {
        ticket,
        grant: GrantId::generate(now, &*server.randomness),
        user: person.signed_in.user,
        client: wanted.client_id.clone(),
        project,
        scopes: wanted.scopes.clone(),
        resource: wanted.resource.clone(),
        code: code.hash(),
        redirect_key: redirect_uri::key(&wanted.redirect_uri),
        code_challenge: wanted.code_challenge.clone(),
        nonce: wanted.nonce.clone(),
        authenticated_at: person.signed_in.authenticated_at,
        now,
        expires_at: now.after(server.settings.code_lifetime),
        from,
    };
    match ask(&server.asks.issue_code, message).await? {
        Ok(()) => Ok(response::code(&wanted.redirect_uri, code.expose(), wanted.state.as_deref(), &server.settings.urls.issuer)),
        Err(Refusal::Reused) => Err(answered_already()),
        Err(_) => Err(Fault::new(
            StatusCode::FORBIDDEN,
            "That is not possible any more",
            "Your account is disabled, or you are no longer in this project.",
            "Ask an administrator of this server.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;
    use uuid::Uuid;

    fn client(origin: ClientOrigin) -> Client {
        Client { origin, ..Client::public("c_1", &[], Timestamp(0)) }
    }

    /// AS15.
    #[test]
    fn consent_is_remembered_for_verified_https_clients_only() {
        let granted = ScopeSet::parse_known("docs:read email");
        let asked = ScopeSet::parse_known("docs:read");
        let https = "https://a.example/cb";
        let skip = |origin, uri, granted: Option<&ScopeSet>, asked: &ScopeSet| may_skip_consent(&client(origin), uri, granted, asked);
        assert!(skip(ClientOrigin::Operator, https, Some(&granted), &asked));
        assert!(!skip(ClientOrigin::Dynamic, https, Some(&granted), &asked), "anybody may register any https address");
        assert!(!skip(ClientOrigin::Operator, "http://localhost/cb", Some(&granted), &asked));
        assert!(!skip(ClientOrigin::Operator, "cursor://app/cb", Some(&granted), &asked));
        assert!(!skip(ClientOrigin::Operator, https, None, &asked));
        assert!(!skip(ClientOrigin::Operator, https, Some(&asked), &granted), "more is asked than was granted");
        let of_document = |uri| {
            let client =
                Client { origin: ClientOrigin::MetadataDocument, ..Client::public("https://a.example/client.json", &[], Timestamp(0)) };
            may_skip_consent(&client, uri, Some(&granted), &asked)
        };
        assert!(of_document(https), "the document's own host");
        assert!(!of_document("https://b.example/cb") && !of_document("http://127.0.0.1/cb") && !of_document("cursor://a.example/cb"));
    }

    #[test]
    fn only_a_project_of_ones_own_can_be_chosen() {
        let project =
            |number| Project { id: ProjectId(Uuid::from_u128(number)), name: "p".into(), personal_of: None, created_at: Timestamp(0) };
        let one = [(project(1), Role::Owner)];
        let two = [(project(1), Role::Owner), (project(2), Role::Member)];
        let id = |number| ProjectId(Uuid::from_u128(number));
        assert_eq!(chosen(None, &one), Some(id(1)));
        assert_eq!(chosen(None, &two), None);
        assert_eq!(chosen(Some(&id(2).to_string()), &two), Some(id(2)));
        assert_eq!(chosen(Some(&id(3).to_string()), &two), None);
        assert_eq!(chosen(Some("x"), &one), None);
    }

    #[test]
    fn nothing_but_allow_allows() {
        let of = |text: &str| decision(&Parameters::parse(text.as_bytes()).unwrap());
        assert_eq!(of("decision=allow"), Some(Decision::Allow));
        assert_eq!(of("decision=deny"), Some(Decision::Deny));
        assert_eq!((of("decision=Allow"), of("")), (None, None));
    }
}
