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

/// The bearer token of the header: one header, one token, in the RFC's form. Never from the query or the body. `None` where there is no
/// header, or one of another scheme.
///
/// # Errors
/// `invalid_request` for what cannot be read.
fn bearer<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a str>, &'static str> {
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        _ => return Err("There is more than one Authorization header."),
    };
    let value = std::str::from_utf8(value).map_err(|_| "The Authorization header is not plain text.")?.trim_matches(' ');
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    if body.is_empty() || !body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b)) {
        return Err("The Authorization header has the form: Bearer TOKEN, with one token that is not empty.");
    }
    Ok(Some(token))
}

/// `/oauth/userinfo`.
///
/// # Errors
/// [`Refused`], as JSON with a Bearer challenge (RFC 6750 3).
pub async fn userinfo(server: web::Data<AuthorizationServer>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let presented = bearer(request.headers().get_all(header::AUTHORIZATION).map(header::HeaderValue::as_bytes));
    let presented = presented.map_err(|words| challenged(ErrorCode::InvalidRequest, words, ""))?;
    // RFC 6750 3.1: without a credential there is no error in the challenge.
    let token = presented.ok_or_else(|| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// AS18, RS5: one token, in the header, in the RFC's form.
    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        let read = |values: &[&'static str]| bearer(values.iter().map(|value| value.as_bytes()));
        assert_eq!(read(&["Bearer a.b-c"]), Ok(Some("a.b-c")));
        assert_eq!(read(&["bEARER   a=="]), Ok(Some("a==")));
        assert_eq!((read(&[]), read(&["Basic YTpi"])), (Ok(None), Ok(None)));
        for wrong in ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer ==", "Bearer a\"", "Bearer é"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
        assert!(read(&["Bearer a", "Bearer a"]).is_err());
    }

    proptest! {
        /// AS18, RS5: raw bytes are refused, or are a token in the RFC's form.
        #[test]
        fn raw_bytes_are_refused_or_are_a_token(bytes in proptest::collection::vec(any::<u8>(), 0..60), prefixed in any::<bool>()) {
            let value = if prefixed { [b"Bearer ".as_slice(), &bytes].concat() } else { bytes };
            if let Ok(Some(token)) = bearer(std::iter::once(value.as_slice())) {
                prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)));
            }
        }
    }
}
