//! Where the tools are mounted: Streamable HTTP, without sessions, for all revisions from 2024-11-05 to 2026-07-28 (RS11).

use crate::server::Server;
use crate::tools::Tools;
use actix_web::body::{BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
use docent_types::principal::Principal;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp_actix_web::transport::StreamableHttpService;
use serde_json::json;
use std::sync::Arc;

/// A question is short; so is everything else that a client sends.
const LARGEST_REQUEST: usize = 256 * 1024;
/// A refusal of the transport is a sentence.
const LARGEST_REFUSAL: usize = 8 * 1024;

/// The tools as an actix service, to be mounted behind the guard. `hosts` and `origins` are what the guard accepts; no
/// origins means that all are.
pub fn service(tools: Arc<Tools>, hosts: Vec<String>, origins: Vec<String>) -> impl HttpServiceFactory + 'static {
    StreamableHttpService::builder()
        .service_factory(Arc::new(move || Ok(Server(Arc::clone(&tools)))))
        .session_manager(Arc::new(NeverSessionManager::default()))
        .stateful_mode(false)
        // In pieces, an answer waits for a delayed acknowledgement; whole, it does not.
        .json_response(true)
        .disable_sse_keep_alive()
        .max_request_body_bytes(LARGEST_REQUEST)
        // An empty list would switch the check off; without one, loopback is what is accepted.
        .maybe_allowed_hosts((!hosts.is_empty()).then_some(hosts))
        .allowed_origins(origins)
        .on_request_fn(|request, extensions| {
            if let Some(principal) = request.extensions().get::<Arc<Principal>>() {
                extensions.insert(Arc::clone(principal));
            }
        })
        .build()
        .scope()
        .default_service(web::to(nothing_here))
        .wrap(from_fn(refuse_in_json))
}

async fn nothing_here() -> HttpResponse {
    refusal(StatusCode::NOT_FOUND, -32000, "there is nothing at this path")
}

fn refusal(status: StatusCode, code: i32, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message } }))
}

/// What the transport refuses in plain text is said as a JSON-RPC error, which clients can read.
async fn refuse_in_json<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !failed || json {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let status = response.status();
    let allow = response.headers().get(header::ALLOW).cloned();
    let said = match to_bytes_limited(response.into_body(), LARGEST_REFUSAL).await {
        Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => String::new(),
    };
    let mut refused = if said.contains("unrecognized JSON-RPC message") || said.contains("did not match any variant") {
        refusal(StatusCode::BAD_REQUEST, -32600, "the body is not a JSON-RPC 2.0 message of this protocol")
    } else if said.starts_with("fail to deserialize") {
        refusal(StatusCode::BAD_REQUEST, -32700, "the body is not valid JSON, or not one JSON-RPC message (batches are not supported)")
    } else if status.is_server_error() {
        tracing::error!(%status, said, "the transport failed");
        refusal(status, -32603, "the server failed to answer: try again")
    } else {
        let message = if said.is_empty() { status.canonical_reason().unwrap_or("refused") } else { &said };
        refusal(status, -32000, message)
    };
    if let Some(allow) = allow {
        refused.headers_mut().insert(header::ALLOW, allow);
    }
    Ok(ServiceResponse::new(request, refused))
}
