//! `/oauth/authorize`: parse, check, sign in, consent, answer.

pub mod checks;
pub mod consent;
pub mod request;
pub mod response;
pub mod ticket;

use crate::body;
use crate::client_metadata_document::is_document;
use crate::parameters::Parameters;
use crate::people::{Fault, answered};
use crate::server::AuthorizationServer;
use crate::visitor::{self, Person};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::documents::DocumentError;
use docent_types::ids::ClientId;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::Client;
use docent_types::time::Timestamp;
use request::{Interaction, NoRedirect};

/// `GET /oauth/authorize`. Changes nothing, unless a remembered consent answers at once.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = authorize(&server, &request).await;
    answered(&server, &request, answer)
}

/// `POST /oauth/authorize`: the consent form's answer, or an authorization request by form.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = match body::read_form(&request, payload).await {
        Err(refused) => Err(refused.into()),
        Ok(form) if form.get("ticket").is_some() => consent::decide(&server, &request, &form).await,
        // OpenID Connect Core 3.1.2.1 allows a form. Only a GET brings the session cookie from another site.
        Ok(form) => Ok(see_other(&format!("{}?{}", server.settings.path("/oauth/authorize"), form.to_query()))),
    };
    answered(&server, &request, answer)
}

pub(crate) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::LOCATION, location)).finish()
}

/// What comes next for a valid request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    SignIn,
    Consent,
    Error(ErrorCode),
}

fn next(interaction: Interaction, authenticated_at: Option<Timestamp>, now: Timestamp) -> Next {
    match (authenticated_at.is_some_and(|at| !interaction.wants_sign_in(at, now)), interaction.none) {
        (true, _) => Next::Consent,
        (false, true) => Next::Error(ErrorCode::LoginRequired),
        (false, false) => Next::SignIn,
    }
}

async fn authorize(server: &AuthorizationServer, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let parameters = Parameters::parse(request.query_string().as_bytes())?;
    let Who { client, person, choices } = who(server, request, &parameters).await?;
    let redirect_uri = request::redirect_uri(&parameters, &client).map_err(|why| bad_redirect(why, &parameters))?;
    let issuer = server.settings.urls.issuer.as_str();
    let state = parameters.get("state");
    let wanted = match request::read(&parameters, &client, redirect_uri.clone(), &server.settings.urls) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(response::error(&redirect_uri, &error, state, issuer)),
    };
    let interaction = Interaction::of(&parameters);
    match (next(interaction, person.as_ref().map(|person| person.signed_in.authenticated_at), server.now()), person) {
        (Next::Consent, Some(person)) => {
            let asked = consent::Asked { wanted, client, person, choices, interaction };
            consent::ask_or_remember(server, asked, &return_to(server, &parameters)).await
        }
        (Next::Error(code), _) => Ok(response::error(
            &redirect_uri,
            &Error::new(code, "The person would have to sign in, and prompt=none forbids to ask."),
            state,
            issuer,
        )),
        _ => Ok(see_other(&format!(
            "{}?return_to={}",
            server.settings.path("/sign-in"),
            crate::parameters::encode(&return_to(server, &parameters))
        ))),
    }
}

/// The client that asks, the person in front of it, and what they may choose.
struct Who {
    client: Client,
    person: Option<Person>,
    choices: consent::Choices,
}

/// Who takes part, in one round trip.
async fn who(server: &AuthorizationServer, request: &HttpRequest, parameters: &Parameters) -> Result<Who, Fault> {
    for name in ["client_id", "redirect_uri"] {
        if parameters.all(name).count() > 1 {
            return Err(Fault::bad_request(format!("The application sent {name} more than once.")));
        }
    }
    let Some(client_id) = parameters.get("client_id") else {
        return Err(Fault::bad_request("The application did not say who it is: client_id is missing.".to_owned()));
    };
    let client_id = ClientId(client_id.to_owned());
    let (facts, person) = visitor::consent_facts(request, server, &client_id).await?;
    match known(server, request, &client_id, facts.client).await? {
        Some(client) if client.disabled => Err(Fault::new(
            StatusCode::BAD_REQUEST,
            "This application is blocked",
            "An administrator of this server has blocked it.",
            "Ask them why.",
        )),
        Some(client) => Ok(Who { client, person, choices: consent::Choices { projects: facts.projects, granted: facts.granted } }),
        None => Err(unknown_client()),
    }
}

/// The client of an id: as it is stored, or as its document describes it now (AS12). What is stored of the latter is what a person
/// consented to once; only whether an administrator blocked it counts here.
async fn known(
    server: &AuthorizationServer,
    request: &HttpRequest,
    id: &ClientId,
    stored: Option<Client>,
) -> Result<Option<Client>, Fault> {
    if !is_document(id) || stored.as_ref().is_some_and(|client| client.disabled) {
        return Ok(stored);
    }
    let Some(documents) = &server.documents else { return Ok(None) };
    let read = server.document_client(documents, id, visitor::address(request, &server.settings)).await;
    Ok(Some(Client::clone(&*read.map_err(|error| no_document(server, id, &error))?)))
}

/// The page for a document that cannot be used. Everything on it is known to whoever published the document.
fn no_document(server: &AuthorizationServer, id: &ClientId, error: &DocumentError) -> Fault {
    let shown: String = id.as_str().chars().filter(|c| !c.is_control()).take(200).collect();
    let (status, wait) = match error {
        DocumentError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(2)),
        DocumentError::TooOften(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some(*seconds)),
        _ => (StatusCode::BAD_REQUEST, None),
    };
    let what_to_do = if server.asks_to_register_instead() {
        "This server has no way to the internet, where the document is. Connect again from the application: it will register here instead."
    } else if error.is_passing() {
        "Try again in a moment. If it stays so, tell whoever runs this server: it may have no way to that site."
    } else {
        "Tell the developer of the application. If you came here by a link, close this page."
    };
    let message = format!("The application is described by a document at {shown}. This document {error}.");
    Fault::new(status, "This application cannot be connected", message, what_to_do).retry_after(wait)
}

/// Where the person comes back to after signing in. `prompt=login` and `max_age=0` are answered by that very sign-in.
fn return_to(server: &AuthorizationServer, parameters: &Parameters) -> String {
    let asks_login = parameters.get("prompt").is_some_and(|prompt| prompt.split_ascii_whitespace().any(|word| word == "login"));
    let mut rest = if asks_login { parameters.without("prompt") } else { parameters.clone() };
    if rest.get("max_age") == Some("0") {
        rest = rest.without("max_age");
    }
    format!("{}?{}", server.settings.path("/oauth/authorize"), rest.to_query())
}

pub(crate) fn unknown_client() -> Fault {
    Fault::new(
        StatusCode::BAD_REQUEST,
        "This application is not known here",
        "The application uses a registration that this server does not have, or has no longer.",
        "Make the application forget this server and connect again. Claude Code: /mcp, choose the server, Clear authentication. Codex: codex mcp logout, then login. \
         mcp-remote: delete the folder ~/.mcp-auth. Cursor and VS Code: remove the server and add it again.",
    )
}

fn bad_redirect(why: NoRedirect, parameters: &Parameters) -> Fault {
    let message = match why {
        NoRedirect::Missing => "The application did not say where to send you back to: redirect_uri is missing.".to_owned(),
        NoRedirect::NotRegistered => {
            let shown: String = parameters.get("redirect_uri").unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
            format!("The application wants to send you to {shown}, which it did not register. You were not sent there.")
        }
    };
    Fault::new(
        StatusCode::BAD_REQUEST,
        "This application cannot be connected",
        message,
        "If you trust it, make it forget this server and connect again, so that it registers anew. If you came here by a link, close this page.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_signs_in_first_unless_the_client_forbids_to_ask() {
        let now = Timestamp::from_seconds(1000);
        let none = Interaction { none: true, ..Interaction::default() };
        let login = Interaction { login: true, ..Interaction::default() };
        assert_eq!(next(Interaction::default(), None, now), Next::SignIn);
        assert_eq!(next(Interaction::default(), Some(Timestamp(0)), now), Next::Consent);
        assert_eq!(next(none, None, now), Next::Error(ErrorCode::LoginRequired));
        assert_eq!(next(none, Some(Timestamp(0)), now), Next::Consent);
        assert_eq!(next(login, Some(now), now), Next::SignIn);
        let recent = Interaction { max_age: Some(10), none: true, ..Interaction::default() };
        assert_eq!(next(recent, Some(Timestamp(0)), now), Next::Error(ErrorCode::LoginRequired));
    }
}
