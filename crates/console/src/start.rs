//! The first page: what this is, and how to connect.

use crate::Console;
use crate::answer;
use crate::clients::{Client, clients};
use crate::error::page_for;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_types::page::Frame;

/// The first page.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/start.html")]
pub struct StartPage {
    /// The frame.
    pub frame: Frame,
    /// The one URL that a client needs.
    pub mcp_url: String,
    /// A way for each client.
    pub clients: Vec<Client>,
}

impl StartPage {
    /// The page for a deployment whose resource is `mcp_url`.
    #[must_use]
    pub fn new(frame: Frame, mcp_url: &str) -> Self {
        Self { frame, mcp_url: mcp_url.to_owned(), clients: clients(mcp_url) }
    }

    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let signed_in = crate::visitor::sample(true);
        vec![
            Self::new(Frame { site_name: "Docent".to_owned(), ..Frame::default() }, "http://localhost:8080/mcp"),
            Self::new(signed_in, "https://documentation.analytical-engines.example.com/mcp"),
        ]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |visitor: &Visitor| {
        answer::html(StatusCode::OK, &StartPage::new(visitor.frame.clone(), &console.settings.urls.resource))
    })
    .await
}
