//! `/set-password?link=…`: a new password by a one-time link.

use super::pages::{self, SetPasswordPage};
use super::{Fault, account_form, answered, session, sign_in};
use crate::body;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_store::LinkPurpose;
use docent_types::actors::ask;
use docent_types::messages::HashPassword;
use docent_types::secret::SecretHash;

/// `GET /set-password`.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = form_page(&server, &request).await;
    answered(&server, &request, answer)
}

/// `POST /set-password`.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = set(&server, &request, payload).await;
    answered(&server, &request, answer)
}

/// A link that is unknown, used or too old.
pub(super) fn ended() -> Fault {
    Fault::new(
        StatusCode::GONE,
        "This link does not work any more",
        "It was used already, is too old, or was not copied whole.",
        "Ask whoever gave it to you for a new one.",
    )
}

async fn email_of(server: &AuthorizationServer, link: &str) -> Result<String, Fault> {
    let link = server.store.link(LinkPurpose::SetPassword, SecretHash::of(link), server.now()).await?.ok_or_else(ended)?;
    let user = match link.user {
        Some(user) => server.store.user(user).await?,
        None => None,
    };
    user.map(|user| user.email).ok_or_else(ended)
}

fn page(server: &AuthorizationServer, status: StatusCode, link: &str, email: String, error: &str) -> Result<HttpResponse, Fault> {
    let page = SetPasswordPage {
        frame: visitor::frame(&server.settings, None),
        action: server.settings.path("/set-password"),
        link: link.to_owned(),
        email,
        error: error.to_owned(),
    };
    pages::html(status, &page)
}

async fn form_page(server: &AuthorizationServer, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let query = Parameters::parse(request.query_string().as_bytes())?;
    let link = query.get("link").ok_or_else(ended)?;
    let email = email_of(server, link).await?;
    page(server, StatusCode::OK, link, email, "")
}

async fn set(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Fault> {
    let form = body::read_form(request, payload).await?;
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let link = form.get("link").ok_or_else(ended)?;
    let email = email_of(server, link).await?;
    let error = account_form::password_error(form.get("password"));
    if !error.is_empty() {
        return page(server, StatusCode::UNPROCESSABLE_ENTITY, link, email, error);
    }
    sign_in::limited(server, request, None).await?;
    let hash = ask(&server.asks.hash_password, HashPassword(account_form::password(&form))).await?;
    let user = server.store.set_password_by_link(SecretHash::of(link), &hash, server.now()).await?.ok_or_else(ended)?;
    server.record("password.set", Some(user), None, visitor::address(request, &server.settings), serde_json::Value::Null);
    session::begin(server, request, user, "/").await
}
