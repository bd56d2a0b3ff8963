//! `/admin/libraries`: every library, private ones too, with the work on it.

use super::{ON_A_PAGE, form_of_administrators, link, page_for_administrators};
use crate::Console;
use crate::answer::{self, see_other};
use crate::confirm::{self, Question};
use crate::error::PageError;
use crate::figures::{self, Moment};
use crate::form::Form;
use crate::listing::{self, State};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::StoredLibrary;
use docent_types::documentation::Visibility;
use docent_types::ids::JobId;
use docent_types::library_id::LibraryId;
use docent_types::page::Frame;
use docent_types::time::Timestamp;

const PATH: &str = "/admin/libraries";

/// The libraries.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/work.html")]
pub struct WorkPage {
    /// The frame.
    pub frame: Frame,
    /// What their id or title must have in it.
    pub filter: String,
    /// Those that something is being done with or that failed first, then by id.
    pub rows: Vec<Row>,
    /// The next page, if there is one.
    pub next: Option<String>,
}

/// A library and the work on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether only a project may see it.
    pub is_private: bool,
    /// Its state.
    pub state: State,
    /// How often the job was begun, if more than once.
    pub attempts: i32,
    /// When the job was queued.
    pub queued: Option<Moment>,
    /// When it is tried again.
    pub again: Option<Moment>,
    /// When its source was read last.
    pub seen: Option<Moment>,
    /// How many snippets it has.
    pub snippets: String,
}

impl Row {
    fn of(library: &StoredLibrary) -> Self {
        let snippets = library.entry.versions.iter().map(|version| version.snippets).sum();
        let job = library.last_job.as_ref();
        Self {
            id: library.entry.id.to_string(),
            title: library.entry.title.clone(),
            is_private: matches!(library.entry.visibility, Visibility::Private(_)),
            state: State::of_library(library, true),
            attempts: job.map_or(0, |job| job.attempts),
            queued: job.map(|job| job.created_at.into()),
            again: job.and_then(|job| job.not_before).map(Into::into),
            seen: library.seen_at.map(Into::into),
            snippets: figures::counted(snippets, "snippet", "snippets"),
        }
    }

    /// Whether there is work that can be stopped.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self.state, State::Waiting | State::Indexing { .. })
    }

    /// Those that somebody should look at come first.
    const fn rank(&self) -> u8 {
        match self.state {
            State::Failed { .. } => 0,
            State::Held => 1,
            State::Indexing { .. } => 2,
            State::Waiting => 3,
            State::Empty => 4,
            State::Ready => 5,
        }
    }
}

impl WorkPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let moment = |seconds| Some(Moment::from(Timestamp::from_seconds(seconds)));
        let row = |id: &str, state: State| Row {
            id: id.to_owned(),
            title: "Framework <&> Co".to_owned(),
            is_private: false,
            state,
            attempts: 1,
            queued: moment(1_790_000_000),
            again: None,
            seen: moment(1_789_000_000),
            snippets: "12,345 snippets".to_owned(),
        };
        let reason = Some("The branch \"main\" does not exist. There are: master, v1".to_owned());
        let rows = vec![
            Row { attempts: 4, again: moment(1_790_000_600), ..row("/example/broken", State::Failed { reason }) },
            row("/example/new", State::Indexing { stage: "reading".to_owned(), done: 40, total: 120, percent: 28 }),
            Row { is_private: true, ..row("/example/a-name-that-is-rather-long-for-a-small-telephone-in-the-hand", State::Waiting) },
            row("/example/framework", State::Ready),
        ];
        let page =
            Self { frame: crate::visitor::sample(true), filter: String::new(), rows, next: Some("/admin/libraries?skip=50".to_owned()) };
        vec![
            page.clone(),
            Self { rows: Vec::new(), next: None, ..page.clone() },
            Self { rows: Vec::new(), next: None, filter: "x".to_owned(), ..page },
        ]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        let asked = Form::of_query(&request);
        let (filter, skip) = (asked.text("q"), asked.text("skip").parse().unwrap_or(0_usize));
        let mut libraries = console.store.libraries().await?;
        libraries.retain(|library| listing::matches(&library.entry, filter));
        let mut rows: Vec<Row> = libraries.iter().map(Row::of).collect();
        rows.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.id.cmp(&b.id)));
        let after = skip.saturating_add(ON_A_PAGE);
        let next = (rows.len() > after).then(|| link(PATH, &[("q", filter), ("skip", &after.to_string())]));
        let rows = rows.into_iter().skip(skip).take(ON_A_PAGE).collect();
        answer::html(StatusCode::OK, &WorkPage { frame: visitor.frame.clone(), filter: filter.to_owned(), rows, next })
    })
    .await
}

/// Has one read anew, stops the work on it, or removes it.
pub async fn change(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    form_of_administrators(&request, &console, payload, async |sent| {
        let (store, now) = (&console.store, sent.acting.now);
        let id: LibraryId = sent.form.text("library").parse().map_err(|_| PageError::NotFound)?;
        let library = store.library(&id).await?.ok_or(PageError::NotFound)?;
        let kind = match sent.form.text("do") {
            "refresh" => {
                for version in store.versions_to_refresh(library.entry.row).await? {
                    store.queue_job(JobId::generate(now, &*console.randomness), library.entry.row, version.as_deref(), now).await?;
                }
                "library.refreshed"
            }
            "stop" => {
                store.cancel_jobs(library.entry.row, now).await?;
                "library.stopped"
            }
            "remove" => {
                let question = Question {
                    title: &format!("Remove {id}?"),
                    message: "Assistants do not find it any more, in any of its versions. Its indexes are deleted within two hours.",
                    button: "Remove",
                    path: PATH,
                };
                if let Some(ask_first) = confirm::unless_sure(sent.form, sent.visitor, question)? {
                    return Ok(ask_first);
                }
                store.remove_library(&id).await?;
                "library.removed"
            }
            _ => return Err(PageError::ForeignForm),
        };
        store.record_library(kind, &id, &sent.acting).await?;
        Ok(see_other(PATH))
    })
    .await
}
