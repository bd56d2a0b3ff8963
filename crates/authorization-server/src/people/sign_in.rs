//! `/sign-in`: e-mail address and password.

use super::pages::{self, SignInPage};
use super::{Fault, account_form, answered, return_to, session};
use crate::body;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::settings::SignUp;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::messages::{CheckLimit, Limit, VerifyPassword};
use serde_json::json;

/// One text for an unknown address, a wrong password and a disabled account: which of them it is, is not told.
const WRONG: &str = "The e-mail address or the password is wrong.";

/// `GET /sign-in`.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = Parameters::parse(request.query_string().as_bytes())
        .map_err(Fault::from)
        .and_then(|query| page(&server, StatusCode::OK, query.get("return_to"), "", ""));
    answered(&server, &request, answer)
}

/// `POST /sign-in`.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = sign_in(&server, &request, payload).await;
    answered(&server, &request, answer)
}

fn page(server: &AuthorizationServer, status: StatusCode, then: Option<&str>, email: &str, error: &str) -> Result<HttpResponse, Fault> {
    let page = SignInPage {
        frame: visitor::frame(&server.settings, None),
        action: server.settings.path("/sign-in"),
        sign_up: (server.settings.sign_up == SignUp::Open).then(|| server.settings.path("/sign-up")),
        return_to: return_to::or_start(then).to_owned(),
        email: email.to_owned(),
        error: error.to_owned(),
    };
    pages::html(status, &page)
}

/// Refuses when this address, or this account from wherever, was tried too often.
pub(super) async fn limited(server: &AuthorizationServer, request: &HttpRequest, account: Option<&str>) -> Result<(), Fault> {
    let by_address = visitor::address(request, &server.settings).map(|key| CheckLimit { limit: Limit::SignInAddress, key });
    let by_account = account.map(|key| CheckLimit { limit: Limit::SignInAccount, key: key.to_owned() });
    for check in by_address.into_iter().chain(by_account) {
        if let Some(seconds) = ask(&server.asks.check_limit, check).await? {
            return Err(Fault::slow_down(seconds));
        }
    }
    Ok(())
}

async fn sign_in(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Fault> {
    let form = body::read_form(request, payload).await?;
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let typed = form.get("email").unwrap_or_default().trim();
    let email = typed.to_lowercase();
    if email.is_empty()
        || email.len() > 254
        || form.get("password").is_none_or(|password| password.chars().count() > account_form::PASSWORD_MAXIMUM)
    {
        return page(server, StatusCode::UNPROCESSABLE_ENTITY, form.get("return_to"), typed, WRONG);
    }
    limited(server, request, Some(&email)).await?;
    let user = server.store.user_by_email(&email).await?.filter(|user| user.disabled_at.is_none());
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = ask(&server.asks.verify_password, VerifyPassword { password: account_form::password(&form), stored }).await?;
    let from = visitor::address(request, &server.settings);
    match user {
        Some(user) if is_right => {
            server.record("sign_in.succeeded", Some(user.id), None, from, serde_json::Value::Null);
            session::begin(server, request, user.id, return_to::or_start(form.get("return_to"))).await
        }
        user => {
            server.record("sign_in.failed", user.map(|user| user.id), None, from, json!({"email": email}));
            page(server, StatusCode::UNPROCESSABLE_ENTITY, form.get("return_to"), typed, WRONG)
        }
    }
}
