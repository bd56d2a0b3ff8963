//! `POST /oauth/token`: one file for each grant type.

mod authorization_code;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_credentials;
mod client_keys;
mod device_code;
mod issue;
pub mod jwt_bearer;
pub mod refresh_token;

use crate::answer::{self, Refused};
use crate::body;
use crate::metadata;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::compat::Compat;
use docent_types::device;
use docent_types::messages::{CheckLimit, Limit, Refusal};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::Client;

/// A grant type that works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GrantType {
    AuthorizationCode,
    RefreshToken,
    DeviceCode,
    ClientCredentials,
    JwtBearer,
}

impl GrantType {
    /// RFC 6749 4.1.3, 4.4.2, 6; RFC 7523 2.1. Those that this server has: assertions only if it trusts an issuer.
    fn of(form: &Parameters, client: &Client, server: &AuthorizationServer) -> Result<Self, Error> {
        let (kind, name) = match form.get("grant_type") {
            Some(name @ "authorization_code") => (Self::AuthorizationCode, name),
            Some(name @ "refresh_token") => (Self::RefreshToken, name),
            Some(name @ device::GRANT_TYPE) => (Self::DeviceCode, name),
            Some(name @ client_credentials::NAME) => (Self::ClientCredentials, name),
            Some(name @ jwt_bearer::NAME) if !server.trusted_issuers.is_empty() => (Self::JwtBearer, name),
            Some(_) => {
                let known = metadata::grant_types(&server.settings).join(", ");
                return Err(Error::new(ErrorCode::UnsupportedGrantType, format!("grant_type must be one of {known}.")));
            }
            None => return Err(Error::new(ErrorCode::InvalidRequest, "grant_type is missing.")),
        };
        if client.may_use(name) {
            Ok(kind)
        } else if matches!(kind, Self::ClientCredentials | Self::JwtBearer) {
            Err(Error::new(
                ErrorCode::UnauthorizedClient,
                format!("This client may not use {name}: the operator makes clients for it with docent client add."),
            ))
        } else {
            Err(Error::new(
                ErrorCode::UnauthorizedClient,
                format!("This client did not register the grant type {name}. Register it again with {name} in grant_types."),
            ))
        }
    }
}

/// The resource of a token request (RFC 8707), as this issuer writes it. Judged before anything is consumed (AS6).
pub(crate) fn resource(form: &Parameters, server: &AuthorizationServer) -> Result<Option<String>, Error> {
    let urls = &server.settings.urls;
    let client = form.get("client_id").unwrap_or_default();
    // An assertion names the resource itself; a machine has the one that it was made for.
    let should_say = matches!(form.get("grant_type"), Some("authorization_code" | "refresh_token"));
    match form.get("resource") {
        None if should_say => Compat::ResourceMissing.tolerate(client),
        None => {}
        Some(resource) if resource != urls.resource && urls.is_resource(resource) => Compat::ResourceSlash.tolerate(client),
        Some(_) => {}
    }
    match form.all("resource").find(|resource| !urls.is_resource(resource)) {
        Some(_) => Err(Error::new(ErrorCode::InvalidTarget, format!("The resource must be {}.", urls.resource))),
        None => Ok(form.get("resource").map(|_| urls.resource.clone())),
    }
}

/// What a refusal of the ledger is called on the wire.
fn refused(refusal: Refusal, what: &str) -> Error {
    let (code, words) = match refusal {
        Refusal::Unknown => (ErrorCode::InvalidGrant, format!("The {what} is not known. Start the authorization again.")),
        Refusal::OtherClient => (ErrorCode::InvalidGrant, format!("The {what} was issued to another client.")),
        Refusal::RedirectUri => (ErrorCode::InvalidGrant, "redirect_uri is not the one of the authorization request.".to_owned()),
        Refusal::Verifier => {
            (ErrorCode::InvalidGrant, "code_verifier does not fit the code_challenge of the authorization request.".to_owned())
        }
        Refusal::Resource => (ErrorCode::InvalidTarget, "The resource is not the one that was granted.".to_owned()),
        Refusal::Expired => (ErrorCode::InvalidGrant, format!("The {what} has expired. Start the authorization again.")),
        Refusal::Reused => {
            (ErrorCode::InvalidGrant, format!("The {what} was used before. What it gave is revoked: start the authorization again."))
        }
        Refusal::Revoked => (ErrorCode::InvalidGrant, "The access was revoked. Start the authorization again.".to_owned()),
        Refusal::Withdrawn => (ErrorCode::InvalidGrant, "The account or its project is no longer available.".to_owned()),
    };
    Error::new(code, words)
}

/// `POST /oauth/token`.
///
/// Only requests that fail through the caller's own fault are limited, by address: hosted clients send those of all their
/// people from one address, and what succeeds costs nobody anything.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn token(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refused> {
    let refused = match granted(&server, &request, payload).await {
        Ok(answer) => return Ok(answer::json(StatusCode::OK, &answer)),
        Err(refused) => refused,
    };
    if refused.error.code.status() < 500
        && let Some(address) = visitor::address(&request, &server.settings)
        && let Some(seconds) = ask(&server.asks.check_limit, CheckLimit { limit: Limit::Token, key: address }).await?
    {
        return Err(Refused::slow_down(seconds));
    }
    Err(refused)
}

async fn granted(server: &AuthorizationServer, request: &HttpRequest, payload: web::Payload) -> Result<issue::TokenAnswer, Refused> {
    let form = body::read_form(request, payload).await?;
    let authenticated = client_authentication::authenticate(server, request, &form).await?;
    let (client, from) = (&authenticated.client, visitor::address(request, &server.settings));
    match GrantType::of(&form, client, server)? {
        GrantType::AuthorizationCode => authorization_code::exchange(server, client, &form).await,
        GrantType::RefreshToken => refresh_token::rotate(server, client, &form).await,
        GrantType::DeviceCode => device_code::poll(server, client, &form).await,
        GrantType::ClientCredentials => client_credentials::grant(server, &authenticated, &form, from).await,
        GrantType::JwtBearer => jwt_bearer::grant(server, &authenticated, &form, from).await,
    }
}
