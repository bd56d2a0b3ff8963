//! The routes of this crate.

use crate::guard::guard;
use crate::metadata;
use crate::server::ResourceServer;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};

/// Mounts the metadata and, behind the guard, what `protected` mounts at the resource's path.
pub fn configure(config: &mut ServiceConfig, server: Data<ResourceServer>, protected: impl FnOnce(&mut ServiceConfig)) {
    let urls = &server.settings().urls;
    let is_combined = urls.is_combined();
    let path = urls.resource.strip_prefix(urls.resource_origin()).unwrap_or_default().to_owned();
    let document = |at: &str| {
        web::resource(at)
            .route(web::get().to(metadata::show))
            .route(web::head().to(metadata::show))
            .route(web::method(actix_web::http::Method::OPTIONS).to(metadata::preflight))
            .default_service(web::to(metadata::wrong_method))
    };
    let guarded = {
        let server = server.clone();
        from_fn(move |request, next| guard(server.clone(), request, next))
    };
    config
        .app_data(server)
        .service(document(&format!("/.well-known/oauth-protected-resource{path}")))
        // Probed by rmcp; before the guard, whose 401 would be taken for an answer.
        .service(web::resource(format!("{path}/.well-known/{{rest:.*}}")).to(metadata::not_found));
    if !path.is_empty() {
        config.service(document("/.well-known/oauth-protected-resource"));
    }
    if !is_combined {
        for name in metadata::ISSUER_DOCUMENTS {
            config
                .service(web::resource(name).route(web::get().to(metadata::to_the_issuer)).route(web::head().to(metadata::to_the_issuer)));
        }
    }
    config.service(web::scope(&path).configure(protected).default_service(web::to(metadata::not_found)).wrap(guarded));
}
