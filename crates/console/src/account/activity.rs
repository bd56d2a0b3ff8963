//! `/account/activity`: what the audit record has on a person, to that person.

use super::to_sign_in;
use crate::Console;
use crate::answer;
use crate::error::{PageError, page_for};
use crate::events::{self, Event};
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::EventFilter;
use docent_types::page::Frame;

/// Entries on a page.
const ON_A_PAGE: usize = 50;

/// What happened.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/activity.html")]
pub struct ActivityPage {
    /// The frame.
    pub frame: Frame,
    /// The newest first.
    pub events: Vec<Event>,
    /// Whether newer ones are on other pages.
    pub is_later: bool,
    /// Where older ones begin, if there are some.
    pub older: Option<String>,
}

impl ActivityPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let empty = Self { frame: crate::visitor::sample(false), events: Vec::new(), is_later: false, older: None };
        let full = Self { events: Event::samples(), older: Some("1790000000123-42".to_owned()), ..empty.clone() };
        vec![empty, full]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let Some(user) = visitor.user else { return Ok::<_, PageError>(to_sign_in(&request)) };
        let before = events::read_place(Form::of_query(&request).text("before"));
        let filter = EventFilter { user: Some(user), ..EventFilter::default() };
        let mut found = console.store.events(&filter, before, ON_A_PAGE as u64 + 1).await?;
        let has_older = found.len() > ON_A_PAGE;
        found.truncate(ON_A_PAGE);
        let older = found.last().filter(|_| has_older).map(|last| events::place(last.place()));
        let page = ActivityPage {
            frame: visitor.frame.clone(),
            events: found.into_iter().map(Event::from).collect(),
            is_later: before.is_some(),
            older,
        };
        answer::html(StatusCode::OK, &page)
    })
    .await
}
