//! `POST /oauth/device_authorization` (RFC 8628 3.1, AS21): a machine without a browser asks for a code that its person types elsewhere.

use crate::answer::{self, Refused};
use crate::authorize::request::scopes;
use crate::body;
use crate::parameters::{Parameters, encode};
use crate::server::AuthorizationServer;
use crate::token::{client_authentication, resource};
use crate::visitor;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use docent_types::actors::ask;
use docent_types::device::{self, UserCode};
use docent_types::messages::{BeginDeviceAuthorization, CheckLimit, DeviceRequest, Limit};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::pkce;
use docent_types::registration::Client;
use docent_types::scope::ScopeSet;
use docent_types::secret::Secret;
use serde::Serialize;
use std::time::Duration;

/// How long both codes live.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// Seconds between two polls.
const INTERVAL: u32 = 5;
/// A user code that is taken is made anew. More often than this it never is, unless something is wrong.
const ATTEMPTS: usize = 5;

/// The answer (RFC 8628 3.2).
#[derive(Serialize, Debug)]
struct Begun<'a> {
    device_code: &'a str,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u32,
}

/// What the form says.
#[derive(PartialEq, Eq, Debug)]
struct Wanted {
    scopes: ScopeSet,
    code_challenge: Option<String>,
}

/// Reads the form (AS7). A challenge is not asked for, since most clients of this flow know none; one that is sent is held to.
fn read(form: &Parameters, client: &Client) -> Result<Wanted, Error> {
    if !client.may_use(device::GRANT_TYPE) {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            format!("This client did not register the grant type {0}. Register it again with {0} in grant_types.", device::GRANT_TYPE),
        ));
    }
    let code_challenge = match (form.get("code_challenge"), form.get("code_challenge_method")) {
        (None, None) => None,
        (Some(challenge), Some("S256")) if pkce::challenge_is_valid(challenge) => Some(challenge.to_owned()),
        _ => {
            return Err(Error::new(
                ErrorCode::InvalidRequest,
                "code_challenge must be the base64url form of a SHA-256, 43 characters without padding, with code_challenge_method=S256.",
            ));
        }
    };
    let scopes = scopes(form.get("scope"));
    if scopes.is_empty() {
        return Err(Error::new(
            ErrorCode::InvalidScope,
            "None of these scopes is known here. Leave scope out, or see scopes_supported in the metadata.",
        ));
    }
    Ok(Wanted { scopes, code_challenge })
}

/// `POST /oauth/device_authorization`.
///
/// # Errors
/// [`Refused`], as JSON.
pub async fn begin(server: web::Data<AuthorizationServer>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Refused> {
    let from = visitor::address(&request, &server.settings);
    if let Some(key) = from.clone()
        && let Some(seconds) = ask(&server.asks.check_limit, CheckLimit { limit: Limit::DeviceAuthorization, key }).await?
    {
        return Err(Refused::slow_down(seconds));
    }
    let form = body::read_form(&request, payload).await?;
    let authenticated = client_authentication::authenticate(&server, &request, &form).await?;
    let wanted = read(&form, &authenticated.client)?;
    let resource = resource(&form, &server)?.unwrap_or_else(|| server.settings.urls.resource.clone());
    let now = server.now();
    let asked = DeviceRequest {
        client: authenticated.client.id.clone(),
        is_proved: authenticated.by_secret,
        scopes: wanted.scopes,
        resource,
        from,
        asked_at: now,
    };
    for _ in 0..ATTEMPTS {
        let device_code = Secret::generate(&*server.randomness, "");
        let user_code = UserCode::generate(&*server.randomness);
        let message = BeginDeviceAuthorization {
            device_code: device_code.hash(),
            user_code: user_code.hash(&server.master),
            asked: asked.clone(),
            code_challenge: wanted.code_challenge.clone(),
            interval: INTERVAL,
            expires_at: now.after(LIFETIME),
        };
        if ask(&server.asks.begin_device, message).await? {
            return Ok(answer::json(StatusCode::OK, &begun(&server, &device_code, &user_code)));
        }
    }
    Err(Error::busy(1).into())
}

fn begun<'a>(server: &AuthorizationServer, device_code: &'a Secret, user_code: &UserCode) -> Begun<'a> {
    let verification_uri = format!("{}/device", server.settings.urls.issuer);
    let user_code = user_code.to_string();
    Begun {
        device_code: device_code.expose(),
        verification_uri_complete: format!("{verification_uri}?user_code={}", encode(&user_code)),
        verification_uri,
        user_code,
        expires_in: LIFETIME.as_secs(),
        interval: INTERVAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;

    /// AS2, AS7, AS21.
    #[test]
    fn each_fault_has_its_error_code() {
        let client = |grant_types: &[&str]| Client {
            grant_types: grant_types.iter().map(|&one| one.to_owned()).collect(),
            ..Client::public("c_1", &[], Timestamp(0))
        };
        let challenge = pkce::s256("x");
        let outcome = |form: &str, grant_types: &[&str]| {
            read(&Parameters::parse(form.as_bytes()).unwrap(), &client(grant_types)).map_err(|error| error.code)
        };
        let device = &[device::GRANT_TYPE];
        assert_eq!(outcome("", device), Ok(Wanted { scopes: ScopeSet::resource_default(), code_challenge: None }));
        let with = format!("scope=docs:read+x&code_challenge={challenge}&code_challenge_method=S256");
        assert_eq!(outcome(&with, device), Ok(Wanted { scopes: ScopeSet::resource_default(), code_challenge: Some(challenge.clone()) }));
        for (form, code) in [
            ("scope=mcp", ErrorCode::InvalidScope),
            (&format!("code_challenge={challenge}"), ErrorCode::InvalidRequest),
            (&format!("code_challenge={challenge}&code_challenge_method=plain"), ErrorCode::InvalidRequest),
            ("code_challenge=short&code_challenge_method=S256", ErrorCode::InvalidRequest),
            ("code_challenge_method=S256", ErrorCode::InvalidRequest),
        ] {
            assert_eq!(outcome(form, device), Err(code), "{form}");
        }
        assert_eq!(outcome("", &["authorization_code", "refresh_token"]), Err(ErrorCode::UnauthorizedClient));
    }
}
