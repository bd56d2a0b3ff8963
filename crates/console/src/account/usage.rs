//! `/account/usage`: what a person's apps and keys asked for, by day, app, project and tool.

use super::to_sign_in;
use crate::Console;
use crate::answer;
use crate::chart::Chart;
use crate::error::{PageError, page_for};
use crate::figures;
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::{UsageLine, Uses};
use docent_types::api_key;
use docent_types::page::Frame;
use docent_types::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What the form offers, in days.
pub(crate) const PERIODS: [(u32, &str); 3] = [(30, "30 days"), (90, "90 days"), (365, "a year")];

/// The days that are asked for: one of [`PERIODS`], up to today.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Period {
    /// How many.
    pub(crate) days: u32,
    /// The first of them.
    pub(crate) since: Timestamp,
}

impl Period {
    /// What the address says, else the first.
    pub(crate) fn asked(request: &HttpRequest, now: Timestamp) -> Self {
        let asked = Form::of_query(request).text("days").parse().ok();
        let days = PERIODS.iter().map(|(days, _)| *days).find(|days| Some(*days) == asked).unwrap_or(PERIODS[0].0);
        Self { days, since: now.start_of_day().before(DAY * (days - 1)) }
    }
}

/// What was used.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/usage.html")]
pub struct UsagePage {
    /// The frame.
    pub frame: Frame,
    /// How many days are shown.
    pub days: u32,
    /// By day.
    pub chart: Chart,
    /// By app, project and tool, the most used first.
    pub lines: Vec<Line>,
    /// All of them.
    pub total: String,
    /// Those that were not answered.
    pub failed: String,
}

/// What was asked through an app, for a project, of a tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The app.
    pub app: String,
    /// The project.
    pub project: String,
    /// The tool.
    pub tool: String,
    /// How often.
    pub all: String,
    /// How often there was no answer.
    pub failed: String,
}

impl From<UsageLine> for Line {
    fn from(line: UsageLine) -> Self {
        let by_key = line.client.as_str() == api_key::CLIENT;
        Self {
            app: if by_key { "API keys".to_owned() } else { line.client_name.unwrap_or_else(|| "an app that is gone".to_owned()) },
            project: line.project_name.unwrap_or_else(|| "a project that is gone".to_owned()),
            tool: line.tool,
            all: figures::number(line.uses.all()),
            failed: figures::number(line.uses.failed),
        }
    }
}

impl UsagePage {
    /// What may be shown: days, words.
    #[must_use]
    pub const fn periods(&self) -> [(u32, &'static str); 3] {
        PERIODS
    }

    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let frame = crate::visitor::sample(false);
        let until = Timestamp::from_seconds(1_790_000_000);
        let since = until.start_of_day().before(DAY * 29);
        let empty =
            Self { frame, days: 30, chart: Chart::of([], since, until), lines: Vec::new(), total: "0".to_owned(), failed: "0".to_owned() };
        let uses = |at: u64| Uses { succeeded: at * at % 700, failed: at % 5 };
        let chart = Chart::of((0..30).filter(|at| at % 7 < 5).map(|at| (since.after(DAY * at), uses(u64::from(at) * 37))), since, until);
        let line = |app: &str, tool: &str, all: u64| Line {
            app: app.to_owned(),
            project: "Analytical Engines <&> Difference".to_owned(),
            tool: tool.to_owned(),
            all: figures::number(all),
            failed: "3".to_owned(),
        };
        let lines = vec![
            line("Claude Code", "query-docs", 1_234_567),
            line("<b>An app with a very long name that somebody chose to see what happens to the page</b>", "resolve-library-id", 42),
            line("API keys", "api/v2/context", 7),
        ];
        vec![empty.clone(), Self { chart, lines, total: "1,234,616".to_owned(), failed: "9".to_owned(), ..empty }]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let Some(user) = visitor.user else { return Ok::<_, PageError>(to_sign_in(&request)) };
        let now = console.clock.now();
        let Period { days: count, since } = Period::asked(&request, now);
        let days = console.store.usage_by_day(user, since).await?;
        let mut total = Uses::default();
        days.iter().for_each(|(_, uses)| total += *uses);
        let page = UsagePage {
            frame: visitor.frame.clone(),
            days: count,
            chart: Chart::of(days, since, now),
            lines: console.store.usage_of_person(user, since).await?.into_iter().map(Line::from).collect(),
            total: figures::number(total.all()),
            failed: figures::number(total.failed),
        };
        answer::html(StatusCode::OK, &page)
    })
    .await
}
