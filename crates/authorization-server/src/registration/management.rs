//! `/oauth/register/{client_id}`: a client reads, changes and removes its own registration (RFC 7592, AS13).
//!
//! Only a client whose id is nobody else's has a registration access token: see `docs/decisions/0007`.

use super::metadata::{self, ClientMetadata};
use super::{Credentials, answer_of, as_client, bearer, limited};
use crate::answer::Refused;
use crate::body;
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::compat::Compat;
use docent_types::ids::ClientId;
use docent_types::messages::{ChangeClient, ChangedBy, CheckLimit, ClientChange, Limit, Unchanged};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::{AuthMethod, Client};
use docent_types::secret::{Secret, SecretHash};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

/// What a client may not set (RFC 7592 2.2); many send back the whole answer that they got.
const NOT_ITS_OWN: [&str; 4] = ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

/// The same for an unknown client, another client's token, and a token that was replaced: nobody learns which clients there are.
fn invalid_token() -> Refused {
    Refused::new(
        ErrorCode::InvalidToken,
        "The registration access token is not valid for this client, or the client is not registered any more.",
    )
    .with_challenge(r#"Bearer error="invalid_token""#)
}

fn blocked() -> Refused {
    Refused::new(ErrorCode::AccessDenied, "This client was blocked by an administrator. Its registration cannot be read or changed.")
}

/// The client that the path names and the token that proves it.
async fn authenticated(server: &AuthorizationServer, request: &HttpRequest, id: &str) -> Result<(Client, Secret), Refused> {
    let token = match bearer(request) {
        Ok(Some(token)) => token,
        // RFC 6750 3.1: who sent nothing is told no error.
        Ok(None) => {
            return Err(Refused::new(ErrorCode::InvalidToken, "The registration access token is missing: Authorization: Bearer.")
                .with_challenge("Bearer"));
        }
        Err(()) => return Err(invalid_token()),
    };
    let client = server.store.client_by_registration_token(token.hash()).await?;
    match client.filter(|client| client.id.as_str() == id) {
        Some(client) if client.disabled => Err(blocked()),
        Some(client) => Ok((client, token)),
        None => Err(invalid_token()),
    }
}

/// Requests that fail through the caller's own fault are counted by address, as at the token endpoint.
async fn counted(
    server: &AuthorizationServer,
    request: &HttpRequest,
    outcome: Result<HttpResponse, Refused>,
) -> Result<HttpResponse, Refused> {
    if let Err(refused) = &outcome
        && refused.error.code.status() < 500
        && let Some(key) = visitor::address(request, &server.settings)
        && let Some(seconds) = ask(&server.asks.check_limit, CheckLimit { limit: Limit::Token, key }).await?
    {
        return Err(Refused::slow_down(seconds));
    }
    outcome
}

/// `GET /oauth/register/{client_id}` (RFC 7592 2.1).
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn read(server: web::Data<AuthorizationServer>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Refused> {
    let outcome = authenticated(&server, &request, &id).await.map(|(client, token)| {
        // Of secrets only hashes are kept: the token is the one that was sent, and the client's secret is not repeated.
        let credentials = Credentials { secret: None, management: Some(&token) };
        answer_of(StatusCode::OK, &server, &client, &client, &credentials)
    });
    counted(&server, &request, outcome).await
}

/// `PUT /oauth/register/{client_id}` (RFC 7592 2.2): the metadata is replaced as a whole, and the token is rotated.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn update(
    server: web::Data<AuthorizationServer>,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Refused> {
    let outcome = updated(&server, &request, &id, payload).await;
    counted(&server, &request, outcome).await
}

async fn updated(server: &AuthorizationServer, request: &HttpRequest, id: &str, payload: web::Payload) -> Result<HttpResponse, Refused> {
    let (stored, token) = authenticated(server, request, id).await?;
    let from = limited(server, request).await?;
    if !body::is_media_type(request, "application/json") {
        return Err(Refused::new(ErrorCode::InvalidClientMetadata, "The body must be JSON: Content-Type: application/json."));
    }
    let wanted = replacement(&stored, &metadata::fields(&body::read(payload).await?)?)?;
    let now = server.now();
    let successor = Secret::generate(&*server.randomness, super::MANAGEMENT_PREFIX);
    let message = ChangeClient {
        client: stored.id.clone(),
        change: ClientChange::Replace(Box::new(as_client(&wanted, stored.id.clone(), None, now))),
        by: ChangedBy::Itself { token: token.hash(), successor: successor.hash() },
        now,
        from,
    };
    let changed = ask(&server.asks.change_client, message).await?.map_err(unchanged)?;
    let credentials = Credentials { secret: None, management: Some(&successor) };
    Ok(answer_of(StatusCode::OK, server, &changed, &changed, &credentials))
}

fn unchanged(why: Unchanged) -> Refused {
    match why {
        Unchanged::Unknown => invalid_token(),
        Unchanged::Blocked => blocked(),
    }
}

/// What the client's metadata becomes.
fn replacement(stored: &Client, fields: &Map<String, Value>) -> Result<ClientMetadata, Error> {
    let invalid = |words: &str| Error::new(ErrorCode::InvalidClientMetadata, words);
    match fields.get("client_id") {
        Some(Value::String(id)) if *id == stored.id.as_str() => {}
        Some(_) => return Err(invalid("client_id is not the one of this registration.")),
        None => return Err(invalid("client_id is missing: an update names the client and replaces all of its metadata (RFC 7592 2.2).")),
    }
    match fields.get("client_secret") {
        None | Some(Value::Null) => {}
        Some(Value::String(secret)) if is_its_secret(stored, secret) => {}
        Some(_) => return Err(invalid("client_secret is not the one that was issued. A client cannot choose its own; leave it out.")),
    }
    if NOT_ITS_OWN.iter().any(|field| fields.contains_key(*field)) {
        Compat::RegistrationSentBack.tolerate(stored.id.as_str());
    }
    let wanted = ClientMetadata::of(fields)?;
    if !matches!(wanted.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost) {
        // The id of a client without a secret is derived from its metadata, and this one's is not.
        return Err(invalid("token_endpoint_auth_method must stay client_secret_basic or client_secret_post: register anew for another."));
    }
    Ok(wanted)
}

fn is_its_secret(stored: &Client, sent: &str) -> bool {
    stored.secret_hash.is_some_and(|hash| hash.0.ct_eq(&SecretHash::of(sent).0).into())
}

/// `DELETE /oauth/register/{client_id}` (RFC 7592 2.3): the client, its grants and its tokens end in one transaction.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn remove(server: web::Data<AuthorizationServer>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Refused> {
    let outcome = removed(&server, &request, &id).await;
    counted(&server, &request, outcome).await
}

async fn removed(server: &AuthorizationServer, request: &HttpRequest, id: &str) -> Result<HttpResponse, Refused> {
    let (client, token) = authenticated(server, request, id).await?;
    let message = ChangeClient {
        client: client.id,
        change: ClientChange::Remove,
        by: ChangedBy::Itself { token: token.hash(), successor: token.hash() },
        now: server.now(),
        from: visitor::address(request, &server.settings),
    };
    ask(&server.asks.change_client, message).await?.map_err(unchanged)?;
    Ok(HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache")).finish())
}

/// Where a client manages its registration.
#[must_use]
pub fn registration_client_uri(issuer: &str, client: &ClientId) -> String {
    format!("{issuer}/oauth/register/{client}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;

    fn stored() -> Client {
        Client {
            auth_method: AuthMethod::ClientSecretBasic,
            secret_hash: Some(SecretHash::of("the secret")),
            ..Client::public("c_1", &["https://a.example/cb"], Timestamp(0))
        }
    }

    fn judged(text: &str) -> Result<ClientMetadata, String> {
        let fields = metadata::fields(text.as_bytes()).unwrap();
        replacement(&stored(), &fields).map_err(|error| error.description)
    }

    /// RFC 7592 2.2.
    #[test]
    fn an_update_names_the_client_and_cannot_choose_a_secret() {
        let uris = r#""redirect_uris":["https://a.example/other"]"#;
        let good =
            judged(&format!(r#"{{"client_id":"c_1","client_secret":"the secret",{uris},"registration_access_token":"x"}}"#)).unwrap();
        assert_eq!(good.redirect_uris, ["https://a.example/other"]);
        assert_eq!(good.name, "Unnamed application", "what is left out is not kept");
        for (text, word) in [
            (format!("{{{uris}}}"), "client_id is missing"),
            (format!(r#"{{"client_id":"c_2",{uris}}}"#), "client_id is not"),
            (format!(r#"{{"client_id":["c_1"],{uris}}}"#), "client_id is not"),
            (format!(r#"{{"client_id":"c_1","client_secret":"chosen",{uris}}}"#), "client_secret"),
            (format!(r#"{{"client_id":"c_1","client_secret":7,{uris}}}"#), "client_secret"),
            (format!(r#"{{"client_id":"c_1","token_endpoint_auth_method":"none",{uris}}}"#), "auth_method"),
            (r#"{"client_id":"c_1"}"#.to_owned(), "redirect_uris"),
        ] {
            let error = judged(&text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
