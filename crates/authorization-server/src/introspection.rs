//! `POST /oauth/introspect` (RFC 7662): who authenticates asks about a token (AS18). A client learns of its own access and refresh tokens; a
//! protected resource that the operator named (`auth.resource_servers`) of every access token.

use crate::access_token;
use crate::answer::{self, Refused};
use crate::body;
use crate::server::AuthorizationServer;
use crate::token::client_authentication;
use crate::token::refresh_token::GRACE;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_store::RefreshTokenFacts;
use docent_types::claims::AccessTokenClaims;
use docent_types::ids::ClientId;
use docent_types::oauth::ErrorCode;
use docent_types::secret::SecretHash;
use serde_json::{Value, json};

fn of_access_token(claims: &AccessTokenClaims) -> Value {
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
}

/// A refresh token is no bearer token of a resource: it has no `token_type`, `aud` or `jti`.
fn of_refresh_token(facts: &RefreshTokenFacts, issuer: &str) -> Value {
    json!({
        "active": true,
        "iss": issuer,
        "sub": facts.user,
        "exp": facts.expires_at.seconds(),
        "iat": facts.created_at.seconds(),
        "client_id": facts.client,
        "scope": facts.scopes,
    })
}

/// What is told of a token. Of one that has ended, is another's, or is none: only that it is not active.
async fn told(server: &AuthorizationServer, token: &str, asking: &ClientId) -> Result<Value, Refused> {
    let may_ask_of_all = server.settings.resource_servers.contains(asking);
    if let Some(claims) = access_token::read_live(token, server) {
        let may_know = may_ask_of_all || claims.client_id == *asking;
        return Ok(if may_know { of_access_token(&claims) } else { json!({"active": false}) });
    }
    let now = server.now();
    let refresh = server.store.live_refresh_token(SecretHash::of(token), now.before(GRACE), now).await?;
    let own = refresh.filter(|facts| facts.client == *asking);
    Ok(own.map_or_else(|| json!({"active": false}), |facts| of_refresh_token(&facts, &server.settings.urls.issuer)))
}

/// `POST /oauth/introspect`. A `token_type_hint` is not needed: the two kinds cannot be confused.
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
    Ok(answer::json(StatusCode::OK, &told(&server, token, &authenticated.client.id).await?))
}
