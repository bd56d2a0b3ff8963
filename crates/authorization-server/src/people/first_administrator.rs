//! `/first-administrator?link=…`: the first account of a new Docent, by the link that its start printed.

use super::account_form::AccountForm;
use super::pages::{self, NewAccountPage};
use super::{Fault, answered, session, set_password, sign_in, sign_up};
use crate::body;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_store::LinkPurpose;
use docent_types::secret::SecretHash;

/// `GET /first-administrator`.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = form_page(&server, &request).await;
    answered(&server, &request, answer)
}

/// `POST /first-administrator`.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = create(&server, &request, payload).await;
    answered(&server, &request, answer)
}

/// The link, if it still makes an administrator.
async fn link<'a>(server: &AuthorizationServer, parameters: &'a Parameters) -> Result<&'a str, Fault> {
    let link = parameters.get("link").ok_or_else(set_password::ended)?;
    match server.store.link(LinkPurpose::FirstAdmin, SecretHash::of(link), server.now()).await? {
        Some(_) => Ok(link),
        None => Err(set_password::ended()),
    }
}

fn page(server: &AuthorizationServer, status: StatusCode, link: &str, form: AccountForm) -> Result<HttpResponse, Fault> {
    let page = NewAccountPage {
        frame: visitor::frame(&server.settings, None),
        title: "Make the first account",
        lead: "It will administer this server.",
        action: server.settings.path("/first-administrator"),
        link: link.to_owned(),
        return_to: "/".to_owned(),
        email_is_fixed: false,
        form,
    };
    pages::html(status, &page)
}

async fn form_page(server: &AuthorizationServer, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let query = Parameters::parse(request.query_string().as_bytes())?;
    let link = link(server, &query).await?;
    page(server, StatusCode::OK, link, AccountForm::default())
}

async fn create(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Fault> {
    let form = body::read_form(request, payload).await?;
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let link = link(server, &form).await?;
    let typed = AccountForm::read(&form, None);
    if !typed.is_good() {
        return page(server, StatusCode::UNPROCESSABLE_ENTITY, link, typed);
    }
    sign_in::limited(server, request, None).await?;
    let new = sign_up::new_user(server, &typed, &form, true).await?;
    let user = server.store.create_first_admin(new, SecretHash::of(link)).await?.ok_or_else(set_password::ended)?;
    server.record(
        "user.created",
        Some(user.id),
        None,
        visitor::address(request, &server.settings),
        serde_json::json!({"first_administrator": true}),
    );
    session::begin(server, request, user.id, "/").await
}
