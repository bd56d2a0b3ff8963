//! `/admin/projects`: team projects, and who is in each.

use super::{form_of_administrators, page_for_administrators};
use crate::Console;
use crate::answer::{self, see_other};
use crate::confirm::{self, Question};
use crate::error::PageError;
use crate::figures;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::{Project, Role, StoreError};
use docent_types::actors::ask;
use docent_types::ids::ProjectId;
use docent_types::messages::{Revoke, RevokeAccess};
use docent_types::page::Frame;
use uuid::Uuid;

const PATH: &str = "/admin/projects";
/// Characters of a project's name.
const LONGEST_NAME: usize = 100;

/// The team projects.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/projects.html")]
pub struct ProjectsPage {
    /// The frame.
    pub frame: Frame,
    /// By name: id, name, how many members.
    pub projects: Vec<(String, String, String)>,
    /// What is wrong with the name that was typed; empty if nothing is.
    pub error: String,
    /// The name that was typed.
    pub typed: String,
}

/// A project.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/project.html")]
pub struct ProjectPage {
    /// The frame.
    pub frame: Frame,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Address, role.
    pub members: Vec<(String, &'static str)>,
    /// What is wrong with what was typed; empty if nothing is.
    pub error: String,
    /// The address that was typed.
    pub typed: String,
}

impl ProjectsPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
        let projects = vec![
            (id.clone(), "Analytical Engines <&> Difference".to_owned(), "1 member".to_owned()),
            (
                id,
                "A project with a very long name that somebody gave it to see what becomes of the page".to_owned(),
                "1,200 members".to_owned(),
            ),
        ];
        let page = Self { frame: crate::visitor::sample(true), projects, error: String::new(), typed: String::new() };
        vec![
            Self { projects: Vec::new(), ..page.clone() },
            Self { error: "There is a project of that name already.".to_owned(), typed: "Engines".to_owned(), ..page.clone() },
            page,
        ]
    }
}

impl ProjectPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let members = vec![
            ("ada.lovelace+documentation@analytical-engines.example.com".to_owned(), "owner"),
            ("bob@example.com".to_owned(), "member"),
        ];
        let page = Self {
            frame: crate::visitor::sample(true),
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            name: "Analytical Engines <&> Difference".to_owned(),
            members,
            error: String::new(),
            typed: String::new(),
        };
        vec![
            Self { members: Vec::new(), ..page.clone() },
            Self { error: "Nobody has the address “carol”.".to_owned(), typed: "carol".to_owned(), ..page.clone() },
            page,
        ]
    }
}

async fn list(console: &Console, visitor: &Visitor, error: &str, typed: &str) -> Result<HttpResponse, PageError> {
    let projects = console.store.projects().await?.into_iter();
    let page = ProjectsPage {
        frame: visitor.frame.clone(),
        projects: projects.map(|(one, members)| (one.id.to_string(), one.name, figures::counted(members, "member", "members"))).collect(),
        error: error.to_owned(),
        typed: typed.to_owned(),
    };
    answer::html(if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

/// Shows them.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| list(&console, visitor, "", "").await).await
}

/// Adds one.
pub async fn add(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    form_of_administrators(&request, &console, payload, async |sent| {
        let name = sent.form.text("name");
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return list(&console, sent.visitor, "Give it a name of 1 to 100 characters.", name).await;
        }
        let id = ProjectId::generate(sent.acting.now, &*console.randomness);
        match console.store.add_project(id, name, &sent.acting).await {
            Ok(project) => Ok(see_other(&format!("{PATH}/{}", project.id))),
            Err(StoreError::Conflict(_)) => list(&console, sent.visitor, "There is a project of that name already.", name).await,
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// The team project of an address.
async fn found(console: &Console, id: &str) -> Result<Project, PageError> {
    let id = Uuid::try_parse(id).map(ProjectId).map_err(|_| PageError::NotFound)?;
    let project = console.store.project(id).await?;
    project.filter(|project| project.personal_of.is_none()).ok_or(PageError::NotFound)
}

async fn one(console: &Console, visitor: &Visitor, project: &Project, error: &str, typed: &str) -> Result<HttpResponse, PageError> {
    let members = console.store.members(project.id).await?;
    let page = ProjectPage {
        frame: visitor.frame.clone(),
        id: project.id.to_string(),
        name: project.name.clone(),
        members: members.into_iter().map(|(user, role)| (user.email, role.as_str())).collect(),
        error: error.to_owned(),
        typed: typed.to_owned(),
    };
    answer::html(if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

/// Shows one.
pub async fn show_one(request: HttpRequest, console: Data<Console>, path: Path<String>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        let project = found(&console, &path).await?;
        one(&console, visitor, &project, "", "").await
    })
    .await
}

/// Puts somebody in, or takes them out.
pub async fn change_one(request: HttpRequest, console: Data<Console>, path: Path<String>, payload: Payload) -> HttpResponse {
    form_of_administrators(&request, &console, payload, async |sent| {
        let project = found(&console, &path).await?;
        let (email, here) = (sent.form.text("email"), format!("{PATH}/{}", project.id));
        let Some(user) = console.store.user_by_email(email).await? else {
            let error = format!("Nobody has the address “{email}”. Invite them first.");
            return one(&console, sent.visitor, &project, &error, email).await;
        };
        match sent.form.text("do") {
            "add" => {
                let role = Role::parse(sent.form.text("role")).ok_or(PageError::ForeignForm)?;
                console.store.put_member(project.id, &user, role, &sent.acting).await?;
            }
            "remove" => {
                let question = Question {
                    title: &format!("Take {} out of {}?", user.email, project.name),
                    message: "Their apps and keys for this project are refused at once.",
                    button: "Take out",
                    path: &here,
                };
                if let Some(ask_first) = confirm::unless_sure(sent.form, sent.visitor, question)? {
                    return Ok(ask_first);
                }
                if console.store.take_out_member(project.id, &user, &sent.acting).await? {
                    let what = Revoke::Membership(user.id, project.id);
                    let revoked = ask(&console.revoke, RevokeAccess { what, reason: "administrator", now: sent.acting.now }).await;
                    revoked.map_err(|error| PageError::Unavailable(format!("grants could not be revoked: {error:?}")))?;
                }
            }
            _ => return Err(PageError::ForeignForm),
        }
        Ok(see_other(&here))
    })
    .await
}
