//! `/account/keys`: a person's API keys: made, shown once, revoked.

use super::{address, to_sign_in};
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
use docent_store::{ApiKey, ApiKeyHolder, StoreError};
use docent_types::api_key;
use docent_types::ids::{ApiKeyId, UserId};
use docent_types::page::Frame;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a key may be good, in days; nothing is until it is revoked.
const LIFETIMES: [(&str, &str, Option<u32>); 4] =
    [("30", "30 days", Some(30)), ("90", "90 days", Some(90)), ("365", "a year", Some(365)), ("never", "until it is revoked", None)];
/// What is chosen if nothing is.
const USUAL: &str = "90";

/// The list of keys, and the form for another.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/keys.html")]
pub struct KeysPage {
    /// The frame.
    pub frame: Frame,
    /// A key that was made just now: the only time that it is shown.
    pub made: Option<String>,
    /// Those that were not revoked, the newest first.
    pub keys: Vec<Key>,
    /// The projects that a key may be for, with their ids.
    pub projects: Vec<(String, String)>,
    /// What the form has.
    pub typed: Typed,
    /// Where programs ask.
    pub api_url: String,
}

/// What was typed into the form, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Typed {
    /// The name.
    pub name: String,
    /// The project's id.
    pub project: String,
    /// How long it is to be good.
    pub lifetime: String,
    /// What is wrong; empty if nothing is.
    pub error: String,
}

impl Typed {
    /// The form as it is at first.
    fn nothing() -> Self {
        Self { lifetime: USUAL.to_owned(), ..Self::default() }
    }
}

/// A key in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its id, for the form.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its first characters.
    pub hint: String,
    /// The project that it is for.
    pub project: String,
    /// When it was made.
    pub created: Moment,
    /// When it ends by itself, if it does.
    pub ends: Option<Moment>,
    /// Whether it has ended.
    pub ended: bool,
    /// When it was used last.
    pub used: Option<Moment>,
}

impl Key {
    fn of(holder: ApiKeyHolder, now: Timestamp) -> Self {
        let key = holder.key;
        let ended = key.has_ended(now);
        Self {
            id: key.id.to_string(),
            name: key.name,
            hint: key.hint,
            project: holder.project_name,
            created: key.created_at.into(),
            ended,
            ends: key.expires_at.map(Into::into),
            used: key.last_used_at.map(Into::into),
        }
    }
}

impl KeysPage {
    /// The lifetimes of the form: value, words.
    #[must_use]
    pub fn lifetimes(&self) -> Vec<(&'static str, &'static str)> {
        LIFETIMES.iter().map(|(value, words, _)| (*value, *words)).collect()
    }

    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let frame = crate::visitor::sample(false);
        let moment = |seconds| Moment::from(Timestamp::from_seconds(seconds));
        let key = |name: &str, ends: Option<Moment>, ended: bool, used: Option<Moment>| Key {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            name: name.to_owned(),
            hint: "docent_Ab12".to_owned(),
            project: "Analytical Engines <&> Difference".to_owned(),
            created: moment(1_790_000_000),
            ends,
            ended,
            used,
        };
        let projects = vec![("1".to_owned(), "Personal".to_owned()), ("2".to_owned(), "Analytical <Engines>".to_owned())];
        let typed = Typed::nothing();
        let api_url = "https://documentation.analytical-engines.example.com/api".to_owned();
        let empty = Self { frame, made: None, keys: Vec::new(), projects, typed, api_url };
        let wrong =
            Typed { name: "<b>x</b>".repeat(30), error: "Give it a name of 1 to 100 characters.".to_owned(), ..empty.typed.clone() };
        let keys = vec![
            key("nightly build", Some(moment(1_799_000_000)), false, Some(moment(1_790_100_000))),
            key("<i>old</i> laptop", Some(moment(1_790_000_001)), true, None),
            key(
                "a key with a very long name that somebody gave it to see what becomes of the page when it is shown on a phone",
                None,
                false,
                None,
            ),
        ];
        let made = Some(format!("docent_{}", "aB3_-x7".repeat(7)).chars().take(api_key::LENGTH).collect());
        vec![empty.clone(), Self { keys: keys.clone(), made, ..empty.clone() }, Self { keys, typed: wrong, ..empty }]
    }
}

async fn page(console: &Console, visitor: &Visitor, user: UserId, typed: Typed, made: Option<String>) -> Result<HttpResponse, PageError> {
    let now = console.clock.now();
    let urls = &console.settings.urls;
    let page = KeysPage {
        frame: visitor.frame.clone(),
        keys: console.store.api_keys(Some(user)).await?.into_iter().map(|holder| Key::of(holder, now)).collect(),
        projects: visitor.projects.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        api_url: format!("{}/api", urls.resource_origin()),
        made,
        typed,
    };
    let status = if page.typed.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    answer::html(status, &page)
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let Some(user) = visitor.user else { return Ok(to_sign_in(&request)) };
        page(&console, visitor, user, Typed::nothing(), None).await
    })
    .await
}

/// Makes a key, or revokes one.
pub async fn change(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    let form = Form::read(payload).await;
    page_for(&request, &console, async |visitor: &Visitor| {
        let form = form.as_ref().map_err(Clone::clone)?;
        let Some(user) = visitor.user else { return Ok(to_sign_in(&request)) };
        form.is_of(&request, visitor)?;
        let from = address(&request, &console.settings.trusted_proxies);
        if let Ok(id) = form.text("revoke").parse::<ApiKeyId>() {
            let question = Question {
                title: "Revoke this key?",
                message: "Every program that uses it is refused at once. It cannot be made good again.",
                button: "Revoke",
                path: "/account/keys",
            };
            if let Some(ask_first) = confirm::unless_sure(form, visitor, question)? {
                return Ok(ask_first);
            }
            console.store.revoke_api_key(id, Some(user), console.clock.now(), from).await?;
            return Ok(see_other("/account/keys"));
        }
        let typed = Typed {
            name: form.text("name").to_owned(),
            project: form.text("project").to_owned(),
            lifetime: form.text("lifetime").to_owned(),
            error: String::new(),
        };
        match make(&console, visitor, user, &typed, from).await? {
            // The one answer that shows it. It is stored nowhere, and a reload asks before it makes another.
            Ok(made) => page(&console, visitor, user, Typed::nothing(), Some(made)).await,
            Err(error) => page(&console, visitor, user, Typed { error: error.to_owned(), ..typed }, None).await,
        }
    })
    .await
}

async fn make(
    console: &Console,
    visitor: &Visitor,
    user: UserId,
    typed: &Typed,
    from: Option<String>,
) -> Result<Result<String, &'static str>, PageError> {
    if !api_key::is_name(&typed.name) {
        return Ok(Err("Give it a name of 1 to 100 characters."));
    }
    let Some((_, _, days)) = LIFETIMES.iter().find(|(value, ..)| *value == typed.lifetime) else {
        return Ok(Err("Choose how long it is to be good."));
    };
    let Some((project, _)) = visitor.projects.iter().find(|(id, _)| id.to_string() == typed.project) else {
        return Ok(Err("Choose one of your projects."));
    };
    let now = console.clock.now();
    let secret = api_key::generate(&*console.randomness);
    let scopes = ScopeSet::from_iter([Scope::DocsRead]);
    let expires_at = days.map(|days| now.after(DAY * days));
    let key = ApiKey { expires_at, ..ApiKey::new(&typed.name, &secret, (user, *project), scopes, now, &*console.randomness) };
    match console.store.create_api_key(&key, secret.hash(), from).await {
        Ok(()) => Ok(Ok(secret.expose().to_owned())),
        Err(StoreError::Conflict(_)) => {
            Ok(Err("You have as many keys as one person may have, or are not in that project any more. Revoke some first."))
        }
        Err(error) => Err(error.into()),
    }
}
