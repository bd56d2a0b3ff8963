//! Every route of this crate, as a table.

use crate::answer::{cross_origin, method_not_allowed, not_found, preflight};
use crate::people::{Fault, answered, device, first_administrator, session, set_password, sign_in, sign_up};
use crate::server::AuthorizationServer;
use crate::{authorize, device_authorization, introspection, metadata, registration, revocation, token, userinfo};
use actix_web::dev::HttpServiceFactory;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, Resource, Route, guard, web};

fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// An OAuth endpoint that browsers of other origins may call.
fn endpoint(path: String, allow: &'static str, routes: Vec<Route>) -> impl HttpServiceFactory {
    let resource = routes.into_iter().fold(web::resource(path), Resource::route);
    resource
        .route(web::method(Method::OPTIONS).to(preflight))
        .default_service(web::to(move || async move { method_not_allowed(allow) }))
        .wrap(from_fn(cross_origin))
}

/// The authorization endpoint: for people's browsers, never for another origin's script.
fn authorization(path: String) -> Resource {
    web::resource(path)
        .route(get().to(authorize::show))
        .route(web::post().to(authorize::answer))
        .default_service(web::to(|| async { method_not_allowed("GET, HEAD, POST") }))
}

/// A page for people.
fn page(path: String, routes: Vec<Route>) -> Resource {
    routes.into_iter().fold(web::resource(path), Resource::route).default_service(web::to(wrong_method))
}

async fn wrong_method(server: web::Data<AuthorizationServer>, request: HttpRequest) -> actix_web::HttpResponse {
    answered(
        &server,
        &request,
        Err(Fault::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This page cannot be used like that",
            "The request's method is not one that it answers.",
            "Open the page again.",
        )),
    )
}

/// Adds every route of the authorization server.
pub fn configure(server: web::Data<AuthorizationServer>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let settings = server.settings.clone();
        config.app_data(server);
        for path in metadata::paths(&settings) {
            config.service(endpoint(path, "GET, HEAD, OPTIONS", vec![get().to(metadata::metadata)]));
        }
        let prefixes = [Some(settings.path("/oauth")), settings.serves_root_aliases.then(String::new)];
        for prefix in prefixes.into_iter().flatten() {
            config
                .service(authorization(format!("{prefix}/authorize")))
                .service(endpoint(format!("{prefix}/token"), "POST, OPTIONS", vec![web::post().to(token::token)]))
                .service(endpoint(format!("{prefix}/register"), "POST, OPTIONS", vec![web::post().to(registration::register)]))
                .service(endpoint(format!("{prefix}/revoke"), "POST, OPTIONS", vec![web::post().to(revocation::revoke)]));
        }
        config
            .service(endpoint(
                settings.path("/oauth/device_authorization"),
                "POST, OPTIONS",
                vec![web::post().to(device_authorization::begin)],
            ))
            .service(endpoint(
                settings.path("/oauth/register/{client_id}"),
                "GET, HEAD, PUT, DELETE, OPTIONS",
                vec![
                    get().to(registration::management::read),
                    web::put().to(registration::management::update),
                    web::delete().to(registration::management::remove),
                ],
            ))
            .service(endpoint(settings.path("/oauth/introspect"), "POST, OPTIONS", vec![web::post().to(introspection::introspect)]))
            .service(endpoint(
                settings.path("/oauth/userinfo"),
                "GET, HEAD, POST, OPTIONS",
                vec![get().to(userinfo::userinfo), web::post().to(userinfo::userinfo)],
            ))
            .service(endpoint(settings.path("/oauth/jwks"), "GET, HEAD, OPTIONS", vec![get().to(metadata::jwks)]))
            .service(web::scope(&settings.path("/oauth")).default_service(web::to(not_found)))
            .service(page(settings.path("/device"), vec![get().to(device::show), web::post().to(device::answer)]))
            .service(page(settings.path("/sign-in"), vec![get().to(sign_in::show), web::post().to(sign_in::answer)]))
            .service(page(settings.path("/sign-out"), vec![web::post().to(session::sign_out)]))
            .service(page(settings.path("/sign-up"), vec![get().to(sign_up::show), web::post().to(sign_up::answer)]))
            .service(page(settings.path("/set-password"), vec![get().to(set_password::show), web::post().to(set_password::answer)]))
            .service(page(
                settings.path("/first-administrator"),
                vec![get().to(first_administrator::show), web::post().to(first_administrator::answer)],
            ));
    }
}
