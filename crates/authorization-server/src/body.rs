//! Bodies of requests, read up to a limit and only in the form that the endpoint takes (AS11).

use crate::answer::Refused;
use crate::parameters::Parameters;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
use docent_types::oauth::ErrorCode;

/// No request to an OAuth endpoint is longer.
pub const LIMIT: usize = 64 * 1024;

/// Whether the request says that its body has this media type; its parameters (`charset`) do not matter.
#[must_use]
pub fn is_media_type(request: &HttpRequest, expected: &str) -> bool {
    let said = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

/// The whole body.
///
/// # Errors
/// `invalid_request`, with status 413 when it is too long.
pub async fn read(payload: Payload) -> Result<Bytes, Refused> {
    match payload.to_bytes_limited(LIMIT).await {
        Err(_) => Err(Refused::too_large(LIMIT)),
        Ok(Err(_)) => Err(Refused::new(ErrorCode::InvalidRequest, "The body could not be read.")),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}

/// A form.
///
/// # Errors
/// `invalid_request` when it is no form, too long, or a parameter is there twice.
pub async fn read_form(request: &HttpRequest, payload: Payload) -> Result<Parameters, Refused> {
    if !is_media_type(request, "application/x-www-form-urlencoded") {
        return Err(Refused::new(ErrorCode::InvalidRequest, "The body must be a form: Content-Type: application/x-www-form-urlencoded."));
    }
    let bytes = read(payload).await?;
    Ok(Parameters::parse(&bytes)?.once_each()?)
}
