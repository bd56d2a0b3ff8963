//! `/admin/people`: everybody with an account, invitations, and what an administrator does with them.

use super::{ON_A_PAGE, Sent, form_of_administrators, link, page_for_administrators};
use crate::Console;
use crate::answer::{self, see_other};
use crate::confirm::{self, Question};
use crate::error::PageError;
use crate::figures::Moment;
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::{Invitation, LinkPurpose, StoreError, User};
use docent_types::email;
use docent_types::ids::UserId;
use docent_types::page::Frame;
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::Timestamp;
use std::time::Duration;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PATH: &str = "/admin/people";

/// The people.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/people.html")]
pub struct PeoplePage {
    /// The frame.
    pub frame: Frame,
    /// What their address or name must have in it.
    pub filter: String,
    /// By address.
    pub people: Vec<Person>,
    /// The next page of the list, if there is one.
    pub next: Option<String>,
    /// Invitations that nobody has used yet.
    pub invitations: Vec<Invited>,
    /// A link that was made just now, with what it is for: the only time that it is shown.
    pub made: Option<(String, String)>,
    /// What is wrong with what was typed; empty if nothing is.
    pub error: String,
    /// The address that was typed.
    pub typed: String,
}

/// Somebody with an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Their id.
    pub id: String,
    /// Their address.
    pub email: String,
    /// Their name; may be empty.
    pub name: String,
    /// Whether they administer this Docent.
    pub is_admin: bool,
    /// Whether they are disabled.
    pub is_disabled: bool,
    /// Whether they have no password yet.
    pub has_no_password: bool,
    /// When they came.
    pub created: Moment,
    /// Whether it is who looks.
    pub is_self: bool,
}

/// An invitation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invited {
    /// What it is called in the form.
    pub id: String,
    /// The address that it is for, if it is for one.
    pub email: Option<String>,
    /// When it ends.
    pub ends: Moment,
}

impl Person {
    fn of(user: User, looking: UserId) -> Self {
        Self {
            is_self: user.id == looking,
            id: user.id.to_string(),
            email: user.email,
            name: user.name,
            is_admin: user.is_admin,
            is_disabled: user.disabled_at.is_some(),
            has_no_password: user.password_hash.is_none(),
            created: user.created_at.into(),
        }
    }
}

impl Invited {
    fn of(invitation: Invitation) -> Self {
        Self { id: hexadecimal(&invitation.hash), email: invitation.email, ends: invitation.expires_at.into() }
    }
}

fn hexadecimal(hash: &SecretHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_hexadecimal(text: &str) -> Option<SecretHash> {
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect();
    SecretHash::from_slice(&bytes?)
}

impl PeoplePage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let moment = |seconds| Moment::from(Timestamp::from_seconds(seconds));
        let person = |email: &str, name: &str| Person {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            email: email.to_owned(),
            name: name.to_owned(),
            is_admin: false,
            is_disabled: false,
            has_no_password: false,
            created: moment(1_790_000_000),
            is_self: false,
        };
        let people = vec![
            Person {
                is_admin: true,
                is_self: true,
                ..person("ada.lovelace+documentation@analytical-engines.example.com", "Ada <Lovelace>")
            },
            Person { is_disabled: true, ..person("bob@example.com", "") },
            Person {
                has_no_password: true,
                is_admin: true,
                ..person("somebody@example.com", "Somebody with a very long name that fills the line of a phone")
            },
        ];
        let page = Self {
            frame: crate::visitor::sample(true),
            filter: String::new(),
            people,
            next: Some("/admin/people?after=x".to_owned()),
            invitations: Vec::new(),
            made: None,
            error: String::new(),
            typed: String::new(),
        };
        let invitations = vec![
            Invited { id: "00".repeat(32), email: Some("carol@example.com".to_owned()), ends: moment(1_790_000_000) },
            Invited { id: "11".repeat(32), email: None, ends: moment(1_790_000_000) },
        ];
        let link = format!("https://documentation.analytical-engines.example.com/sign-up?link={}", "aB3_-x7".repeat(6));
        vec![
            Self { invitations, made: Some(("An invitation for carol@example.com, good for 7 days".to_owned(), link)), ..page.clone() },
            Self { filter: "nobody".to_owned(), people: Vec::new(), next: None, ..page.clone() },
            Self { error: "“carol” is not an e-mail address.".to_owned(), typed: "carol".to_owned(), ..page },
        ]
    }
}

struct Shown {
    made: Option<(String, String)>,
    error: String,
    typed: String,
}

async fn page(
    console: &Console,
    request: &HttpRequest,
    visitor: &Visitor,
    looking: UserId,
    shown: Shown,
) -> Result<HttpResponse, PageError> {
    let asked = Form::of_query(request);
    let filter = asked.text("q");
    let mut people = console.store.people(filter, asked.text("after"), ON_A_PAGE as u64 + 1).await?;
    let has_more = people.len() > ON_A_PAGE;
    people.truncate(ON_A_PAGE);
    let next = people.last().filter(|_| has_more).map(|last| link(PATH, &[("q", filter), ("after", &last.email)]));
    let status = if shown.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = PeoplePage {
        frame: visitor.frame.clone(),
        filter: filter.to_owned(),
        people: people.into_iter().map(|user| Person::of(user, looking)).collect(),
        next,
        invitations: console.store.invitations(console.clock.now()).await?.into_iter().map(Invited::of).collect(),
        made: shown.made,
        error: shown.error,
        typed: shown.typed,
    };
    answer::html(status, &page)
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, user| {
        page(&console, &request, visitor, user, Shown { made: None, error: String::new(), typed: String::new() }).await
    })
    .await
}

/// Invites somebody, takes an invitation back, or changes an account.
pub async fn change(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    form_of_administrators(&request, &console, payload, async |sent| {
        let form = sent.form;
        match form.text("do") {
            "invite" => invite(&console, &request, &sent).await,
            "uninvite" => {
                if let Some(hash) = of_hexadecimal(form.text("invitation")) {
                    console.store.take_back_invitation(hash, &sent.acting).await?;
                }
                Ok(see_other(PATH))
            }
            what => {
                let id = Uuid::try_parse(form.text("person")).map(UserId).map_err(|_| PageError::NotFound)?;
                let person = console.store.user(id).await?.ok_or(PageError::NotFound)?;
                change_person(&console, &request, &sent, &person, what).await
            }
        }
    })
    .await
}

async fn invite(console: &Console, request: &HttpRequest, sent: &Sent<'_>) -> Result<HttpResponse, PageError> {
    let typed = sent.form.text("email");
    let (visitor, user) = (sent.visitor, sent.user);
    if !typed.is_empty() && !email::is_email(typed) {
        let shown = Shown { made: None, error: format!("“{typed}” is not an e-mail address."), typed: typed.to_owned() };
        return page(console, request, visitor, user, shown).await;
    }
    let secret = Secret::generate(&*console.randomness, "");
    let (for_whom, named) = if typed.is_empty() { ("anybody", None) } else { (typed, Some(typed)) };
    console.store.invite(secret.hash(), named, sent.acting.now.after(7 * DAY), &sent.acting).await?;
    let made = (format!("An invitation for {for_whom}, good for 7 days"), console.settings.urls.with_link("sign-up", &secret));
    page(console, request, visitor, user, Shown { made: Some(made), error: String::new(), typed: String::new() }).await
}

async fn change_person(
    console: &Console,
    request: &HttpRequest,
    sent: &Sent<'_>,
    person: &User,
    what: &str,
) -> Result<HttpResponse, PageError> {
    let (store, acting, email) = (&console.store, &sent.acting, &person.email);
    // So that there is always somebody who administers.
    if person.id == sent.user && what != "password" {
        let error = "You cannot do that with your own account: ask another administrator.".to_owned();
        return page(console, request, sent.visitor, sent.user, Shown { made: None, error, typed: String::new() }).await;
    }
    let sure = |title: &str, message: &str, button: &str| {
        confirm::unless_sure(sent.form, sent.visitor, Question { title, message, button, path: PATH })
    };
    let done = match what {
        "disable" => {
            let message = "They are signed out everywhere, and their apps and keys are refused at once. Enabling the account does not bring their apps back.";
            if let Some(question) = sure(&format!("Disable {email}?"), message, "Disable")? {
                return Ok(question);
            }
            store.set_user_disabled(person.id, true, acting).await
        }
        "enable" => store.set_user_disabled(person.id, false, acting).await,
        "administrator" => {
            let message = "They may then do everything that you may: see the record, change accounts, block apps.";
            if let Some(question) = sure(&format!("Make {email} an administrator?"), message, "Make administrator")? {
                return Ok(question);
            }
            store.set_administrator(person.id, true, acting).await
        }
        "no-administrator" => store.set_administrator(person.id, false, acting).await,
        "password" => {
            let secret = Secret::generate(&*console.randomness, "");
            let (now, ends) = (acting.now, acting.now.after(3 * DAY));
            store.create_link(LinkPurpose::SetPassword, secret.hash(), Some(person.id), None, now, ends).await?;
            let made = (
                format!("A link for {email} to set a password, good for 3 days"),
                console.settings.urls.with_link("set-password", &secret),
            );
            return page(console, request, sent.visitor, sent.user, Shown { made: Some(made), error: String::new(), typed: String::new() })
                .await;
        }
        _ => return Err(PageError::ForeignForm),
    };
    match done {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(see_other(PATH)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_survives_a_form() {
        let hash = SecretHash::of("x");
        assert_eq!(of_hexadecimal(&hexadecimal(&hash)), Some(hash));
        for wrong in ["", "0", "zz", "é", &"00".repeat(31), &"00".repeat(33)] {
            assert_eq!(of_hexadecimal(wrong), None, "{wrong}");
        }
    }
}
