//! The middleware before the MCP endpoint and the REST API: `Host`, `Origin`, preflight, credentials, token, scope, in this order, and
//! before any other look at the method or the body (RS2).

use crate::cors;
use crate::credentials::KEY_HEADERS;
use crate::server::{Door, ResourceServer};
use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::sync::Arc;

/// Lets a request pass with an `Arc<Principal>` in its extensions, or refuses it.
///
/// # Errors
/// Only what the service behind it answers as an error.
pub async fn guard<B: MessageBody + 'static>(
    server: Data<ResourceServer>,
    door: Door,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(refusal) = server.site().check(request.uri(), request.headers()) {
        tracing::warn!(reason = ?refusal, "a request was refused");
        return Ok(request.into_response(server.challenge().refuse(&refusal)));
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = if cors::is_preflight(request.method(), request.headers()) {
        request.into_response(cors::preflight())
    } else {
        match server.admit(door, &request).await {
            Ok(principal) => {
                // RS7: nothing behind this line can pass the token on.
                request.headers_mut().remove(header::AUTHORIZATION);
                for name in KEY_HEADERS {
                    request.headers_mut().remove(name);
                }
                request.extensions_mut().insert(principal);
                request.extensions_mut().insert(Arc::clone(server.challenge()));
                next.call(request).await?.map_into_boxed_body()
            }
            Err(refusal) => request.into_response(server.challenge().refuse(&refusal)),
        }
    };
    cors::expose(server.site(), origin, response.headers_mut());
    Ok(response)
}
