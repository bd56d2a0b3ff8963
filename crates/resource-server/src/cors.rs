//! What a script of another site may send and read (RS9). No credentials of the browser are ever involved.

use crate::site::Site;
use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
);
const A_DAY: HeaderValue = HeaderValue::from_static("86400");

/// Whether a request only asks what it may do.
#[must_use]
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight, still without an origin.
#[must_use]
pub fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, A_DAY))
        .finish()
}

/// Lets the script of `origin`, which [`Site::check`] has accepted, read this answer.
pub fn expose(site: &Site, origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    let allowed = if site.allows_any_origin() { Some(HeaderValue::from_static("*")) } else { origin };
    if let Some(allowed) = allowed {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    if !site.allows_any_origin() {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// The headers of a public document that every script may read.
#[must_use]
pub fn public() -> [(HeaderName, HeaderValue); 2] {
    [(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")), (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]
}
