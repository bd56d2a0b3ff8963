//! `/device` (RFC 8628 3.3, AS21): a person types the code that another machine shows, sees who asks for what, and decides.
//!
//! Typing the code claims it for this session (CVE-2026-45337): nobody else can decide about it afterwards. A link that carries the code
//! fills it in and does nothing more. What is wrong with a code is never told: unknown, ended, used and somebody else's look the same.

use super::device_pages::{self, DeviceCodePage, DeviceConsentPage, DeviceDonePage};
use super::{Fault, answered, claimed_name, pages};
use crate::authorize::consent::{self, Decision};
use crate::authorize::ticket::{Ticket, TicketKey};
use crate::authorize::{see_other, unknown_client};
use crate::body;
use crate::parameters::{Parameters, encode};
use crate::server::AuthorizationServer;
use crate::visitor::{self, Person};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_store::{Project, Role};
use docent_types::actors::ask;
use docent_types::device::{self, UserCode};
use docent_types::ids::{ClientId, GrantId, ProjectId};
use docent_types::messages::{
    CheckLimit, ClaimDeviceAuthorization, DecideDeviceAuthorization, DeviceDecision, DeviceRequest, Limit, Refusal,
};
use docent_types::registration::{Client, ClientOrigin};
use serde::{Deserialize, Serialize};

/// One text for every code that leads nowhere.
const WRONG: &str =
    "This code is not known, or it has ended. Compare it with the one on your device. If it is older than ten minutes, start again there.";

/// What the consent form's ticket is about. The code is not secret from the person who typed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Typed {
    user_code: String,
    client: ClientId,
}

/// `GET /device`. Changes nothing, whatever code the link carries.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = code_page(&server, &request).await;
    answered(&server, &request, answer)
}

/// `POST /device`: the code, or the decision about it.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = match body::read_form(&request, payload).await {
        Err(refused) => Err(refused.into()),
        Ok(form) if form.get("ticket").is_some() => decide(&server, &request, &form).await,
        Ok(form) => claim(&server, &request, &form).await,
    };
    answered(&server, &request, answer)
}

/// This page with a code, for links of ours.
fn path(server: &AuthorizationServer, code: Option<&UserCode>) -> String {
    let query = code.map(|code| format!("?user_code={}", encode(&code.to_string()))).unwrap_or_default();
    format!("{}{query}", server.settings.path("/device"))
}

/// Signing in leads back here, with the code.
fn to_sign_in(server: &AuthorizationServer, code: Option<&UserCode>) -> HttpResponse {
    see_other(&format!("{}?return_to={}", server.settings.path("/sign-in"), encode(&path(server, code))))
}

async fn code_page(server: &AuthorizationServer, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let query = Parameters::parse(request.query_string().as_bytes())?;
    let code = query.get("user_code").and_then(UserCode::parse);
    let Some(person) = visitor::person(request, server).await? else { return Ok(to_sign_in(server, code.as_ref())) };
    let typed = code.map(|code| code.to_string()).unwrap_or_default();
    pages::html(StatusCode::OK, &DeviceCodePage::new(server, &person, typed, ""))
}

/// Refuses whoever types too many codes: a person, an address, and everybody together.
async fn limited(server: &AuthorizationServer, request: &HttpRequest, person: &Person) -> Result<(), Fault> {
    let check = |limit, key: String| CheckLimit { limit, key };
    let by_address = visitor::address(request, &server.settings).map(|key| check(Limit::UserCodeAddress, key));
    let by_person = check(Limit::UserCode, person.signed_in.user.to_string());
    for check in [Some(by_person), by_address, Some(check(Limit::UserCodeAnywhere, String::new()))].into_iter().flatten() {
        if let Some(seconds) = ask(&server.asks.check_limit, check).await? {
            return Err(Fault::slow_down(seconds));
        }
    }
    Ok(())
}

async fn claim(server: &AuthorizationServer, request: &HttpRequest, form: &Parameters) -> Result<HttpResponse, Fault> {
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let typed = form.get("user_code").unwrap_or_default();
    let code = UserCode::parse(typed);
    let Some(person) = visitor::person(request, server).await? else { return Ok(to_sign_in(server, code.as_ref())) };
    if !person.has_sent(form.get("csrf")) {
        return Err(Fault::foreign_form());
    }
    let wrong = |typed: String| pages::html(StatusCode::UNPROCESSABLE_ENTITY, &DeviceCodePage::new(server, &person, typed, WRONG));
    let Some(code) = code else { return wrong(typed.chars().filter(|c| !c.is_control()).take(40).collect()) };
    limited(server, request, &person).await?;
    let message = ClaimDeviceAuthorization {
        user_code: code.hash(&server.master),
        user: person.signed_in.user,
        session: person.signed_in.session,
        now: server.now(),
    };
    let Some(asked) = ask(&server.asks.claim_device, message).await? else {
        let from = visitor::address(request, &server.settings);
        server.record("user_code.failed", Some(person.signed_in.user), None, from, serde_json::Value::Null);
        return wrong(code.to_string());
    };
    let (facts, _) = visitor::consent_facts(request, server, &asked.client).await?;
    let client = facts.client.filter(may_connect).ok_or_else(unknown_client)?;
    if facts.projects.is_empty() {
        return Err(consent::in_no_project());
    }
    let page = consent_page(server, request, &person, &code, &asked, &client, facts.projects).ok_or_else(Fault::internal)?;
    pages::html(StatusCode::OK, &page)
}

/// CVE-2024-38371: what keeps a client out elsewhere keeps it out here.
fn may_connect(client: &Client) -> bool {
    !client.disabled && client.may_use(device::GRANT_TYPE)
}

fn consent_page(
    server: &AuthorizationServer,
    request: &HttpRequest,
    person: &Person,
    code: &UserCode,
    asked: &DeviceRequest,
    client: &Client,
    projects: Vec<(Project, Role)>,
) -> Option<DeviceConsentPage> {
    let now = server.now();
    let ticket =
        Ticket::new(Typed { user_code: code.to_string(), client: client.id.clone() }, person.signed_in.session, now, &*server.randomness);
    let frame = visitor::frame(&server.settings, Some(person));
    Some(DeviceConsentPage {
        csrf: frame.csrf.clone(),
        frame,
        action: server.settings.path("/device"),
        sign_out: server.settings.path("/sign-out"),
        return_to: path(server, Some(code)),
        user_code: code.to_string(),
        client_name: claimed_name(&client.name),
        // Of a public client nothing is proved: whoever knows its id may have begun this.
        is_verified: asked.is_proved && client.origin == ClientOrigin::Operator,
        asked_from: asked.from.clone().unwrap_or_default(),
        is_same_address: asked.from.is_some() && asked.from == visitor::address(request, &server.settings),
        asked_ago: device_pages::ago(asked.asked_at, now),
        account: person.signed_in.email.clone(),
        projects: consent::project_choices(projects),
        scopes: asked.scopes.iter().map(|scope| scope.in_words()).collect(),
        ticket: ticket.seal(&TicketKey::for_devices(&server.master))?,
    })
}

fn start_again(why: &str) -> Fault {
    Fault::new(
        StatusCode::BAD_REQUEST,
        "Please start again",
        why,
        "Type the code once more. If it is not known any more, start again on the device.",
    )
}

/// Who decides about which code, if the form is the one that this session was shown.
async fn opened(
    server: &AuthorizationServer,
    request: &HttpRequest,
    form: &Parameters,
) -> Result<(Ticket<Typed>, Person, UserCode), Fault> {
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let ticket = form
        .get("ticket")
        .and_then(|text| Ticket::<Typed>::open(text, &TicketKey::for_devices(&server.master)))
        .ok_or_else(|| start_again("The form is damaged."))?;
    if ticket.expires_at <= server.now() {
        return Err(start_again("This page was open for too long."));
    }
    let Some(person) = visitor::person(request, server).await? else { return Err(start_again("You are signed out.")) };
    if person.signed_in.session != ticket.session {
        return Err(start_again("You signed in again since this page was opened."));
    }
    if !person.has_sent(form.get("csrf")) {
        return Err(Fault::foreign_form());
    }
    let code = UserCode::parse(&ticket.request.user_code).ok_or_else(Fault::internal)?;
    Ok((ticket, person, code))
}

/// The project that was chosen, for a client that may connect still. Answers the client's name too.
async fn allowed(
    server: &AuthorizationServer,
    request: &HttpRequest,
    form: &Parameters,
    client: &ClientId,
) -> Result<(ProjectId, String), Fault> {
    let (facts, _) = visitor::consent_facts(request, server, client).await?;
    let client = facts.client.filter(may_connect).ok_or_else(unknown_client)?;
    let project = consent::chosen(form.get("project"), &facts.projects)
        .ok_or_else(|| Fault::bad_request("The project is not one of yours. Go back and choose again.".to_owned()))?;
    Ok((project, claimed_name(&client.name)))
}

async fn decide(server: &AuthorizationServer, request: &HttpRequest, form: &Parameters) -> Result<HttpResponse, Fault> {
    let (ticket, person, code) = opened(server, request, form).await?;
    let decision = consent::decision(form).ok_or_else(|| Fault::bad_request("The form does not say whether you allow it.".to_owned()))?;
    let (user_code, user, session, now) = (code.hash(&server.master), person.signed_in.user, person.signed_in.session, server.now());
    let (decision, client_name) = match decision {
        Decision::Deny => (DeviceDecision::Deny, String::new()),
        Decision::Allow => {
            let (project, name) = allowed(server, request, form, &ticket.request.client).await?;
            (DeviceDecision::Allow { grant: GrantId::generate(now, &*server.randomness), project }, name)
        }
    };
    let message = DecideDeviceAuthorization {
        ticket: ticket.hash(),
        user_code,
        user,
        session,
        decision,
        authenticated_at: person.signed_in.authenticated_at,
        now,
        from: visitor::address(request, &server.settings),
    };
    ask(&server.asks.decide_device, message).await?.map_err(refusal)?;
    let frame = visitor::frame(&server.settings, Some(&person));
    pages::html(StatusCode::OK, &DeviceDonePage { frame, is_allowed: decision != DeviceDecision::Deny, client_name })
}

fn refusal(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Reused => Fault::new(
            StatusCode::CONFLICT,
            "This was answered already",
            "The form was sent before. The device has its answer.",
            "Look at the device. If it is not connected, start again there.",
        ),
        Refusal::Withdrawn => Fault::new(
            StatusCode::FORBIDDEN,
            "That is not possible any more",
            "Your account is disabled, or you are no longer in this project.",
            "Ask an administrator of this server.",
        ),
        _ => start_again("The code has ended, or was answered on another page."),
    }
}
