//! How a page leaves: rendered whole, with the headers that every page for people has.

use crate::error::PageError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, VARY};
use askama::Template;
use docent_types::page::SECURITY_HEADERS;

/// Renders a page. It is not stored anywhere: what it shows depends on who looks.
///
/// # Errors
/// [`PageError::Failed`] when the template cannot be rendered.
pub fn html(status: StatusCode, page: &impl Template) -> Result<HttpResponse, PageError> {
    let body = page.render().map_err(|failure| PageError::Failed(failure.to_string()))?;
    let mut response = HttpResponse::build(status);
    for header in SECURITY_HEADERS {
        response.insert_header(header);
    }
    Ok(response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Cookie"))
        .body(body))
}

/// After a form: a page, so that looking at it anew sends nothing twice.
#[must_use]
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).insert_header((CACHE_CONTROL, "no-store")).finish()
}
