//! `POST /oauth/register`: dynamic registration (RFC 7591, AS13).

pub mod metadata;

use crate::answer::{self, Refused};
use crate::body;
use crate::server::AuthorizationServer;
use crate::settings::DynamicRegistration;
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::ids::{ClientId, uuid_v7};
use docent_types::messages::{CheckLimit, Limit, RegisterClient};
use docent_types::oauth::ErrorCode;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::secret::Secret;
use docent_types::time::Timestamp;
use metadata::ClientMetadata;
use serde::Serialize;

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

/// The redirect URIs, times and id are what the client sent and gets now: a registration with the same metadata may
/// have come from another port before.
fn registered<'a>(client: &'a Client, sent: &'a ClientMetadata, secret: Option<&'a Secret>) -> Registered<'a> {
    Registered {
        client_id: client.id.as_str(),
        client_id_issued_at: client.created_at.seconds(),
        client_name: &sent.name,
        redirect_uris: &sent.redirect_uris,
        grant_types: &sent.grant_types,
        response_types: if client.may_use("authorization_code") { &["code"] } else { &[] },
        token_endpoint_auth_method: sent.auth_method.as_str(),
        client_secret: secret.map(Secret::expose),
        client_secret_expires_at: secret.map(|_| 0),
        scope: sent.scope.as_deref(),
        client_uri: sent.client_uri.as_deref(),
        software_id: sent.software_id.as_deref(),
        software_version: sent.software_version.as_deref(),
        application_type: sent.application_type.as_deref(),
        jwks: sent.jwks.as_ref(),
        jwks_uri: sent.jwks_uri.as_deref(),
    }
}

fn client(sent: &ClientMetadata, id: ClientId, secret: Option<&Secret>, now: Timestamp) -> Client {
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
        created_at: now,
        last_used_at: None,
        disabled: false,
    }
}

/// Whether anybody may register here.
fn is_permitted(state: DynamicRegistration) -> Result<(), Refused> {
    match state {
        DynamicRegistration::Open => Ok(()),
        DynamicRegistration::Token => Err(Refused::new(
            ErrorCode::InvalidToken,
            "Registration needs an initial access token. Ask the operator of this server for a registered client_id.",
        )
        .with_challenge(r#"Bearer error="invalid_token""#)),
        DynamicRegistration::Off => Err(Refused {
            status: Some(StatusCode::FORBIDDEN),
            ..Refused::new(
                ErrorCode::AccessDenied,
                "Dynamic registration is off. Ask the operator of this server for a registered client_id.",
            )
        }),
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
    is_permitted(server.settings.dynamic_registration)?;
    let address = visitor::address(&request, &server.settings);
    if let Some(key) = address.clone()
        && let Some(seconds) = ask(&server.asks.check_limit, CheckLimit { limit: Limit::Registration, key }).await?
    {
        return Err(Refused::slow_down(seconds));
    }
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
    let secret = matches!(sent.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost)
        .then(|| Secret::generate(&*server.randomness, ""));
    let id = if secret.is_some() { ClientId(format!("c_{}", uuid_v7(now, &*server.randomness).simple())) } else { sent.derived_id() };
    let stored =
        ask(&server.asks.register_client, RegisterClient { client: client(&sent, id, secret.as_ref(), now), from: address }).await?;
    Ok(answer::json(StatusCode::CREATED, &registered(&stored, &sent, secret.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS13: replies are clean.
    #[test]
    fn the_answer_has_no_nulls_and_echoes_what_was_sent() {
        let sent = ClientMetadata::parse(br#"{"redirect_uris":["http://localhost:7777/cb"],"client_uri":null,"scope":""}"#).unwrap();
        let stored =
            Client { redirect_uris: vec!["http://localhost:5555/cb".into()], ..client(&sent, sent.derived_id(), None, Timestamp(1_500)) };
        let answer = serde_json::to_value(registered(&stored, &sent, None)).unwrap();
        assert_eq!(answer["redirect_uris"], serde_json::json!(["http://localhost:7777/cb"]));
        assert_eq!(answer["client_id_issued_at"], 1);
        assert!(answer.as_object().unwrap().values().all(|value| !value.is_null() && value != ""));
        assert!(answer.get("client_secret").is_none() && answer.get("client_secret_expires_at").is_none());
        let secret = Secret::new("s".into());
        let confidential = serde_json::to_value(registered(&stored, &sent, Some(&secret))).unwrap();
        assert_eq!(
            (&confidential["client_secret"], &confidential["client_secret_expires_at"]),
            (&serde_json::json!("s"), &serde_json::json!(0))
        );
    }
}
