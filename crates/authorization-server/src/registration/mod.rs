//! `POST /oauth/register`: dynamic registration (RFC 7591, AS13).

pub mod management;
pub mod metadata;

use crate::answer::{self, Refused};
use crate::body;
use crate::server::AuthorizationServer;
use crate::settings::DynamicRegistration;
use crate::visitor;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::{Unavailable, ask};
use docent_types::ids::{ClientId, uuid_v7};
use docent_types::messages::{CheckLimit, LedgerError, Limit, NotRegistered, RegisterDynamically};
use docent_types::oauth::ErrorCode;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::Timestamp;
use metadata::ClientMetadata;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// So a registration access token is recognised where it should not be.
const MANAGEMENT_PREFIX: &str = "rat_";
/// A client that is younger than this need not be written again when it registers again.
const YOUNG: Duration = Duration::from_secs(24 * 60 * 60);
/// Answers that are held back at once, over all addresses; beyond that they are given without delay.
static HELD_BACK: Semaphore = Semaphore::const_new(1024);

/// The answer to a registration: no nulls, no empty strings, integer times.
#[derive(Serialize, Debug)]
struct Registered<'a> {
    client_id: &'a str,
    client_id_issued_at: i64,
    client_name: &'a str,
    redirect_uris: &'a [String],
    grant_types: &'a [String],
    response_types: &'static [&'static str],
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
}

/// What a client is given to prove itself with.
#[derive(Clone, Copy, Default)]
struct Credentials<'a> {
    /// Its secret, if it gets one now.
    secret: Option<&'a Secret>,
    /// Its registration access token, if it has one.
    management: Option<&'a Secret>,
}

/// What is stored, and what of it this client sent and gets now: a registration with the same metadata may have come from another port
/// before.
fn registered<'a>(issuer: &str, stored: &'a Client, sent: &'a Client, credentials: &Credentials<'a>) -> Registered<'a> {
    Registered {
        client_id: stored.id.as_str(),
        client_id_issued_at: stored.created_at.seconds(),
        client_name: &sent.name,
        redirect_uris: &sent.redirect_uris,
        grant_types: &sent.grant_types,
        response_types: if sent.may_use("authorization_code") { &["code"] } else { &[] },
        token_endpoint_auth_method: sent.auth_method.as_str(),
        client_secret: credentials.secret.map(Secret::expose),
        client_secret_expires_at: credentials.secret.map(|_| 0),
        registration_client_uri: credentials.management.map(|_| management::registration_client_uri(issuer, &stored.id)),
        registration_access_token: credentials.management.map(Secret::expose),
        scope: sent.scope.as_deref(),
        client_uri: sent.client_uri.as_deref(),
        software_id: sent.software_id.as_deref(),
        software_version: sent.software_version.as_deref(),
        application_type: sent.application_type.as_deref(),
        jwks: sent.jwks.as_ref(),
        jwks_uri: sent.jwks_uri.as_deref(),
    }
}

fn answer_of(
    status: StatusCode,
    server: &AuthorizationServer,
    stored: &Client,
    sent: &Client,
    credentials: &Credentials<'_>,
) -> HttpResponse {
    answer::json(status, &registered(&server.settings.urls.issuer, stored, sent, credentials))
}

fn as_client(sent: &ClientMetadata, id: ClientId, secret: Option<&Secret>, now: Timestamp) -> Client {
    Client {
        id,
        name: sent.name.clone(),
        redirect_uris: sent.redirect_uris.clone(),
        grant_types: sent.grant_types.clone(),
        auth_method: sent.auth_method,
        secret_hash: secret.map(Secret::hash),
        scope: sent.scope.clone(),
        client_uri: sent.client_uri.clone(),
        software_id: sent.software_id.clone(),
        software_version: sent.software_version.clone(),
        application_type: sent.application_type.clone(),
        jwks: sent.jwks.clone(),
        jwks_uri: sent.jwks_uri.clone(),
        origin: ClientOrigin::Dynamic,
        ..Client::public("", &[], now)
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750 2.1). `Err`: there is a header, and it is something else.
fn bearer(request: &HttpRequest) -> Result<Option<Secret>, ()> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(first), None) = (headers.next(), headers.next()) else {
        return if request.headers().contains_key(header::AUTHORIZATION) { Err(()) } else { Ok(None) };
    };
    let (scheme, token) = first.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(())?;
    let token = token.trim();
    let is_token =
        !token.is_empty() && token.len() <= 512 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if scheme.eq_ignore_ascii_case("bearer") && is_token { Ok(Some(Secret::new(token.to_owned()))) } else { Err(()) }
}

fn not_permitted(words: &str) -> Refused {
    Refused::new(ErrorCode::InvalidToken, words).with_challenge(r#"Bearer error="invalid_token""#)
}

/// Whether this request may register, as far as its header tells: the hash of the initial access token that has to permit it.
fn permit(state: DynamicRegistration, request: &HttpRequest) -> Result<Option<SecretHash>, Refused> {
    match state {
        DynamicRegistration::Open => Ok(None),
        DynamicRegistration::Token => match bearer(request) {
            Ok(Some(token)) => Ok(Some(token.hash())),
            Ok(None) => Err(Refused::new(
                ErrorCode::InvalidToken,
                "Registration needs an initial access token (Authorization: Bearer). Ask the operator of this server for one, or for a registered client_id.",
            )
            .with_challenge("Bearer")),
            Err(()) => Err(not_permitted("The Authorization header is not Bearer with an initial access token.")),
        },
        DynamicRegistration::Off => Err(Refused {
            status: Some(StatusCode::FORBIDDEN),
            ..Refused::new(
                ErrorCode::AccessDenied,
                "Dynamic registration is off. Ask the operator of this server for a registered client_id.",
            )
        }),
    }
}

fn not_registered(why: NotRegistered) -> Refused {
    not_permitted(match why {
        NotRegistered::Unknown => "The initial access token is not known, or was revoked. Ask the operator of this server for another.",
        NotRegistered::Expired => "The initial access token has expired. Ask the operator of this server for another.",
        NotRegistered::UsedUp => {
            "The initial access token is used up: as many clients as it is for are registered. Ask the operator of this server for another."
        }
    })
}

/// The address that asks, if it has not registered too often. Before anything is read or looked up. Whoever goes on without a pause waits
/// for the refusal: so a flood is as fast as it has connections, and leaves the processor to others.
async fn limited(server: &AuthorizationServer, request: &HttpRequest) -> Result<Option<String>, Refused> {
    let Some(key) = visitor::address(request, &server.settings) else { return Ok(None) };
    let Some(seconds) = ask(&server.asks.check_limit, CheckLimit { limit: Limit::Registration, key: key.clone() }).await? else {
        return Ok(Some(key));
    };
    hold_back(server).await;
    Err(Refused::slow_down(seconds))
}

/// Waits before a refusal, as long as not too many do.
async fn hold_back(server: &AuthorizationServer) {
    if let Ok(_held) = HELD_BACK.try_acquire() {
        tokio::time::sleep(server.settings.registration_refusal_delay).await;
    }
}

/// `POST /oauth/register`.
///
/// # Errors
/// [`Refused`], as JSON; three clients show it to the person.
pub async fn register(
    server: web::Data<AuthorizationServer>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refused> {
    let initial_access_token = permit(server.settings.dynamic_registration, &request)?;
    let from = limited(&server, &request).await?;
    if !body::is_media_type(&request, "application/json") {
        return Err(Refused::new(ErrorCode::InvalidClientMetadata, "The body must be JSON: Content-Type: application/json."));
    }
    let sent = ClientMetadata::parse(&body::read(payload).await?)?;
    if sent.jwks_uri.is_some() && server.documents.is_none() {
        return Err(Refused::new(
            ErrorCode::InvalidClientMetadata,
            "jwks_uri is not read by this server, which fetches nothing: register jwks.",
        ));
    }
    let now = server.now();
    // A client that keeps a secret is one of its own, and manages itself; a public one is the same for all who send the same.
    let secret = matches!(sent.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost)
        .then(|| Secret::generate(&*server.randomness, ""));
    let management = secret.as_ref().map(|_| Secret::generate(&*server.randomness, MANAGEMENT_PREFIX));
    let id = if secret.is_some() { ClientId(format!("c_{}", uuid_v7(now, &*server.randomness).simple())) } else { sent.derived_id() };
    let client = as_client(&sent, id, secret.as_ref(), now);
    let stored = match known(&server, &client, initial_access_token).await? {
        Some(stored) => stored,
        None => {
            let management = management.as_ref().map(Secret::hash);
            let message = RegisterDynamically { client: client.clone(), initial_access_token, management, from };
            let registered = ask(&server.asks.register_dynamically, message).await;
            if registered == Err(LedgerError::Unavailable(Unavailable::Busy)) {
                hold_back(&server).await;
            }
            registered?.map_err(not_registered)?
        }
    };
    let credentials = Credentials { secret: secret.as_ref(), management: management.as_ref() };
    Ok(answer_of(StatusCode::CREATED, &server, &stored, &client, &credentials))
}

/// A public client that is registered already and need not be written again: assistants register at every login.
async fn known(server: &AuthorizationServer, client: &Client, initial_access_token: Option<SecretHash>) -> Result<Option<Client>, Refused> {
    if client.secret_hash.is_some() || initial_access_token.is_some() {
        return Ok(None);
    }
    let stored = server.store.client(&client.id).await?;
    Ok(stored.filter(|stored| stored.last_used_at.is_some() || stored.created_at.after(YOUNG) > client.created_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const ISSUER: &str = "https://a.example";

    /// AS13: replies are clean.
    #[test]
    fn the_answer_has_no_nulls_and_echoes_what_was_sent() {
        let sent = ClientMetadata::parse(br#"{"redirect_uris":["http://localhost:7777/cb"],"client_uri":null,"scope":""}"#).unwrap();
        let sent = as_client(&sent, sent.derived_id(), None, Timestamp(1_500));
        let stored = Client { redirect_uris: vec!["http://localhost:5555/cb".into()], ..sent.clone() };
        let answer = serde_json::to_value(registered(ISSUER, &stored, &sent, &Credentials::default())).unwrap();
        assert_eq!(answer["redirect_uris"], serde_json::json!(["http://localhost:7777/cb"]));
        assert_eq!(answer["client_id_issued_at"], 1);
        assert!(answer.as_object().unwrap().values().all(|value| !value.is_null() && value != ""));
        for absent in ["client_secret", "client_secret_expires_at", "registration_client_uri", "registration_access_token"] {
            assert!(answer.get(absent).is_none(), "{absent}");
        }
        let (secret, token) = (Secret::new("s".into()), Secret::new("rat_t".into()));
        let credentials = Credentials { secret: Some(&secret), management: Some(&token) };
        let confidential = serde_json::to_value(registered(ISSUER, &stored, &sent, &credentials)).unwrap();
        assert_eq!((&confidential["client_secret"], &confidential["client_secret_expires_at"]), (&"s".into(), &0.into()));
        assert_eq!(confidential["registration_client_uri"], format!("{ISSUER}/oauth/register/{}", stored.id));
        assert_eq!(confidential["registration_access_token"], "rat_t");
    }

    /// CVE-2026-9803: a malformed header is an answer, not an exception.
    #[test]
    fn a_bearer_header_is_read_or_refused() {
        let read = |values: &[&[u8]]| {
            let request = values.iter().fold(TestRequest::default(), |request, value| {
                request.append_header((header::AUTHORIZATION, header::HeaderValue::from_bytes(value).unwrap()))
            });
            bearer(&request.to_http_request()).map(|token| token.map(|token| token.expose().to_owned()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"Bearer iat_x"]), Ok(Some("iat_x".to_owned())));
        assert_eq!(read(&[b"bearer  iat_x "]), Ok(Some("iat_x".to_owned())));
        let malformed: [&[u8]; 9] =
            [b"", b" ", b"Bearer", b"Bearer ", b"Bearer  \t", b"Bearer a b", b"Basic eDp5", b"Bearer \xff\xfe", b"Bearer \"a\""];
        for header in malformed {
            assert_eq!(read(&[header]), Err(()), "{header:?}");
        }
        assert_eq!(read(&[b"Bearer a", b"Bearer a"]), Err(()), "two of them");
        assert_eq!(read(&[format!("Bearer {}", "a".repeat(513)).as_bytes()]), Err(()));
    }
}
