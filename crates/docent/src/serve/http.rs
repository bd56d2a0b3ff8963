//! The HTTP server: which routes a process has, by its roles.

use super::composition::Parts;
use super::metrics;
use super::readiness::{healthz, readyz};
use super::request::{self, RequestSpan};
use super::slow_bodies;
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tracing_actix_web::TracingLogger;

/// How long a connection that asks nothing more stays open. Longer than clients keep theirs (5 seconds in httpx and undici): whoever closes
/// first must be the client, or its next request meets a closed connection.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Starts listening.
///
/// # Errors
/// The socket cannot be used.
pub fn start(parts: &Arc<Parts>, listener: TcpListener, workers: usize) -> anyhow::Result<Server> {
    let shared = web::Data::from(Arc::clone(parts));
    let make = move || {
        let parts = shared.clone();
        let counted = parts.metrics.clone();
        App::new()
            .app_data(parts.clone())
            .wrap(from_fn(slow_bodies::in_time))
            .wrap(from_fn(request::name))
            .wrap(from_fn(move |request, next| metrics::count(counted.clone(), request, next)))
            .wrap(TracingLogger::<RequestSpan>::new())
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .configure(|routes| roles(&parts, routes))
    };
    let mut server = HttpServer::new(make)
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::from_secs(15))
        .shutdown_timeout(10)
        .disable_signals();
    if workers > 0 {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}

/// The routes of each role. Nothing else answers: the people's origin with a page, the MCP origin with JSON.
fn roles(parts: &Parts, routes: &mut web::ServiceConfig) {
    if let (Some(server), Some(tools), Some(api)) = (&parts.resource_server, &parts.tools, &parts.api) {
        let (hosts, origins, tools) = (server.settings().hosts(), server.settings().origins(), Arc::clone(tools));
        let protected = move |config: &mut web::ServiceConfig| {
            config.service(docent_mcp_tools::service(tools, hosts, origins));
        };
        docent_resource_server::configure(
            routes,
            server.clone(),
            protected,
            docent_rest_api::open,
            docent_rest_api::configure(api.clone()),
        );
    }
    if let Some(server) = &parts.authorization_server {
        docent_authorization_server::configure(server.clone())(routes);
    }
    match &parts.console {
        Some(console) => {
            docent_console::configure(console.clone())(routes);
            docent_console::assets(routes);
            routes.default_service(web::to(docent_console::not_found));
        }
        None => {
            routes.default_service(web::to(docent_resource_server::not_found));
        }
    }
}
