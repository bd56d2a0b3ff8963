//! `POST /oauth/revoke` (RFC 7009): a client gives its own tokens back (AS18).

use crate::access_token;
use crate::answer::Refused;
use crate::body;
use crate::server::AuthorizationServer;
use crate::token::client_authentication;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::ids::ClientId;
use docent_types::messages::{Revoke, RevokeAccess};
use docent_types::oauth::ErrorCode;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;

/// What is to be revoked. `None`: it is another client's access token, and nothing happens. A `token_type_hint` is not needed: the kinds
/// cannot be confused, and one that means nothing is no reason to refuse.
fn what(token: &str, client: &ClientId, server: &AuthorizationServer) -> Result<Option<Revoke>, Refused> {
    let urls = &server.settings.urls;
    let keys = server.keys.load();
    match access_token::read(token, &keys, &urls.issuer, &urls.resource) {
        Some(claims) if claims.client_id == *client => {
            Ok(Some(Revoke::AccessToken { jti: claims.jti, grant: claims.grant_id, expires_at: Timestamp::from_seconds(claims.exp) }))
        }
        Some(_) => Ok(None),
        // RFC 7009 2.2.1. Whoever believes that it is revoked would be wrong.
        None if access_token::is_id_token(token, &keys) => Err(Refused::new(
            ErrorCode::UnsupportedTokenType,
            "An ID token cannot be revoked: revoke the access token or the refresh token that came with it.",
        )),
        None => Ok(Some(Revoke::RefreshToken { token: SecretHash::of(token), client: client.clone() })),
    }
}

/// `POST /oauth/revoke`. A token that is unknown or another client's is answered as one that was revoked (RFC 7009 2.2):
/// the answer tells nothing about other people's tokens.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn revoke(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refused> {
    let form = body::read_form(&request, payload).await?;
    let client = client_authentication::authenticate(&server, &request, &form).await?.client;
    let token = form.get("token").ok_or_else(|| Refused::new(ErrorCode::InvalidRequest, "token is missing."))?;
    if let Some(what) = what(token, &client.id, &server)? {
        ask(&server.asks.revoke, RevokeAccess { what, reason: "client", now: server.now() }).await?;
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}
