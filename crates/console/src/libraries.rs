//! The list of libraries: with a filter, fifty a page.

use crate::Console;
use crate::answer;
use crate::error::{PageError, page_for};
use crate::figures::counted;
use crate::listing::{Row, State, matches};
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_types::page::Frame;
use url::form_urlencoded;

/// Libraries on a page of the list.
pub const PAGE_LENGTH: usize = 50;

/// The list.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/libraries.html")]
pub struct LibrariesPage {
    /// The frame.
    pub frame: Frame,
    /// What was typed into the filter box.
    pub filter: String,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// How many libraries fit the filter, in words.
    pub count: String,
    /// Whether any library exists for this visitor, filter or not.
    pub any: bool,
    /// Where this page stands among the pages: "2 of 7"; empty if there is one.
    pub position: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// What the list was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// The filter.
    pub filter: String,
    /// The page, from 1.
    pub page: usize,
}

impl Asked {
    /// From the query. What cannot be read is as if it were not there.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let mut asked = Self { filter: String::new(), page: 1 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "q" => asked.filter = value.trim().chars().take(200).collect(),
                "page" => asked.page = value.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        asked
    }

    fn link(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.filter.is_empty() {
            query.append_pair("q", &self.filter);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/libraries".to_owned() } else { format!("/libraries?{query}") }
    }
}

impl LibrariesPage {
    /// The page of `rows` that was asked for. `any` tells an empty filter from an empty catalogue.
    #[must_use]
    pub fn new(frame: Frame, asked: &Asked, rows: Vec<Row>, any: bool) -> Self {
        let pages = rows.len().div_ceil(PAGE_LENGTH).max(1);
        let page = asked.page.min(pages);
        let count = counted(rows.len() as u64, "library", "libraries");
        Self {
            frame,
            filter: asked.filter.clone(),
            rows: rows.into_iter().skip((page - 1) * PAGE_LENGTH).take(PAGE_LENGTH).collect(),
            count,
            any,
            position: if pages > 1 { format!("{page} of {pages}") } else { String::new() },
            previous: (page > 1).then(|| asked.link(page - 1)),
            next: (page < pages).then(|| asked.link(page + 1)),
        }
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        let asked = Asked::of(request.query_string());
        let (rows, any) = rows(&console, visitor, &asked.filter).await?;
        answer::html(StatusCode::OK, &LibrariesPage::new(visitor.frame.clone(), &asked, rows, any))
    })
    .await
}

async fn rows(console: &Console, visitor: &Visitor, filter: &str) -> Result<(Vec<Row>, bool), PageError> {
    let mut libraries = console.store.libraries().await?;
    libraries.retain(|library| visitor.view.sees(library.entry.visibility));
    let any = !libraries.is_empty();
    libraries.retain(|library| matches(&library.entry, filter));
    libraries.sort_by(|a, b| a.entry.id.cmp(&b.entry.id));
    let rows = libraries.iter().map(|library| {
        let state = State::of_library(library, visitor.is_signed_in());
        Row::new(&library.entry, state, visitor.project_of(library.entry.visibility))
    });
    Ok((rows.collect(), any))
}

impl LibrariesPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        use crate::figures::Moment;
        use crate::listing::Source;
        use docent_types::time::Timestamp;
        let signed_out = Frame { site_name: "Docent".to_owned(), ..Frame::default() };
        let signed_in = Frame { account: Some("ada@example.com".to_owned()), csrf: "token".to_owned(), ..signed_out.clone() };
        let row = |id: &str, title: &str, state: State| Row {
            id: id.to_owned(),
            title: title.to_owned(),
            description: "A fast and modern web framework, with everything that is needed for building interfaces.".to_owned(),
            project: None,
            state,
            versions: "default, v2.1.0".to_owned(),
            snippets: "12,345 snippets".to_owned(),
            updated: Some(Moment::from(Timestamp(1_795_305_600_000))),
            source: Source::new("https://github.com/example/framework.git"),
        };
        let empty = |id: &str, state: State| Row {
            versions: String::new(),
            snippets: String::new(),
            updated: None,
            ..row(id, "New library", state)
        };
        let rows = vec![
            row("/example/framework", "Framework <&> Co", State::Ready),
            Row {
                project: Some("Analytical Engines".to_owned()),
                source: Source::new("/srv/docs/handbook"),
                ..row("/local/handbook", "Team handbook", State::Ready)
            },
            empty("/example/new", State::Indexing { stage: "reading".to_owned(), done: 40, total: 120, percent: 28 }),
            empty("/example/next", State::Waiting),
            row("/example/emptied", "Emptied by its owner", State::Held),
            row(
                "/example/broken",
                "Broken for a while",
                State::Failed { reason: Some("The branch \"main\" does not exist. There are: master, v1".to_owned()) },
            ),
            empty("/example/a-name-that-is-rather-long-for-a-small-telephone-in-the-hand", State::Empty),
        ];
        let many = (0..120).map(|number| row(&format!("/example/library-{number}"), "One of many", State::Ready)).collect();
        vec![
            Self::new(signed_in, &Asked { filter: String::new(), page: 1 }, rows, true),
            Self::new(signed_out.clone(), &Asked { filter: "ex & \"q\"".to_owned(), page: 2 }, many, true),
            Self::new(signed_out.clone(), &Asked { filter: "nothing".to_owned(), page: 1 }, Vec::new(), true),
            Self::new(signed_out, &Asked { filter: String::new(), page: 1 }, Vec::new(), false),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_cannot_be_read_is_as_none() {
        assert_eq!(Asked::of("page=-1&q=%ff"), Asked { filter: "\u{fffd}".to_owned(), page: 1 });
        assert_eq!(Asked::of("page=0"), Asked { filter: String::new(), page: 1 });
        assert_eq!(Asked::of("q=+vue+router+&page=3"), Asked { filter: "vue router".to_owned(), page: 3 });
    }

    #[test]
    fn the_pages_link_to_each_other_and_keep_the_filter() {
        let page = LibrariesPage::samples().swap_remove(1);
        assert_eq!((page.rows.len(), page.position.as_str(), page.count.as_str()), (50, "2 of 3", "120 libraries"));
        assert_eq!(page.previous.as_deref(), Some("/libraries?q=ex+%26+%22q%22"));
        assert_eq!(page.next.as_deref(), Some("/libraries?q=ex+%26+%22q%22&page=3"));
    }

    #[test]
    fn a_page_after_the_last_is_the_last() {
        let page = LibrariesPage::new(Frame::default(), &Asked { filter: String::new(), page: 99 }, Vec::new(), false);
        assert_eq!((page.previous, page.next, page.rows.len()), (None, None, 0));
    }
}
