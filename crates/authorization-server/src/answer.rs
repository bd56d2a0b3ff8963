//! Answers of the OAuth endpoints: JSON in the RFC's shape for every fault (AS11), never cached, readable from any origin (RS9).

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use docent_store::StoreError;
use docent_types::actors::Unavailable;
use docent_types::messages::LedgerError;
use docent_types::oauth::{Error, ErrorCode};
use serde::Serialize;

/// An OAuth error on its way out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refused {
    /// What is said.
    pub error: Error,
    /// Another status than the code's own, for an oversize body.
    pub status: Option<StatusCode>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, status: None, challenge: None }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database could not be asked");
        away().into()
    }
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(unavailable) => unavailable.into(),
            LedgerError::Database => away().into(),
        }
    }
}

impl From<Unavailable> for Refused {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Busy => Error::busy(1).into(),
            Unavailable::Failed => Error::internal().into(),
        }
    }
}

fn away() -> Error {
    Error {
        retry_after: Some(5),
        ..Error::new(ErrorCode::TemporarilyUnavailable, "The server cannot reach its database at the moment. Try again shortly.")
    }
}

impl Refused {
    /// An error with its words.
    pub fn new(code: ErrorCode, words: impl AsRef<str>) -> Self {
        Error::new(code, words).into()
    }

    /// Too many: come back after `seconds`.
    #[must_use]
    pub fn slow_down(seconds: u32) -> Self {
        Error { retry_after: Some(seconds), ..Error::new(ErrorCode::SlowDown, format!("Too many requests. Try again in {seconds} s.")) }
            .into()
    }

    /// The body is longer than this endpoint reads.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self {
            status: Some(StatusCode::PAYLOAD_TOO_LARGE),
            ..Self::new(ErrorCode::InvalidRequest, format!("The body is longer than {limit} bytes."))
        }
    }

    /// With a `WWW-Authenticate` challenge.
    #[must_use]
    pub fn with_challenge(self, challenge: impl Into<String>) -> Self {
        Self { challenge: Some(challenge.into()), ..self }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.status.or_else(|| StatusCode::from_u16(self.error.code.status()).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.error.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(challenge) = &self.challenge {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge.as_str()));
        }
        answer.insert_header((header::CACHE_CONTROL, "no-store")).json(self.error.body())
    }
}

/// A JSON answer that is never cached.
pub fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache")).json(body)
}

/// There is nothing below `/oauth` at this path.
pub async fn not_found(request: HttpRequest) -> HttpResponse {
    Refused::new(ErrorCode::NotFound, format!("There is nothing at {}. The server's metadata lists its endpoints.", request.path()))
        .error_response()
}

/// The path exists, the method does not.
pub fn method_not_allowed(allow: &'static str) -> HttpResponse {
    let mut answer = Refused::new(ErrorCode::MethodNotAllowed, format!("Only {allow} is answered here.")).error_response();
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

/// The answer to a CORS preflight. The headers are those of [`cross_origin`].
pub async fn preflight() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

const CORS: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, MCP-Protocol-Version"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate, Retry-After"),
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];

/// Adds the CORS headers, without credentials: whoever has a token sends it, a cookie never counts here (RS9).
///
/// # Errors
/// Those of the handler.
pub async fn cross_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut answer = next.call(request).await?;
    add(answer.headers_mut());
    Ok(answer)
}

fn add(headers: &mut HeaderMap) {
    for (name, value) in CORS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
