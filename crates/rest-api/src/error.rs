//! Why a request is not answered: `{error, message}`, with the words that programs for Context7 know.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use docent_types::documentation::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

/// An error on the wire.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// A word for programs.
    pub error: &'static str,
    /// A sentence that says what to do next.
    pub message: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// A parameter is missing, twice there, or not what it should be.
    #[error("{0}")]
    Parameter(String),
    /// The library does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing in it fits.
    #[error("Nothing in the documentation of {0} fits this question. Ask with other words, or with names of functions, options or errors.")]
    Nothing(String),
    /// It took too long.
    #[error("The server took too long to answer. Try again in a few seconds.")]
    TooSlow,
    /// The database.
    #[error("The server cannot look this up at the moment. Try again in a few seconds.")]
    Unavailable,
    /// There is nothing at this path.
    #[error("There is nothing at this path. /api/openapi.json describes what there is.")]
    NoSuchPath,
    /// The path is read.
    #[error("This path is read with GET.")]
    Method,
    /// A fault of ours.
    #[error("The server failed to answer. The log has the reason.")]
    Failed,
}

impl ApiError {
    /// Status and word.
    #[must_use]
    pub const fn status_and_word(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Parameter(_) | Self::Query(QueryError::EmptyQuestion) => (StatusCode::BAD_REQUEST, "validation_error"),
            Self::Query(QueryError::NotReady { .. }) => (StatusCode::ACCEPTED, "library_not_finalized"),
            Self::Query(QueryError::LibraryNotFound { .. }) => (StatusCode::NOT_FOUND, "library_not_found"),
            Self::Query(QueryError::VersionNotFound { .. }) => (StatusCode::NOT_FOUND, "tag_not_found"),
            Self::Nothing(_) => (StatusCode::NOT_FOUND, "no_snippets_found"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Query(QueryError::Busy | QueryError::Damaged { .. }) | Self::TooSlow | Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable")
            }
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status_and_word().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, error) = self.status_and_word();
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                response.insert_header((header::RETRY_AFTER, "2"));
            }
            StatusCode::ACCEPTED => {
                response.insert_header((header::RETRY_AFTER, "30"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                response.insert_header((header::ALLOW, "GET, HEAD, OPTIONS"));
            }
            _ => {}
        }
        response.json(ErrorBody { error, message: self.to_string() })
    }
}
