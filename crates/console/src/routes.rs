//! The table of paths.

use crate::{Console, error, libraries, library, start};
use actix_web::web::{self, Data, ServiceConfig};

/// Puts the pages on the people's origin. [`crate::assets()`] and [`crate::not_found`] are put there by the composition,
/// since every page needs them, whichever crate renders it.
pub fn configure(console: Data<Console>) -> impl FnOnce(&mut ServiceConfig) {
    move |cfg| {
        cfg.app_data(console)
            .service(page("/").get(start::show))
            .service(page("/libraries").get(libraries::show))
            .service(page("/libraries/{owner}/{name}").get(library::show));
    }
}

/// A path that is read: GET and HEAD, and 405 for the rest.
struct Readable(&'static str);

fn page(path: &'static str) -> Readable {
    Readable(path)
}

impl Readable {
    fn get<F, Args>(self, handler: F) -> actix_web::Resource
    where
        F: actix_web::Handler<Args> + Copy,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        web::resource(self.0)
            .route(web::get().to(handler))
            .route(web::head().to(handler))
            .default_service(web::to(error::method_not_allowed))
    }
}
