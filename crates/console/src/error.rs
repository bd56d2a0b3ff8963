//! Every answer that is not the page asked for: what happened, what to do, and the request's id.

use crate::Console;
use crate::answer;
use crate::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use askama::Template;
use docent_store::StoreError;
use docent_types::ids::RequestId;
use docent_types::page::Frame;

/// Why a page is not shown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PageError {
    /// Nothing is there, or nothing that exists for this visitor: both look the same.
    #[error("nothing is there")]
    NotFound,
    /// The path is read, and was asked for something else.
    #[error("the method is not allowed")]
    MethodNotAllowed,
    /// A form that was not sent from a page of ours, in this session.
    #[error("the form is not ours")]
    ForeignForm,
    /// The database or an index cannot be asked at the moment.
    #[error("a part of the server is away: {0}")]
    Unavailable(String),
    /// Something went wrong inside.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// The page that says what went wrong.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub title: String,
    /// What happened.
    pub message: String,
    /// What to do; may be empty.
    pub what_to_do: String,
    /// What to name to the operator.
    pub request_id: String,
}

impl PageError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code of the JSON form.
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ForeignForm => "foreign_form",
            Self::Unavailable(_) => "temporarily_unavailable",
            Self::Failed(_) => "server_error",
        }
    }

    /// Title, what happened, what to do. Nothing of the inside is told.
    const fn words(&self, signed_in: bool) -> (&'static str, &'static str, &'static str) {
        match self {
            // The same words on every 404, so that they tell nobody what exists for others.
            Self::NotFound if signed_in => (
                "There is nothing here",
                "No page or library has this address, or it belongs to a project that you are not a member of.",
                "Check the address, or ask the owner of the project to add you.",
            ),
            Self::NotFound => (
                "There is nothing here",
                "No page or library has this address that can be seen without signing in.",
                "Check the address. If it is a private library of your project, sign in first.",
            ),
            Self::MethodNotAllowed => (
                "This page can only be read",
                "The request used a method that this address does not have.",
                "Open the address in a browser.",
            ),
            Self::ForeignForm => (
                "This form was not sent from here",
                "It does not carry what a page of yours would have put into it. Nothing was changed.",
                "Open the page again and send its form.",
            ),
            Self::Unavailable(_) => (
                "This is not available at the moment",
                "A part of the server that is needed for this page does not answer.",
                "Try again in a few seconds.",
            ),
            Self::Failed(_) => (
                "Something went wrong on our side",
                "The page could not be made. What happened stands in the server's log under the request's id.",
                "Try again; if it stays so, tell whoever runs this server.",
            ),
        }
    }

    /// The page for this error.
    #[must_use]
    pub fn page(&self, frame: Frame, request_id: String) -> ErrorPage {
        let (title, message, what_to_do) = self.words(frame.account.is_some());
        ErrorPage {
            frame,
            status: self.status().as_u16(),
            title: title.to_owned(),
            message: message.to_owned(),
            what_to_do: what_to_do.to_owned(),
            request_id,
        }
    }

    /// Answers with this error: a page for a browser, JSON for anything else.
    #[must_use]
    pub fn respond(&self, request: &HttpRequest, visitor: Frame) -> HttpResponse {
        let request_id = request_id(request);
        match self {
            Self::Unavailable(why) => tracing::warn!(request_id, path = request.path(), why, "a page is not available"),
            Self::Failed(why) => tracing::error!(request_id, path = request.path(), why, "a page failed"),
            Self::NotFound | Self::MethodNotAllowed | Self::ForeignForm => {}
        }
        let mut response = if wants_a_page(request) {
            answer::html(self.status(), &self.page(visitor, request_id)).unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
        } else {
            self.json(request, &request_id)
        };
        if matches!(self, Self::Unavailable(_)) {
            response.headers_mut().insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("5"));
        }
        if matches!(self, Self::MethodNotAllowed) {
            response.headers_mut().insert(ALLOW, actix_web::http::header::HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn json(&self, request: &HttpRequest, request_id: &str) -> HttpResponse {
        let (_, message, what_to_do) = self.words(false);
        let elsewhere = mcp_elsewhere(request);
        let message = elsewhere.unwrap_or_else(|| format!("{message} {what_to_do}"));
        HttpResponse::build(self.status())
            .insert_header(("cache-control", "no-store"))
            .json(serde_json::json!({ "error": self.code(), "message": message, "request_id": request_id }))
    }
}

/// A client was given the issuer's origin where the resource is meant: tell it, in the split deployment only.
fn mcp_elsewhere(request: &HttpRequest) -> Option<String> {
    let console = request.app_data::<Data<Console>>()?;
    let asked_for_mcp = request.path() == "/mcp" || request.path().starts_with("/mcp/");
    (asked_for_mcp && !console.settings.serves_mcp_here)
        .then(|| format!("The MCP endpoint is not on this host. Connect to {}", console.settings.urls.resource))
}

/// Programs that look for OAuth metadata read JSON whatever they say they accept; a page would break them.
fn wants_a_page(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html") && !request.path().starts_with("/.well-known/")
}

/// The request's id as the composition gave it.
#[must_use]
pub fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map_or_else(|| "-".to_owned(), ToString::to_string)
}

async fn frame(request: &HttpRequest) -> Frame {
    let Some(console) = request.app_data::<Data<Console>>() else { return Frame { site_name: "Docent".to_owned(), ..Frame::default() } };
    if !wants_a_page(request) {
        return Frame::default();
    }
    // An error page is still shown when it cannot be asked who is looking.
    Visitor::of(request, console).await.unwrap_or_else(|_| Visitor::stranger(console)).frame
}

/// Shows a page to whoever is looking, or says why not.
pub async fn page_for(
    request: &HttpRequest,
    console: &Console,
    page: impl AsyncFnOnce(&Visitor) -> Result<HttpResponse, PageError>,
) -> HttpResponse {
    let visitor = match Visitor::of(request, console).await {
        Ok(visitor) => visitor,
        Err(error) => return error.respond(request, Visitor::stranger(console).frame),
    };
    match page(&visitor).await {
        Ok(response) => response,
        Err(error) => error.respond(request, visitor.frame),
    }
}

/// The default service of the people's origin: 404.
pub async fn not_found(request: HttpRequest) -> HttpResponse {
    let frame = frame(&request).await;
    PageError::NotFound.respond(&request, frame)
}

/// What a path that can only be read answers to another method: 405.
pub async fn method_not_allowed(request: HttpRequest) -> HttpResponse {
    let frame = frame(&request).await;
    PageError::MethodNotAllowed.respond(&request, frame)
}

impl ErrorPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let signed_in = Frame {
            site_name: "Docent".to_owned(),
            account: Some("ada@example.com".to_owned()),
            csrf: "token".to_owned(),
            is_admin: false,
        };
        let signed_out = Frame { site_name: "Docent".to_owned(), ..Frame::default() };
        let id = || "0193a1de-7c11-7c4f-9d3e-8a0c5b1f22aa".to_owned();
        vec![
            PageError::NotFound.page(signed_out.clone(), id()),
            PageError::NotFound.page(signed_in, id()),
            PageError::MethodNotAllowed.page(signed_out.clone(), id()),
            PageError::ForeignForm.page(signed_out.clone(), id()),
            PageError::Unavailable(String::new()).page(signed_out.clone(), id()),
            PageError::Failed(String::new()).page(signed_out, "-".to_owned()),
        ]
    }
}
