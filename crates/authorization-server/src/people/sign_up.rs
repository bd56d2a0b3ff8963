//! `/sign-up`: a new account, for whom the operator lets (`accounts.sign_up`).

use super::account_form::{self, AccountForm};
use super::pages::{self, NewAccountPage};
use super::{Fault, answered, return_to, session, set_password, sign_in};
use crate::body;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::settings::SignUp;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_store::{LinkPurpose, NewUser, StoreError, User};
use docent_types::actors::ask;
use docent_types::ids::{ProjectId, UserId};
use docent_types::messages::HashPassword;
use docent_types::secret::SecretHash;

/// `GET /sign-up`.
pub async fn show(server: web::Data<AuthorizationServer>, request: HttpRequest) -> HttpResponse {
    let answer = form_page(&server, &request).await;
    answered(&server, &request, answer)
}

/// `POST /sign-up`.
pub async fn answer(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = sign_up(&server, &request, payload).await;
    answered(&server, &request, answer)
}

/// What lets a person in.
enum Admission {
    /// Everybody may.
    Open,
    /// An invitation, which may name the address.
    Invited { link: SecretHash, email: Option<String> },
}

async fn admission(server: &AuthorizationServer, parameters: &Parameters) -> Result<Admission, Fault> {
    let refused = |why: &str, what: &str| Err(Fault::new(StatusCode::FORBIDDEN, "No accounts are made here", why, what));
    match (server.settings.sign_up, parameters.get("link")) {
        (SignUp::Closed, _) => refused("Accounts of this server are made by its operator.", "Ask whoever runs this server."),
        (_, Some(link)) => {
            let hash = SecretHash::of(link);
            let link = server.store.link(LinkPurpose::Invite, hash, server.now()).await?.ok_or_else(set_password::ended)?;
            Ok(Admission::Invited { link: hash, email: link.email })
        }
        (SignUp::Open, None) => Ok(Admission::Open),
        (SignUp::Invite, None) => refused("This server is by invitation.", "Ask an administrator for a link."),
    }
}

fn page(
    server: &AuthorizationServer,
    status: StatusCode,
    parameters: &Parameters,
    admission: &Admission,
    form: AccountForm,
) -> Result<HttpResponse, Fault> {
    let page = NewAccountPage {
        frame: visitor::frame(&server.settings, None),
        title: "Make an account",
        lead: "Then connect your assistant with it.",
        action: server.settings.path("/sign-up"),
        link: parameters.get("link").unwrap_or_default().to_owned(),
        return_to: return_to::or_start(parameters.get("return_to")).to_owned(),
        email_is_fixed: matches!(admission, Admission::Invited { email: Some(_), .. }),
        form,
    };
    pages::html(status, &page)
}

async fn form_page(server: &AuthorizationServer, request: &HttpRequest) -> Result<HttpResponse, Fault> {
    let query = Parameters::parse(request.query_string().as_bytes())?;
    let admission = admission(server, &query).await?;
    let mut form = AccountForm::default();
    if let Admission::Invited { email: Some(email), .. } = &admission {
        form.email.value.clone_from(email);
    }
    page(server, StatusCode::OK, &query, &admission, form)
}

/// A new user from what was typed.
pub(super) async fn new_user(
    server: &AuthorizationServer,
    typed: &AccountForm,
    form: &Parameters,
    is_admin: bool,
) -> Result<NewUser, Fault> {
    let password_hash = ask(&server.asks.hash_password, HashPassword(account_form::password(form))).await?;
    let now = server.now();
    Ok(NewUser {
        id: UserId::generate(now, &*server.randomness),
        email: typed.email.value.clone(),
        name: typed.name.value.clone(),
        password_hash: Some(password_hash),
        is_admin,
        now,
        project: ProjectId::generate(now, &*server.randomness),
    })
}

async fn sign_up(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Fault> {
    let form = body::read_form(request, payload).await?;
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    let admission = admission(server, &form).await?;
    let invited = match &admission {
        Admission::Invited { email, .. } => email.as_deref(),
        Admission::Open => None,
    };
    let mut typed = AccountForm::read(&form, invited);
    if !typed.is_good() {
        return page(server, StatusCode::UNPROCESSABLE_ENTITY, &form, &admission, typed);
    }
    sign_in::limited(server, request, None).await?;
    let new = new_user(server, &typed, &form, false).await?;
    let made: Result<Option<User>, StoreError> = match &admission {
        Admission::Open => server.store.create_user(new).await.map(Some),
        Admission::Invited { link, .. } => server.store.create_user_by_invite(*link, new).await,
    };
    match made {
        Ok(Some(user)) => {
            server.record("user.created", Some(user.id), None, visitor::address(request, &server.settings), serde_json::Value::Null);
            session::begin(server, request, user.id, return_to::or_start(form.get("return_to"))).await
        }
        Ok(None) => Err(set_password::ended()),
        Err(StoreError::Conflict(_)) => {
            typed.email.error = "This address cannot be used. If it is yours, sign in.".to_owned();
            page(server, StatusCode::UNPROCESSABLE_ENTITY, &form, &admission, typed)
        }
        Err(error) => Err(error.into()),
    }
}
