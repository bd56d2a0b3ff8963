//! Browser sessions: begun at sign-in with a new cookie, ended at sign-out.

use super::{Fault, return_to};
use crate::body;
use crate::server::AuthorizationServer;
use crate::settings::Settings;
use crate::visitor;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::ids::{SessionId, UserId};
use docent_types::page::SECURITY_HEADERS;
use docent_types::secret::Secret;
use docent_types::session::cookie_name;

/// The session cookie. `Lax`, so that the client's redirect to the authorization page finds the person signed in.
fn cookie(settings: &Settings, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build(cookie_name(settings.is_secure()), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_secure())
        .max_age(CookieDuration::seconds(seconds))
        .finish()
}

/// Signs a person in under a new cookie, ends the session that this browser had, and sends them on.
///
/// # Errors
/// [`Fault`] when the database cannot be asked.
pub async fn begin(server: &AuthorizationServer, request: &HttpRequest, user: UserId, then: &str) -> Result<HttpResponse, Fault> {
    let now = server.now();
    if let Some(before) = visitor::person(request, server).await? {
        server.store.end_session(before.signed_in.session).await?;
    }
    let value = Secret::generate(&*server.randomness, "");
    let session = SessionId::generate(now, &*server.randomness);
    let expires_at = now.after(server.settings.session_lifetime);
    let (agent, from) = (visitor::user_agent(request), visitor::address(request, &server.settings));
    server.store.create_session(session, value.hash(), user, now, expires_at, agent.as_deref(), from.as_deref()).await?;
    let seconds = i64::try_from(server.settings.session_lifetime.as_secs()).unwrap_or(i64::MAX);
    Ok(sent_on(then, cookie(&server.settings, value.expose().to_owned(), seconds)))
}

fn sent_on(then: &str, cookie: Cookie<'static>) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    for header in SECURITY_HEADERS {
        answer.insert_header(header);
    }
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, return_to::or_start(Some(then))))
        .cookie(cookie)
        .finish()
}

/// `POST /sign-out`.
pub async fn sign_out(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let answer = end(&server, &request, payload).await;
    super::answered(&server, &request, answer)
}

async fn end(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Fault> {
    let form = body::read_form(request, payload).await?;
    if !visitor::is_own_form(request.headers(), &server.settings) {
        return Err(Fault::foreign_form());
    }
    if let Some(person) = visitor::person(request, server).await? {
        if !person.has_sent(form.get("csrf")) {
            return Err(Fault::foreign_form());
        }
        server.store.end_session(person.signed_in.session).await?;
    }
    Ok(sent_on(return_to::or_start(form.get("return_to")), cookie(&server.settings, String::new(), 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::metadata::PublicUrls;

    #[test]
    fn the_cookie_is_bound_to_the_host_and_secure_on_https() {
        let of = |issuer: &str| {
            cookie(&Settings::new(PublicUrls { issuer: issuer.into(), resource: format!("{issuer}/mcp") }), "v".into(), 60).to_string()
        };
        assert_eq!(of("https://a.example"), "__Host-docent_session=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
        assert_eq!(of("http://localhost:8080"), "docent_session=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=60");
    }
}
