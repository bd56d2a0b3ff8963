//! The middleware before the MCP endpoint and the REST API: `Host`, `Origin`, preflight, credentials, token, scope, limits, in this
//! order, and before any other look at the method or the body (RS2).

use crate::cors;
use crate::credentials::KEY_HEADERS;
use crate::limits::{Counted, refusal};
use crate::server::{Door, ResourceServer};
use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
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
                let counted = match (door, request.method()) {
                    // Nothing is asked of the tools by any other method.
                    (Door::Mcp, method) if method != Method::POST => None,
                    _ => server.limits().count(&principal).await,
                };
                if let Some(counted) = counted.filter(|counted| counted.wait.is_some())
                    && let Some(mut refused) = too_many(door, &counted, &mut request).await
                {
                    counted.tell(refused.headers_mut());
                    cors::expose(server.site(), origin, refused.headers_mut());
                    return Ok(request.into_response(refused));
                }
                // RS7: nothing behind this line can pass the token on.
                request.headers_mut().remove(header::AUTHORIZATION);
                for name in KEY_HEADERS {
                    request.headers_mut().remove(name);
                }
                request.extensions_mut().insert(principal);
                request.extensions_mut().insert(Arc::clone(server.challenge()));
                let mut response = next.call(request).await?.map_into_boxed_body();
                if let Some(counted) = counted {
                    counted.tell(response.headers_mut());
                }
                response
            }
            Err(refusal) => request.into_response(server.challenge().refuse(&refusal)),
        }
    };
    cors::expose(server.site(), origin, response.headers_mut());
    Ok(response)
}

async fn too_many(door: Door, counted: &Counted, request: &mut ServiceRequest) -> Option<HttpResponse> {
    match door {
        Door::Mcp => refusal::at_the_mcp_endpoint(counted, request).await,
        Door::Api => Some(refusal::at_the_api(counted)),
    }
}
