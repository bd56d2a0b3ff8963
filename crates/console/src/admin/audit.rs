//! `/admin/audit`: the audit record, filtered, page by page, and as a file.

use super::{ON_A_PAGE, link, page_for_administrators};
use crate::Console;
use crate::answer;
use crate::error::PageError;
use crate::events::{self, Event};
use crate::form::Form;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use askama::Template;
use docent_store::{EventFilter, Place, RecordedEvent, Store};
use docent_types::event_kind::{self, KINDS};
use docent_types::ids::{ClientId, ProjectId};
use docent_types::page::Frame;
use docent_types::time::Timestamp;
use futures_util::stream;
use std::time::Duration;
use uuid::Uuid;

const PATH: &str = "/admin/audit";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Entries that are read at a time for a file.
const AT_A_TIME: usize = 1000;

/// The record.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/audit.html")]
pub struct AuditPage {
    /// The frame.
    pub frame: Frame,
    /// What is asked for.
    pub asked: Asked,
    /// The newest first.
    pub events: Vec<Event>,
    /// Where older ones are, if there are some.
    pub older: Option<String>,
    /// Where the same is as a file.
    pub export: String,
}

/// What is asked for, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// The kind.
    pub kind: String,
    /// The person's address.
    pub person: String,
    /// The client's id.
    pub client: String,
    /// The project's id.
    pub project: String,
    /// The first day.
    pub since: String,
    /// The last day.
    pub until: String,
    /// What of it cannot be used; empty if all can.
    pub error: String,
}

impl Asked {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            kind: text("kind"),
            person: text("person"),
            client: text("client"),
            project: text("project"),
            since: text("since"),
            until: text("until"),
            error: String::new(),
        }
    }

    fn link(&self, path: &str, before: &str) -> String {
        let Self { kind, person, client, project, since, until, .. } = self;
        let fields = [("kind", kind), ("person", person), ("client", client), ("project", project), ("since", since), ("until", until)];
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("before", before));
        link(path, &fields)
    }

    /// For the database; what cannot be meant is said in `error`.
    async fn filter(&mut self, store: &Store) -> Result<EventFilter, PageError> {
        let mut filter = EventFilter::default();
        if !self.kind.is_empty() {
            filter.kind = Some(self.kind.clone());
        }
        if !self.client.is_empty() {
            filter.client = Some(ClientId(self.client.clone()));
        }
        if !self.person.is_empty() {
            filter.user = store.user_by_email(&self.person).await?.map(|user| user.id);
            if filter.user.is_none() {
                self.error = format!("Nobody has the address “{}”.", self.person);
            }
        }
        if !self.project.is_empty() {
            filter.project = Uuid::try_parse(&self.project).ok().map(ProjectId);
            if filter.project.is_none() {
                self.error = "A project is named by its id.".to_owned();
            }
        }
        for (typed, moment, days) in [(&self.since, &mut filter.since, 0), (&self.until, &mut filter.until, 1)] {
            if !typed.is_empty() {
                *moment = Timestamp::of_date(typed).map(|day| day.after(DAY * days));
                if moment.is_none() {
                    self.error = format!("“{typed}” is not a date such as 2026-11-27.");
                }
            }
        }
        Ok(filter)
    }
}

impl AuditPage {
    /// The kinds, with their words.
    #[must_use]
    pub const fn kinds(&self) -> &'static [(&'static str, &'static str)] {
        KINDS
    }

    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let frame = crate::visitor::sample(true);
        let empty = Self { frame, asked: Asked::default(), events: Vec::new(), older: None, export: "/admin/audit/export".to_owned() };
        let asked =
            Asked { error: "“soon” is not a date such as 2026-11-27.".to_owned(), since: "soon".to_owned(), ..Asked::default() };
        let full = Self { events: Event::samples(), older: Some("/admin/audit?before=1-2".to_owned()), ..empty.clone() };
        vec![empty.clone(), full, Self { asked, ..empty }]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        let form = Form::of_query(&request);
        let mut asked = Asked::of(&form);
        let filter = asked.filter(&console.store).await?;
        let before = events::read_place(form.text("before"));
        // What cannot be meant finds nothing, rather than everything.
        let mut found = match asked.error.is_empty() {
            true => console.store.events(&filter, before, ON_A_PAGE as u64 + 1).await?,
            false => Vec::new(),
        };
        let has_older = found.len() > ON_A_PAGE;
        found.truncate(ON_A_PAGE);
        let older = found.last().filter(|_| has_older).map(|last| asked.link(PATH, &events::place(last.place())));
        let status = if asked.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let page = AuditPage {
            frame: visitor.frame.clone(),
            events: found.into_iter().map(Event::from).collect(),
            older,
            export: asked.link("/admin/audit/export", ""),
            asked,
        };
        answer::html(status, &page)
    })
    .await
}

/// The same as a file: one JSON object a line, the newest first, as long as it takes.
pub async fn export(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |_, _| {
        let mut asked = Asked::of(&Form::of_query(&request));
        let filter = asked.filter(&console.store).await?;
        if !asked.error.is_empty() {
            return Err(PageError::NotFound);
        }
        Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "application/x-ndjson; charset=utf-8"))
            .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""))
            .insert_header((CACHE_CONTROL, "no-store"))
            .streaming(lines(console.store.clone(), filter)))
    })
    .await
}

/// The record in pieces, so that no more than one of them is in memory. A piece that cannot be read breaks the answer off: half a record
/// must not look like a whole one.
fn lines(store: Store, filter: EventFilter) -> impl stream::Stream<Item = Result<Bytes, docent_store::StoreError>> {
    let begin: Option<Option<Place>> = Some(None);
    stream::try_unfold((store, filter, begin), |(store, filter, place)| async move {
        let Some(before) = place else { return Ok(None) };
        let found = store.events(&filter, before, AT_A_TIME as u64).await?;
        let next = found.last().filter(|_| found.len() == AT_A_TIME).map(|last| Some(last.place()));
        let piece: String = found.iter().map(|one| format!("{}\n", as_json(one))).collect();
        Ok(Some((Bytes::from(piece), (store, filter, next))))
    })
}

/// An entry for programs.
#[must_use]
pub fn as_json(recorded: &RecordedEvent) -> serde_json::Value {
    let event = &recorded.event;
    serde_json::json!({
        "at": event.at.to_rfc3339(),
        "kind": event.kind,
        "words": event_kind::in_words(&event.kind),
        "user": event.user,
        "email": recorded.email,
        "client": event.client,
        "client_name": recorded.client_name,
        "project": event.project,
        "project_name": recorded.project_name,
        "grant": event.grant,
        "from": event.from,
        "detail": event.detail,
    })
}
