//! `POST /oauth/introspect` (RFC 7662): a client with a secret or a key asks about its own access tokens (AS18).

use crate::access_token;
use crate::answer::{self, Refused};
use crate::body;
use crate::server::AuthorizationServer;
use crate::token::client_authentication;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::oauth::ErrorCode;
use serde_json::json;

/// `POST /oauth/introspect`.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn introspect(
    server: web::Data<AuthorizationServer>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refused> {
    let form = body::read_form(&request, payload).await?;
    let authenticated = client_authentication::authenticate(&server, &request, &form).await?;
    // A native client is let in to the token endpoint without its secret, held by PKCE. Nothing holds it here.
    if !authenticated.by_secret {
        return Err(Refused::new(ErrorCode::InvalidClient, "Introspection is for clients that authenticate with a secret or a key."));
    }
    let token = form.get("token").ok_or_else(|| Refused::new(ErrorCode::InvalidRequest, "token is missing."))?;
    let live = access_token::read_live(token, &server).filter(|claims| claims.client_id == authenticated.client.id);
    let body = live.map_or_else(
        || json!({"active": false}),
        |claims| {
            json!({
                "active": true,
                "iss": claims.iss,
                "sub": claims.sub,
                "aud": claims.aud,
                "exp": claims.exp,
                "iat": claims.iat,
                "nbf": claims.nbf,
                "jti": claims.jti,
                "client_id": claims.client_id,
                "scope": claims.scope,
                "token_type": "Bearer",
            })
        },
    );
    Ok(answer::json(StatusCode::OK, &body))
}
