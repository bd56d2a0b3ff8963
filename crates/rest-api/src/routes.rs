//! Where the handlers are, below `/api`.

use crate::api::Api;
use crate::error::ApiError;
use crate::{context, openapi, search, status};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder};

fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Copy,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler))
        .route(web::head().to(handler))
        .default_service(web::to(|| async { Err::<&'static str, _>(ApiError::Method) }))
}

/// What needs no credential.
pub fn open(config: &mut ServiceConfig) {
    config.service(read("/openapi.json", openapi::show));
}

/// What stands behind the guard.
pub fn configure(api: Data<Api>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(api)
            .service(read("/v2/libs/search", search::search))
            .service(read("/v2/libs/status", status::status))
            .service(read("/v2/context", context::context))
            .service(web::resource("/{rest:.*}").to(|| async { Err::<&'static str, _>(ApiError::NoSuchPath) }));
    }
}
