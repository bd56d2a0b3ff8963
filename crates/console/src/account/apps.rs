//! `/account/apps`: each grant that a person gave, and its end.

use super::to_sign_in;
use crate::Console;
use crate::answer::{self, see_other};
use crate::confirm::{self, Question};
use crate::error::{PageError, page_for};
use crate::figures::Moment;
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::ConnectedApp;
use docent_types::actors::ask;
use docent_types::messages::{Revoke, RevokeAccess};
use docent_types::page::Frame;
use docent_types::redirect_uri;

/// The list of connected apps.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/apps.html")]
pub struct AppsPage {
    /// The frame.
    pub frame: Frame,
    /// Those in force, the newest first.
    pub apps: Vec<App>,
}

/// A connected app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct App {
    /// The grant, for the form.
    pub grant: String,
    /// What the client calls itself.
    pub name: String,
    /// Where it gets its answers: the host that the browser was sent to.
    pub host: String,
    /// The project that it acts for.
    pub project: String,
    /// What it may do, in words.
    pub permits: Vec<&'static str>,
    /// When it was connected.
    pub connected: Moment,
    /// When it renewed its access last, if it did.
    pub used: Option<Moment>,
    /// The address that it was connected from.
    pub from: Option<String>,
}

impl App {
    fn of(app: ConnectedApp) -> Self {
        Self {
            grant: app.grant.to_string(),
            name: app.client_name,
            host: app.redirect_uris.first().map(|uri| redirect_uri::display_host(uri)).unwrap_or_default(),
            project: app.project_name,
            permits: app.scopes.iter().map(docent_types::scope::Scope::in_words).collect(),
            connected: app.created_at.into(),
            used: app.renewed_at.map(Into::into),
            from: app.from,
        }
    }
}

impl AppsPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let frame = crate::visitor::sample(false);
        let moment = |seconds| Moment::from(docent_types::time::Timestamp::from_seconds(seconds));
        let app = |name: &str, host: &str, used: Option<Moment>| App {
            grant: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            name: name.to_owned(),
            host: host.to_owned(),
            project: "Analytical Engines <&> Difference".to_owned(),
            permits: vec!["Search and read the documentation of this project", "Stay connected until you disconnect it"],
            connected: moment(1_790_000_000),
            used,
            from: Some("2001:db8::1".to_owned()),
        };
        vec![
            Self { frame: frame.clone(), apps: Vec::new() },
            Self {
                frame,
                apps: vec![
                    app("Claude Code", "this computer", Some(moment(1_790_100_000))),
                    app("<b>An app with a very long name that somebody chose to see what happens to the page</b>", "app.example.com", None),
                ],
            },
        ]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let Some(user) = visitor.user else { return Ok(to_sign_in(&request)) };
        let apps = console.store.connected_apps(user, console.clock.now()).await?.into_iter().map(App::of).collect();
        answer::html(StatusCode::OK, &AppsPage { frame: visitor.frame.clone(), apps })
    })
    .await
}

/// Ends one.
pub async fn revoke(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    let form = Form::read(payload).await;
    page_for(&request, &console, async |visitor: &Visitor| {
        let form = form.as_ref().map_err(Clone::clone)?;
        let Some(user) = visitor.user else { return Ok(to_sign_in(&request)) };
        form.is_of(&request, visitor)?;
        let wanted = form.text("grant");
        let own = console.store.connected_apps(user, console.clock.now()).await?.into_iter().find(|app| app.grant.to_string() == wanted);
        // One that is gone already, or somebody else's: the page shows what holds.
        if let Some(app) = own {
            let question = Question {
                title: &format!("Disconnect {}?", app.client_name),
                message: "It is refused at once, and has to ask you again before it can read anything.",
                button: "Disconnect",
                path: "/account/apps",
            };
            if let Some(ask_first) = confirm::unless_sure(form, visitor, question)? {
                return Ok(ask_first);
            }
            let revoke = RevokeAccess { what: Revoke::Grant(app.grant), reason: "person", now: console.clock.now() };
            let revoked = ask(&console.revoke, revoke).await;
            revoked.map_err(|error| PageError::Unavailable(format!("a grant could not be revoked: {error:?}")))?;
        }
        Ok(see_other("/account/apps"))
    })
    .await
}
