//! What happens to every request: an id, a log line without its query, a header that names the id.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use docent_types::ids::RequestId;
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;

/// The log's span of a request: method and path. Never the query, which carries one-time links and states.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<tracing_actix_web::RequestId>().map(|id| **id);
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        tracing::info_span!("request", method = %request.method(), path = request.path(), request_id = id, status = tracing::field::Empty)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let status = match outcome {
            Ok(response) => response.status().as_u16(),
            Err(error) => error.as_response_error().status_code().as_u16(),
        };
        span.record("status", status);
        span.in_scope(|| match status {
            500.. => tracing::error!("answered"),
            _ => tracing::debug!("answered"),
        });
    }
}

/// Gives the request's id to the pages and to the answer, which no browser takes for anything but what it says it is.
pub async fn name<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let id = request.extensions().get::<tracing_actix_web::RequestId>().map(|id| RequestId(**id));
    if let Some(id) = id {
        request.extensions_mut().insert(id);
    }
    let mut response = next.call(request).await?;
    if let Some(id) = id
        && let Ok(value) = HeaderValue::from_str(&id.to_string())
    {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
