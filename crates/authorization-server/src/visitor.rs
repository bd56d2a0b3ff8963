//! What is known about who sends a request: address, session, and whether it comes from one of our own pages.

use crate::server::AuthorizationServer;
use crate::settings::Settings;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage as _, HttpRequest};
use docent_store::{ConsentFacts, StoreError};
use docent_types::ids::{ClientId, RequestId};
use docent_types::page::Frame;
use docent_types::secret::SecretHash;
use docent_types::session::{SignedIn, cookie_name, csrf_token};
use subtle::ConstantTimeEq as _;

/// The address that the request comes from: the peer's, or what the last proxy that is not trusted was seen as.
#[must_use]
pub fn address(request: &HttpRequest, settings: &Settings) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    let forwarded: Vec<&str> = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    Some(settings.trusted_proxies.client_address(peer, &forwarded).to_string())
}

/// The `User-Agent`, shortened. Some clients send none.
#[must_use]
pub fn user_agent(request: &HttpRequest) -> Option<String> {
    request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(|value| value.chars().take(200).collect())
}

/// The id under which this request stands in the log.
#[must_use]
pub fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// A person with the value of their session cookie.
#[derive(Clone)]
pub struct Person {
    /// Who.
    pub signed_in: SignedIn,
    /// The cookie's value.
    pub cookie: String,
}

impl Person {
    /// Whether a form carries this session's token.
    #[must_use]
    pub fn has_sent(&self, csrf: Option<&str>) -> bool {
        csrf.is_some_and(|sent| sent.as_bytes().ct_eq(csrf_token(&self.cookie).as_bytes()).into())
    }
}

/// The value of the session cookie.
#[must_use]
pub fn session_cookie(request: &HttpRequest, settings: &Settings) -> Option<String> {
    request
        .cookie(cookie_name(settings.is_secure()))
        .map(|cookie| cookie.value().to_owned())
        .filter(|value| !value.is_empty() && value.len() < 200)
}

/// Who is signed in.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn person(request: &HttpRequest, server: &AuthorizationServer) -> Result<Option<Person>, StoreError> {
    let Some(cookie) = session_cookie(request, &server.settings) else { return Ok(None) };
    let signed_in = server.store.signed_in(SecretHash::of(&cookie), server.now()).await?;
    Ok(signed_in.map(|signed_in| Person { signed_in, cookie }))
}

/// Who is signed in, and what the consent page has to know of them and of `client`, in one round trip.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn consent_facts(
    request: &HttpRequest,
    server: &AuthorizationServer,
    client: &ClientId,
) -> Result<(ConsentFacts, Option<Person>), StoreError> {
    let cookie = session_cookie(request, &server.settings);
    let facts = server.store.consent_facts(client, cookie.as_deref().map(SecretHash::of), server.now()).await?;
    let person = facts.person.clone().zip(cookie).map(|(signed_in, cookie)| Person { signed_in, cookie });
    Ok((facts, person))
}

/// The frame of a page for this person.
#[must_use]
pub fn frame(settings: &Settings, person: Option<&Person>) -> Frame {
    Frame::new(&settings.site_name, person.map(|person| (&person.signed_in, person.cookie.as_str())))
}

/// Whether a form may have been sent by one of our own pages. A browser that tells (`Sec-Fetch-Site`) is believed, and
/// an `Origin` has to be ours; it is `null` under our own referrer policy. A program that sends neither has no cookies
/// that another site could use.
#[must_use]
pub fn is_own_form(headers: &HeaderMap, settings: &Settings) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    let site_is_ours = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_is_ours = match text("origin") {
        None => true,
        Some("null") => site.is_some(),
        Some(origin) => loopback_as_localhost(origin) == loopback_as_localhost(settings.urls.issuer_origin()),
    };
    site_is_ours && origin_is_ours
}

/// `http://127.0.0.1:8080` and `http://localhost:8080` are one server on one machine.
fn loopback_as_localhost(origin: &str) -> String {
    origin.replacen("//127.0.0.1", "//localhost", 1).replacen("//[::1]", "//localhost", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use docent_types::metadata::PublicUrls;

    #[test]
    fn forms_of_other_sites_are_refused() {
        let settings = Settings::new(PublicUrls { issuer: "http://localhost:8080".into(), resource: "http://localhost:8080/mcp".into() });
        let check = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
            is_own_form(&headers, &settings)
        };
        assert!(check(&[]));
        assert!(check(&[("sec-fetch-site", "same-origin"), ("origin", "null")]), "Chromium says null under no-referrer");
        assert!(check(&[("origin", "http://127.0.0.1:8080")]) && check(&[("origin", "http://localhost:8080")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]), "another port of this machine is the same site");
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("origin", "https://evil.example")]));
        assert!(!check(&[("origin", "http://localhost:8081"), ("sec-fetch-site", "same-origin")]));
    }
}
