//! `GET` and `POST /oauth/userinfo` (OpenID Connect Core 5.3): who the person is (AS18).

use crate::access_token;
use crate::answer::{self, Refused};
use crate::server::AuthorizationServer;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::scope::Scope;
use serde::Serialize;

#[derive(Serialize)]
struct UserInfo {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

fn challenged(code: ErrorCode, words: &str, more: &str) -> Refused {
    let error = Error::new(code, words);
    let challenge = format!(r#"Bearer error="{}", error_description="{}"{more}"#, code.as_str(), error.description);
    Refused::from(error).with_challenge(challenge)
}

/// The bearer token of the header. Never from the query.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// `/oauth/userinfo`.
///
/// # Errors
/// [`Refused`], as JSON with a Bearer challenge (RFC 6750 3).
pub async fn userinfo(server: web::Data<AuthorizationServer>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    // RFC 6750 3.1: without a credential there is no error in the challenge.
    let token = bearer(&request).ok_or_else(|| {
        Refused::new(ErrorCode::InvalidToken, "Send an access token: Authorization: Bearer.").with_challenge("Bearer scope=\"openid\"")
    })?;
    let invalid = || challenged(ErrorCode::InvalidToken, "The access token is not valid, has ended or was revoked.", "");
    let claims = access_token::read_live(token, &server).ok_or_else(invalid)?;
    if !claims.scope.contains(Scope::OpenId) {
        return Err(challenged(ErrorCode::InsufficientScope, "The access token does not have the scope openid.", r#", scope="openid""#));
    }
    let user = server.store.user(claims.sub).await?.filter(|user| user.disabled_at.is_none()).ok_or_else(invalid)?;
    let info = UserInfo {
        sub: user.id.to_string(),
        email: claims.scope.contains(Scope::Email).then_some(user.email),
        name: (claims.scope.contains(Scope::Profile) && !user.name.is_empty()).then_some(user.name),
    };
    Ok(answer::json(StatusCode::OK, &info))
}
