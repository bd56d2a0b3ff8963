//! `/admin/usage`: what everybody used, by day and tool, and who used most in a month.

use super::{link, page_for_administrators};
use crate::Console;
use crate::account::usage::{PERIODS, Period};
use crate::answer;
use crate::chart::Chart;
use crate::figures;
use crate::form::Form;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_store::{By, UsageTotal, Uses};
use docent_types::api_key;
use docent_types::page::Frame;
use docent_types::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many of each are named.
const MOST: u64 = 20;

/// What was used.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/all-usage.html")]
pub struct AllUsagePage {
    /// The frame.
    pub frame: Frame,
    /// How many days are shown.
    pub days: u32,
    /// By day.
    pub chart: Chart,
    /// Tool, how often, how often without an answer.
    pub tools: Vec<(String, String, String)>,
    /// The month that is shown, as `2026-11`.
    pub month: String,
    /// Where the month before is.
    pub earlier: String,
    /// Who used most in that month.
    pub most: Vec<Most>,
}

/// Those who used most of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Most {
    /// `People`, `Projects` or `Apps`.
    pub title: &'static str,
    /// Name, how often, how often without an answer, where more of it is.
    pub rows: Vec<(String, String, String, Option<String>)>,
}

impl Most {
    fn of(by: By, totals: Vec<UsageTotal>) -> Self {
        let title = match by {
            By::User => "People",
            By::Project => "Projects",
            By::Client => "Apps",
        };
        let row = |total: UsageTotal| {
            let more = match by {
                By::User => Some(("person", total.name.as_str())),
                By::Project => Some(("project", total.id.as_str())),
                By::Client => Some(("client", total.id.as_str())),
            };
            let more = more.filter(|_| !total.name.is_empty()).map(|field| link("/admin/audit", &[field]));
            let name = match total.name.as_str() {
                "" if total.id == api_key::CLIENT => "API keys".to_owned(),
                "" => format!("{} (gone)", total.id),
                name => name.to_owned(),
            };
            (name, figures::number(total.uses.all()), figures::number(total.uses.failed), more)
        };
        Self { title, rows: totals.into_iter().map(row).collect() }
    }
}

impl AllUsagePage {
    /// What may be shown: days, words.
    #[must_use]
    pub const fn periods(&self) -> [(u32, &'static str); 3] {
        PERIODS
    }

    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let until = Timestamp::from_seconds(1_790_000_000);
        let since = until.before(Duration::from_secs(86_400 * 29));
        let empty = Self {
            frame: crate::visitor::sample(true),
            days: 30,
            chart: Chart::of([], since, until),
            tools: Vec::new(),
            month: "2026-09".to_owned(),
            earlier: "/admin/usage?month=2026-08".to_owned(),
            most: Vec::new(),
        };
        let uses = Uses { succeeded: 1_234_567, failed: 89 };
        let total = |id: &str, name: &str| UsageTotal { id: id.to_owned(), name: name.to_owned(), uses };
        let most = vec![
            Most::of(By::User, vec![total("1", "ada.lovelace+documentation@analytical-engines.example.com"), total("2", "")]),
            Most::of(By::Project, vec![total("1", "Analytical Engines <&> Difference")]),
            Most::of(By::Client, vec![total("c_1", "<b>An app</b>"), total("api-key", "")]),
        ];
        let tools = vec![("query-docs".to_owned(), "1,234,567".to_owned(), "89".to_owned())];
        vec![empty.clone(), Self { chart: Chart::of([(since, uses), (until, uses)], since, until), tools, most, ..empty }]
    }
}

/// The month that is asked for, else this one.
fn month(asked: &str, now: Timestamp) -> Timestamp {
    Timestamp::of_date(&format!("{asked}-01")).unwrap_or(now).start_of_month()
}

fn name_of(month: Timestamp) -> String {
    month.to_rfc3339().chars().take(7).collect()
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        let (store, now) = (&console.store, console.clock.now());
        let Period { days, since } = Period::asked(&request, now);
        let month = month(Form::of_query(&request).text("month"), now);
        let by_tool = store.usage_by_tool(since).await?;
        let mut tools: BTreeMap<&str, Uses> = BTreeMap::new();
        for (_, tool, uses) in &by_tool {
            *tools.entry(tool).or_default() += *uses;
        }
        let mut tools: Vec<(&str, Uses)> = tools.into_iter().collect();
        tools.sort_by_key(|(_, uses)| std::cmp::Reverse(uses.all()));
        let tools =
            tools.iter().map(|(tool, uses)| ((*tool).to_owned(), figures::number(uses.all()), figures::number(uses.failed))).collect();
        let mut most = Vec::new();
        for by in [By::User, By::Project, By::Client] {
            let totals = store.usage_totals(by, month, MOST).await?;
            if !totals.is_empty() {
                most.push(Most::of(by, totals));
            }
        }
        let before = name_of(month.before(Duration::from_secs(1)));
        let page = AllUsagePage {
            frame: visitor.frame.clone(),
            days,
            chart: Chart::of(by_tool.iter().map(|(day, _, uses)| (*day, *uses)), since, now),
            tools,
            month: name_of(month),
            earlier: link("/admin/usage", &[("days", &days.to_string()), ("month", &before)]),
            most,
        };
        answer::html(StatusCode::OK, &page)
    })
    .await
}
