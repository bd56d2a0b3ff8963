//! The table of paths.

use crate::{Console, account, admin, decision, error, libraries, library, start, webhooks};
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

/// Puts the pages on the people's origin. [`crate::assets()`] and [`crate::not_found`] are put there by the composition,
/// since every page needs them, whichever crate renders it.
pub fn configure(console: Data<Console>) -> impl FnOnce(&mut ServiceConfig) {
    move |cfg| {
        let issuer_path = console.settings.urls.issuer_path().to_owned();
        if !issuer_path.is_empty() {
            below_a_path(cfg, &issuer_path);
        }
        cfg.app_data(console)
            .service(page("/").get(start::show))
            .service(page("/libraries").get(libraries::show))
            .service(page("/libraries/{owner}/{name}").get(library::show))
            .service(page("/account").get(account::to_the_first))
            .service(both("/account/apps", account::apps::show, account::apps::revoke))
            .service(both("/account/keys", account::keys::show, account::keys::change))
            .service(both("/account/security", account::security::show, account::security::change))
            .service(page("/account/usage").get(account::usage::show))
            .service(page("/account/activity").get(account::activity::show))
            .service(page("/admin").get(admin::to_the_first))
            .service(both("/admin/people", admin::people::show, admin::people::change))
            .service(both("/admin/projects", admin::projects::show, admin::projects::add))
            .service(both("/admin/projects/{id}", admin::projects::show_one, admin::projects::change_one))
            .service(both("/admin/apps", admin::apps::show, admin::apps::change))
            .service(both("/admin/libraries", admin::libraries::show, admin::libraries::change))
            .service(page("/admin/audit").get(admin::audit::show))
            .service(page("/admin/audit/export").get(admin::audit::export))
            .service(page("/admin/usage").get(admin::usage::show))
            .service(page("/admin/configuration").get(admin::configuration::show))
            .service(
                web::resource("/libraries/{owner}/{name}/held")
                    .route(web::post().to(decision::decide))
                    .default_service(web::to(error::method_not_allowed)),
            )
            .service(
                web::resource("/webhooks/{owner}/{name}")
                    .route(web::post().to(webhooks::receive))
                    .default_service(web::to(webhooks::only_post)),
            );
    }
}

/// An issuer with a path has its pages below it, while these pages and their frame are at the root of its origin.
fn below_a_path(cfg: &mut ServiceConfig, issuer_path: &str) {
    cfg.service(web::resource(issuer_path).route(web::get().to(|| async { sent_to("/") })));
    for path in ["/sign-in", "/sign-out"] {
        let target = format!("{issuer_path}{path}");
        let send = move |request: HttpRequest| {
            let query = request.query_string();
            let target = if query.is_empty() { target.clone() } else { format!("{target}?{query}") };
            async move { sent_to(&target) }
        };
        cfg.service(web::resource(path).route(web::get().to(send.clone())).route(web::post().to(send)));
    }
}

/// 307, which keeps the method and the body: signing out is a POST.
fn sent_to(target: &str) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, target)).insert_header(("cache-control", "no-store")).finish()
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

/// A path that is read, and whose form is sent to the same path.
fn both<F, A, G, B>(path: &str, read: F, write: G) -> actix_web::Resource
where
    F: actix_web::Handler<A> + Copy,
    A: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
    G: actix_web::Handler<B>,
    B: actix_web::FromRequest + 'static,
    G::Output: actix_web::Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(read))
        .route(web::head().to(read))
        .route(web::post().to(write))
        .default_service(web::to(error::method_not_allowed))
}
