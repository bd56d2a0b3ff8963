//! `/account/security`: where a person is signed in, and their password.

use super::{address, to_sign_in};
use crate::Console;
use crate::answer::{self, see_other};
use crate::error::{PageError, page_for};
use crate::figures::Moment;
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::{Acting, Session};
use docent_types::actors::{Unavailable, ask};
use docent_types::ids::{SessionId, UserId};
use docent_types::messages::{CheckLimit, HashPassword, Limit, VerifyPassword};
use docent_types::page::Frame;
use docent_types::password;
use docent_types::secret::Secret;
use docent_types::time::Timestamp;
use uuid::Uuid;

const PATH: &str = "/account/security";

/// Sessions, and a form for another password.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/security.html")]
pub struct SecurityPage {
    /// The frame.
    pub frame: Frame,
    /// Where the person is signed in, the newest first.
    pub sessions: Vec<Shown>,
    /// Whether there is a password that can be changed.
    pub has_password: bool,
    /// Whether it was changed just now.
    pub is_changed: bool,
    /// What is wrong with what was typed; empty if nothing is.
    pub error: String,
}

/// A session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Its id, for the form.
    pub id: String,
    /// The browser, as far as it tells.
    pub browser: String,
    /// The address that it began at.
    pub from: Option<String>,
    /// When it began.
    pub since: Moment,
    /// Whether it is the one of whoever looks.
    pub is_this: bool,
}

impl Shown {
    fn of(session: Session, this: Option<SessionId>) -> Self {
        Self {
            is_this: Some(session.id) == this,
            id: session.id.to_string(),
            browser: session.user_agent.filter(|agent| !agent.is_empty()).unwrap_or_else(|| "A browser that does not say which".to_owned()),
            from: session.from,
            since: session.created_at.into(),
        }
    }
}

impl SecurityPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let session = |browser: &str, is_this| Shown {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            browser: browser.to_owned(),
            from: Some("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff".to_owned()),
            since: Timestamp::from_seconds(1_790_000_000).into(),
            is_this,
        };
        let sessions = vec![
            session("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36", true),
            session("<b>A browser</b>", false),
        ];
        let page = Self { frame: crate::visitor::sample(false), sessions, has_password: true, is_changed: false, error: String::new() };
        vec![
            page.clone(),
            Self { is_changed: true, ..page.clone() },
            Self { error: "That is not your password.".to_owned(), ..page.clone() },
            Self { has_password: false, ..page },
        ]
    }
}

async fn page(console: &Console, visitor: &Visitor, user: UserId, error: &str) -> Result<HttpResponse, PageError> {
    shown(console, visitor, user, error, false).await
}

async fn shown(console: &Console, visitor: &Visitor, user: UserId, error: &str, is_changed: bool) -> Result<HttpResponse, PageError> {
    let account = console.store.user(user).await?.ok_or(PageError::NotFound)?;
    let sessions = console.store.sessions_of(user, console.clock.now()).await?;
    let page = SecurityPage {
        frame: visitor.frame.clone(),
        sessions: sessions.into_iter().map(|session| Shown::of(session, visitor.session)).collect(),
        has_password: account.password_hash.is_some(),
        is_changed,
        error: error.to_owned(),
    };
    answer::html(if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let Some(user) = visitor.user else { return Ok(to_sign_in(&request)) };
        page(&console, visitor, user, "").await
    })
    .await
}

/// Ends a session, all others, or changes the password.
pub async fn change(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    let form = Form::read(payload).await;
    page_for(&request, &console, async |visitor: &Visitor| {
        let form = form.as_ref().map_err(Clone::clone)?;
        let (Some(user), Some(session)) = (visitor.user, visitor.session) else { return Ok(to_sign_in(&request)) };
        form.is_of(&request, visitor)?;
        let from = address(&request, &console.settings.trusted_proxies);
        let acting = Acting { by: Some(user), from, now: console.clock.now() };
        match form.text("do") {
            "end" => {
                if let Ok(id) = Uuid::try_parse(form.text("session")) {
                    console.store.end_session_of(user, SessionId(id), &acting).await?;
                }
                Ok(see_other(PATH))
            }
            "end-others" => {
                console.store.end_other_sessions(user, session, &acting).await?;
                Ok(see_other(PATH))
            }
            "password" => change_password(&console, visitor, (user, session), form, &acting).await,
            _ => Err(PageError::ForeignForm),
        }
    })
    .await
}

fn away(error: Unavailable) -> PageError {
    PageError::Unavailable(format!("a password could not be checked: {error:?}"))
}

async fn change_password(
    console: &Console,
    visitor: &Visitor,
    (user, session): (UserId, SessionId),
    form: &Form,
    acting: &Acting,
) -> Result<HttpResponse, PageError> {
    let account = console.store.user(user).await?.ok_or(PageError::NotFound)?;
    let Some(stored) = account.password_hash else {
        return page(console, visitor, user, "This account has no password. An administrator can give you a link to set one.").await;
    };
    let (old, new) = (form.as_typed("old"), form.as_typed("new"));
    if !password::error(new).is_empty() {
        return page(console, visitor, user, password::error(new)).await;
    }
    if old.chars().count() > password::MAXIMUM {
        return page(console, visitor, user, "That is not your password.").await;
    }
    // A browser that somebody left open is a place to guess at, as the sign-in page is.
    let limit = CheckLimit { limit: Limit::SignInAccount, key: account.email.clone() };
    if let Some(seconds) = ask(&console.check_limit, limit).await.map_err(away)? {
        let mut refused = page(console, visitor, user, &format!("That was tried too often. Wait {seconds} seconds.")).await?;
        *refused.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        refused.headers_mut().insert(RETRY_AFTER, seconds.into());
        return Ok(refused);
    }
    let verify = VerifyPassword { password: Secret::new(old.to_owned()), stored: Some(stored) };
    if !ask(&console.verify_password, verify).await.map_err(away)? {
        return page(console, visitor, user, "That is not your password.").await;
    }
    let hash = ask(&console.hash_password, HashPassword(Secret::new(new.to_owned()))).await.map_err(away)?;
    console.store.change_own_password(user, session, &hash, acting).await?;
    shown(console, visitor, user, "", true).await
}
